// Segments of a guest, one after the other, into one set of connections: an answer goes back where the segment came from,
// is no longer than there is room, and has right checksums; there are never more connections than there may be; the
// clock's frames are as good. The input: for each segment its length in two bytes, then a TCP header and data.
#include <algorithm>
#include <vector>

#include "dataplane/net/checksum.hpp"
#include "dataplane/services/dns_tcp.hpp"
#include "dataplane/services/frame.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

constexpr std::size_t kMostConnections = 3;

void check_frame(std::span<const std::byte> frame, const Request& asked) {
  const auto said = read_request(frame);
  FUZZ_CHECK(said && said->source == asked.destination && said->destination == asked.source);
  const auto sum = pseudo_header_sum(said->source, said->destination, kProtocolTcp,
                                     static_cast<std::uint32_t>(said->payload.size()));
  FUZZ_CHECK(checksum_finish(checksum_add(said->payload, sum)).raw == 0);
  FUZZ_CHECK(read_tcp(said->payload).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  TcpConnections connections(kMostConnections);
  Request request;
  request.source_mac = mac("0a:00:0a:00:01:04");
  request.source = ip("10.0.1.4");
  request.destination = ip("10.0.0.2");
  request.protocol = kProtocolTcp;
  const auto react = [&](std::span<const std::byte> asked, std::span<std::byte> room) {
    FUZZ_CHECK(!asked.empty() && asked.size() <= TcpConnections::kAskedBytes);
    return react_dns(world.view, asked, room);
  };
  auto rest = std::as_bytes(std::span(data, size));
  std::uint64_t now_ns = 1;
  std::vector<std::byte> out(600);
  while (rest.size() >= 2) {
    const auto length = std::to_integer<std::size_t>(rest[0]) << 8 | std::to_integer<std::size_t>(rest[1]);
    rest = rest.subspan(2);
    request.payload = rest.first(std::min(length, rest.size()));
    rest = rest.subspan(request.payload.size());
    now_ns += length % 7 == 0 ? 1'500'000'000 : 1000;
    const auto segment = read_tcp(request.payload);
    if (segment && segment->header.destination_port.host() == 53) {  // the others never come so far
      const Answer said = connections.take(world.view, request, *segment, react, now_ns, out);
      if (said.outcome == Answer::Outcome::kAnswered) {
        FUZZ_CHECK(said.length <= out.size());
        check_frame(std::span(out).first(said.length), request);
      }
    }
    FUZZ_CHECK(connections.size() <= kMostConnections);
    for (int turns = 0; const auto due = connections.take_due(now_ns, out); ++turns) {
      FUZZ_CHECK(turns < 100);
      check_frame(std::span(out).first(due->length), request);
    }
  }
  return 0;
}
