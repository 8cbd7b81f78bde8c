#include "dataplane/policy/explain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "dataplane/policy/oracle.hpp"
#include "tests/dataplane/policy/fixtures.hpp"
#include "tests/sanitized.hpp"

namespace weft {
namespace {

using namespace test;

/// node-0 (10.0.1.4) may send anything, node-1 (10.0.1.5) lets in what `ingress` says; node-2 is in group ssh.
Deployment with_ingress(std::vector<RuleDeclaration> ingress) {
  return make_deployment(
      {make_group("client", {}, {all(cidr("0.0.0.0/0"), 8)}), make_group("server", std::move(ingress), {}),
       make_group("ssh", {}, {})},
      {make_instance("node-0", "10.0.1.4", {"client"}), make_instance("node-1", "10.0.1.5", {"server"}),
       make_instance("node-2", "10.0.1.6", {"ssh"})});
}

GateExplanation ingress_of(const Explanation& explanation) {
  EXPECT_EQ(explanation.gates.size(), 2U);
  return explanation.gates.empty() ? GateExplanation{} : explanation.gates.back();
}

TEST(Explain, NamesTheRuleThatDecides) {
  const auto answer =
      explain(with_ingress({rule(kTcp, 80, 80, cidr("10.0.0.0/8"), 11), rule(kTcp, 22, 22, cidr("10.0.0.0/16"), 12)}),
              packet("10.0.1.4", "10.0.1.5", kTcp, 22), false);
  EXPECT_TRUE(answer.allowed);
  EXPECT_EQ(answer.drop_reason, "");
  EXPECT_EQ(answer.source_eni, "eni-node-0");
  EXPECT_EQ(answer.destination_eni, "eni-node-1");
  ASSERT_EQ(answer.gates.size(), 2U);
  const GateExplanation& out = answer.gates[0];
  EXPECT_EQ(out.direction, Direction::kEgress);
  EXPECT_EQ(out.instance, "node-0");
  EXPECT_EQ(out.rule, "all to 0.0.0.0/0");
  EXPECT_EQ(out.rule_line, 8);
  EXPECT_EQ(out.groups, std::vector<std::string>{"client (sg-client)"});
  const GateExplanation& in = answer.gates[1];
  EXPECT_EQ(in.direction, Direction::kIngress);
  EXPECT_EQ(in.eni_id, "eni-node-1");
  EXPECT_TRUE(in.allowed);
  EXPECT_TRUE(in.tracked);
  EXPECT_EQ(in.rule, "tcp 22 from 10.0.0.0/16");
  EXPECT_EQ(in.rule_line, 12);
  EXPECT_EQ(in.rule_group, "server (sg-server)");
  EXPECT_EQ(
      answer.verdict,
      "tcp 22 from node-0 (10.0.1.4) to node-1 (10.0.1.5) passes: egress of node-0 by \"all to 0.0.0.0/0\" of group "
      "client (sg-client), line 8, and ingress of node-1 by \"tcp 22 from 10.0.0.0/16\" of group server (sg-server), "
      "line 12");
}

struct NearestCase {
  const char* description;
  std::vector<RuleDeclaration> ingress;
  PacketTuple packet;
  const char* rule;
  const char* reason;
};

TEST(Explain, NamesTheNearestRuleThatDoesNotMatch) {
  const PacketTuple ssh = packet("10.0.1.4", "10.0.1.5", kTcp, 22);
  const NearestCase cases[] = {
      {"a port outside a range",
       {rule(kTcp, 80, 443, cidr("10.0.0.0/16"))},
       ssh,
       "tcp 80-443 from 10.0.0.0/16",
       "port 22 is outside 80-443"},
      {"another port", {rule(kTcp, 80, 80, cidr("10.0.0.0/16"))}, ssh, "tcp 80 from 10.0.0.0/16", "port 22 is not 80"},
      {"another source",
       {rule(kTcp, 22, 22, cidr("192.168.0.0/16"))},
       ssh,
       "tcp 22 from 192.168.0.0/16",
       "source 10.0.1.4 is not in 192.168.0.0/16"},
      {"not a member",
       {rule(kTcp, 22, 22, group("ssh"))},
       ssh,
       "tcp 22 from group ssh",
       "node-0's ENI (eth0) is not a member of group ssh"},
      {"another protocol", {rule(kUdp, 22, 22, cidr("0.0.0.0/0"))}, ssh, "udp 22 from 0.0.0.0/0", "tcp is not udp"},
      {"two things wrong, both said",
       {rule(kTcp, 80, 80, cidr("192.168.0.0/16"))},
       ssh,
       "tcp 80 from 192.168.0.0/16",
       "port 22 is not 80, and source 10.0.1.4 is not in 192.168.0.0/16"},
      {"one thing wrong is nearer than two",
       {rule(kTcp, 23, 23, cidr("192.168.0.0/16")), rule(kUdp, 22, 22, cidr("0.0.0.0/0"))},
       ssh,
       "udp 22 from 0.0.0.0/0",
       "tcp is not udp"},
      {"the peer is nearer than the port",
       {rule(kTcp, 23, 23, cidr("0.0.0.0/0")), rule(kTcp, 22, 22, group("ssh"))},
       ssh,
       "tcp 22 from group ssh",
       "node-0's ENI (eth0) is not a member of group ssh"},
      {"the nearest port",
       {rule(kTcp, 8080, 8080, cidr("0.0.0.0/0")), rule(kTcp, 25, 30, cidr("0.0.0.0/0"))},
       ssh,
       "tcp 25-30 from 0.0.0.0/0",
       "port 22 is outside 25-30"},
      {"ICMP type",
       {rule(kIcmp, 3, 4, cidr("0.0.0.0/0"))},
       packet("10.0.1.4", "10.0.1.5", kIcmp, icmp(8, 0)),
       "icmp type 3 code 4 from 0.0.0.0/0",
       "ICMP type 8 is not 3"},
      {"ICMP code",
       {rule(kIcmp, 3, 4, cidr("0.0.0.0/0"))},
       packet("10.0.1.4", "10.0.1.5", kIcmp, icmp(3, 1)),
       "icmp type 3 code 4 from 0.0.0.0/0",
       "code 1 of ICMP type 3 is not 4"},
      {"a group that is gone", {all(group("gone"))}, ssh, "all from group gone", "group gone does not exist"},
  };
  for (const NearestCase& c : cases) {
    const auto answer = explain(with_ingress(c.ingress), c.packet, false);
    EXPECT_FALSE(answer.allowed) << c.description;
    EXPECT_EQ(answer.drop_reason, "group-ingress") << c.description;
    EXPECT_EQ(ingress_of(answer).rule, c.rule) << c.description;
    EXPECT_EQ(ingress_of(answer).reason, c.reason) << c.description;
  }
}

TEST(Explain, SaysWhenThereIsNoRuleAtAll) {
  auto deployment = with_ingress({});
  auto answer = explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 22), false);
  EXPECT_EQ(ingress_of(answer).rule, std::nullopt);
  EXPECT_EQ(ingress_of(answer).reason, "server has no ingress rule");
  EXPECT_EQ(answer.verdict,
            "tcp 22 from node-0 (10.0.1.4) to node-1 (10.0.1.5) is dropped (group-ingress): no ingress rule of the "
            "destination ENI's security groups allows it; server has no ingress rule");
  deployment.instances[1].enis[0].security_groups = {"server", "ssh"};
  EXPECT_EQ(ingress_of(explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 22), false)).reason,
            "server, ssh have no ingress rule");
  deployment.instances[1].enis[0].security_groups.clear();
  EXPECT_EQ(ingress_of(explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 22), false)).reason,
            "the ENI is in no security group");
}

TEST(Explain, AsksBothGatesEvenWhenTheFirstRefuses) {
  const auto answer = explain(with_ingress({}), packet("10.0.1.6", "10.0.1.5", kTcp, 22), false);
  ASSERT_EQ(answer.gates.size(), 2U);
  EXPECT_FALSE(answer.gates[0].allowed);
  EXPECT_FALSE(answer.gates[1].allowed);
  EXPECT_EQ(answer.drop_reason, "group-egress");
}

TEST(Explain, SaysWhetherAndWhyAFlowIsTracked) {
  auto deployment = with_ingress({rule(kTcp, 80, 80, cidr("0.0.0.0/0"))});
  const PacketTuple web = packet("10.0.1.4", "10.0.1.5", kTcp, 80);
  EXPECT_TRUE(ingress_of(explain(deployment, web, false)).tracked);
  EXPECT_EQ(ingress_of(explain(deployment, web, false)).reason,
            "tracked, because no egress rule opens every port of tcp to all addresses");
  deployment.security_groups[1].egress = {all(cidr("0.0.0.0/0"))};
  EXPECT_FALSE(ingress_of(explain(deployment, web, false)).tracked);
  EXPECT_EQ(
      ingress_of(explain(deployment, web, false)).reason,
      "not tracked, because the rule is open to all addresses and egress rule \"all to 0.0.0.0/0\" of group server "
      "(sg-server) lets every answer pass");
  deployment.security_groups[1].ingress.insert(deployment.security_groups[1].ingress.begin(), all(group("client")));
  EXPECT_EQ(ingress_of(explain(deployment, web, false)).rule, "tcp 80 from 0.0.0.0/0") << "the most permissive decides";
  deployment.security_groups[1].ingress = {all(cidr("10.0.0.0/8"))};
  EXPECT_EQ(ingress_of(explain(deployment, web, false)).reason,
            "tracked, because the rule is not open to all addresses");
  EXPECT_EQ(ingress_of(explain(deployment, packet("10.0.1.4", "10.0.1.5", kIcmp, icmp(8, 0)), false)).reason,
            "tracked, as ICMP always is");
}

struct PathCase {
  const char* description;
  PacketTuple packet;
  bool allowed;
  const char* drop_reason;
  std::size_t gates;
};

TEST(Explain, KnowsWhatComesToNoGate) {
  const PathCase cases[] = {
      {"the router answers echo", packet("10.0.1.4", "10.0.1.1", kIcmp, icmp(8, 0)), true, "", 0},
      {"and nothing else", packet("10.0.1.4", "10.0.1.1", kTcp, 80), false, "router-service", 0},
      {"no other ICMP either", packet("10.0.1.4", "10.0.1.1", kIcmp, icmp(13, 0)), false, "router-service", 0},
      {"echo has code 0", packet("10.0.1.4", "10.0.1.1", kIcmp, icmp(8, 1)), false, "router-service", 0},
      {"another subnet's router is further away", packet("10.0.1.4", "10.0.2.1", kIcmp, icmp(8, 0)), false,
       "router-service", 1},
      {"another subnet's broadcast", packet("10.0.1.4", "10.0.2.255", kUdp, 80), false, "multicast", 1},
      {"to itself", packet("10.0.1.4", "10.0.1.4", kTcp, 80), false, "malformed", 0},
      {"outside the VPC", packet("10.0.1.4", "203.0.113.1", kTcp, 80), false, "no-route", 1},
      {"nobody has the address", packet("10.0.1.4", "10.0.1.99", kTcp, 80), false, "no-such-address", 1},
      {"egress refuses before the address is looked at", packet("10.0.1.6", "10.0.1.99", kTcp, 80), false,
       "group-egress", 1},
      {"a source nobody has", packet("10.0.1.98", "10.0.1.4", kTcp, 80), false, "spoofed-ip", 0},
      {"multicast", packet("10.0.1.4", "224.0.0.1", kUdp, 80), false, "multicast", 0},
      {"the subnet's broadcast", packet("10.0.1.4", "10.0.1.255", kUdp, 80), false, "multicast", 0},
      {"broadcast", packet("10.0.1.4", "255.255.255.255", kUdp, 9), false, "multicast", 0},
      {"DHCP is answered", packet("10.0.1.4", "255.255.255.255", kUdp, 67), true, "", 0},
      {"so is the resolver", packet("10.0.1.6", "10.0.0.2", kUdp, 53), true, "", 0},
      {"and its link-local address", packet("10.0.1.6", "169.254.169.253", kTcp, 53), true, "", 0},
      {"for DNS alone", packet("10.0.1.6", "169.254.169.253", kTcp, 80), false, "router-service", 0},
      {"the time", packet("10.0.1.6", "169.254.169.123", kUdp, 123), true, "", 0},
      {"no route leads to the services' addresses", packet("10.0.1.4", "169.254.169.9", kUdp, 123), false, "no-route",
       1},
  };
  const auto deployment = with_ingress({all(cidr("0.0.0.0/0"))});
  for (const PathCase& c : cases) {
    const auto answer = explain(deployment, c.packet, false);
    EXPECT_EQ(answer.allowed, c.allowed) << c.description;
    EXPECT_EQ(answer.drop_reason, c.drop_reason) << c.description;
    EXPECT_EQ(answer.gates.size(), c.gates) << c.description;
    EXPECT_FALSE(answer.verdict.empty()) << c.description;
  }
}

TEST(Explain, KnowsALinkThatIsDown) {
  auto deployment = with_ingress({all(cidr("0.0.0.0/0"))});
  deployment.instances[1].enis[0].vf.link = VfLink::kDisable;
  EXPECT_EQ(explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 22), false).drop_reason, "link-down");
  EXPECT_EQ(explain(deployment, packet("10.0.1.5", "10.0.1.4", kTcp, 22), false).drop_reason, "link-down");
}

Deployment efa_pair(std::vector<RuleDeclaration> ingress, std::vector<RuleDeclaration> egress) {
  return make_deployment(
      {make_group("efa", std::move(ingress), std::move(egress))},
      {make_instance("node-0", "10.0.1.4", {"efa"}, InterfaceType::kEfa),
       make_instance("node-1", "10.0.1.5", {"efa"}, InterfaceType::kEfa), make_instance("plain", "10.0.1.6", {"efa"}),
       make_instance("far-0", "10.0.2.4", {"efa"}, InterfaceType::kEfa, "far")});
}

TEST(Explain, SaysWhyAddressRulesDoNotMatchEfa) {
  const PacketTuple tuple = packet("10.0.1.4", "10.0.1.5", 0, 0);
  const auto refused = explain(efa_pair({all(group("efa"))}, {all(cidr("0.0.0.0/0"), 7)}), tuple, true);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.drop_reason, "efa-group-egress");
  EXPECT_EQ(refused.gates[0].rule, "all to 0.0.0.0/0");
  EXPECT_EQ(refused.gates[0].reason,
            "EFA traffic has no IP addresses, so 0.0.0.0/0 does not match it: only a rule that names a group does");
  EXPECT_TRUE(refused.gates[1].allowed);
  const auto passes = explain(efa_pair({all(group("efa"))}, {all(group("efa"))}), tuple, true);
  EXPECT_TRUE(passes.allowed) << passes.verdict;
  const auto ports = explain(efa_pair({rule(kTcp, 0, 65535, group("efa"))}, {all(group("efa"))}), tuple, true);
  EXPECT_EQ(ports.drop_reason, "efa-group-ingress");
  EXPECT_EQ(ports.gates[1].reason, "EFA traffic has no protocol or ports, so a rule for tcp 0-65535 does not match it");
}

TEST(Explain, KnowsWhereEfaDoesNotReach) {
  const auto deployment = efa_pair({all(group("efa"))}, {all(group("efa"))});
  for (const char* destination : {"10.0.1.6", "10.0.2.4", "10.0.1.77"})
    EXPECT_EQ(explain(deployment, packet("10.0.1.4", destination, 0, 0), true).drop_reason, "efa-unreachable")
        << destination;
  EXPECT_EQ(explain(deployment, packet("10.0.1.6", "10.0.1.4", 0, 0), true).drop_reason, "efa-unreachable");
}

TEST(Explain, AgreesWithTheOracleOnRandomPolicies) {
  const char* start = std::getenv("WEFT_SEED");
  const auto first = static_cast<std::uint32_t>(start != nullptr ? std::strtoul(start, nullptr, 0) : 1);
  constexpr unsigned kSeeds = test::seeds(500, 250);
  unsigned allowed = 0, refused = 0, untracked = 0, efa_allowed = 0;
  for (std::uint32_t seed = first; seed < first + kSeeds; ++seed) {
    RandomPolicy random(seed);
    const Deployment deployment = random.deployment();
    const auto enis = flatten_enis(deployment);
    for (int i = 0; i < 20; ++i) {
      const PacketTuple tuple = random.packet(deployment);
      const Eni& eni = *enis[random.below(static_cast<unsigned>(enis.size()))];
      const Eni& remote = *enis[random.below(static_cast<unsigned>(enis.size()))];
      for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
        const HopPeer peer = random.below(4) == 0 ? HopPeer::kOther : HopPeer::kOwner;
        const GateVerdict oracle = oracle_evaluate(deployment, eni, direction, tuple, peer);
        const GateExplanation gate = explain_gate(deployment, eni, direction, tuple, peer);
        ASSERT_EQ(gate.allowed, oracle.allowed) << "seed " << seed << ": " << gate.reason;
        ASSERT_EQ(gate.tracked, oracle.tracked) << "seed " << seed << ": " << gate.reason;
        ASSERT_FALSE(gate.reason.empty()) << "seed " << seed;
        ASSERT_TRUE(gate.rule || !gate.allowed) << "seed " << seed;
        ASSERT_EQ(gate.rule.has_value(), !gate.rule_group.empty()) << "seed " << seed;
        const bool efa = oracle_efa_allowed(deployment, eni, direction, remote);
        ASSERT_EQ(explain_efa_gate(deployment, eni, direction, remote).allowed, efa) << "seed " << seed;
        untracked += !gate.tracked;
        efa_allowed += efa;
      }
      const Explanation whole = explain(deployment, tuple, false);
      ASSERT_EQ(whole.allowed, whole.drop_reason.empty()) << whole.verdict;
      ASSERT_FALSE(whole.verdict.empty());
      const bool every = std::all_of(whole.steps.begin(), whole.steps.end(), [](const auto& s) { return s.passed; });
      ASSERT_EQ(whole.allowed, every) << "seed " << seed << ": " << whole.verdict;
      (whole.allowed ? allowed : refused) += 1;
    }
  }
  EXPECT_GT(allowed, kSeeds / 5);
  EXPECT_GT(refused, kSeeds / 2);
  EXPECT_GT(untracked, kSeeds / 5);
  EXPECT_GT(efa_allowed, kSeeds / 5);
}

}  // namespace
}  // namespace weft
