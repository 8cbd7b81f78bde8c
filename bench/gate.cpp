// A gate's answer for a flow's first packet, by count of rules, spread over prefixes, ports and groups. One entry per
// kind of answer, because they end in different places: open to all, by prefix, by group, refused.
//
//   ninja -C build bench_gate && build/bench/bench_gate --benchmark_min_time=0.2
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "dataplane/policy/gate.hpp"

namespace weft {
namespace {

enum Answer { kOpen, kPrefix, kGroup, kRefused };

RuleDeclaration tcp(int port, RulePeer peer) {
  RuleDeclaration rule;
  rule.protocol = 6;
  rule.from_port = rule.to_port = port;
  rule.peer = std::move(peer);
  return rule;
}

Instance member(const std::string& name, std::uint32_t address, const std::string& group) {
  Eni eni;
  eni.id = "eni-" + name;
  eni.instance = name;
  eni.private_ip = IpAddress::from({address});
  eni.security_groups = {group};
  Instance instance;
  instance.name = name;
  instance.enis = {eni};
  return instance;
}

/// Half of the rules by prefix (lengths 16 to 32), the others by port of the open and the group peer.
Deployment deployment_with(int rules) {
  std::mt19937 random(1);
  SecurityGroup server{.id = "sg-1", .name = "server", .description = "", .ingress = {}, .egress = {}};
  for (int i = 0; i < rules; ++i) {
    const int port = 1'000 + 2 * i;
    if (i % 4 == 0)
      server.ingress.push_back(tcp(port, *IpPrefix::parse("0.0.0.0/0")));
    else if (i % 4 == 1)
      server.ingress.push_back(tcp(port, GroupReference{"client"}));
    else
      server.ingress.push_back(
          tcp(80, IpPrefix::make(IpAddress::from({0x0a000000U | static_cast<std::uint32_t>(random() & 0xffffff)}),
                                 static_cast<std::uint8_t>(112 + random() % 17))));
  }
  Deployment deployment;
  deployment.security_groups = {server,
                                {.id = "sg-2", .name = "client", .description = "", .ingress = {}, .egress = {}}};
  deployment.instances = {member("node-0", 0x0b000001, "server"), member("node-1", 0x0b000002, "client")};
  return deployment;
}

void gate(benchmark::State& state) {
  const int rules = static_cast<int>(state.range(0));
  const Deployment deployment = deployment_with(rules);
  const auto policy = GroupPolicy::compile(deployment);
  std::mt19937 random(2);
  std::vector<PacketTuple> packets;
  for (int i = 0; i < 1'024; ++i) {
    const int quarter = static_cast<int>(random() % static_cast<unsigned>((rules + 3) / 4)) * 4;
    PacketTuple packet{IpAddress::from({0x0b000002}), IpAddress::from({0x0b000001}), 6, 40000, 0};
    switch (state.range(1)) {
      case kOpen: packet.destination_port = static_cast<std::uint16_t>(1'000 + 2 * quarter); break;
      case kGroup: packet.destination_port = static_cast<std::uint16_t>(1'000 + 2 * (quarter + 1)); break;
      case kPrefix: {
        const RuleDeclaration& rule = deployment.security_groups[0].ingress[static_cast<std::size_t>(quarter + 2)];
        packet.source = std::get<IpPrefix>(rule.peer).address;
        packet.destination_port = 80;
        break;
      }
      default: packet.destination_port = 81; break;
    }
    packets.push_back(packet);
  }
  std::size_t at = 0, allowed = 0;
  for (auto _ : state) allowed += policy->evaluate(0, Direction::kIngress, packets[at++ & 1'023]).allowed;
  const std::size_t expected = state.range(1) == kRefused ? 0 : static_cast<std::size_t>(state.iterations());
  if (allowed != expected) state.SkipWithError("the gate gave another answer");
  constexpr const char* kNames[] = {"open", "prefix", "group", "refused"};
  state.SetLabel(kNames[state.range(1)]);
}

/// 100,000 prefixes of random lengths, as so many rules of one group or as entries of one prefix list that 60 rules
/// name; 2,000 ENIs with 50 addresses and one delegated prefix each are members of it.
Deployment large_deployment(bool by_list) {
  constexpr std::uint32_t kPrefixes = 100'000, kEnis = 2'000, kAddresses = 50;
  std::mt19937 random(3);
  Deployment deployment;
  deployment.security_groups = {{.id = "sg-1", .name = "server", .description = "", .ingress = {}, .egress = {}}};
  std::vector<RuleDeclaration>& ingress = deployment.security_groups[0].ingress;
  PrefixList list;
  list.name = "large";
  for (std::uint32_t i = 0; i < kPrefixes; ++i) {
    const IpPrefix prefix =
        IpPrefix::make(IpAddress::from({0x40000000U | static_cast<std::uint32_t>(random() & 0x3fffffff)}),
                       static_cast<std::uint8_t>(112 + random() % 17));
    if (by_list)
      list.entries.push_back(prefix);
    else
      ingress.push_back(tcp(80, prefix));
  }
  for (int port = 80; by_list && port < 140; ++port) ingress.push_back(tcp(port, PrefixListReference{"large"}));
  ingress.push_back(tcp(443, GroupReference{"server"}));
  deployment.prefix_lists.push_back(std::move(list));
  for (std::uint32_t i = 0; i < kEnis; ++i) {
    Instance made = member("node-" + std::to_string(i), 0x0b000000 + i * 64, "server");
    for (std::uint32_t n = 1; n < kAddresses; ++n)
      made.enis[0].secondary_private_ips.push_back(IpAddress::from({0x0b000000 + i * 64 + n}));
    made.enis[0].prefixes.push_back(IpPrefix::make(IpAddress::from({0x0c000000 + i * 16}), 124));
    deployment.instances.push_back(std::move(made));
  }
  return deployment;
}

void compile(benchmark::State& state) {
  const Deployment deployment = large_deployment(state.range(0) != 0);
  for (auto _ : state) benchmark::DoNotOptimize(GroupPolicy::compile(deployment));
  state.SetLabel(state.range(0) != 0 ? "by prefix list" : "by rule");
}

/// Any prefix, any member's address, any address of a delegated prefix.
void gate_of_a_large_policy(benchmark::State& state) {
  const Deployment deployment = large_deployment(state.range(0) != 0);
  const auto policy = GroupPolicy::compile(deployment);
  std::mt19937 random(4);
  std::vector<PacketTuple> packets;
  for (int i = 0; i < 4'096; ++i) {
    PacketTuple packet{{}, IpAddress::from({0x0b000000}), 6, 40000, 80};
    const auto draw = static_cast<std::uint32_t>(random());
    switch (state.range(1)) {
      case 0: packet.source = IpAddress::from({0x40000000U | (draw & 0x3fffffff)}); break;
      case 1: packet.source = IpAddress::from({0x0b000000 + draw % 2'000 * 64 + draw / 2'000 % 50}); break;
      default: packet.source = IpAddress::from({0x0c000000 + draw % 32'000}); break;
    }
    if (state.range(1) != 0) packet.destination_port = 443;
    packets.push_back(packet);
  }
  std::size_t at = 0, allowed = 0;
  for (auto _ : state) allowed += policy->evaluate(0, Direction::kIngress, packets[at++ & 4'095]).allowed;
  if (allowed == 0 || (state.range(1) != 0 && allowed != static_cast<std::size_t>(state.iterations())))
    state.SkipWithError("the gate gave another answer");
  constexpr const char* kNames[] = {"prefixes", "members", "delegated"};
  state.SetLabel(kNames[state.range(1)]);
}

BENCHMARK(compile)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(gate_of_a_large_policy)->ArgsProduct({{0, 1}, {0, 1, 2}});
BENCHMARK(gate)->ArgsProduct({{12, 100, 1'000}, {kOpen, kPrefix, kGroup, kRefused}});

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
