// Whole frames into answer(): whatever comes in, an answer is a well-formed frame with right checksums that goes back
// to the one who asked, and does not exceed the room that there is.
#include <cstdint>
#include <vector>

#include "dataplane/net/checksum.hpp"
#include "dataplane/services/frame.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void check_frame(std::span<const std::byte> asked, std::span<const std::byte> said) {
  const auto request = read_request(asked);
  const auto reply = read_request(said);
  FUZZ_CHECK(request && reply && !reply->fragment);
  FUZZ_CHECK(request->is_v4() == reply->is_v4());
  MacAddress to;
  std::memcpy(&to, said.data(), sizeof to);
  FUZZ_CHECK(to == request->source_mac || to.is_multicast());
  FUZZ_CHECK(reply->source_mac != request->source_mac || request->source_mac == mac("06:00:0a:00:01:01") ||
             request->source_mac == mac("0a:00:0a:00:01:05"));
  const auto length = static_cast<std::uint32_t>(reply->payload.size());
  const auto sum = pseudo_header_sum(reply->source, reply->destination, reply->protocol, length);
  FUZZ_CHECK(checksum_finish(checksum_add(reply->payload, sum)).raw == 0);
  if (reply->is_v4()) FUZZ_CHECK(checksum_finish(checksum_add(said.subspan(kIpOffset, sizeof(Ipv4Header)))).raw == 0);
}

void run(const ServiceView& view, std::span<const std::byte> frame, std::size_t room) {
  std::vector<std::byte> out(room);
  Memory memory(TokenKeys{}, 4);
  const Answer said = answer(view, frame, {1700000000123456789, 1700000000123456789}, memory, out);
  (void)speaks_before_it_has_an_address(frame);
  if (said.outcome == Answer::Outcome::kDropped) FUZZ_CHECK(!name(said.why).empty());
  if (said.outcome != Answer::Outcome::kAnswered) return;
  FUZZ_CHECK(said.length <= out.size() && said.length <= 14U + view.mtu);
  check_frame(frame, std::span(out).first(said.length));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  static const ServiceView nobody = [] {  // no IPv6, no names, no address
    ServiceView view = world.view;
    view.address = {};
    view.ipv6_cidr.reset();
    view.ipv6_addresses = {};
    view.names = nullptr;
    view.neighbour = {};
    return view;
  }();
  const auto frame = std::as_bytes(std::span(data, size));
  run(world.view, frame, kAnswerBytes);
  run(world.view, frame, (size * 7) % 400);  // too small, or just not
  run(nobody, frame, 600);
  return 0;
}
