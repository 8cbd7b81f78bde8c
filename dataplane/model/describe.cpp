#include "dataplane/model/describe.hpp"

#include <fmt/format.h>

namespace weft {

std::string protocol_name(IpProtocol protocol) {
  switch (protocol) {
    case kAllProtocols: return "all";
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 58: return "icmpv6";
    default: return "protocol " + std::to_string(protocol);
  }
}

std::string describe_traffic(const RuleDeclaration& rule) {
  std::string text = protocol_name(rule.protocol);
  if (rule.protocol == 6 || rule.protocol == 17) {
    if (rule.from_port == rule.to_port) return text + fmt::format(" {}", rule.from_port);
    return text + fmt::format(" {}-{}", rule.from_port, rule.to_port);
  }
  if ((rule.protocol == 1 || rule.protocol == 58) && rule.from_port >= 0) {
    text += fmt::format(" type {}", rule.from_port);
    if (rule.to_port >= 0) text += fmt::format(" code {}", rule.to_port);
  }
  return text;
}

std::string describe(const RulePeer& peer) {
  if (const auto* prefix = std::get_if<IpPrefix>(&peer)) return prefix->to_string();
  if (const auto* list = std::get_if<PrefixListReference>(&peer)) return "prefix list " + list->name;
  return "group " + std::get<GroupReference>(peer).name;
}

std::string describe(const RuleDeclaration& rule, Direction direction) {
  return fmt::format("{} {} {}", describe_traffic(rule), direction == Direction::kIngress ? "from" : "to",
                     describe(rule.peer));
}

std::string describe(const AclEntryDeclaration& entry, Direction direction) {
  RuleDeclaration traffic;
  traffic.protocol = entry.protocol;
  traffic.from_port = entry.from_port;
  traffic.to_port = entry.to_port;
  return fmt::format("{} {} {} {} {}", entry.rule_number, entry.allow ? "allow" : "deny", describe_traffic(traffic),
                     direction == Direction::kIngress ? "from" : "to", entry.cidr.to_string());
}

std::string direction_name(Direction direction) { return direction == Direction::kIngress ? "ingress" : "egress"; }

std::string describe(const Eni& eni) {
  return fmt::format("eth{} {}{} vf {} groups {}", eni.device_index, eni.private_ip.to_string(),
                     eni.type == InterfaceType::kEfa ? " efa" : "", eni.vf.index, fmt::join(eni.security_groups, ", "));
}

}  // namespace weft
