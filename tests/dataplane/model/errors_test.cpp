// A topology with ten mistakes reports all ten, and none that only follows from another.
#include <gtest/gtest.h>

#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

TEST(Errors, all_mistakes_are_said_at_once_in_the_order_of_the_file) {
  Topology topology = dual_stack();
  topology.lines = {{"vpc", 1},
                    {"subnets[1]", 10},
                    {"security_groups[0]", 20},
                    {"placement_groups[1]", 30},
                    {"instances[0]", 40},
                    {"instances[1]", 50},
                    {"route_tables[0]", 5},
                    {"network_acls[0]", 8},
                    {"elastic_ips[0]", 60},
                    {"network_interfaces[0]", 55}};
  topology.vpc.ipv6_cidr = cidr("2001:db8::/48");
  topology.subnets[0].ipv6_cidr.reset();
  topology.subnets[1].cidr = cidr("10.1.0.0/24");
  topology.security_groups[0].ingress = {tcp(70000, cidr("0.0.0.0/0")), all(GroupReference{"nobody"})};
  topology.placement_groups[1] = {"parts", PlacementStrategy::kPartition, 8, 0};
  topology.route_tables = {{"out", false, {{cidr("0.0.0.0/0"), RouteTargetKind::kInterface, "fw/eth0", 0}}, 0}};
  AclEntryDeclaration entry;
  entry.rule_number = 0;
  entry.cidr = cidr("0.0.0.0/0");
  topology.network_acls = {{"tight", {entry}, {}, 0}};
  topology.instances = {instance("x", "b"), instance("y")};
  topology.instances[0].type = "large";
  topology.instances[1].interfaces[0].security_groups = {"nobody"};
  topology.network_interfaces = {network_interface("n", "nowhere", "y")};
  topology.elastic_ips = {{"e", v4("192.0.2.1"), "x", std::nullopt, true, 0}};
  EXPECT_EQ(mistakes(topology), (Mistakes{
                                    "InvalidVpcRange at vpc.ipv6_cidr",
                                    "InvalidNetworkInterfaceID.NotFound at route_tables[0].routes[0].interface",
                                    "InvalidParameterValue at network_acls[0].ingress[0].rule",
                                    "InvalidSubnet.Range at subnets[1].cidr",
                                    "InvalidParameterValue at security_groups[0].ingress[0]",
                                    "InvalidGroup.NotFound at security_groups[0].ingress[1].group",
                                    "InvalidParameterValue at placement_groups[1].partition_count",
                                    "InvalidInstanceType at instances[0].type",
                                    "InvalidGroup.NotFound at instances[1].interfaces[0].security_groups[0]",
                                    "InvalidSubnetID.NotFound at network_interfaces[0].subnet",
                                    "InvalidAddress.NotFound at elastic_ips[0].address",
                                }));
}

TEST(Errors, one_mistake_of_a_declaration_that_makes_many_is_said_once) {
  Topology topology = small();
  topology.instances = {instances("n", 100, "b"), instances("n", 3)};
  EXPECT_EQ(mistakes(topology), (Mistakes{"InvalidParameterValue at instances[1].name",
                                          "InsufficientFreeAddressesInSubnet at instances[0].interfaces[0].subnet"}));
}

}  // namespace
}  // namespace weft::testing
