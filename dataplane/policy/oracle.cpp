#include "dataplane/policy/oracle.hpp"

#include <algorithm>
#include <string>

namespace weft {
namespace {

constexpr int kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;

const std::vector<RuleDeclaration>& rules_of(const SecurityGroup& group, Direction direction) {
  return direction == Direction::kEgress ? group.egress : group.ingress;
}

bool is_member(const Eni& eni, const std::string& group) {
  return std::find(eni.security_groups.begin(), eni.security_groups.end(), group) != eni.security_groups.end();
}

bool traffic_matches(const RuleDeclaration& rule, const PacketTuple& packet) {
  if (rule.protocol == kAllProtocols) return true;
  if (rule.protocol != packet.protocol) return false;
  if (rule.protocol == kTcp || rule.protocol == kUdp)
    return rule.from_port <= packet.destination_port && packet.destination_port <= rule.to_port;
  if (rule.protocol == kIcmp || rule.protocol == kIcmpv6) {
    const int type = packet.destination_port / 256;
    const int code = packet.destination_port % 256;
    return rule.from_port < 0 || (rule.from_port == type && (rule.to_port < 0 || rule.to_port == code));
  }
  return true;  // any other number: all ports, whatever the rule says (facts ec2 2.2)
}

bool in_prefix_list(const Deployment& deployment, const std::string& name, const IpAddress& remote) {
  for (const PrefixList& list : deployment.prefix_lists)
    if (list.name == name)
      for (const IpPrefix& entry : list.entries)
        if (entry.contains(remote)) return true;
  return false;
}

/// "The private IPs of ENIs that are members", and only from the ENI that has the address (facts ec2 2.2).
bool in_group(const Deployment& deployment, const std::string& name, const IpAddress& remote, HopPeer peer) {
  if (peer == HopPeer::kOther || remote == IpAddress{}) return false;
  if (deployment.find_security_group(name) == nullptr) return false;
  for (const Eni* eni : flatten_enis(deployment))
    if (eni->owns(remote) && is_member(*eni, name)) return true;
  return false;
}

bool peer_matches(const Deployment& deployment, const RulePeer& rule_peer, const IpAddress& remote, HopPeer peer) {
  if (const auto* prefix = std::get_if<IpPrefix>(&rule_peer)) return prefix->contains(remote);
  if (const auto* list = std::get_if<PrefixListReference>(&rule_peer))
    return in_prefix_list(deployment, list->name, remote);
  return in_group(deployment, std::get<GroupReference>(rule_peer).name, remote, peer);
}

bool open_to_all(const RulePeer& peer, bool v4) {
  const auto* prefix = std::get_if<IpPrefix>(&peer);
  return prefix != nullptr && prefix->to_string() == (v4 ? "0.0.0.0/0" : "::/0");
}

/// EC2's "a corresponding rule in the other direction that permits all response traffic for any port".
bool returns_all(const RuleDeclaration& rule, const PacketTuple& packet, bool v4) {
  if (!open_to_all(rule.peer, v4)) return false;
  if (rule.protocol == kAllProtocols) return true;
  return rule.protocol == packet.protocol && rule.from_port <= 0 && rule.to_port >= 65535;
}

}  // namespace

GateVerdict oracle_evaluate(const Deployment& deployment, const Eni& eni, Direction direction,
                            const PacketTuple& packet, HopPeer peer) {
  const Direction back = direction == Direction::kEgress ? Direction::kIngress : Direction::kEgress;
  const IpAddress remote = direction == Direction::kEgress ? packet.destination : packet.source;
  bool allowed = false, open = false, returns = false;
  for (const SecurityGroup& group : deployment.security_groups) {
    if (!is_member(eni, group.name)) continue;
    for (const RuleDeclaration& rule : rules_of(group, direction)) {
      if (!traffic_matches(rule, packet) || !peer_matches(deployment, rule.peer, remote, peer)) continue;
      allowed = true;
      open = open || open_to_all(rule.peer, remote.is_v4());
    }
    for (const RuleDeclaration& rule : rules_of(group, back))
      returns = returns || returns_all(rule, packet, remote.is_v4());
  }
  const bool can_be_untracked = packet.protocol == kTcp || packet.protocol == kUdp;
  return {.allowed = allowed, .tracked = !(allowed && open && returns && can_be_untracked)};
}

bool oracle_efa_allowed(const Deployment& deployment, const Eni& eni, Direction direction, const Eni& remote) {
  for (const SecurityGroup& group : deployment.security_groups) {
    if (!is_member(eni, group.name)) continue;
    for (const RuleDeclaration& rule : rules_of(group, direction)) {
      const auto* named = std::get_if<GroupReference>(&rule.peer);
      if (rule.protocol != kAllProtocols || named == nullptr || !is_member(remote, named->name)) continue;
      for (const SecurityGroup& exists : deployment.security_groups)
        if (exists.name == named->name) return true;
    }
  }
  return false;
}

}  // namespace weft
