// Security groups: names, rules, and the group references inside them (facts ec2 2.1-2.3).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kRulesPerGroup = 60;  // per direction and per IP family (facts ec2 2.3)
constexpr std::size_t kGroups = 2500;       // facts ec2 2.3
constexpr std::size_t kLongestText = 255;   // names and descriptions (facts ec2 2.1)
constexpr const char* kDefaultGroup = "default";
constexpr const char* kAllowedCharacters = "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";

bool has_allowed_characters(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || std::string_view(" ._-:/()#,@[]+=&;{}!$*").find(static_cast<char>(c)) !=
                                               std::string_view::npos);
  });
}

// Two rules that differ in no more than their description are one permission to EC2.
bool same_permission(const RuleDeclaration& a, const RuleDeclaration& b) {
  return a.protocol == b.protocol && a.from_port == b.from_port && a.to_port == b.to_port && a.peer == b.peer;
}

// EC2's default group, before anybody edits it: all from itself, all to everywhere (facts ec2 2.1).
SecurityGroup default_group() {
  SecurityGroup group;
  group.name = kDefaultGroup;
  group.description = "default VPC security group";
  RuleDeclaration in, out;
  in.peer = GroupReference{kDefaultGroup};
  out.peer = IpPrefix::make(IpAddress::from(Ipv4Address{0}), 96);
  group.ingress = {in};
  group.egress = {out};
  return group;
}

bool is_port_protocol(IpProtocol p) { return p == 6 || p == 17; }
bool is_icmp(IpProtocol p) { return p == 1 || p == 58; }

}  // namespace

void Resolver::resolve_security_groups() {
  if (topology_.security_groups.size() > kGroups)
    refuse("security_groups", "SecurityGroupLimitExceeded",
           fmt::format("{} security groups; at most {} are allowed", topology_.security_groups.size(), kGroups));
  std::map<std::string, std::string> seen;  // lower case -> as written: EC2's names ignore case
  for (std::size_t i = 0; i < topology_.security_groups.size(); ++i) {
    const SecurityGroupDeclaration& declared = topology_.security_groups[i];
    const std::string key = fmt::format("security_groups[{}]", i);
    if (declared.name.empty() || declared.name.size() > kLongestText || !has_allowed_characters(declared.name) ||
        declared.name.front() == ' ' || declared.name.back() == ' ')
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a security group; use 1 to {} {}", in_quotes(declared.name), kLongestText,
                         kAllowedCharacters));
    if (lower(declared.name).starts_with("sg-"))
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("the name {} begins with sg-, which only ids may", in_quotes(declared.name)));
    if (lower(declared.name) == "self")
      refuse(key + ".name", "InvalidGroup.Reserved",
             "the name 'self' is reserved: in a rule, `group: self` means the rule's own group");
    if (auto [other, is_new] = seen.emplace(lower(declared.name), declared.name); !is_new)
      refuse(key + ".name", "InvalidGroup.Duplicate",
             fmt::format("a second security group has the name {}{}", in_quotes(declared.name),
                         other->second == declared.name
                             ? "; every group needs its own"
                             : fmt::format(" (the first is {}; names ignore case)", in_quotes(other->second))));
    if (declared.description.size() > kLongestText || !has_allowed_characters(declared.description))
      refuse(key + ".description", "InvalidParameterValue",
             fmt::format("a description is at most {} {}", kLongestText, kAllowedCharacters));
    SecurityGroup group;
    group.name = declared.name;
    group.description = declared.description;
    result_.security_groups.push_back(std::move(group));
  }
  if (!seen.contains(kDefaultGroup)) result_.security_groups.push_back(default_group());

  for (SecurityGroup& group : result_.security_groups) group.id = make_id("sg-", result_.vpc_id + "/" + group.name);
  // Rules after all names are known: a group may name one that comes later.
  for (std::size_t i = 0; i < topology_.security_groups.size(); ++i) {
    const std::string key = fmt::format("security_groups[{}]", i);
    result_.security_groups[i].ingress = checked_rules(topology_.security_groups[i].ingress, key + ".ingress");
    result_.security_groups[i].egress = checked_rules(topology_.security_groups[i].egress, key + ".egress");
  }
}

void Resolver::check_ports(const RuleDeclaration& rule, const std::string& key) const {
  if (rule.protocol < kAllProtocols || rule.protocol > 255)
    refuse(key + ".protocol", "InvalidParameterValue",
           fmt::format("protocol {} does not exist; use tcp, udp, icmp, all, or an IANA number from 0 to 255",
                       rule.protocol));
  auto within = [&](int least, int most) {
    return rule.from_port >= least && rule.from_port <= most && rule.to_port >= least && rule.to_port <= most;
  };
  if (is_port_protocol(rule.protocol)) {
    if (!within(0, 65535))
      refuse(key, "InvalidParameterValue",
             fmt::format("{}-{} is no range of ports; a port is 0 to 65535", rule.from_port, rule.to_port));
    if (rule.from_port > rule.to_port)
      refuse(key, "InvalidParameterValue",
             fmt::format("the port range {}-{} is empty; write the lower port first", rule.from_port, rule.to_port));
  }
  if (is_icmp(rule.protocol)) {
    if (!within(-1, 255))
      refuse(key, "InvalidParameterValue",
             fmt::format("type {} and code {} are not ICMP's; each is 0 to 255, or -1 for any", rule.from_port,
                         rule.to_port));
    if (rule.from_port < 0 && rule.to_port >= 0)
      refuse(key + ".code", "InvalidParameterCombination", "a code needs a type; give the ICMP type too");
  }
}

std::vector<RuleDeclaration> Resolver::checked_rules(const std::vector<RuleDeclaration>& rules,
                                                     const std::string& list) const {
  std::size_t v4 = 0, v6 = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RuleDeclaration& rule = rules[i];
    const std::string key = fmt::format("{}[{}]", list, i);
    check_ports(rule, key);
    if (rule.description.size() > kLongestText || !has_allowed_characters(rule.description))
      refuse(key + ".description", "InvalidParameterValue",
             fmt::format("a description is at most {} {}", kLongestText, kAllowedCharacters));
    const auto* prefix = std::get_if<IpPrefix>(&rule.peer);
    if (prefix == nullptr) check_group_reference(std::get<GroupReference>(rule.peer).name, key + ".group");
    // A group reference counts against both families.
    if (prefix == nullptr || prefix->is_v4()) ++v4;
    if (prefix == nullptr || !prefix->is_v4()) ++v6;
    if (v4 > kRulesPerGroup || v6 > kRulesPerGroup)
      refuse(key, "RulesPerSecurityGroupLimitExceeded",
             fmt::format("this is rule {} of the list; a security group has at most {} in each direction",
                         kRulesPerGroup + 1, kRulesPerGroup));
    for (std::size_t j = 0; j < i; ++j)
      if (same_permission(rule, rules[j]))
        refuse(key, "InvalidPermission.Duplicate",
               fmt::format("the rule is the same as rule {} of this list ({}); remove one", j,
                           describe(rule, list.ends_with(".ingress") ? Direction::kIngress : Direction::kEgress)));
  }
  return rules;
}

void Resolver::check_group_reference(const std::string& name, const std::string& key) const {
  if (result_.find_security_group(name) != nullptr) return;
  std::vector<std::string> names;
  for (const SecurityGroup& group : result_.security_groups) names.push_back(group.name);
  refuse(key, "InvalidGroup.NotFound",
         fmt::format("no security group has the name {}{}", in_quotes(name), hint(name, names)));
}

}  // namespace weft
