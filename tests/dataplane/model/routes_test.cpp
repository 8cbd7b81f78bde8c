// Route tables (facts ec2 1.10, 1.9).
#include <gtest/gtest.h>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

RouteDeclaration to_gateway(const std::string& destination) {
  return {cidr(destination), RouteTargetKind::kInternetGateway, "", 0};
}
RouteDeclaration to_interface(const std::string& destination, const std::string& interface) {
  return {cidr(destination), RouteTargetKind::kInterface, interface, 0};
}

Topology with_table(std::vector<RouteDeclaration> routes) {
  Topology topology = dual_stack();
  topology.instances = {instance("fw")};
  topology.route_tables = {{"out", false, std::move(routes), 0}};
  return topology;
}

TEST(Routes, there_is_always_a_main_table_with_the_local_routes) {
  const Deployment v4_only = resolved(small());
  ASSERT_EQ(v4_only.route_tables.size(), 1u);
  EXPECT_TRUE(v4_only.route_tables[0].main);
  EXPECT_EQ(v4_only.route_tables[0].routes, (std::vector<Route>{{cidr("10.0.0.0/16"), RouteTargetKind::kLocal, ""}}));
  EXPECT_EQ(v4_only.find_subnet("a")->route_table, v4_only.route_tables[0].name);

  Topology topology = with_table({to_gateway("0.0.0.0/0")});
  topology.subnets[0].route_table = "out";
  const Deployment both = resolved(topology);
  EXPECT_EQ(both.find_subnet("a")->route_table, "out");
  EXPECT_EQ(both.find_subnet("b")->route_table, "main");
  EXPECT_EQ(both.find_route_table("out")->routes,
            (std::vector<Route>{{cidr("10.0.0.0/16"), RouteTargetKind::kLocal, ""},
                                {cidr("2001:db8:1:100::/56"), RouteTargetKind::kLocal, ""},
                                {cidr("0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""}}));
}

TEST(Routes, a_route_knows_its_line_and_a_second_one_names_it) {
  Topology topology = with_table({to_gateway("0.0.0.0/0"), to_gateway("0.0.0.0/0")});
  topology.internet_gateway.emplace();
  topology.route_tables[0].routes[0].line = 12;
  const auto refused = resolve(topology, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("already exists in 'out', line 12"), std::string::npos)
      << refused.error().message;
  topology.route_tables[0].routes.pop_back();
  EXPECT_EQ(resolved(topology).find_route_table("out")->routes.back().line, 12);
  EXPECT_EQ(resolved(topology).find_route_table("out")->routes.front().line, 0) << "local";
}

TEST(Routes, a_declared_main_table_serves_the_subnets_that_name_none) {
  Topology topology = with_table({});
  topology.route_tables[0].main = true;
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(deployment.route_tables.size(), 1u);
  EXPECT_EQ(deployment.find_subnet("far")->route_table, "out");
  topology.route_tables.push_back({"second", true, {}, 0});
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at route_tables[1].main"});
}

TEST(Routes, what_is_wrong_is_refused_with_ec2s_code) {
  const std::pair<RouteDeclaration, const char*> wrong[] = {
      {to_gateway("10.0.0.0/16"), "RouteAlreadyExists at route_tables[0].routes[0].destination"},
      {to_gateway("2001:db8:1:100::/56"), "RouteAlreadyExists at route_tables[0].routes[0].destination"},
      {to_gateway("10.0.7.0/24"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_gateway("10.0.1.0/24"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_interface("10.0.1.0/25", "fw/eth0"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_gateway("169.254.168.0/22"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_gateway("169.254.169.254/32"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_gateway("fd00:ec2::/32"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_gateway("fd00:ec2::254/128"), "InvalidParameterValue at route_tables[0].routes[0].destination"},
      {to_interface("192.0.2.0/24", "fw/eth1"),
       "InvalidNetworkInterfaceID.NotFound at route_tables[0].routes[0].interface"},
  };
  for (const auto& [route, mistake] : wrong)
    EXPECT_EQ(mistakes(with_table({route})), Mistakes{mistake}) << route.destination.to_string();
  EXPECT_EQ(mistakes(with_table({to_gateway("0.0.0.0/0"), to_interface("0.0.0.0/0", "fw/eth0")})),
            Mistakes{"RouteAlreadyExists at route_tables[0].routes[1].destination"});
  Topology topology = with_table({to_gateway("0.0.0.0/0")});
  topology.internet_gateway.reset();
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidGatewayID.NotFound at route_tables[0].routes[0].target"});
  topology = with_table({});
  topology.subnets[0].route_table = "outt";
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidRouteTableID.NotFound at subnets[0].route_table"});
}

TEST(Routes, more_specific_than_local_only_for_a_whole_subnet_to_an_interface) {
  const Deployment deployment =
      resolved(with_table({to_interface("10.0.1.0/24", "fw/eth0"), to_interface("2001:db8:1:101::/64", "fw/eth0"),
                           to_gateway("169.254.0.0/16"), to_gateway("10.0.0.0/8")}));
  EXPECT_EQ(deployment.find_route_table("out")->routes.size(), 6u);
  EXPECT_EQ(deployment.find_route_table("out")->routes[2].eni_id, deployment.find_instance("fw")->enis[0].id);
}

TEST(Routes, a_route_whose_interface_has_gone_is_a_blackhole_and_stays_one) {
  Topology topology = with_table({to_interface("192.0.2.0/24", "fw/eth0")});
  const Deployment before = resolved(topology);
  topology.instances.clear();
  const Deployment after = resolved(topology, &before);
  const Route& route = after.find_route_table("out")->routes.back();
  EXPECT_EQ(route.target, RouteTargetKind::kInterface);
  EXPECT_EQ(route.eni_id, "");
  EXPECT_NE(describe(route, after).find("blackhole"), std::string::npos);
  EXPECT_TRUE(plan(&after, resolved(topology, &after)).empty()) << "also when it is applied again";
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidNetworkInterfaceID.NotFound at route_tables[0].routes[0].interface"})
      << "but it cannot be made so";

  const Result<Deployment> terminated = terminate_instance(before, "fw");
  ASSERT_TRUE(terminated);
  EXPECT_EQ(terminated->find_route_table("out")->routes.back().eni_id, "");
}

TEST(Routes, a_route_follows_the_name_of_an_interface_and_its_place) {
  Topology topology = with_table({to_interface("192.0.2.0/24", "probe"), to_interface("192.0.3.0/24", "fw/eth1")});
  topology.network_interfaces = {network_interface("probe", "a", "fw")};
  const Deployment deployment = resolved(topology);
  const std::vector<Route>& routes = deployment.find_route_table("out")->routes;
  EXPECT_EQ(routes[2].eni_id, deployment.find_instance("fw")->enis[1].id);
  EXPECT_EQ(routes[3].eni_id, routes[2].eni_id);
}

}  // namespace
}  // namespace weft::testing
