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

namespace {

std::string describe_traffic(IpProtocol protocol, int from_port, int to_port) {
  std::string text = protocol_name(protocol);
  if (protocol == 6 || protocol == 17) {
    if (from_port == to_port) return text + fmt::format(" {}", from_port);
    return text + fmt::format(" {}-{}", from_port, to_port);
  }
  if ((protocol == 1 || protocol == 58) && from_port >= 0) {
    text += fmt::format(" type {}", from_port);
    if (to_port >= 0) text += fmt::format(" code {}", to_port);
  }
  return text;
}

template <typename T>
std::string listed_after(const char* before, const std::vector<T>& all) {
  std::string text;
  for (const T& one : all) text += fmt::format("{}{}", text.empty() ? before : ", ", one.to_string());
  return text;
}

}  // namespace

std::string interface_type_name(InterfaceType type) {
  switch (type) {
    case InterfaceType::kInterface: return "interface";
    case InterfaceType::kEfa: return "efa";
    case InterfaceType::kEfaOnly: return "efa-only";
  }
  return "";
}

std::string describe_traffic(const RuleDeclaration& rule) {
  return describe_traffic(rule.protocol, rule.from_port, rule.to_port);
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
  return fmt::format("{} {} {} {} {}", entry.rule_number, entry.allow ? "allow" : "deny",
                     describe_traffic(entry.protocol, entry.from_port, entry.to_port),
                     direction == Direction::kIngress ? "from" : "to", entry.cidr.to_string());
}

std::string describe(const Route& route, const Deployment& deployment) {
  const std::string to = route.destination.to_string();
  switch (route.target) {
    case RouteTargetKind::kLocal: return to + " local";
    case RouteTargetKind::kInternetGateway: return to + " to the internet gateway";
    case RouteTargetKind::kBlackhole: return to + " to a blackhole";
    case RouteTargetKind::kInterface: break;
  }
  const Eni* eni = route.eni_id.empty() ? nullptr : deployment.find_eni(route.eni_id);
  if (eni == nullptr) return to + " to an interface that is gone: a blackhole";
  return fmt::format("{} to {} ({})", to, label(*eni), eni->id);
}

std::string label(const Eni& eni) {
  return eni.instance.empty() ? eni.name : fmt::format("{}/eth{}", eni.instance, eni.device_index);
}

std::string direction_name(Direction direction) { return direction == Direction::kIngress ? "ingress" : "egress"; }

std::string describe_addresses(const Eni& eni) {
  if (eni.type == InterfaceType::kEfaOnly) return "without addresses";
  return eni.private_ip.to_string() + listed_after(" secondary ", eni.secondary_private_ips) +
         listed_after(" ipv6 ", eni.ipv6_addresses) + listed_after(" prefixes ", eni.prefixes) +
         (eni.public_ip ? " public " + eni.public_ip->to_string() : "");
}

std::string describe(const Eni& eni) {
  const std::string type = eni.type == InterfaceType::kInterface ? "" : fmt::format(" {}", interface_type_name(eni.type));
  const std::string groups = fmt::format("groups {}", fmt::join(eni.security_groups, ", "));
  if (eni.instance.empty()) return fmt::format("available {}{} {}", describe_addresses(eni), type, groups);
  const std::string port = eni.port.is_tap() ? "" : " port " + describe(eni.port);
  return fmt::format("eth{} {}{} vf {}{} {}", eni.device_index, describe_addresses(eni), type, eni.vf.index, port, groups);
}

}  // namespace weft
