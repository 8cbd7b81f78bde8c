// EC2's semantics as tables: each line is one checkable statement (facts ec2 2.1-2.5, 6.2; numbers are those of its
// section 10). Both the compiled gate and the oracle must give the answer.
#include "dataplane/policy/gate.hpp"

#include <gtest/gtest.h>

#include "dataplane/policy/oracle.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft::gate_test {
namespace {

using namespace test;

enum class Expect { kRefused, kTracked, kUntracked };

std::ostream& operator<<(std::ostream& out, Expect expect) {
  return out << (expect == Expect::kRefused ? "refused" : expect == Expect::kTracked ? "tracked" : "untracked");
}

Expect verdict(GateVerdict gate) {
  return !gate.allowed ? Expect::kRefused : gate.tracked ? Expect::kTracked : Expect::kUntracked;
}

/// The gate of node-0 (10.0.1.4), asked by both twins.
Expect ask(const Deployment& deployment, Direction direction, const PacketTuple& packet) {
  const Expect compiled = verdict(GroupPolicy::compile(deployment)->evaluate(0, direction, packet));
  EXPECT_EQ(compiled, verdict(oracle_evaluate(deployment, deployment.instances[0].enis[0], direction, packet)));
  return compiled;
}

/// node-0 has the group of the rules, node-1 (10.0.1.5) is in web, node-2 (10.0.1.6) in db.
Deployment with_rules(std::vector<RuleDeclaration> ingress, std::vector<RuleDeclaration> egress = {}) {
  return make_deployment(
      {make_group("own", std::move(ingress), std::move(egress)), make_group("web", {}, {}), make_group("db", {}, {})},
      {make_instance("node-0", "10.0.1.4", {"own"}), make_instance("node-1", "10.0.1.5", {"web"}),
       make_instance("node-2", "10.0.1.6", {"db"})});
}

struct IngressCase {
  const char* description;
  RuleDeclaration rule;
  PacketTuple packet;
  bool allowed;
};

PacketTuple from(const std::string& source, std::uint8_t protocol, int port) {
  return test::packet(source, "10.0.1.4", protocol, port);
}

const IngressCase kIngressCases[] = {
    {"a port in range", rule(kTcp, 80, 443, cidr("10.0.0.0/16")), from("10.0.1.5", kTcp, 443), true},
    {"the first port of a range", rule(kTcp, 80, 443, cidr("10.0.0.0/16")), from("10.0.1.5", kTcp, 80), true},
    {"one below a range", rule(kTcp, 80, 443, cidr("10.0.0.0/16")), from("10.0.1.5", kTcp, 79), false},
    {"one above a range", rule(kTcp, 80, 443, cidr("10.0.0.0/16")), from("10.0.1.5", kTcp, 444), false},
    {"port 0", rule(kTcp, 0, 0, cidr("10.0.0.0/16")), from("10.0.1.5", kTcp, 0), true},
    {"port 65535", rule(kUdp, 65535, 65535, cidr("10.0.0.0/16")), from("10.0.1.5", kUdp, 65535), true},
    {"the top port does not leak into the next protocol", rule(kTcp, 65535, 65535, cidr("10.0.0.0/16")),
     from("10.0.1.5", 7, 0), false},
    {"another protocol with the same port", rule(kTcp, 53, 53, cidr("10.0.0.0/16")), from("10.0.1.5", kUdp, 53), false},
    {"a source outside the prefix", rule(kTcp, 22, 22, cidr("10.0.1.8/29")), from("10.0.1.5", kTcp, 22), false},
    {"the last address of the prefix", rule(kTcp, 22, 22, cidr("10.0.1.0/29")), from("10.0.1.7", kTcp, 22), true},
    {"one after the prefix", rule(kTcp, 22, 22, cidr("10.0.1.0/29")), from("10.0.1.8", kTcp, 22), false},
    {"IPv6 rules do not match IPv4", all(cidr("::/0")), from("10.0.1.5", kTcp, 22), false},
    {"IPv4 rules do not match IPv6", all(cidr("0.0.0.0/0")), from("fd00::5", kTcp, 22), false},
    {"all protocols match GRE", all(cidr("0.0.0.0/0")), from("10.0.1.5", kGre, 0), true},
    {"23: other protocols have no ports, whatever the rule says", rule(kGre, 1, 1, cidr("0.0.0.0/0")),
     from("10.0.1.5", kGre, 0), true},
    {"23: and only their own number", rule(kGre, -1, -1, cidr("0.0.0.0/0")), from("10.0.1.5", 46, 0), false},
    {"24: ICMP type 8, any code, code 0", rule(kIcmp, 8, -1, cidr("0.0.0.0/0")), from("10.0.1.5", kIcmp, icmp(8, 0)),
     true},
    {"24: ICMP type 8, any code, code 255", rule(kIcmp, 8, -1, cidr("0.0.0.0/0")),
     from("10.0.1.5", kIcmp, icmp(8, 255)), true},
    {"24: ICMP type 13 by a rule for 8", rule(kIcmp, 8, -1, cidr("0.0.0.0/0")), from("10.0.1.5", kIcmp, icmp(13, 0)),
     false},
    {"ICMP any type", rule(kIcmp, -1, -1, cidr("0.0.0.0/0")), from("10.0.1.5", kIcmp, icmp(255, 255)), true},
    {"ICMP fragmentation needed", rule(kIcmp, 3, 4, cidr("0.0.0.0/0")), from("10.0.1.5", kIcmp, icmp(3, 4)), true},
    {"ICMP unreachable of another code", rule(kIcmp, 3, 4, cidr("0.0.0.0/0")), from("10.0.1.5", kIcmp, icmp(3, 3)),
     false},
    {"ICMP rules do not match ICMPv6", rule(kIcmp, -1, -1, cidr("::/0")), from("fd00::5", 58, icmp(128, 0)), false},
    {"18: a group matches its member's address", all(group("web")), from("10.0.1.5", kTcp, 22), true},
    {"18: and nobody else's", all(group("web")), from("10.0.1.6", kTcp, 22), false},
    {"18: nor an address of no ENI", all(group("web")), from("203.0.113.5", kTcp, 22), false},
    {"a group rule minds the port", rule(kTcp, 22, 22, group("web")), from("10.0.1.5", kTcp, 23), false},
    {"a rule for a group that is gone matches nothing", all(group("gone")), from("10.0.1.5", kTcp, 22), false},
};

TEST(Gate, MatchesARule) {
  for (const IngressCase& c : kIngressCases)
    EXPECT_EQ(ask(with_rules({c.rule}), Direction::kIngress, c.packet) != Expect::kRefused, c.allowed) << c.description;
}

TEST(Gate, RefusesRulesThatTheModelWouldRefuse) {
  // resolve() never lets these through; if it did, they must not open another protocol.
  for (const RuleDeclaration& bad : {rule(kTcp, 80, 70'000, cidr("0.0.0.0/0")), rule(300, -1, -1, cidr("0.0.0.0/0")),
                                     rule(kTcp, 443, 80, cidr("0.0.0.0/0")), rule(kIcmp, 300, -1, cidr("0.0.0.0/0"))}) {
    for (int protocol = kTcp + 1; protocol < 256; ++protocol)
      EXPECT_EQ(ask(with_rules({bad}), Direction::kIngress, from("10.0.1.5", static_cast<std::uint8_t>(protocol), 100)),
                Expect::kRefused)
          << protocol;
  }
}

TEST(Gate, LooksAtTheRemoteEndOfEachDirection) {
  const Deployment deployment = with_rules({all(cidr("10.0.1.5/32"))}, {all(cidr("10.0.1.6/32"))});
  EXPECT_EQ(ask(deployment, Direction::kIngress, test::packet("10.0.1.5", "10.0.1.4", kTcp, 1)), Expect::kTracked);
  EXPECT_EQ(ask(deployment, Direction::kIngress, test::packet("10.0.1.6", "10.0.1.4", kTcp, 1)), Expect::kRefused);
  EXPECT_EQ(ask(deployment, Direction::kEgress, test::packet("10.0.1.4", "10.0.1.6", kTcp, 1)), Expect::kTracked);
  EXPECT_EQ(ask(deployment, Direction::kEgress, test::packet("10.0.1.4", "10.0.1.5", kTcp, 1)), Expect::kRefused);
}

TEST(Gate, IsTheUnionOfItsGroups) {  // statement 26
  auto deployment = with_rules({rule(kTcp, 22, 22, cidr("10.0.0.5/32"))});
  deployment.security_groups.push_back(make_group("https", {rule(kTcp, 443, 443, cidr("0.0.0.0/0"))}, {}));
  deployment.instances[0].enis[0].security_groups = {"own", "https"};
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.0.9", kTcp, 443)), Expect::kTracked);
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.0.9", kTcp, 22)), Expect::kRefused);
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.0.5", kTcp, 22)), Expect::kTracked);
}

TEST(Gate, RefusesEverythingWithoutGroupsOrRules) {  // statement 16
  auto deployment = with_rules({});
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.1.5", kTcp, 80)), Expect::kRefused);
  EXPECT_EQ(ask(deployment, Direction::kEgress, test::packet("10.0.1.4", "10.0.1.5", kTcp, 80)), Expect::kRefused);
  deployment.instances[0].enis[0].security_groups.clear();
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.1.5", kTcp, 80)), Expect::kRefused);
  EXPECT_FALSE(GroupPolicy::compile(deployment)->evaluate(99, Direction::kIngress, from("10.0.1.5", kTcp, 80)).allowed)
      << "an ENI that the policy does not know";
}

TEST(Gate, MembersOfOneGroupNeedARuleToTalk) {  // statement 19
  auto silent = with_rules({}, {all(cidr("0.0.0.0/0"))});
  silent.instances[1].enis[0].security_groups = {"own"};
  EXPECT_EQ(ask(silent, Direction::kIngress, from("10.0.1.5", kIcmp, icmp(8, 0))), Expect::kRefused);
  auto self = with_rules({all(group("own"))}, {all(cidr("0.0.0.0/0"))});
  self.instances[1].enis[0].security_groups = {"own"};
  EXPECT_EQ(ask(self, Direction::kIngress, from("10.0.1.5", kIcmp, icmp(8, 0))), Expect::kTracked);
}

// EC2's tracking page: inbound tcp 22 from one address, tcp 80 from everywhere, ICMP from everywhere; outbound all.
TEST(Gate, TracksAsInEc2sExample) {
  const std::vector<RuleDeclaration> ingress = {rule(kTcp, 22, 22, cidr("203.0.113.1/32")),
                                                rule(kTcp, 80, 80, cidr("0.0.0.0/0")), rule(kTcp, 80, 80, cidr("::/0")),
                                                rule(kIcmp, -1, -1, cidr("0.0.0.0/0"))};
  const Deployment open = with_rules(ingress, {all(cidr("0.0.0.0/0")), all(cidr("::/0"))});
  EXPECT_EQ(ask(open, Direction::kIngress, from("203.0.113.1", kTcp, 22)), Expect::kTracked);
  EXPECT_EQ(ask(open, Direction::kIngress, from("203.0.113.1", kTcp, 80)), Expect::kUntracked);
  EXPECT_EQ(ask(open, Direction::kIngress, from("fd00::9", kTcp, 80)), Expect::kUntracked);
  EXPECT_EQ(ask(open, Direction::kIngress, from("203.0.113.1", kIcmp, icmp(8, 0))), Expect::kTracked);
  // "If you remove the outbound rule for IPv4, all IPv4 traffic is tracked": the families are judged apart.
  const Deployment v6_only = with_rules(ingress, {all(cidr("::/0"))});
  EXPECT_EQ(ask(v6_only, Direction::kIngress, from("203.0.113.1", kTcp, 80)), Expect::kTracked);
  EXPECT_EQ(ask(v6_only, Direction::kIngress, from("fd00::9", kTcp, 80)), Expect::kUntracked);
}

struct TrackingCase {
  const char* description;
  std::vector<RuleDeclaration> ingress, egress;
  PacketTuple packet;  // to node-0
  Expect expect;
};

const TrackingCase kTrackingCases[] = {
    {"open both ways",
     {all(cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kUntracked},
    {"one port open, every port of the protocol back",
     {rule(kUdp, 53, 53, cidr("0.0.0.0/0"))},
     {rule(kUdp, 0, 65535, cidr("0.0.0.0/0"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kUntracked},
    {"every port of another protocol back",
     {rule(kUdp, 53, 53, cidr("0.0.0.0/0"))},
     {rule(kTcp, 0, 65535, cidr("0.0.0.0/0"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kTracked},
    {"all ports but one back",
     {rule(kUdp, 53, 53, cidr("0.0.0.0/0"))},
     {rule(kUdp, 1, 65535, cidr("0.0.0.0/0"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kTracked},
    {"two rules that make up all ports are not one rule",
     {rule(kUdp, 53, 53, cidr("0.0.0.0/0"))},
     {rule(kUdp, 0, 1023, cidr("0.0.0.0/0")), rule(kUdp, 1024, 65535, cidr("0.0.0.0/0"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kTracked},
    {"back to half of all addresses",
     {rule(kUdp, 53, 53, cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/1"))},
     from("10.0.1.5", kUdp, 53),
     Expect::kTracked},
    {"a narrow rule in",
     {rule(kTcp, 80, 80, cidr("10.0.0.0/8"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kTcp, 80),
     Expect::kTracked},
    {"narrow and open match: the most permissive decides",
     {rule(kTcp, 80, 80, cidr("10.0.0.0/8")), rule(kTcp, 80, 80, cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kTcp, 80),
     Expect::kUntracked},
    {"a group and open match: the most permissive decides",
     {all(group("web")), rule(kTcp, 80, 80, cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kTcp, 80),
     Expect::kUntracked},
    {"the open rule is about another port",
     {rule(kTcp, 81, 81, cidr("0.0.0.0/0")), rule(kTcp, 80, 80, cidr("10.0.0.0/8"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kTcp, 80),
     Expect::kTracked},
    {"group references are never open",
     {all(group("web"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kTcp, 80),
     Expect::kTracked},
    {"no rule back", {rule(kTcp, 80, 80, cidr("0.0.0.0/0"))}, {}, from("10.0.1.5", kTcp, 80), Expect::kTracked},
    {"24: ICMP is tracked whatever the rules",
     {all(cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kIcmp, icmp(8, 0)),
     Expect::kTracked},
    {"other protocols are tracked by address",
     {all(cidr("0.0.0.0/0"))},
     {all(cidr("0.0.0.0/0"))},
     from("10.0.1.5", kGre, 0),
     Expect::kTracked},
};

TEST(Gate, TracksBySection2Point4) {
  for (const TrackingCase& c : kTrackingCases)
    EXPECT_EQ(ask(with_rules(c.ingress, c.egress), Direction::kIngress, c.packet), c.expect) << c.description;
}

TEST(Gate, TracksEgressByTheIngressRules) {
  const Deployment deployment = with_rules({all(cidr("0.0.0.0/0"))}, {rule(kTcp, 80, 80, cidr("0.0.0.0/0"))});
  EXPECT_EQ(ask(deployment, Direction::kEgress, test::packet("10.0.1.4", "10.0.1.5", kTcp, 80)), Expect::kUntracked);
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.1.5", kTcp, 80)), Expect::kTracked);
}

TEST(Gate, TakesTheReverseRuleFromAnyGroupOfTheEni) {
  auto deployment = with_rules({rule(kTcp, 80, 80, cidr("0.0.0.0/0"))});
  deployment.security_groups.push_back(make_group("out", {}, {all(cidr("0.0.0.0/0"))}));
  deployment.instances[0].enis[0].security_groups = {"own", "out"};
  EXPECT_EQ(ask(deployment, Direction::kIngress, from("10.0.1.5", kTcp, 80)), Expect::kUntracked);
}

struct EfaCase {
  const char* description;
  std::vector<RuleDeclaration> egress;
  bool allowed;
};

TEST(Gate, LetsEfaThroughOnlyByGroup) {  // statement 36
  const EfaCase cases[] = {
      {"all to a group of the peer", {all(group("web"))}, true},
      {"all to 0.0.0.0/0", {all(cidr("0.0.0.0/0")), all(cidr("::/0"))}, false},
      {"all to another group", {all(group("db"))}, false},
      {"every tcp and udp port to the group",
       {rule(kTcp, 0, 65535, group("web")), rule(kUdp, 0, 65535, group("web"))},
       false},
      {"all to a group that is gone", {all(group("gone"))}, false},
      {"no rule", {}, false},
  };
  for (const EfaCase& c : cases) {
    const Deployment deployment = with_rules({}, c.egress);
    const auto enis = flatten_enis(deployment);
    EXPECT_EQ(GroupPolicy::compile(deployment)->efa_allowed(0, Direction::kEgress, 1), c.allowed) << c.description;
    EXPECT_EQ(oracle_efa_allowed(deployment, *enis[0], Direction::kEgress, *enis[1]), c.allowed) << c.description;
    EXPECT_FALSE(GroupPolicy::compile(deployment)->efa_allowed(0, Direction::kIngress, 1)) << c.description;
  }
}

TEST(Gate, ListsEnisInOrder) {
  auto deployment = with_rules({});
  deployment.instances[0].enis.push_back(deployment.instances[0].enis[0]);
  deployment.instances[0].enis[1].id = "eni-second";
  const auto enis = flatten_enis(deployment);
  ASSERT_EQ(enis.size(), 4U);
  EXPECT_EQ(enis[1]->id, "eni-second");
  EXPECT_EQ(enis[2]->id, "eni-node-1");
}

}  // namespace
}  // namespace weft::gate_test
