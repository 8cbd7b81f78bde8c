// What the fabric answers itself, in words. No security group and no network ACL looks at it (facts ec2 1.9, 2.5).
#include <fmt/format.h>

#include "dataplane/net/headers.hpp"
#include "dataplane/policy/explain_path.hpp"

namespace weft {
namespace {

constexpr std::uint16_t kDns = 53, kDhcpServer = 67, kHttp = 80, kNtp = 123, kDhcpv6Server = 547;
constexpr std::uint16_t kEcho = IcmpHeader::kEchoRequest << 8, kEchoV6 = 128 << 8;

IpAddress fixed(const char* text) { return *IpAddress::parse(text); }

/// VPC base + 2, and the link-local ones.
bool is_resolver(const Deployment& deployment, const IpAddress& ip) {
  static const IpAddress kV4 = fixed("169.254.169.253"), kV6 = fixed("fd00:ec2::253");
  const IpAddress base_plus_two = IpAddress::from({deployment.vpc_cidr.address.v4().value + 2});
  return ip == kV4 || ip == kV6 || (deployment.vpc_cidr.is_v4() && ip == base_plus_two);
}

bool is_time(const IpAddress& ip) {
  static const IpAddress kV4 = fixed("169.254.169.123"), kV6 = fixed("fd00:ec2::123");
  return ip == kV4 || ip == kV6;
}

bool is_metadata(const IpAddress& ip) {
  static const IpAddress kV4 = fixed("169.254.169.254"), kV6 = fixed("fd00:ec2::254");
  return ip == kV4 || ip == kV6;
}

bool is_router(const Subnet& subnet, const IpAddress& ip) {
  static const IpAddress kLinkLocal = fixed("fe80:ec2::1");
  if (ip == subnet.router() || ip == kLinkLocal) return true;
  if (!subnet.ipv6_cidr) return false;
  IpAddress first = subnet.ipv6_cidr->address;
  first.octets[15] |= 1;
  return ip == first;
}

bool is_dhcp(const PacketTuple& packet, const Subnet& subnet) {
  static const IpAddress kServersV6 = fixed("ff02::1:2"), kLimited = fixed("255.255.255.255");
  if (packet.protocol != kProtocolUdp) return false;
  const IpAddress& to = packet.destination;
  if (packet.destination_port == kDhcpServer)
    return to == kLimited || to == subnet.router() || is_broadcast(subnet, to);
  return packet.destination_port == kDhcpv6Server && subnet.ipv6_cidr && (to == kServersV6 || is_router(subnet, to));
}

bool is_datagram_or_tcp(const PacketTuple& packet, std::uint16_t port, bool tcp) {
  return packet.destination_port == port &&
         (packet.protocol == kProtocolUdp || (tcp && packet.protocol == kProtocolTcp));
}

/// Why the metadata service does not even take a connection; empty: it does. One that is off answers 403 to everything.
std::string why_no_metadata(const ExplainPath& path) {
  const PacketTuple& packet = path.packet;
  if (packet.protocol != kProtocolTcp || packet.destination_port != kHttp) return "it answers HTTP, tcp 80";
  const Instance* instance = path.source == nullptr ? nullptr : path.deployment.find_instance(path.source->instance);
  if (instance == nullptr) return "the interface is attached to no instance";
  if (!packet.destination.is_v4() && !instance->metadata_options.ipv6_enabled)
    return "the instance has http_protocol_ipv6: disabled";
  return "";
}

/// Who answers, or nothing when the packet is ordinary; a drop when it asks a service for what it does not offer.
struct Answerer {
  std::string who;
  bool answers = true;
  std::string why_not;
  bool link_local = false;  // one of those that share an allowance
};

std::optional<Answerer> service_for(const ExplainPath& path) {
  const PacketTuple& packet = path.packet;
  if (is_dhcp(packet, *path.from)) return Answerer{"the DHCP server", true, "", false};
  if (is_resolver(path.deployment, packet.destination)) {
    if (!is_datagram_or_tcp(packet, kDns, true)) return Answerer{"the VPC resolver", false, "it answers DNS, port 53", true};
    return Answerer{"the VPC resolver", path.deployment.dns_support, "the VPC has dns_support: false", true};
  }
  if (is_time(packet.destination))
    return Answerer{"the time server", is_datagram_or_tcp(packet, kNtp, false), "it answers NTP, udp 123", true};
  if (is_metadata(packet.destination)) {
    const std::string why_not = why_no_metadata(path);
    return Answerer{"the instance metadata service", why_not.empty(), why_not, true};
  }
  if (is_router(*path.from, packet.destination)) {
    const bool echo = (packet.protocol == kProtocolIcmp && packet.destination_port == kEcho) ||
                      (packet.protocol == kProtocolIcmpv6 && packet.destination_port == kEchoV6);
    return Answerer{"the subnet router", echo, "", false};
  }
  return std::nullopt;
}

}  // namespace

bool explain_service(ExplainPath& path) {
  if (path.from == nullptr) return false;
  const auto service = service_for(path);
  if (!service) return false;
  if (service->link_local) explain_link_local_allowance(path);
  ExplainStep step;
  step.stage = "service";
  step.subject = service->who;
  if (service->answers) {
    step.reason = fmt::format("{} answers it itself, and no security group or network ACL looks at it", service->who);
    path.note(step.reason);
    path.pass(std::move(step));
  } else {
    step.reason = service->why_not;
    path.drop(std::move(step), DropReason::kRouterService);
  }
  return true;
}

}  // namespace weft
