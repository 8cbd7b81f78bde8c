#include "instances/guest_routes.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace weft::holder {
namespace {

static_assert(kIpv4 == AF_INET && kIpv6 == AF_INET6);

// As Amazon's own images number them (amazon-ec2-net-utils): a routing table per secondary interface.
constexpr std::uint32_t kFirstTable = 10000;

std::uint32_t table_of(const GuestInterface& interface) {
  return interface.device_index == 0 ? std::uint32_t{RT_TABLE_MAIN}
                                     : kFirstTable + static_cast<std::uint32_t>(interface.device_index);
}

/// Length of a prefix in bits of its own family.
std::uint8_t own_length(const IpPrefix& prefix) {
  return static_cast<std::uint8_t>(prefix.is_v4() ? prefix.v4_length() : prefix.length);
}

IpPrefix prefix_of(const IpAddress& ip, std::uint8_t own_length) {
  return IpPrefix::make(ip, static_cast<std::uint8_t>(own_length + (ip.is_v4() ? 96 : 0)));
}

rtmsg route_header(std::uint8_t family, std::uint8_t prefix_length, std::uint8_t scope) {
  rtmsg route{};
  route.rtm_family = family;
  route.rtm_dst_len = prefix_length;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = scope;
  route.rtm_type = RTN_UNICAST;
  return route;
}

NetlinkRequest route_request(const rtmsg& route, std::uint32_t table, unsigned index) {
  return netlink_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route)
      .attribute(RTA_TABLE, table)
      .attribute(RTA_OIF, index);
}

NetlinkRequest rule_request(std::uint16_t type, std::uint16_t flags, const IpPrefix& source, std::uint32_t table) {
  fib_rule_hdr rule{};
  rule.family = family_of(source.address);
  rule.src_len = own_length(source);
  rule.action = FR_ACT_TO_TBL;
  return netlink_request(type, flags, rule)
      .attribute(FRA_SRC, octets(source.address))
      .attribute(FRA_TABLE, table)
      .attribute(FRA_PRIORITY, table);
}

}  // namespace

std::span<const std::byte> octets(const IpAddress& ip) {
  const auto all = std::as_bytes(std::span(ip.octets));
  return ip.is_v4() ? all.subspan(12) : all;
}

bool has_ipv6(const GuestInterface& interface) {
  return std::ranges::any_of(interface.addresses, [](const GuestAddress& a) { return !a.ip.is_v4(); });
}

Result<void> add_routes(Netlink& netlink, const GuestInterface& interface, unsigned index, std::uint8_t family) {
  const std::uint32_t table = table_of(interface);
  // The kernel puts the subnets of addresses into the main table by itself.
  for (const GuestAddress& address : interface.addresses) {
    if (interface.device_index == 0 || family_of(address.ip) != family) continue;
    const IpPrefix subnet = prefix_of(address.ip, address.prefix_length);
    if (subnet.length == 128) continue;  // a secondary IPv4 address: a host, no subnet
    auto added = netlink.apply("add the subnet's route of " + interface.name,
                               route_request(route_header(family, address.prefix_length, RT_SCOPE_LINK), table, index)
                                   .attribute(RTA_DST, octets(subnet.address)));
    if (!added) return added;
  }
  const std::optional<IpAddress>& router = family == kIpv4 ? interface.router : interface.ipv6_router;
  if (!router) return {};
  rtmsg route = route_header(family, 0, RT_SCOPE_UNIVERSE);
  if (interface.router_mac && family == kIpv4) route.rtm_flags = RTNH_F_ONLINK;
  return netlink.apply("route " + interface.name + " through " + router->to_string(),
                       route_request(route, table, index).attribute(RTA_GATEWAY, octets(*router)));
}

std::vector<IpPrefix> sources_of(const GuestInterface& interface) {
  std::vector<IpPrefix> sources;
  if (interface.device_index == 0) return sources;
  for (const GuestAddress& address : interface.addresses) sources.push_back(IpPrefix::make(address.ip, 128));
  for (const IpPrefix& prefix : interface.prefixes)
    if (prefix.is_v4() || has_ipv6(interface)) sources.push_back(prefix);
  return sources;
}

std::vector<IpPrefix> without(const std::vector<IpPrefix>& all, const std::vector<IpPrefix>& those) {
  std::vector<IpPrefix> rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const IpPrefix& prefix) {
    return std::ranges::find(those, prefix) == those.end();
  });
  return rest;
}

Result<void> add_source_rules(Netlink& netlink, const GuestInterface& interface,
                              const std::vector<IpPrefix>& sources) {
  for (const IpPrefix& source : sources) {
    auto added = netlink.apply(
        "add the source rule of " + interface.name,
        rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, source, table_of(interface)), EEXIST);
    if (!added) return added;
  }
  return {};
}

Result<void> remove_source_rules(Netlink& netlink, const GuestInterface& interface,
                                 const std::vector<IpPrefix>& sources) {
  for (const IpPrefix& source : sources) {
    auto gone = netlink.apply("take out the source rule of " + interface.name,
                              rule_request(RTM_DELRULE, 0, source, table_of(interface)), ENOENT);
    if (!gone) return gone;
  }
  return {};
}

}  // namespace weft::holder
