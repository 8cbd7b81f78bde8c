// Route tables (facts ec2 1.10): longest prefix first, for each subnet by its own table; and the compiled tables in
// step with their linear twin on random routes. A failure prints the seed; WEFT_SEED=<seed> starts there.
#include "dataplane/route/route_tables.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "dataplane/route/oracle.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {

std::ostream& operator<<(std::ostream& out, const RouteDecision& decision) {
  return out << "kind " << static_cast<int>(decision.kind) << " eni " << decision.eni << " route " << decision.route;
}

namespace {

using namespace test;

/// hpc has the main table, far has `far`, of which the routes are given.
Deployment network(std::vector<Route> routes) {
  Deployment deployment =
      make_deployment({}, {make_instance("node-0", "10.0.1.4", {}), make_instance("fw", "10.0.1.5", {}),
                           make_instance("node-1", "10.0.2.4", {})});
  deployment.vpc_ipv6_cidr = prefix("2001:db8:1::/56");
  deployment.internet_gateway = InternetGateway{};
  const Route local{prefix("10.0.0.0/16"), RouteTargetKind::kLocal, ""};
  const Route local_v6{prefix("2001:db8:1::/56"), RouteTargetKind::kLocal, ""};
  routes.insert(routes.begin(), {local, local_v6});
  deployment.route_tables = {{"rtb-1", "main", true, {local, local_v6}}, {"rtb-2", "far", false, std::move(routes)}};
  deployment.subnets[0].route_table = "main";
  deployment.subnets[1].route_table = "far";
  return deployment;
}

RouteDecision ask(const Deployment& deployment, SubnetIndex subnet, const std::string& destination) {
  const RouteDecision compiled = RouteTables::compile(deployment).find(subnet, ip(destination));
  EXPECT_EQ(compiled, oracle_route(deployment, deployment.subnets[subnet], ip(destination))) << destination;
  return compiled;
}

const Route kToGateway{*IpPrefix::parse("0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""};

TEST(RouteTables, TheLongestPrefixWins) {
  const Deployment deployment = network({kToGateway,
                                         {prefix("192.0.2.0/24"), RouteTargetKind::kInterface, "eni-fw"},
                                         {prefix("192.0.2.128/25"), RouteTargetKind::kBlackhole, ""},
                                         {prefix("192.0.2.255/32"), RouteTargetKind::kInterface, "eni-node-0"}});
  struct {
    const char* destination;
    RouteDecision decision;
  } const cases[] = {
      {"10.0.1.4", {RouteKind::kLocal, 0, 0}},
      {"10.0.255.255", {RouteKind::kLocal, 0, 0}},
      {"10.1.0.0", {RouteKind::kInternetGateway, 0, 2}},
      {"9.255.255.255", {RouteKind::kInternetGateway, 0, 2}},
      {"192.0.1.255", {RouteKind::kInternetGateway, 0, 2}},
      {"192.0.2.0", {RouteKind::kEni, 1, 3}},
      {"192.0.2.127", {RouteKind::kEni, 1, 3}},
      {"192.0.2.128", {RouteKind::kBlackhole, 0, 4}},
      {"192.0.2.254", {RouteKind::kBlackhole, 0, 4}},
      {"192.0.2.255", {RouteKind::kEni, 0, 5}},
      {"192.0.3.0", {RouteKind::kInternetGateway, 0, 2}},
      {"255.255.255.255", {RouteKind::kInternetGateway, 0, 2}},
      {"0.0.0.0", {RouteKind::kInternetGateway, 0, 2}},
      {"2001:db8:1::1", {RouteKind::kLocal, 0, 1}},
      {"2001:db8:2::1", {}},
      {"::", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(ask(deployment, 1, c.destination), c.decision) << c.destination;
}

TEST(RouteTables, EachSubnetHasItsOwnTable) {
  const Deployment deployment = network({kToGateway});
  EXPECT_EQ(ask(deployment, 0, "198.51.100.1").kind, RouteKind::kNone);
  EXPECT_EQ(ask(deployment, 1, "198.51.100.1").kind, RouteKind::kInternetGateway);
  EXPECT_EQ(RouteTables::compile(deployment).find(2, ip("10.0.1.4")), RouteDecision{}) << "no such subnet";
}

TEST(RouteTables, ASubnetsOwnCidrMayLeadThroughAnInterface) {
  const Deployment deployment = network({{prefix("10.0.1.0/24"), RouteTargetKind::kInterface, "eni-fw"}});
  EXPECT_EQ(ask(deployment, 1, "10.0.1.9"), (RouteDecision{RouteKind::kEni, 1, 2}));
  EXPECT_EQ(ask(deployment, 1, "10.0.3.9").kind, RouteKind::kLocal);
}

TEST(RouteTables, ATargetThatHasGoneIsABlackhole) {
  Deployment deployment = network({{prefix("192.0.2.0/24"), RouteTargetKind::kInterface, "eni-gone"}, kToGateway});
  EXPECT_EQ(ask(deployment, 1, "192.0.2.1"), (RouteDecision{RouteKind::kBlackhole, 0, 2}));
  deployment.internet_gateway.reset();
  EXPECT_EQ(ask(deployment, 1, "198.51.100.1"), (RouteDecision{RouteKind::kBlackhole, 0, 3}));
}

TEST(RouteTables, AnInterfaceAttachedToNothingIsATarget) {
  Deployment deployment = network({{prefix("192.0.2.0/24"), RouteTargetKind::kInterface, "eni-spare"}});
  deployment.available_enis.push_back(make_instance("spare", "10.0.1.9", {}).enis[0]);
  EXPECT_EQ(ask(deployment, 1, "192.0.2.1"), (RouteDecision{RouteKind::kEni, 3, 2}));
}

// facts ec2 1.9: reserved, whatever the table says.
TEST(RouteTables, NeverForwardToTheServicesAddresses) {
  const Deployment deployment = network({kToGateway,
                                         {prefix("::/0"), RouteTargetKind::kInternetGateway, ""},
                                         {prefix("169.254.169.0/24"), RouteTargetKind::kInterface, "eni-fw"}});
  for (const char* reserved :
       {"169.254.168.0", "169.254.169.253", "169.254.171.255", "fd00:ec2::253", "fd00:ec2:ffff::"})
    EXPECT_EQ(ask(deployment, 1, reserved), RouteDecision{}) << reserved;
  for (const char* beside : {"169.254.167.255", "169.254.172.0", "fd00:ec1:ffff::", "fd00:ec3::"})
    EXPECT_EQ(ask(deployment, 1, beside).kind, RouteKind::kInternetGateway) << beside;
}

TEST(RouteTables, WithoutADeclaredTableThereIsTheLocalRoute) {
  Deployment deployment = network({});
  deployment.route_tables.clear();
  EXPECT_EQ(ask(deployment, 0, "10.0.9.9"), (RouteDecision{RouteKind::kLocal, 0, RouteDecision::kImplied}));
  EXPECT_EQ(ask(deployment, 0, "2001:db8:1::9").kind, RouteKind::kLocal);
  EXPECT_EQ(ask(deployment, 0, "11.0.0.1").kind, RouteKind::kNone);
}

TEST(RouteTables, OfNoDeploymentHaveNoRoutes) {
  EXPECT_EQ(RouteTables::compile(Deployment{}).find(0, ip("10.0.0.1")), RouteDecision{});
  EXPECT_EQ(RouteTables{}.find(0, ip("10.0.0.1")), RouteDecision{});
}

class RandomRoutes {
 public:
  explicit RandomRoutes(std::uint32_t seed) : random_(seed) {}
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  /// Near each other and near the ends of the address space, where a sweep goes wrong.
  IpAddress address() {
    const std::uint32_t low = below(256);
    if (below(3) != 0) {
      constexpr std::uint32_t kBases[] = {0, 0xffffff00, 0x0a000000, 0x0a000100, 0xc0000200, 0xa9fea900};
      return IpAddress::from({kBases[below(std::size(kBases))] | low});
    }
    constexpr const char* kBases[] = {"::",
                                      "2001:db8:1::",
                                      "2001:db8:1:0:ff00::",
                                      "fd00:ec2::",
                                      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00",
                                      "2001:db8:0:ffff:ffff:ffff:ffff:ff00"};
    IpAddress made = ip(kBases[below(std::size(kBases))]);
    made.octets[15] |= static_cast<std::uint8_t>(low);
    return made;
  }
  IpPrefix random_prefix() {
    const IpAddress base = address();
    const unsigned length = base.is_v4() ? 96 + (below(8) == 0 ? below(33) : 20 + below(13))
                                         : (below(8) == 0   ? below(129)
                                            : below(2) == 0 ? 60 + below(10)
                                                            : 115 + below(14));
    return IpPrefix::make(base, static_cast<std::uint8_t>(length));
  }
  Deployment deployment() {
    std::vector<Route> routes;
    std::set<IpPrefix> seen = {prefix("10.0.0.0/16"), prefix("2001:db8:1::/56")};
    for (unsigned n = below(20); n > 0; --n) {
      Route route{random_prefix(), RouteTargetKind::kBlackhole, ""};
      if (route.destination.address.is_v4() != route.destination.is_v4()) continue;  // ::/80 and the like
      if (!seen.insert(route.destination).second) continue;
      if (below(3) == 0) route.target = RouteTargetKind::kInternetGateway;
      if (below(3) == 0) {
        constexpr const char* kTargets[] = {"eni-node-0", "eni-fw", "eni-node-1", "eni-gone"};
        route.target = RouteTargetKind::kInterface;
        route.eni_id = kTargets[below(std::size(kTargets))];
      }
      routes.push_back(route);
    }
    Deployment made = network(std::move(routes));
    if (below(4) == 0) made.internet_gateway.reset();
    if (below(8) == 0) made.vpc_ipv6_cidr.reset();
    return made;
  }

 private:
  std::mt19937 random_;
};

TEST(RouteTables, AgreeWithTheOracleOnRandomRoutes) {
  const char* start = std::getenv("WEFT_SEED");
  const auto first = static_cast<std::uint32_t>(start != nullptr ? std::strtoul(start, nullptr, 0) : 1);
  long by_kind[5] = {};
  for (std::uint32_t seed = first; seed < first + 1'000; ++seed) {
    RandomRoutes random(seed);
    const Deployment deployment = random.deployment();
    const RouteTables tables = RouteTables::compile(deployment);
    for (int i = 0; i < 60; ++i) {
      const IpAddress destination = random.address();
      const SubnetIndex subnet = random.below(4) == 0 ? 0 : 1;
      const RouteDecision decision = tables.find(subnet, destination);
      ASSERT_EQ(decision, oracle_route(deployment, deployment.subnets[subnet], destination))
          << "seed " << seed << " to " << destination.to_string();
      ++by_kind[static_cast<int>(decision.kind)];
    }
  }
  for (const long count : by_kind) EXPECT_GT(count, 1'000);
}

}  // namespace
}  // namespace weft
