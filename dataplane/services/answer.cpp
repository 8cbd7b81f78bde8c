#include "dataplane/services/answer.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/headers.hpp"
#include "dataplane/services/dhcp4.hpp"
#include "dataplane/services/dhcp6.hpp"
#include "dataplane/services/dns.hpp"
#include "dataplane/services/dns_tcp.hpp"
#include "dataplane/services/frame.hpp"
#include "dataplane/services/icmpv6.hpp"
#include "dataplane/services/metadata.hpp"
#include "dataplane/services/ntp.hpp"

namespace weft::services {
namespace {

constexpr std::uint32_t kLimitedBroadcast = 0xffffffff;

bool is_fixed_resolver(const IpAddress& ip) { return ip == kResolverV6 || (ip.is_v4() && ip.v4() == kResolverV4); }

bool is_resolver(const ServiceView& view, const IpAddress& ip) {
  return is_fixed_resolver(ip) || (ip.is_v4() && ip.v4() == view.resolver);
}

bool is_metadata(const IpAddress& ip) { return ip == kMetadataV6 || (ip.is_v4() && ip.v4() == kMetadataV4); }

bool is_time(const IpAddress& ip) { return ip == kTimeV6 || (ip.is_v4() && ip.v4() == kTimeV4); }

/// Whether an answer to this address reaches one guest and only one.
bool is_answerable(const IpAddress& source) {
  if (source.is_v4()) {
    const std::uint32_t ip = source.v4().value;
    return ip != 0 && ip >> 28 < 14;  // 224.0.0.0/4 and above: groups, and the broadcast
  }
  return source != IpAddress{} && source.octets[0] != 0xff;
}

bool is_dhcp4_destination(const ServiceView& view, const IpAddress& ip) {
  if (!ip.is_v4()) return false;
  const std::uint32_t v4 = ip.v4().value;
  const std::uint32_t hosts =
      view.prefix_length == 0 ? ~std::uint32_t{0} : (std::uint32_t{1} << (32 - view.prefix_length)) - 1;
  return v4 == kLimitedBroadcast || v4 == view.router.value || v4 == (view.router.value | hosts);
}

Answer serve_dhcp4(const ServiceView& view, const Request& request, const Datagram& datagram,
                   std::span<std::byte> out) {
  Dhcp4Target target;
  const Answer answer = answer_dhcp4(view, datagram.data, udp_room(out, true), target);
  if (answer.outcome != Answer::Outcome::kAnswered) return answer;
  // A client that renews is answered where it speaks from, and may be behind a MAC of its own choosing.
  const MacAddress mac = target.mac.is_multicast() ? target.mac : request.source_mac;
  const ReplyHeaders headers{view.router_mac, mac, IpAddress::from(view.router), IpAddress::from(target.address)};
  return Answer::answered(seal_udp(out, headers, kDhcp4ServerPort, kDhcp4ClientPort, answer.length));
}

Answer serve_dhcp6(const ServiceView& view, const Request& request, const Datagram& datagram,
                   std::span<std::byte> out) {
  // Clients speak from a link-local address (RFC 8415 13).
  if (request.source.octets[0] != 0xfe || (request.source.octets[1] & 0xc0) != 0x80)
    return Answer::dropped(Refusal::kMalformed);
  const bool unicast = request.destination != kDhcp6Servers;
  const Answer answer = answer_dhcp6(view, datagram.data, unicast, udp_room(out, false));
  if (answer.outcome != Answer::Outcome::kAnswered) return answer;
  ReplyHeaders headers = reply_to(request, view.router_mac);
  if (!unicast) headers.source = link_local_of(view.router_mac);
  return Answer::answered(seal_udp(out, headers, kDhcp6ServerPort, kDhcp6ClientPort, answer.length));
}

Answer seal_answer(const ServiceView& view, const Request& request, const Datagram& datagram, const Answer& answer,
                   std::span<std::byte> out) {
  if (answer.outcome != Answer::Outcome::kAnswered) return answer;
  return Answer::answered(seal_udp(out, reply_to(request, view.router_mac), datagram.destination_port,
                                   datagram.source_port, answer.length));
}

/// What the caller has, on its way to a service.
struct Call {
  const ServiceView& view;
  const Moment& now;
  Memory& memory;
  std::span<std::byte> out;
};

Answer serve_dns_tcp(const Call& call, const Request& request, const TcpSegment& segment) {
  const ServiceView& view = call.view;
  if (!view.dns_support) return Answer::dropped(Refusal::kResolverOff);
  const auto react = [&](std::span<const std::byte> asked, std::span<std::byte> room) {
    return react_dns(view, asked, room);
  };
  return call.memory.tcp.take(view, request, segment, react, call.now.steady_ns, call.out);
}

Answer serve_metadata(const Call& call, const Request& request, const TcpSegment& segment) {
  const Metadata& metadata = *call.view.metadata;
  const auto react = [&](std::span<const std::byte> asked, std::span<std::byte> room) {
    return react_metadata(metadata, call.memory.token_keys, call.now, asked, room);
  };
  return call.memory.tcp.take(call.view, request, segment, react, call.now.steady_ns, call.out);
}

Answer serve_tcp(const Call& call, const Request& request) {
  const Metadata* const metadata = call.view.metadata;
  const bool resolver = is_resolver(call.view, request.destination);
  const bool has_metadata = metadata != nullptr && (request.is_v4() || metadata->options.ipv6);
  if (!resolver && !(has_metadata && is_metadata(request.destination))) return Answer::dropped(Refusal::kNotOffered);
  const auto segment = read_tcp(request.payload);
  if (!segment) return Answer::dropped(Refusal::kMalformed);
  if (segment->header.destination_port.host() != (resolver ? kDnsPort : kMetadataPort))
    return Answer::dropped(Refusal::kNotOffered);
  return resolver ? serve_dns_tcp(call, request, *segment) : serve_metadata(call, request, *segment);
}

/// To an address of the services: DNS, instance metadata, NTP, or nothing.
Answer serve_link_local(const Call& call, const Request& request) {
  const auto& [view, now, memory, out] = call;
  if (request.fragment) return Answer::dropped(Refusal::kFragment);
  if (!is_answerable(request.source)) return Answer::dropped(Refusal::kMalformed);
  const bool resolver = is_resolver(view, request.destination);
  if (request.protocol == kProtocolTcp) return serve_tcp(call, request);
  if (request.protocol != kProtocolUdp) return Answer::dropped(Refusal::kNotOffered);
  const auto datagram = read_udp(request.payload);
  if (!datagram) return Answer::dropped(Refusal::kMalformed);
  const auto room = udp_room(out, request.is_v4());
  if (resolver && datagram->destination_port == kDnsPort)
    return seal_answer(view, request, *datagram, answer_dns(view, datagram->data, room), out);
  if (is_time(request.destination) && datagram->destination_port == kNtpPort)
    return seal_answer(view, request, *datagram, answer_ntp(now.unix_ns, datagram->data, room), out);
  return Answer::dropped(Refusal::kNotOffered);
}

/// A UDP datagram to `port`, of which a fragment may hide the header.
bool is_udp_to(const Request& request, std::uint16_t port) {
  if (request.protocol != kProtocolUdp || request.payload.size() < sizeof(UdpHeader)) return false;
  UdpHeader udp;
  std::memcpy(&udp, request.payload.data(), sizeof udp);
  return udp.destination_port.host() == port;
}

Answer serve_ipv4(const Call& call, const Request& request) {
  const auto& [view, now, memory, out] = call;
  if (is_resolver(view, request.destination) || request.destination.is_for_services())
    return serve_link_local(call, request);
  if (!is_dhcp4_destination(view, request.destination) || !is_udp_to(request, kDhcp4ServerPort))
    return Answer::not_for_us();
  if (request.fragment) return Answer::dropped(Refusal::kFragment);
  const auto datagram = read_udp(request.payload);
  return datagram ? serve_dhcp4(view, request, *datagram, out) : Answer::dropped(Refusal::kMalformed);
}

Answer serve_ipv6(const Call& call, const Request& request) {
  const auto& [view, now, memory, out] = call;
  if (request.destination.is_for_services()) return serve_link_local(call, request);
  const bool to_router = is_router(view, request.destination);
  // Neighbour discovery in fragments is refused by everybody (RFC 6980 5); what else is a fragment may be traffic.
  if (request.protocol == kProtocolIcmpv6 && !request.fragment) return answer_icmpv6(view, request, out);
  if (!to_router && request.destination != kDhcp6Servers) return Answer::not_for_us();
  if (request.fragment) return Answer::dropped(Refusal::kFragment);
  if (!is_udp_to(request, kDhcp6ServerPort)) return Answer::dropped(Refusal::kNotOffered);
  const auto datagram = read_udp(request.payload);
  return datagram ? serve_dhcp6(view, request, *datagram, out) : Answer::dropped(Refusal::kMalformed);
}

bool is_ip(std::span<const std::byte> frame) {
  if (frame.size() < sizeof(EthernetHeader)) return false;
  EthernetHeader ethernet;
  std::memcpy(&ethernet, frame.data(), sizeof ethernet);
  const std::uint16_t type = ethernet.ether_type.host();
  return type == kEtherTypeIpv4 || type == kEtherTypeIpv6;
}

}  // namespace

Answer answer(const ServiceView& view, std::span<const std::byte> frame, const Moment& now, Memory& memory,
              std::span<std::byte> out) noexcept {
  if (!is_ip(frame)) return Answer::not_for_us();
  const auto request = read_request(frame);
  if (!request) return Answer::dropped(Refusal::kMalformed);
  out = out.first(std::min<std::size_t>(out.size(), sizeof(EthernetHeader) + view.mtu));
  const Call call{view, now, memory, out};
  return request->is_v4() ? serve_ipv4(call, *request) : serve_ipv6(call, *request);
}

bool is_one_of_the_services(const IpAddress& destination) noexcept {
  return is_fixed_resolver(destination) || is_time(destination) || is_metadata(destination);
}

bool is_behind_router_mac(const ServiceView& view, const IpAddress& ip) noexcept {
  if (ip.is_v4() && ip.v4() == view.router) return true;
  return is_resolver(view, ip) || ip.is_for_services() || (!ip.is_v4() && is_router(view, ip));
}

bool speaks_before_it_has_an_address(std::span<const std::byte> frame) noexcept {
  if (!is_ip(frame)) return false;
  const auto request = read_request(frame);
  if (!request || request->fragment) return false;
  if (request->is_v4())
    return request->source == IpAddress::from({}) && request->destination == IpAddress::from({kLimitedBroadcast}) &&
           is_udp_to(*request, kDhcp4ServerPort);
  if (request->source != IpAddress{} || request->protocol != kProtocolIcmpv6 || request->payload.empty()) return false;
  const auto type = std::to_integer<std::uint8_t>(request->payload[0]);
  return type == kRouterSolicitation || type == kNeighbourSolicitation || type == kListenerReport ||
         type == kListenerDone || type == kListenerReportV2;
}

}  // namespace weft::services
