// Security groups and network ACLs.
#include <fmt/format.h>

#include "dataplane/control/topology_file_addresses.hpp"
#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/control/topology_file_traffic.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

constexpr int kHighestRuleNumber = 32766;  // above are EC2's own (facts ec2 2.6)

std::vector<std::string> with_traffic_keys(std::vector<std::string> before, const std::vector<std::string>& after) {
  before.insert(before.end(), kTrafficKeys.begin(), kTrafficKeys.end());
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

/// Exactly one of three (facts ec2 2.2).
RulePeer read_peer(const Section& section, const std::string& own_group) {
  const Value* first = nullptr;
  for (const char* key : {"cidr", "group", "prefix_list"}) {
    const Value* peer = section.find(key);
    if (first != nullptr && peer != nullptr)
      peer->refuse("InvalidParameterCombination",
                   fmt::format("a rule has one peer, but '{}' and '{}' are both given; make two rules",
                               first->key().substr(first->key().rfind('.') + 1), key));
    if (peer != nullptr) first = peer;
  }
  if (first == nullptr && section.misspelt({"cidr", "group", "prefix_list"})) throw SaidAlready();
  if (first == nullptr)
    section.self().refuse("MissingParameter",
                          "a rule needs its peer: cidr: 0.0.0.0/0 or group: NAME or prefix_list: NAME");
  if (section.has("cidr")) return read_cidr(*first);
  const std::string name = first->text();
  if (section.has("prefix_list")) return PrefixListReference{name};
  return GroupReference{name == "self" ? own_group : name};
}

/// `own_group` is what `group: self` stands for.
RuleDeclaration read_rule(const Value& value, const std::string& own_group) {
  static const std::vector<std::string> keys = with_traffic_keys({}, {"cidr", "group", "prefix_list", "description"});
  const Section section = value.section("a rule", keys);
  const Traffic traffic = read_traffic(section, "a rule");
  RuleDeclaration rule;
  rule.line = value.line();
  rule.protocol = traffic.protocol;
  rule.from_port = traffic.from_port;
  rule.to_port = traffic.to_port;
  value.attempt([&] { rule.peer = read_peer(section, own_group); });
  section.read_text("description", rule.description);
  return rule;
}

std::vector<RuleDeclaration> read_rules(const Value& list, const std::string& own_group) {
  std::vector<RuleDeclaration> rules;
  list.each("rules", [&](const Value& item) { rules.push_back(read_rule(item, own_group)); });
  return rules;
}

AclEntryDeclaration read_acl_entry(const Value& value) {
  static const std::vector<std::string> keys = with_traffic_keys({"rule", "action"}, {"cidr"});
  const Section section = value.section("an entry", keys);
  const Traffic traffic = read_traffic(section, "an entry");
  AclEntryDeclaration entry;
  entry.line = value.line();
  entry.protocol = traffic.protocol;
  entry.from_port = traffic.from_port;
  entry.to_port = traffic.to_port;
  section.read_required("rule", "rule: 100",
                        [&](const Value& rule) { entry.rule_number = rule.number(1, kHighestRuleNumber); });
  section.read_required("action", "action: allow", [&](const Value& action) {
    const std::string word = action.text();
    if (word != "allow" && word != "deny")
      action.refuse("InvalidParameterValue",
                    fmt::format("{} is no action{}", in_quotes(word), hint(word, {"allow", "deny"})));
    entry.allow = word == "allow";
  });
  section.read_required("cidr", "cidr: 0.0.0.0/0", [&](const Value& cidr) { entry.cidr = read_cidr(cidr); });
  return entry;
}

}  // namespace

SecurityGroupDeclaration read_security_group(const Value& value, bool ipv6) {
  const Section section = value.section("a security group", {"name", "description", "ingress", "egress"});
  SecurityGroupDeclaration group;
  group.line = section.line();
  section.read_name("name: web", group.name);
  section.read_text("description", group.description);
  RuleDeclaration rule;
  rule.line = group.line;
  if (const Value* rules = section.find("ingress")) {
    rules->attempt([&] { group.ingress = read_rules(*rules, group.name); });
  } else if (group.name == "default") {  // only `default` starts with a rule: all from itself (facts ec2 2.1)
    rule.peer = GroupReference{group.name};
    group.ingress = {rule};
  }
  if (const Value* rules = section.find("egress")) {
    rules->attempt([&] { group.egress = read_rules(*rules, group.name); });
  } else {  // EC2's default: all IPv4, and all IPv6 of a VPC that has it (facts ec2 2.1)
    rule.peer = IpPrefix::make(IpAddress::from(Ipv4Address{0}), 96);
    group.egress = {rule};
    rule.peer = IpPrefix{};
    if (ipv6) group.egress.push_back(rule);
  }
  return group;
}

NetworkAclDeclaration read_network_acl(const Value& value) {
  const Section section = value.section("a network ACL", {"name", "ingress", "egress"});
  NetworkAclDeclaration acl;
  acl.line = section.line();
  section.read_name("name: public", acl.name);
  for (const auto& [key, entries] : {std::pair{"ingress", &acl.ingress}, std::pair{"egress", &acl.egress}})
    section.read(key, [into = entries](const Value& list) {
      list.each("entries", [into](const Value& item) { into->push_back(read_acl_entry(item)); });
    });
  return acl;
}

}  // namespace weft::topology_file
