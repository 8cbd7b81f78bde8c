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

BENCHMARK(gate)->ArgsProduct({{12, 100, 1'000}, {kOpen, kPrefix, kGroup, kRefused}});

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
