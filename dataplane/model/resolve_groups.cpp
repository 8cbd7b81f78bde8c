// Prefix lists and security groups: names, rules, and the references inside them (facts ec2 2.1-2.3).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kGroups = 2500;       // facts ec2 2.3
constexpr std::size_t kLongestText = 255;   // names and descriptions (facts ec2 2.1)
constexpr int kMostEntries = 1000;          // of a prefix list; EC2's limit for one that is resized
constexpr const char* kDefaultGroup = "default";
constexpr const char* kAllowedCharacters = "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";

bool has_allowed_characters(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || std::string_view(" ._-:/()#,@[]+=&;{}!$*").find(static_cast<char>(c)) !=
                                               std::string_view::npos);
  });
}

struct ByPermission {
  bool operator()(const RuleDeclaration* a, const RuleDeclaration* b) const {
    return a->permission() < b->permission();
  }
};

// EC2's default group, before anybody edits it: all from itself, all to everywhere (facts ec2 2.1).
SecurityGroup default_group(bool ipv6) {
  SecurityGroup group;
  group.name = kDefaultGroup;
  group.description = "default VPC security group";
  RuleDeclaration in, out;
  in.peer = GroupReference{kDefaultGroup};
  out.peer = IpPrefix::make(IpAddress::from(Ipv4Address{0}), 96);
  group.ingress = {in};
  group.egress = {out};
  if (ipv6) {  // as soon as the VPC has an IPv6 block
    out.peer = IpPrefix{};
    group.egress.push_back(out);
  }
  return group;
}

bool is_port_protocol(IpProtocol p) { return p == 6 || p == 17; }
bool is_icmp(IpProtocol p) { return p == 1 || p == 58; }

}  // namespace

void Resolver::resolve_prefix_lists() {
  for (std::size_t i = 0; i < topology_.prefix_lists.size(); ++i) {
    const PrefixListDeclaration& declared = topology_.prefix_lists[i];
    const std::string key = fmt::format("prefix_lists[{}]", i);
    if (declared.name.empty() || declared.name.size() > kLongestText || !has_allowed_characters(declared.name))
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a prefix list; use 1 to {} {}", in_quotes(declared.name), kLongestText,
                         kAllowedCharacters));
    if (result_.find_prefix_list(declared.name) != nullptr) {
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second prefix list has the name {}; every list needs its own", in_quotes(declared.name)));
      continue;
    }
    if (declared.max_entries < 1 || declared.max_entries > kMostEntries)
      refuse(key + ".max_entries", "InvalidParameterValue",
             fmt::format("max_entries is {}; it must be 1 to {}, and a rule that names the list counts as that many",
                         declared.max_entries, kMostEntries));
    else if (declared.entries.size() > static_cast<std::size_t>(declared.max_entries))
      refuse(key + ".entries", "PrefixListMaxEntriesExceeded",
             fmt::format("{} entries, but max_entries is {}", declared.entries.size(), declared.max_entries));
    std::set<IpPrefix> seen;
    for (std::size_t j = 0; j < declared.entries.size(); ++j) {
      const IpPrefix& entry = declared.entries[j];
      const std::string entry_key = fmt::format("{}.entries[{}]", key, j);
      if (entry.is_v4() == declared.ipv6)
        refuse(entry_key, "InvalidParameterValue",
               fmt::format("{} is not {}; a prefix list is of one address family", entry.to_string(),
                           declared.ipv6 ? "IPv6" : "IPv4"));
      if (!seen.insert(entry).second)
        refuse(entry_key, "InvalidParameterValue",
               fmt::format("{} is in the list already; once is enough", entry.to_string()));
    }
    result_.prefix_lists.push_back(
        {make_id("pl-", result_.vpc_id + "/" + declared.name + (declared.ipv6 ? "/6" : "/4")), declared.name,
         declared.ipv6, declared.max_entries, declared.entries});
  }
}

void Resolver::resolve_security_groups() {
  if (topology_.security_groups.size() > kGroups) {
    refuse("security_groups", "SecurityGroupLimitExceeded",
           fmt::format("{} security groups; at most {} are allowed", topology_.security_groups.size(), kGroups));
    throw NothingMoreMakesSense{};
  }
  std::map<std::string, std::string> seen;  // lower case -> as written: EC2's names ignore case
  std::vector<std::size_t> ours;            // of which declarations
  for (std::size_t i = 0; i < topology_.security_groups.size(); ++i) {
    const SecurityGroupDeclaration& declared = topology_.security_groups[i];
    if (!check_group_name(declared, fmt::format("security_groups[{}]", i), seen)) continue;
    SecurityGroup group;
    group.name = declared.name;
    group.description = declared.description;
    result_.security_groups.push_back(std::move(group));
    ours.push_back(i);
  }
  if (!seen.contains(kDefaultGroup))
    result_.security_groups.push_back(default_group(topology_.vpc.ipv6_cidr.has_value()));

  for (SecurityGroup& group : result_.security_groups) group.id = make_id("sg-", result_.vpc_id + "/" + group.name);
  // Rules after all names are known: a group may name one that comes later.
  for (std::size_t n = 0; n < ours.size(); ++n) {
    const SecurityGroupDeclaration& declared = topology_.security_groups[ours[n]];
    const std::string key = fmt::format("security_groups[{}]", ours[n]);
    result_.security_groups[n].ingress = checked_rules(declared.ingress, key + ".ingress");
    result_.security_groups[n].egress = checked_rules(declared.egress, key + ".egress");
  }
}

// False: there is one of that name.
bool Resolver::check_group_name(const SecurityGroupDeclaration& declared, const std::string& key,
                                std::map<std::string, std::string>& seen) {
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
  if (declared.description.size() > kLongestText || !has_allowed_characters(declared.description))
    refuse(key + ".description", "InvalidParameterValue",
           fmt::format("a description is at most {} {}", kLongestText, kAllowedCharacters));
  auto [other, is_new] = seen.emplace(lower(declared.name), declared.name);
  if (!is_new)
    refuse(key + ".name", "InvalidGroup.Duplicate",
           fmt::format("a second security group has the name {}{}", in_quotes(declared.name),
                       other->second == declared.name
                           ? "; every group needs its own"
                           : fmt::format(" (the first is {}; names ignore case)", in_quotes(other->second))));
  return is_new;
}

void Resolver::check_ports(IpProtocol protocol, int from_port, int to_port, const std::string& key) {
  if (protocol < kAllProtocols || protocol > 255)
    return refuse(
        key + ".protocol", "InvalidParameterValue",
        fmt::format("protocol {} does not exist; use tcp, udp, icmp, all, or an IANA number from 0 to 255", protocol));
  auto within = [&](int least, int most) {
    return from_port >= least && from_port <= most && to_port >= least && to_port <= most;
  };
  if (is_port_protocol(protocol)) {
    if (!within(0, 65535))
      refuse(key, "InvalidParameterValue",
             fmt::format("{}-{} is no range of ports; a port is 0 to 65535", from_port, to_port));
    else if (from_port > to_port)
      refuse(key, "InvalidParameterValue",
             fmt::format("the port range {}-{} is empty; write the lower port first", from_port, to_port));
  }
  if (is_icmp(protocol)) {
    if (!within(-1, 255))
      refuse(key, "InvalidParameterValue",
             fmt::format("type {} and code {} are not ICMP's; each is 0 to 255, or -1 for any", from_port, to_port));
    else if (from_port < 0 && to_port >= 0)
      refuse(key + ".code", "InvalidParameterCombination", "a code needs a type; give the ICMP type too");
  }
}

// How many rules it counts as, of each family: a group counts in both, a prefix list as many as it may have entries.
std::pair<std::size_t, std::size_t> Resolver::check_peer(const RulePeer& peer, const std::string& key) {
  if (const auto* prefix = std::get_if<IpPrefix>(&peer)) return {prefix->is_v4() ? 1 : 0, prefix->is_v4() ? 0 : 1};
  if (const auto* group = std::get_if<GroupReference>(&peer)) {
    check_group_reference(group->name, key + ".group");
    return {1, 1};
  }
  const std::string& name = std::get<PrefixListReference>(peer).name;
  const PrefixList* list = result_.find_prefix_list(name);
  if (list == nullptr) {
    refuse(
        key + ".prefix_list", "InvalidPrefixListId.NotFound",
        fmt::format("no prefix list has the name {}{}", in_quotes(name), hint(name, names_of(result_.prefix_lists))));
    return {1, 1};
  }
  const auto size = static_cast<std::size_t>(std::clamp(list->max_entries, 0, kMostEntries));
  return list->ipv6 ? std::pair<std::size_t, std::size_t>{0, size} : std::pair<std::size_t, std::size_t>{size, 0};
}

std::vector<RuleDeclaration> Resolver::checked_rules(const std::vector<RuleDeclaration>& rules,
                                                     const std::string& list) {
  std::size_t v4 = 0, v6 = 0;
  bool too_many = false;  // said once, at the first
  const auto most = static_cast<std::size_t>(topology_.parameters.rules_per_security_group);
  std::map<const RuleDeclaration*, std::size_t, ByPermission> seen;
  for (std::size_t i = 0; i < rules.size() && !too_many; ++i) {
    const RuleDeclaration& rule = rules[i];
    const std::string key = fmt::format("{}[{}]", list, i);
    check_ports(rule.protocol, rule.from_port, rule.to_port, key);
    if (rule.description.size() > kLongestText || !has_allowed_characters(rule.description))
      refuse(key + ".description", "InvalidParameterValue",
             fmt::format("a description is at most {} {}", kLongestText, kAllowedCharacters));
    const auto [cost_v4, cost_v6] = check_peer(rule.peer, key);
    v4 += cost_v4;
    v6 += cost_v6;
    too_many = v4 > most || v6 > most;
    if (too_many)
      refuse(key, "RulesPerSecurityGroupLimitExceeded",
             fmt::format("The maximum number of rules per security group has been reached: with this the list counts {}, "
                         "and {} in each direction and address family are allowed",
                         std::max(v4, v6), most));
    if (const auto [first, is_new] = seen.emplace(&rule, i); !is_new)
      refuse(key, "InvalidPermission.Duplicate",
             fmt::format("the rule is the same as rule {} of this list ({}); remove one", first->second,
                         describe(rule, list.ends_with(".ingress") ? Direction::kIngress : Direction::kEgress)));
  }
  return rules;
}

void Resolver::check_group_reference(const std::string& name, const std::string& key) {
  if (result_.find_security_group(name) != nullptr) return;
  refuse(key, "InvalidGroup.NotFound",
         fmt::format("no security group has the name {}{}", in_quotes(name),
                     hint(name, names_of(result_.security_groups))));
}

}  // namespace weft
