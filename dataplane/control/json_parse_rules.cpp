#include "dataplane/control/json_parse.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::json_parse {
namespace {

template <typename Rule>
void read_traffic(const Json& json, Rule& rule) {
  const std::string protocol = text_of(json, "protocol");
  const std::optional<IpProtocol> number = protocol_from_text(protocol);
  if (!number) damaged(fmt::format("'{}' is no protocol", protocol));
  rule.protocol = *number;
  if (rule.protocol == kProtocolTcp || rule.protocol == kProtocolUdp) {
    rule.from_port = number_of<int>(json, "from_port", 0, 65535);
    rule.to_port = number_of<int>(json, "to_port", rule.from_port, 65535);
  } else if (rule.protocol == kProtocolIcmp || rule.protocol == kProtocolIcmpv6) {
    rule.from_port = number_of<int>(json, "icmp_type", -1, 255);
    rule.to_port = number_of<int>(json, "icmp_code", -1, 255);
  }
  if (json.contains("line")) rule.line = number_of<int>(json, "line");
}

RuleDeclaration rule_of(const Json& json) {
  RuleDeclaration rule;
  read_traffic(json, rule);
  if (json.contains("cidr"))
    rule.peer = parsed<IpPrefix>(json.at("cidr"));
  else if (json.contains("prefix_list"))
    rule.peer = PrefixListReference{text_of(json, "prefix_list")};
  else
    rule.peer = GroupReference{text_of(json, "group")};
  rule.description = text_of(json, "description");
  return rule;
}

AclEntryDeclaration entry_of(const Json& json) {
  AclEntryDeclaration entry;
  read_traffic(json, entry);
  entry.rule_number = number_of<int>(json, "rule", 1, 32767);
  entry.allow = word_of<bool>(json, "action", {{"allow", true}, {"deny", false}});
  entry.cidr = parsed<IpPrefix>(json.at("cidr"));
  return entry;
}

}  // namespace

SecurityGroup group_of(const Json& json) {
  SecurityGroup group;
  group.id = text_of(json, "id");
  group.name = text_of(json, "name");
  group.description = text_of(json, "description");
  for (const Json& rule : list_of(json, "ingress")) group.ingress.push_back(rule_of(rule));
  for (const Json& rule : list_of(json, "egress")) group.egress.push_back(rule_of(rule));
  return group;
}

NetworkAcl acl_of(const Json& json) {
  NetworkAcl acl;
  acl.id = text_of(json, "id");
  acl.name = text_of(json, "name");
  acl.is_default = truth_of(json, "is_default");
  for (const Json& entry : list_of(json, "ingress")) acl.ingress.push_back(entry_of(entry));
  for (const Json& entry : list_of(json, "egress")) acl.egress.push_back(entry_of(entry));
  return acl;
}

PrefixList prefix_list_of(const Json& json) {
  PrefixList list;
  list.id = text_of(json, "id");
  list.name = text_of(json, "name");
  list.ipv6 = word_of<bool>(json, "address_family", {{"IPv4", false}, {"IPv6", true}});
  list.max_entries = number_of<int>(json, "max_entries");
  list.entries = parsed_list<IpPrefix>(json, "entries");
  return list;
}

}  // namespace weft::json_parse
