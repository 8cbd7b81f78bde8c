// Security groups, network ACLs and prefix lists as JSON.
#include <algorithm>

#include "dataplane/control/json.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

/// Ports, or ICMP's type and code; of a RuleDeclaration or an AclEntryDeclaration.
template <typename Rule>
void add_traffic(Json& json, const Rule& rule) {
  json["protocol"] = protocol_text(rule.protocol);
  if (rule.protocol == kProtocolTcp || rule.protocol == kProtocolUdp) {
    json["from_port"] = rule.from_port;
    json["to_port"] = rule.to_port;
  } else if (rule.protocol == kProtocolIcmp || rule.protocol == kProtocolIcmpv6) {
    json["icmp_type"] = rule.from_port;
    json["icmp_code"] = rule.to_port;
  }
}

Json rule_json(const RuleDeclaration& rule, const Deployment& deployment) {
  Json json;
  add_traffic(json, rule);
  if (const auto* prefix = std::get_if<IpPrefix>(&rule.peer)) {
    json["cidr"] = prefix->to_string();
  } else if (const auto* list = std::get_if<PrefixListReference>(&rule.peer)) {
    const PrefixList* found = deployment.find_prefix_list(list->name);
    json["prefix_list"] = list->name;
    json["prefix_list_id"] = found ? found->id : "";
  } else {
    const std::string& name = std::get<GroupReference>(rule.peer).name;
    const SecurityGroup* group = deployment.find_security_group(name);
    json["group"] = name;
    json["group_id"] = group ? group->id : "";
  }
  json["description"] = rule.description;
  if (rule.line > 0) json["line"] = rule.line;
  return json;
}

Json rules_json(const std::vector<RuleDeclaration>& rules, const Deployment& deployment) {
  Json list = Json::array();
  for (const RuleDeclaration& rule : rules) list.push_back(rule_json(rule, deployment));
  return list;
}

Json entries_json(const std::vector<AclEntryDeclaration>& entries) {
  Json list = Json::array();
  for (const AclEntryDeclaration& entry : entries) {
    Json json{{"rule", entry.rule_number}, {"action", entry.allow ? "allow" : "deny"}};
    add_traffic(json, entry);
    json["cidr"] = entry.cidr.to_string();
    if (entry.line > 0) json["line"] = entry.line;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

std::string protocol_text(IpProtocol protocol) {
  switch (protocol) {
    case kAllProtocols: return "all";
    case kProtocolIcmp: return "icmp";
    case kProtocolIcmpv6: return "icmpv6";
    case kProtocolTcp: return "tcp";
    case kProtocolUdp: return "udp";
    default: return std::to_string(protocol);
  }
}

std::optional<IpProtocol> protocol_from_text(const std::string& text) {
  if (text == "all" || text == "-1") return kAllProtocols;
  if (text == "icmp") return kProtocolIcmp;
  if (text == "icmpv6") return kProtocolIcmpv6;
  if (text == "tcp") return kProtocolTcp;
  if (text == "udp") return kProtocolUdp;
  if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return {};
  int number = std::stoi(text);
  if (number > 255) return {};
  return number;
}

Json to_json(const SecurityGroup& group, const Deployment& deployment) {
  Json members = Json::array();
  auto add_member = [&](const Eni& eni) {
    if (std::ranges::find(eni.security_groups, group.name) != eni.security_groups.end()) members.push_back(eni.id);
  };
  for (const Instance& instance : deployment.instances) std::ranges::for_each(instance.enis, add_member);
  std::ranges::for_each(deployment.available_enis, add_member);
  return {{"id", group.id},
          {"name", group.name},
          {"description", group.description},
          {"interfaces", std::move(members)},
          {"ingress", rules_json(group.ingress, deployment)},
          {"egress", rules_json(group.egress, deployment)}};
}

Json to_json(const NetworkAcl& acl, const Deployment& deployment) {
  Json subnets = Json::array();
  for (const Subnet& subnet : deployment.subnets)
    if (subnet.network_acl == acl.name) subnets.push_back(subnet.name);
  return {{"id", acl.id},
          {"name", acl.name},
          {"is_default", acl.is_default},
          {"subnets", std::move(subnets)},
          {"ingress", entries_json(acl.ingress)},
          {"egress", entries_json(acl.egress)}};
}

Json to_json(const PrefixList& list) {
  Json entries = Json::array();
  for (const IpPrefix& entry : list.entries) entries.push_back(entry.to_string());
  return {{"id", list.id},
          {"name", list.name},
          {"address_family", list.ipv6 ? "IPv6" : "IPv4"},
          {"max_entries", list.max_entries},
          {"entries", std::move(entries)}};
}

}  // namespace weft
