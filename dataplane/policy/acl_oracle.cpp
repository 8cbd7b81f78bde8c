#include "dataplane/policy/acl_oracle.hpp"

namespace weft {

bool acl_entry_matches(const AclEntryDeclaration& entry, Direction direction, const PacketTuple& packet) {
  constexpr int kIcmpNumber = 1, kTcpNumber = 6, kUdpNumber = 17, kIcmpv6Number = 58;
  if (!entry.cidr.contains(direction == Direction::kEgress ? packet.destination : packet.source)) return false;
  if (entry.protocol == kAllProtocols) return true;
  if (entry.protocol == kIcmpv6Number && entry.cidr.is_v4()) return packet.protocol == kIcmpNumber;
  if (entry.protocol != packet.protocol) return false;
  if (entry.protocol == kTcpNumber || entry.protocol == kUdpNumber)
    return entry.from_port <= packet.destination_port && packet.destination_port <= entry.to_port;
  if (entry.protocol == kIcmpNumber || entry.protocol == kIcmpv6Number) {
    const int type = packet.destination_port / 256;
    const int code = packet.destination_port % 256;
    return entry.from_port < 0 || (entry.from_port == type && (entry.to_port < 0 || entry.to_port == code));
  }
  return true;
}

const AclEntryDeclaration* acl_deciding_entry(const NetworkAcl& acl, Direction direction, const PacketTuple& packet) {
  const AclEntryDeclaration* first = nullptr;
  for (const AclEntryDeclaration& entry : direction == Direction::kEgress ? acl.egress : acl.ingress)
    if (acl_entry_matches(entry, direction, packet) && (first == nullptr || entry.rule_number < first->rule_number))
      first = &entry;
  return first;
}

AclVerdict oracle_acl(const Deployment& deployment, const Subnet& subnet, Direction direction,
                      const PacketTuple& packet) {
  const NetworkAcl* acl = deployment.find_network_acl(subnet.network_acl);
  if (acl == nullptr) return {.allowed = true, .rule_number = {}};
  const AclEntryDeclaration* entry = acl_deciding_entry(*acl, direction, packet);
  if (entry == nullptr) return {};
  return {.allowed = entry->allow, .rule_number = entry->rule_number};
}

}  // namespace weft
