// Who a rule's peer is: prefix lists, every private address of a group's members, and whom a packet came through. Each
// answer is asked of the compiled gate and of the oracle.
#include <gtest/gtest.h>

#include "dataplane/policy/gate.hpp"
#include "dataplane/policy/oracle.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

using namespace test;

/// server (10.0.1.4, fd00::4) takes what `ingress` says; client has every kind of address.
Deployment world(std::vector<RuleDeclaration> ingress, std::vector<RuleDeclaration> egress = {}) {
  Deployment made =
      make_deployment({make_group("server", std::move(ingress), std::move(egress)), make_group("client", {}, {})},
                      {make_instance("server", "10.0.1.4", {"server"}), make_instance("client", "10.0.1.5", {"client"}),
                       make_instance("stranger", "10.0.1.6", {})});
  made.instances[0].enis[0].ipv6_addresses = {ip("fd00::4")};
  Eni& client = made.instances[1].enis[0];
  client.secondary_private_ips = {ip("10.0.1.50"), ip("10.0.1.51")};
  client.ipv6_addresses = {ip("fd00::5"), ip("fd00::6")};
  client.prefixes = {prefix("10.0.1.64/28"), prefix("fd00:0:0:0:a::/80")};
  return made;
}

bool enters(const Deployment& deployment, const std::string& source, HopPeer peer = HopPeer::kOwner, int port = 80) {
  const bool v6 = source.find(':') != source.npos;
  const PacketTuple tuple = packet(source, v6 ? "fd00::4" : "10.0.1.4", kTcp, port);
  const GateVerdict compiled = GroupPolicy::compile(deployment)->evaluate(0, Direction::kIngress, tuple, peer);
  const Eni& server = deployment.instances[0].enis[0];
  EXPECT_EQ(compiled.allowed, oracle_evaluate(deployment, server, Direction::kIngress, tuple, peer).allowed) << source;
  return compiled.allowed;
}

TEST(Membership, IsEveryPrivateAddressOfTheMembers) {
  const Deployment deployment = world({rule(kTcp, 80, 80, group("client"))});
  for (const char* own : {"10.0.1.5", "10.0.1.50", "10.0.1.51", "fd00::5", "fd00::6", "10.0.1.64", "10.0.1.79",
                          "fd00:0:0:0:a::", "fd00:0:0:0:a:ffff:ffff:ffff"})
    EXPECT_TRUE(enters(deployment, own)) << own;
  for (const char* foreign : {"10.0.1.6", "10.0.1.52", "fd00::7", "10.0.1.63", "10.0.1.80",
                              "fd00:0:0:0:b::", "fd00:0:0:0:9:ffff:ffff:ffff", "203.0.113.5"})
    EXPECT_FALSE(enters(deployment, foreign)) << foreign;
}

TEST(Membership, GoesWithTheAddressAndWithTheGroup) {
  Deployment deployment = world({rule(kTcp, 80, 80, group("client"))});
  deployment.instances[2].enis[0].secondary_private_ips = {ip("10.0.1.50")};
  deployment.instances[1].enis[0].secondary_private_ips.clear();
  EXPECT_FALSE(enters(deployment, "10.0.1.50")) << "the address moved to an ENI outside the group";
  deployment.instances[2].enis[0].security_groups = {"client"};
  EXPECT_TRUE(enters(deployment, "10.0.1.50"));
  deployment.instances[1].enis[0].security_groups.clear();
  EXPECT_FALSE(enters(deployment, "10.0.1.5"));
}

TEST(Membership, IncludesInterfacesThatAreAttachedToNothing) {
  Deployment deployment = world({rule(kTcp, 80, 80, group("client"))});
  deployment.available_enis.push_back(deployment.instances[1].enis[0]);
  deployment.instances.erase(deployment.instances.begin() + 1);
  EXPECT_TRUE(enters(deployment, "10.0.1.5"));
}

// Statement 18 and facts ec2 2.2: not through a middlebox, not through the internet gateway.
TEST(Membership, DoesNotMatchWhatSomebodyElseBrings) {
  Deployment deployment = world({rule(kTcp, 80, 80, group("client"))});
  EXPECT_TRUE(enters(deployment, "10.0.1.5", HopPeer::kOwner));
  EXPECT_FALSE(enters(deployment, "10.0.1.5", HopPeer::kOther));
  deployment.security_groups[0].ingress.push_back(rule(kTcp, 80, 80, cidr("10.0.1.5/32")));
  EXPECT_TRUE(enters(deployment, "10.0.1.5", HopPeer::kOther)) << "an address matches whoever brings it";
}

TEST(Membership, OfAnInterfaceWithoutAddressesMatchesNoUnspecifiedSource) {
  Deployment deployment = world({rule(kTcp, 80, 80, group("client"))});
  Eni& client = deployment.instances[1].enis[0];
  client.type = InterfaceType::kEfaOnly;
  client.private_ip = IpAddress{};
  EXPECT_FALSE(enters(deployment, "::"));
}

TEST(PrefixListRule, MatchesTheEntriesOfTheListAndNothingElse) {
  Deployment deployment = world({rule(kTcp, 80, 80, prefix_list("offices"))});
  deployment.prefix_lists = {
      make_prefix_list("offices", {prefix("192.0.2.0/25"), prefix("192.0.2.128/26"), prefix("198.51.100.7/32")})};
  for (const char* inside : {"192.0.2.0", "192.0.2.127", "192.0.2.128", "192.0.2.191", "198.51.100.7"})
    EXPECT_TRUE(enters(deployment, inside)) << inside;
  for (const char* outside : {"192.0.1.255", "192.0.2.192", "198.51.100.6", "198.51.100.8", "::c000:200"})
    EXPECT_FALSE(enters(deployment, outside)) << outside;
  EXPECT_TRUE(enters(deployment, "192.0.2.1", HopPeer::kOther)) << "addresses match whoever brings them";
  EXPECT_FALSE(enters(deployment, "192.0.2.1", HopPeer::kOwner, 81));
}

TEST(PrefixListRule, OfIpv6MatchesIpv6) {
  Deployment deployment = world({rule(kTcp, 80, 80, prefix_list("v6"))});
  deployment.prefix_lists = {make_prefix_list("v6", {prefix("2001:db8::/32")})};
  EXPECT_TRUE(enters(deployment, "2001:db8::1"));
  EXPECT_FALSE(enters(deployment, "2001:db9::1"));
  EXPECT_FALSE(enters(deployment, "192.0.2.1"));
}

TEST(PrefixListRule, ThatNamesNoListOrAnEmptyOneMatchesNothing) {
  Deployment deployment = world({all(prefix_list("gone"))});
  EXPECT_FALSE(enters(deployment, "10.0.1.5"));
  deployment.prefix_lists = {make_prefix_list("gone", {})};
  EXPECT_FALSE(enters(deployment, "10.0.1.5"));
}

// facts ec2 2.4 speaks of a rule for 0.0.0.0/0: a list is none, whatever is in it.
TEST(PrefixListRule, TracksItsFlowsEvenWhenTheListHoldsEverything) {
  Deployment deployment = world({rule(kTcp, 80, 80, prefix_list("world"))}, {all(cidr("0.0.0.0/0"))});
  deployment.prefix_lists = {make_prefix_list("world", {prefix("0.0.0.0/0")})};
  const PacketTuple tuple = packet("10.0.1.5", "10.0.1.4", kTcp, 80);
  const GateVerdict verdict = GroupPolicy::compile(deployment)->evaluate(0, Direction::kIngress, tuple);
  EXPECT_TRUE(verdict.allowed);
  EXPECT_TRUE(verdict.tracked);
  EXPECT_TRUE(oracle_evaluate(deployment, deployment.instances[0].enis[0], Direction::kIngress, tuple).tracked);
}

struct FamilyCase {
  const char* description;
  std::vector<RuleDeclaration> ingress, egress;
  PacketTuple packet;
  bool allowed, tracked;
};

// facts ec2 2.4: the families are judged apart, ICMPv6 is tracked like ICMP.
TEST(Ipv6Rule, IsJudgedApartFromIpv4) {
  const PacketTuple v4 = packet("10.0.1.5", "10.0.1.4", kTcp, 80), v6 = packet("fd00::5", "fd00::4", kTcp, 80);
  const PacketTuple ping = packet("fd00::5", "fd00::4", kIcmpv6, icmp(128, 0));
  const RuleDeclaration v4_in = rule(kTcp, 80, 80, cidr("0.0.0.0/0")), v6_in = rule(kTcp, 80, 80, cidr("::/0"));
  const FamilyCase cases[] = {
      {"::/0 is every IPv6 address", {v6_in}, {}, v6, true, true},
      {"and no IPv4 one", {v6_in}, {}, v4, false, true},
      {"0.0.0.0/0 is no IPv6 address", {v4_in}, {}, v6, false, true},
      {"untracked by ::/0 both ways", {v6_in}, {all(cidr("::/0"))}, v6, true, false},
      {"the way back of IPv4 is none for IPv6", {v6_in}, {all(cidr("0.0.0.0/0"))}, v6, true, true},
      {"the way back of IPv6 is none for IPv4", {v4_in}, {all(cidr("::/0"))}, v4, true, true},
      {"without the IPv4 way out only IPv4 is tracked", {v4_in, v6_in}, {all(cidr("::/0"))}, v6, true, false},
      {"ICMPv6 is tracked", {all(cidr("::/0"))}, {all(cidr("::/0"))}, ping, true, true},
      {"an ICMPv6 type", {rule(kIcmpv6, 128, -1, cidr("::/0"))}, {}, ping, true, true},
      {"another ICMPv6 type", {rule(kIcmpv6, 129, -1, cidr("::/0"))}, {}, ping, false, true},
      {"ICMP is not ICMPv6", {rule(kIcmp, -1, -1, cidr("::/0"))}, {}, ping, false, true},
  };
  for (const FamilyCase& c : cases) {
    const Deployment deployment = world(c.ingress, c.egress);
    const auto compiled = GroupPolicy::compile(deployment)->evaluate(0, Direction::kIngress, c.packet);
    const auto oracle = oracle_evaluate(deployment, deployment.instances[0].enis[0], Direction::kIngress, c.packet);
    EXPECT_EQ(compiled.allowed, c.allowed) << c.description;
    EXPECT_EQ(oracle.allowed, c.allowed) << c.description;
    EXPECT_EQ(compiled.tracked, c.tracked) << c.description;
    EXPECT_EQ(oracle.tracked, c.tracked) << c.description;
  }
}

}  // namespace
}  // namespace weft
