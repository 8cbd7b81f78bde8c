#include "dataplane/worker/subnet_policy.hpp"

#include <algorithm>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

bool is_everything(const AclEntryDeclaration& entry, bool ipv6) {
  return entry.protocol == kAllProtocols && entry.cidr.is_v4() != ipv6 && entry.cidr.length == (ipv6 ? 0 : 96);
}

/// The first entry of the family allows everything.
bool opens(const std::vector<AclEntryDeclaration>& entries, bool ipv6) {
  for (const AclEntryDeclaration& entry : entries)
    if (entry.cidr.is_v4() != ipv6) return entry.allow && is_everything(entry, ipv6);
  return false;
}

bool matches(const AclEntryDeclaration& entry, const IpAddress& remote, const PacketTuple& packet) {
  if (!entry.cidr.contains(remote)) return false;
  if (entry.protocol == kAllProtocols) return true;
  if (entry.protocol != packet.protocol) return false;
  if (packet.protocol == kProtocolTcp || packet.protocol == kProtocolUdp)
    return entry.from_port <= packet.destination_port && packet.destination_port <= entry.to_port;
  if (packet.protocol == kProtocolIcmp || packet.protocol == kProtocolIcmpv6)
    return (entry.from_port == -1 || entry.from_port == packet.destination_port >> 8) &&
           (entry.to_port == -1 || entry.to_port == (packet.destination_port & 0xff));
  return true;
}

std::vector<AclEntryDeclaration> by_number(std::vector<AclEntryDeclaration> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const AclEntryDeclaration& a, const AclEntryDeclaration& b) {
    return a.rule_number < b.rule_number;
  });
  return entries;
}

}  // namespace

SubnetPolicy::SubnetPolicy(const Deployment& deployment, const Subnet& subnet, const SlotsById& slots) {
  // Every table has the VPC's local routes, whatever the deployment lists (facts ec2 1.10).
  routes_.push_back({deployment.vpc_cidr, {RouteTargetKind::kLocal, kNoEni}});
  if (deployment.vpc_ipv6_cidr) routes_.push_back({*deployment.vpc_ipv6_cidr, {RouteTargetKind::kLocal, kNoEni}});
  if (const auto* table = deployment.find_route_table(subnet.route_table)) {
    for (const Route& route : table->routes) {
      if (route.target == RouteTargetKind::kLocal) continue;
      RouteTarget target{route.target, kNoEni};
      if (target.kind == RouteTargetKind::kInterface) {
        const auto slot = slots.find(route.eni_id);
        if (slot == slots.end()) target.kind = RouteTargetKind::kBlackhole;  // its interface has gone
        else target.eni = slot->second;
      }
      routes_.push_back({route.destination, target});
    }
  }
  std::stable_sort(routes_.begin(), routes_.end(), [](const CompiledRoute& a, const CompiledRoute& b) {
    return a.destination.length > b.destination.length;
  });
  if (const auto* acl = deployment.find_network_acl(subnet.network_acl)) {
    has_acl_ = true;
    acl_[static_cast<int>(Direction::kEgress)] = by_number(acl->egress);
    acl_[static_cast<int>(Direction::kIngress)] = by_number(acl->ingress);
    for (const bool ipv6 : {false, true}) open_[ipv6] = opens(acl_[0], ipv6) && opens(acl_[1], ipv6);
  }
}

std::optional<RouteTarget> SubnetPolicy::route(const IpAddress& destination) const noexcept {
  for (const CompiledRoute& route : routes_)
    if (route.destination.contains(destination)) return route.target;
  return std::nullopt;
}

bool SubnetPolicy::acl_allows(Direction direction, const PacketTuple& packet) const noexcept {
  if (!has_acl_) return true;
  const IpAddress& remote = direction == Direction::kEgress ? packet.destination : packet.source;
  for (const AclEntryDeclaration& entry : acl_[static_cast<int>(direction)])
    if (matches(entry, remote, packet)) return entry.allow;
  return false;
}

}  // namespace weft
