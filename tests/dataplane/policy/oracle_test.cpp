// Two twins in step (DESIGN D13): the compiled gates and the linear oracle, on random policies and packets. A failure
// prints the seed; WEFT_SEED=<seed> starts there.
#include "dataplane/policy/oracle.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "dataplane/model/describe.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

std::string show(const Deployment& deployment, const Eni& eni, Direction direction, const PacketTuple& packet) {
  std::string text = eni.instance + " " + direction_name(direction) + ": " + packet.source.to_string() + " > " +
                     packet.destination.to_string() + " protocol " + std::to_string(packet.protocol) + " port " +
                     std::to_string(packet.destination_port) + "\n";
  for (const std::string& name : eni.security_groups) {
    const SecurityGroup* group = deployment.find_security_group(name);
    for (const auto& rule : group->ingress) text += "  " + name + " " + describe(rule, Direction::kIngress) + "\n";
    for (const auto& rule : group->egress) text += "  " + name + " " + describe(rule, Direction::kEgress) + "\n";
  }
  return text;
}

/// Prefix lists decide: without them the packet would not pass.
bool allowed_by_a_list(const Deployment& deployment, const Eni& eni, Direction direction, const PacketTuple& packet,
                       HopPeer peer) {
  Deployment without = deployment;
  without.prefix_lists.clear();
  return oracle_evaluate(deployment, eni, direction, packet, peer).allowed &&
         !oracle_evaluate(without, eni, direction, packet, peer).allowed;
}

TEST(Oracle, AgreesWithTheCompiledGates) {
  const char* start = std::getenv("WEFT_SEED");
  const auto first = static_cast<std::uint32_t>(start != nullptr ? std::strtoul(start, nullptr, 0) : 1);
  long allowed = 0, untracked = 0, asked = 0, efa_allowed = 0, efa_asked = 0;
  long by_owner_only = 0, by_list = 0, v6_allowed = 0;
  for (std::uint32_t seed = first; seed < first + 1'000; ++seed) {
    test::RandomPolicy random(seed);
    const Deployment deployment = random.deployment();
    const auto policy = GroupPolicy::compile(deployment);
    const auto enis = flatten_enis(deployment);
    for (int i = 0; i < 40; ++i) {
      const PacketTuple packet = random.packet(deployment);
      const PolicyEni eni = random.below(static_cast<unsigned>(enis.size()));
      const PolicyEni remote = random.below(static_cast<unsigned>(enis.size()));
      for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
        const HopPeer peer = random.below(4) == 0 ? HopPeer::kOther : HopPeer::kOwner;
        const GateVerdict compiled = policy->evaluate(eni, direction, packet, peer);
        const GateVerdict oracle = oracle_evaluate(deployment, *enis[eni], direction, packet, peer);
        ASSERT_EQ(compiled.allowed, oracle.allowed) << "seed " << seed << "\n"
                                                    << show(deployment, *enis[eni], direction, packet);
        ASSERT_EQ(compiled.tracked, oracle.tracked) << "seed " << seed << "\n"
                                                    << show(deployment, *enis[eni], direction, packet);
        const bool efa = oracle_efa_allowed(deployment, *enis[eni], direction, *enis[remote]);
        ASSERT_EQ(policy->efa_allowed(eni, direction, remote), efa)
            << "seed " << seed << " remote " << enis[remote]->instance << "\n"
            << show(deployment, *enis[eni], direction, packet);
        by_owner_only += peer == HopPeer::kOther && !oracle.allowed &&
                         oracle_evaluate(deployment, *enis[eni], direction, packet).allowed;
        by_list += i == 0 && allowed_by_a_list(deployment, *enis[eni], direction, packet, peer);
        v6_allowed += oracle.allowed && !packet.source.is_v4() && !packet.destination.is_v4();
        ++asked;
        allowed += oracle.allowed;
        untracked += oracle.allowed && !oracle.tracked;
        ++efa_asked;
        efa_allowed += efa;
      }
    }
  }
  // The random input must reach every kind of answer, or the comparison says nothing.
  EXPECT_GT(allowed, asked / 10);
  EXPECT_LT(allowed, asked * 9 / 10);
  EXPECT_GT(untracked, asked / 200);
  EXPECT_GT(efa_allowed, efa_asked / 50);
  EXPECT_GT(by_owner_only, 150);
  EXPECT_GT(by_list, 5);
  EXPECT_GT(v6_allowed, 150);
}

TEST(Oracle, AgreesOnAThousandRulesWithDeepNesting) {
  std::mt19937 random(7);
  std::vector<RuleDeclaration> ingress;
  for (int i = 0; i < 1'000; ++i) {
    const auto base = IpAddress::from({0x0a000000U | static_cast<std::uint32_t>(random() & 0xfff)});
    const IpPrefix prefix = IpPrefix::make(base, static_cast<std::uint8_t>(104 + random() % 25));
    const int from = static_cast<int>(random() % 2'000);
    ingress.push_back(
        test::rule(random() % 2 == 0 ? test::kTcp : test::kUdp, from, from + static_cast<int>(random() % 3), prefix));
  }
  const Deployment deployment = test::make_deployment({test::make_group("big", ingress, {})},
                                                      {test::make_instance("node-0", "10.0.1.4", {"big"})});
  const auto policy = GroupPolicy::compile(deployment);
  const Eni& eni = deployment.instances[0].enis[0];
  int allowed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const PacketTuple packet = {IpAddress::from({0x0a000000U | static_cast<std::uint32_t>(random() & 0x1fff)}),
                                eni.private_ip, random() % 2 == 0 ? test::kTcp : test::kUdp, 40000,
                                static_cast<std::uint16_t>(random() % 2'100)};
    const bool expected = oracle_evaluate(deployment, eni, Direction::kIngress, packet).allowed;
    ASSERT_EQ(policy->evaluate(0, Direction::kIngress, packet).allowed, expected)
        << packet.source.to_string() << " " << packet.destination_port;
    allowed += expected;
  }
  EXPECT_GT(allowed, 1'000);
  EXPECT_LT(allowed, 19'000);
}

}  // namespace
}  // namespace weft
