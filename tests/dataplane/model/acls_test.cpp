// Network ACLs (facts ec2 2.6) and prefix lists (facts ec2 2.2).
#include <gtest/gtest.h>

#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

AclEntryDeclaration entry(int number, const std::string& from = "0.0.0.0/0", bool allow = true) {
  AclEntryDeclaration declared;
  declared.rule_number = number;
  declared.allow = allow;
  declared.cidr = cidr(from);
  return declared;
}

Topology with_acl(std::vector<AclEntryDeclaration> ingress) {
  Topology topology = small();
  topology.network_acls = {{"tight", std::move(ingress), {}, 0}};
  return topology;
}

TEST(NetworkAcls, the_default_one_allows_all_by_rule_100_and_101) {
  const Deployment v4_only = resolved(small());
  ASSERT_EQ(v4_only.network_acls.size(), 1u);
  EXPECT_TRUE(v4_only.network_acls[0].is_default);
  EXPECT_EQ(v4_only.network_acls[0].ingress, (std::vector<AclEntryDeclaration>{entry(100)}));
  EXPECT_EQ(v4_only.network_acls[0].egress, v4_only.network_acls[0].ingress);
  EXPECT_EQ(v4_only.find_subnet("a")->network_acl, "default");
  EXPECT_EQ(resolved(dual_stack()).network_acls[0].ingress,
            (std::vector<AclEntryDeclaration>{entry(100), entry(101, "::/0")}));
}

TEST(NetworkAcls, entries_are_in_the_order_of_their_numbers_and_a_new_acl_denies_all) {
  Topology topology = with_acl({entry(200), entry(90, "10.0.0.0/8", false)});
  topology.subnets[0].network_acl = "tight";
  const Deployment deployment = resolved(topology);
  const NetworkAcl& acl = *deployment.find_network_acl("tight");
  EXPECT_EQ(acl.ingress, (std::vector<AclEntryDeclaration>{entry(90, "10.0.0.0/8", false), entry(200)}));
  EXPECT_TRUE(acl.egress.empty());
  EXPECT_FALSE(acl.is_default);
  EXPECT_EQ(deployment.find_subnet("a")->network_acl, "tight");
}

TEST(NetworkAcls, the_default_one_can_be_edited) {
  Topology topology = with_acl({entry(7)});
  topology.network_acls[0].name = "default";
  const Deployment deployment = resolved(topology);
  ASSERT_EQ(deployment.network_acls.size(), 1u);
  EXPECT_TRUE(deployment.network_acls[0].is_default);
  EXPECT_EQ(deployment.network_acls[0].ingress[0].rule_number, 7);
}

TEST(NetworkAcls, twenty_entries_of_each_family_in_a_direction) {
  std::vector<AclEntryDeclaration> entries;
  for (int i = 1; i <= 20; ++i) {
    entries.push_back(entry(i));
    entries.push_back(entry(100 + i, "::/0"));
  }
  EXPECT_EQ(mistakes(with_acl(entries)), Mistakes{});
  entries.push_back(entry(50, "::/0"));
  EXPECT_EQ(mistakes(with_acl(entries)), Mistakes{"NetworkAclEntryLimitExceeded at network_acls[0].ingress[40]"});
}

TEST(NetworkAcls, what_is_wrong_is_refused_with_ec2s_code) {
  EXPECT_EQ(mistakes(with_acl({entry(100), entry(100, "::/0")})),
            Mistakes{"NetworkAclEntryAlreadyExists at network_acls[0].ingress[1].rule"});
  for (int number : {0, -1, 32767, 65536})
    EXPECT_EQ(mistakes(with_acl({entry(number)})),
              Mistakes{"InvalidParameterValue at network_acls[0].ingress[0].rule"});
  Topology topology = with_acl({});
  topology.subnets[1].network_acl = "tigth";
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidNetworkAclID.NotFound at subnets[1].network_acl"});
  topology = with_acl({});
  for (int i = 0; i < 199; ++i) topology.network_acls.push_back({"n" + std::to_string(i), {}, {}, 0});
  EXPECT_EQ(mistakes(topology), Mistakes{"NetworkAclLimitExceeded at network_acls"});
  topology.network_acls.pop_back();
  EXPECT_EQ(mistakes(topology), Mistakes{}) << "200 with the default one";
}

Topology with_list(int max_entries, std::vector<IpPrefix> entries) {
  Topology topology = small();
  topology.prefix_lists = {{"office", false, max_entries, std::move(entries), 0}};
  topology.security_groups[0].ingress = {tcp(22, PrefixListReference{"office"})};
  return topology;
}

TEST(PrefixLists, a_rule_counts_as_many_as_the_list_may_have) {
  Topology topology = with_list(59, {cidr("192.0.2.0/24")});
  topology.security_groups[0].ingress.push_back(tcp(80, cidr("0.0.0.0/0")));
  EXPECT_EQ(mistakes(topology), Mistakes{});
  EXPECT_EQ(resolved(topology).find_prefix_list("office")->entries, std::vector<IpPrefix>{cidr("192.0.2.0/24")});
  topology.security_groups[0].ingress.push_back(tcp(81, cidr("0.0.0.0/0")));
  EXPECT_EQ(mistakes(topology), Mistakes{"RulesPerSecurityGroupLimitExceeded at security_groups[0].ingress[2]"});
  topology.security_groups[0].ingress[2].peer = cidr("::/0");
  EXPECT_EQ(mistakes(topology), Mistakes{}) << "the other family has a count of its own";
}

TEST(PrefixLists, what_is_wrong_is_refused_with_ec2s_code) {
  EXPECT_EQ(mistakes(with_list(1, {cidr("192.0.2.0/24"), cidr("192.0.3.0/24")})),
            Mistakes{"PrefixListMaxEntriesExceeded at prefix_lists[0].entries"});
  EXPECT_EQ(mistakes(with_list(2, {cidr("192.0.2.0/24"), cidr("192.0.2.0/24")})),
            Mistakes{"InvalidParameterValue at prefix_lists[0].entries[1]"});
  EXPECT_EQ(mistakes(with_list(2, {cidr("2001:db8::/32")})),
            Mistakes{"InvalidParameterValue at prefix_lists[0].entries[0]"});
  EXPECT_EQ(mistakes(with_list(0, {})), Mistakes{"InvalidParameterValue at prefix_lists[0].max_entries"});
  Topology topology = with_list(1, {});
  topology.security_groups[0].ingress[0].peer = PrefixListReference{"offcie"};
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidPrefixListId.NotFound at security_groups[0].ingress[0].prefix_list"});
}

TEST(SecurityGroups, statement_28_a_61st_ipv4_rule_is_too_many_while_60_of_ipv6_fit) {
  Topology topology = small();
  topology.security_groups[0].ingress.clear();
  for (int i = 0; i < 60; ++i) topology.security_groups[0].ingress.push_back(tcp(i, cidr("10.0.0.0/8")));
  for (int i = 0; i < 60; ++i) topology.security_groups[0].ingress.push_back(tcp(i, cidr("2001:db8::/32")));
  EXPECT_EQ(mistakes(topology), Mistakes{});
  topology.security_groups[0].ingress.push_back(tcp(99, cidr("10.0.0.0/8")));
  EXPECT_EQ(mistakes(topology), Mistakes{"RulesPerSecurityGroupLimitExceeded at security_groups[0].ingress[120]"});
  // Canonical from the parser on: 10.0.0.18/8 is the same rule as 10.0.0.0/8.
  topology.security_groups[0].ingress = {tcp(1, cidr("10.0.0.0/8")), tcp(1, cidr("10.0.0.18/8"))};
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidPermission.Duplicate at security_groups[0].ingress[1]"});
}

TEST(SecurityGroups, the_default_one_lets_ipv6_out_where_the_vpc_has_it) {
  EXPECT_EQ(resolved(small()).find_security_group("default")->egress.size(), 1u);
  const Deployment deployment = resolved(dual_stack());
  ASSERT_EQ(deployment.find_security_group("default")->egress.size(), 2u);
  EXPECT_EQ(std::get<IpPrefix>(deployment.find_security_group("default")->egress[1].peer), cidr("::/0"));
}

}  // namespace
}  // namespace weft::testing
