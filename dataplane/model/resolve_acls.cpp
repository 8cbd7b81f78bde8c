// Network ACLs: numbered entries, and the default one (facts ec2 2.6).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kNetworkAcls = 200;    // per VPC (facts ec2 2.6)
constexpr std::size_t kEntriesPerList = 20;  // per direction and address family (facts ec2 2.6)
constexpr int kLastRuleNumber = 32766;       // 32767 and 32768 are the final deny's (facts ec2 2.6)
constexpr std::size_t kLongestAclName = 255;
constexpr const char* kDefaultAcl = "default";

AclEntryDeclaration allow_all(int rule_number, const IpPrefix& cidr) {
  AclEntryDeclaration entry;
  entry.rule_number = rule_number;
  entry.allow = true;
  entry.cidr = cidr;
  return entry;
}

NetworkAcl default_acl(bool ipv6) {
  NetworkAcl acl;
  acl.name = kDefaultAcl;
  acl.ingress = {allow_all(100, IpPrefix::make(IpAddress::from(Ipv4Address{0}), 96))};
  if (ipv6) acl.ingress.push_back(allow_all(101, IpPrefix{}));
  acl.egress = acl.ingress;
  return acl;
}

}  // namespace

void Resolver::resolve_network_acls() {
  for (std::size_t i = 0; i < topology_.network_acls.size(); ++i) {
    const NetworkAclDeclaration& declared = topology_.network_acls[i];
    const std::string key = fmt::format("network_acls[{}]", i);
    if (declared.name.empty() || declared.name.size() > kLongestAclName)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a network ACL; use 1 to {} characters", in_quotes(declared.name),
                         kLongestAclName));
    if (result_.find_network_acl(declared.name) != nullptr) {
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second network ACL has the name {}; every one needs its own", in_quotes(declared.name)));
      continue;
    }
    NetworkAcl acl;
    acl.name = declared.name;
    acl.ingress = checked_entries(declared.ingress, key + ".ingress");
    acl.egress = checked_entries(declared.egress, key + ".egress");
    result_.network_acls.push_back(std::move(acl));
  }
  if (result_.find_network_acl(kDefaultAcl) == nullptr)
    result_.network_acls.push_back(default_acl(topology_.vpc.ipv6_cidr.has_value()));
  for (NetworkAcl& acl : result_.network_acls) {
    acl.is_default = acl.name == kDefaultAcl;
    acl.id = make_id("acl-", result_.vpc_id + "/" + acl.name);
  }
  if (result_.network_acls.size() > kNetworkAcls)
    refuse("network_acls", "NetworkAclLimitExceeded",
           fmt::format("{} network ACLs with the default one; a VPC has at most {}", result_.network_acls.size(),
                       kNetworkAcls));
}

// By rule number, which is the order they are met in.
std::vector<AclEntryDeclaration> Resolver::checked_entries(const std::vector<AclEntryDeclaration>& entries,
                                                           const std::string& list) {
  std::map<int, std::size_t> numbers;
  std::size_t v4 = 0, v6 = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const AclEntryDeclaration& entry = entries[i];
    const std::string key = fmt::format("{}[{}]", list, i);
    if (entry.rule_number < 1 || entry.rule_number > kLastRuleNumber)
      refuse(key + ".rule", "InvalidParameterValue",
             fmt::format("rule number {} is not possible; use 1 to {}", entry.rule_number, kLastRuleNumber));
    if (auto [other, is_new] = numbers.emplace(entry.rule_number, i); !is_new)
      refuse(key + ".rule", "NetworkAclEntryAlreadyExists",
             fmt::format("entry {} of this list has the rule number {} too; each needs its own", other->second,
                         entry.rule_number));
    check_ports(entry.protocol, entry.from_port, entry.to_port, key);
    if (std::size_t& count = entry.cidr.is_v4() ? v4 : v6; ++count > kEntriesPerList) {
      refuse(key, "NetworkAclEntryLimitExceeded",
             fmt::format("this is {} entry {} of the list; a network ACL has at most {} in each direction",
                         entry.cidr.is_v4() ? "IPv4" : "IPv6", count, kEntriesPerList));
      break;
    }
  }
  std::vector<AclEntryDeclaration> sorted = entries;
  std::stable_sort(sorted.begin(), sorted.end(), [](const AclEntryDeclaration& a, const AclEntryDeclaration& b) {
    return a.rule_number < b.rule_number;
  });
  return sorted;
}

}  // namespace weft
