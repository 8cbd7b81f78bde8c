// Payloads into the DHCPv4 server: an answer is BOOTP with options that end, and never speaks for another client.
#include <cstdint>
#include <vector>

#include "dataplane/services/dhcp4.hpp"
#include "dataplane/services/dhcp4_message.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void check_options(std::span<const std::byte> options) {
  std::size_t at = 0;
  while (at < options.size() && options[at] != std::byte{255}) {
    FUZZ_CHECK(at + 1 < options.size());
    at += 2 + std::to_integer<std::size_t>(options[at + 1]);
  }
  FUZZ_CHECK(at < options.size());
  for (++at; at < options.size(); ++at) FUZZ_CHECK(options[at] == std::byte{});
}

void run(const ServiceView& view, std::span<const std::byte> payload, std::size_t room) {
  std::vector<std::byte> out(room);
  Dhcp4Target target;
  const Answer said = answer_dhcp4(view, payload, out, target);
  if (said.outcome != Answer::Outcome::kAnswered) return;
  FUZZ_CHECK(said.length <= room && said.length >= 300);
  Dhcp4Header asked, header;
  std::memcpy(&asked, payload.data(), sizeof asked);
  std::memcpy(&header, out.data(), sizeof header);
  FUZZ_CHECK(header.operation == Dhcp4Header::kReply && header.transaction == asked.transaction);
  FUZZ_CHECK(header.client_mac == view.mac);
  FUZZ_CHECK(header.yours.host() == 0 || header.yours.host() == view.address.value);
  check_options(std::span(out).first(said.length).subspan(sizeof header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  run(world.view, std::as_bytes(std::span(data, size)), 1472);
  run(world.view, std::as_bytes(std::span(data, size)), 300 + size % 64);
  return 0;
}
