// ICMPv6 messages, to the router and to a group: options and lengths of neighbour discovery.
#include <cstdint>
#include <vector>

#include "dataplane/services/icmpv6.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void run(std::span<const std::byte> message, const IpAddress& from, const IpAddress& to, std::size_t room) {
  static const World world;
  std::vector<std::byte> out(room);
  Request request;
  request.source_mac = world.view.mac;
  request.source = from;
  request.destination = to;
  request.protocol = kProtocolIcmpv6;
  request.hop_limit = 255;
  request.payload = message;
  const Answer said = answer_icmpv6(world.view, request, out);
  if (said.outcome != Answer::Outcome::kAnswered) return;
  FUZZ_CHECK(said.length <= room);
  const auto reply = read_request(std::span(out).first(said.length));
  FUZZ_CHECK(reply && reply->protocol == kProtocolIcmpv6);
  const auto type = std::to_integer<unsigned>(reply->payload[0]);
  FUZZ_CHECK(type == kEchoReply6 || type == kRouterAdvertisement || type == kNeighbourAdvertisement);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = std::as_bytes(std::span(data, size));
  const IpAddress own = link_local_of(mac("0a:00:0a:00:01:04"));
  run(message, own, kRouterLinkLocal, 2048);
  run(message, own, kAllRouters, 200);
  run(message, {}, solicited_node(ip("2001:db8:1:100::5")), 200);
  run(message, own, ip("2001:db8:1:100::5"), size % 128);
  return 0;
}
