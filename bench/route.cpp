// A route for a destination and an ACL's answer for a packet, by how many routes or entries there are. The linear twins
// beside them say from how many on the compiled form pays.
//
//   ninja -C build bench_route && build/bench/bench_route --benchmark_min_time=0.2
#include <benchmark/benchmark.h>

#include <random>

#include "dataplane/policy/acl.hpp"
#include "dataplane/policy/acl_oracle.hpp"
#include "dataplane/route/oracle.hpp"

namespace weft {
namespace {

Deployment routes_of(int count, bool ipv6) {
  std::mt19937 random(1);
  Deployment deployment;
  deployment.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  deployment.vpc_ipv6_cidr = *IpPrefix::parse("2001:db8::/56");
  deployment.internet_gateway = InternetGateway{};
  deployment.subnets.push_back({"subnet-1", "a", *IpPrefix::parse("10.0.1.0/24"), "use1-az1", {}, "main", "acl"});
  RouteTable table{
      "rtb-1", "main", true, {{*IpPrefix::parse(ipv6 ? "::/0" : "0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""}}};
  for (int i = 2; i < count; ++i) {
    IpAddress ip = IpAddress::from({static_cast<std::uint32_t>(random())});
    if (ipv6)
      ip.octets = {0x20, 0x01, 0x0d, 0xb8, static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random())};
    table.routes.push_back({IpPrefix::make(ip, ipv6 ? 48 : 120), RouteTargetKind::kBlackhole, ""});
  }
  deployment.route_tables.push_back(table);
  return deployment;
}

std::vector<IpAddress> destinations(bool ipv6) {
  std::mt19937 random(2);
  std::vector<IpAddress> made;
  for (int i = 0; i < 1'024; ++i) {
    IpAddress ip = IpAddress::from({static_cast<std::uint32_t>(random())});
    if (ipv6)
      ip.octets = {0x20, 0x01, 0x0d, 0xb8, static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random())};
    made.push_back(ip);
  }
  return made;
}

void route(benchmark::State& state) {
  const bool ipv6 = state.range(1) != 0;
  const RouteTables tables = RouteTables::compile(routes_of(static_cast<int>(state.range(0)), ipv6));
  const std::vector<IpAddress> to = destinations(ipv6);
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(tables.find(0, to[at++ & 1'023]));
  state.SetLabel(ipv6 ? "IPv6" : "IPv4");
}

void route_linear(benchmark::State& state) {
  const Deployment deployment = routes_of(static_cast<int>(state.range(0)), false);
  const std::vector<IpAddress> to = destinations(false);
  const auto& routes = deployment.route_tables[0].routes;
  std::size_t at = 0;
  for (auto _ : state) {
    const Route* longest = nullptr;
    for (const Route& candidate : routes)
      if (candidate.destination.contains(to[at & 1'023]) &&
          (longest == nullptr || candidate.destination.length > longest->destination.length))
        longest = &candidate;
    ++at;
    benchmark::DoNotOptimize(longest);
  }
}

Deployment acl_of(int count) {
  Deployment deployment = routes_of(2, false);
  NetworkAcl acl{"acl-1", "acl", false, {}, {}};
  for (int i = 1; i < count; ++i) {
    AclEntryDeclaration entry;
    entry.rule_number = i;
    entry.protocol = 6;
    entry.from_port = entry.to_port = i;
    entry.cidr = *IpPrefix::parse("10.0.0.0/8");
    acl.ingress.push_back(entry);
  }
  AclEntryDeclaration rest;
  rest.rule_number = 32766;
  rest.allow = true;
  rest.cidr = *IpPrefix::parse("0.0.0.0/0");
  acl.ingress.push_back(rest);
  deployment.network_acls.push_back(acl);
  return deployment;
}

void acl(benchmark::State& state) {
  const Deployment deployment = acl_of(static_cast<int>(state.range(0)));
  const AclPolicy policy = AclPolicy::compile(deployment);
  const PacketTuple packet{*IpAddress::parse("10.0.2.4"), *IpAddress::parse("10.0.1.4"), 6, 40000, 8080};
  bool allowed = true;
  for (auto _ : state) allowed &= policy.allows(policy.of_subnet(0), Direction::kIngress, packet);
  if (!allowed) state.SkipWithError("the ACL gave another answer");
}

BENCHMARK(route)->ArgsProduct({{2, 10, 50, 1'000}, {0, 1}});
BENCHMARK(route_linear)->Arg(2)->Arg(10)->Arg(50)->Arg(1'000);
BENCHMARK(acl)->Arg(1)->Arg(20)->Arg(40);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
