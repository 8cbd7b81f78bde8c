#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

// "+ instance x: eth0 10.0.1.4 vf 0 groups default", the whole plan on lines.
std::vector<std::string> lines(const Deployment* before, const Deployment& now) {
  std::vector<std::string> result;
  for (const Change& change : plan(before, now)) {
    const char mark = change.kind == ChangeKind::kAdd ? '+' : change.kind == ChangeKind::kRemove ? '-' : '~';
    result.push_back(fmt::format("{} {} {}{}{}", mark, change.resource, change.name, change.details.empty() ? "" : ": ",
                                 fmt::join(change.details, "; ")));
  }
  return result;
}

using Lines = std::vector<std::string>;

TEST(Plan, the_first_time_everything_comes_in_the_order_it_is_needed) {
  Topology topology = small();
  topology.subnets.resize(1);
  topology.placement_groups.resize(1);
  topology.instances = {instance("x")};
  EXPECT_EQ(
      lines(nullptr, resolved(topology)),
      (Lines{"+ vpc 10.0.0.0/16", "+ subnet a: 10.0.1.0/24 in use1-az1", "+ placement group tight: strategy cluster",
             "+ security group web: ingress + tcp 80 from 0.0.0.0/0; egress + all to 0.0.0.0/0",
             "+ security group default: ingress + all from group default; egress + all to 0.0.0.0/0",
             "+ instance x: eth0 10.0.1.4 vf 0 groups default"}));
}

TEST(Plan, applying_again_does_nothing) {
  Topology topology = small();
  topology.instances = {instances("n", 3)};
  const Deployment before = resolved(topology);
  EXPECT_EQ(lines(&before, resolved(topology, &before)), Lines{});
}

TEST(Plan, a_rule_that_comes_and_one_that_goes) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.security_groups[0].ingress = {tcp(443, cidr("0.0.0.0/0"))};
  EXPECT_EQ(lines(&before, resolved(topology, &before)),
            (Lines{"~ security group web: ingress - tcp 80 from 0.0.0.0/0; ingress + tcp 443 from 0.0.0.0/0"}));
}

TEST(Plan, the_order_of_rules_means_nothing) {
  Topology topology = small();
  topology.security_groups[0].ingress.push_back(tcp(443, cidr("0.0.0.0/0")));
  const Deployment before = resolved(topology);
  std::swap(topology.security_groups[0].ingress[0], topology.security_groups[0].ingress[1]);
  EXPECT_EQ(lines(&before, resolved(topology, &before)), Lines{});
}

TEST(Plan, groups_of_an_interface_change_in_place) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.instances[0].interfaces[0].security_groups = {"default", "web"};
  topology.instances[0].interfaces[0].source_dest_check = false;
  EXPECT_EQ(
      lines(&before, resolved(topology, &before)),
      (Lines{"~ network interface x/eth0: security groups: default -> default, web; source/destination check: off"}));
}

TEST(Plan, a_moved_interface_makes_the_instance_anew) {
  Topology topology = small();
  topology.instances = {instance("x"), instance("y")};
  const Deployment before = resolved(topology);
  topology.instances[0].interfaces[0].subnet = "b";
  EXPECT_EQ(lines(&before, resolved(topology, &before)),
            (Lines{"- instance x", "+ instance x: eth0 10.0.2.4 vf 0 groups default"}));
}

TEST(Plan, taking_all_away_removes_users_before_what_they_use) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  EXPECT_EQ(lines(&before, Deployment{}),
            (Lines{"- instance x", "- security group web", "- security group default", "- placement group tight",
                   "- placement group wide", "- subnet a", "- subnet b", "- subnet far", "- vpc 10.0.0.0/16"}));
}

TEST(Plan, another_type_or_placement_changes_a_stopped_instance_in_place) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = *stop_instance(resolved(topology), "x");
  topology.instances[0].type = "c5n.large";
  topology.instances[0].placement_group = "tight";
  EXPECT_EQ(lines(&before, resolved(topology, &before)),
            (Lines{"~ instance x: type: none -> c5n.large; placement group: none -> tight; "
                   "limits: none -> 3 Gbit/s, up to 25, 10 Gbit/s a flow"}));
}

TEST(Plan, metadata_options_change_a_running_instance_in_place) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.instances[0].metadata_options = {.tokens_required = false, .put_response_hop_limit = 2};
  const Deployment after = resolved(topology, &before);
  EXPECT_EQ(lines(&before, after), (Lines{"~ instance x: metadata: EC2's defaults -> tokens optional, hop limit 2, "
                                          "endpoint enabled, IPv6 disabled"}));
  EXPECT_EQ(after.instances[0].id, before.instances[0].id);
  for (const int hops : {0, 65}) {
    topology.instances[0].metadata_options.put_response_hop_limit = hops;
    EXPECT_EQ(mistakes(topology),
              std::vector<std::string>{
                  "InvalidParameterValue at instances[0].metadata_options.http_put_response_hop_limit"});
  }
}

TEST(Plan, everything_of_the_whole_network_has_its_line) {
  Topology topology = dual_stack();
  topology.subnets.resize(1);
  topology.subnets[0].route_table = "out";
  topology.subnets[0].network_acl = "strict";
  topology.subnets[0].map_public_ip_on_launch = true;
  topology.placement_groups = {{"parts", PlacementStrategy::kPartition, 2, 0}};
  topology.prefix_lists = {{"office", false, 2, {cidr("192.0.2.0/24")}, 0}};
  topology.security_groups.clear();
  topology.route_tables = {{"out",
                            false,
                            {{cidr("0.0.0.0/0"), RouteTargetKind::kInternetGateway, "", 0},
                             {cidr("192.0.2.0/24"), RouteTargetKind::kInterface, "probe", 0},
                             {cidr("192.0.3.0/24"), RouteTargetKind::kBlackhole, "", 0}},
                            0}};
  AclEntryDeclaration entry{100, true, 6, 80, 80, cidr("0.0.0.0/0"), 0};
  topology.network_acls = {{"strict", {entry}, {}, 0}};
  topology.instances = {instance("x")};
  topology.instances[0].placement_group = "parts";
  topology.instances[0].interfaces[0].ipv6_address_count = 1;
  topology.network_interfaces = {network_interface("probe", "a", "x"), network_interface("spare", "a")};
  topology.network_interfaces[1].interface.ipv4_prefix_count = 1;
  topology.elastic_ips = {{"e", std::nullopt, "probe", std::nullopt, true, 0}};
  const Deployment deployment = resolved(topology);
  const std::string public_ip = deployment.instances[0].enis[0].public_ip->to_string();
  const std::string probe = deployment.instances[0].enis[1].id;
  EXPECT_EQ(lines(nullptr, deployment),
            (Lines{"+ vpc 10.0.0.0/16: IPv6 block: none -> 2001:db8:1:100::/56",
                   "+ internet gateway internet: internet at 198.51.100.10, 2001:db8::10; "
                   "public addresses from 203.0.113.0/24",
                   "+ network ACL strict: ingress + 100 allow tcp 80 from 0.0.0.0/0",
                   "+ route table out: + 0.0.0.0/0 to the internet gateway; + 192.0.2.0/24 to x/eth1 (" + probe +
                       "); + 192.0.3.0/24 to a blackhole",
                   "+ subnet a: 10.0.1.0/24 in use1-az1; 2001:db8:1:101::/64; route table out; network ACL strict; "
                   "public addresses on launch",
                   "+ placement group parts: strategy partition; 2 partitions",
                   "+ prefix list office: at most 2 entries; + 192.0.2.0/24",
                   "+ security group default: ingress + all from group default; egress + all to 0.0.0.0/0; "
                   "egress + all to ::/0",
                   "+ instance x: placement group parts: partition 1 rack 0 host 0; "
                   "eth0 10.0.1.4 ipv6 2001:db8:1:101::4 public " +
                       public_ip + " vf 0 groups default; eth1 10.0.1.5 vf 1 groups default",
                   "+ network interface probe: attached to x; eth1 10.0.1.5 vf 1 groups default",
                   "+ network interface spare: available 10.0.1.6 prefixes 10.0.1.16/28 groups default",
                   "+ elastic IP e: 203.0.113.1; associated with x/eth1 10.0.1.5"}));
}

TEST(Plan, attach_move_detach_and_associate_are_shown_as_such) {
  Topology topology = dual_stack();
  topology.instances = {instance("x"), instance("y")};
  topology.network_interfaces = {network_interface("n", "a")};
  topology.elastic_ips = {{"e", std::nullopt, "", std::nullopt, true, 0}};
  const Deployment available = resolved(topology);
  topology.network_interfaces[0].instance = "x";
  topology.network_interfaces[0].interface.device_index = 1;
  topology.elastic_ips[0].interface = "n";
  const Deployment attached = resolved(topology, &available);
  EXPECT_EQ(lines(&available, attached),
            (Lines{"~ network interface n: attached to x as eth1", "~ elastic IP e: associated with x/eth1 10.0.1.6"}));
  topology.network_interfaces[0].instance = "y";
  topology.elastic_ips[0].interface = "x/eth0";
  const Deployment moved = resolved(topology, &attached);
  EXPECT_EQ(lines(&attached, moved), (Lines{"~ network interface n: moved: x/eth1 -> y/eth1",
                                            "~ elastic IP e: moved: x/eth1 10.0.1.6 -> x/eth0 10.0.1.4"}));
  topology.network_interfaces[0].instance.clear();
  topology.elastic_ips[0].interface.clear();
  topology.instances[0].interfaces.push_back(topology.instances[0].interfaces[0]);
  const Deployment detached = resolved(topology, &moved);
  EXPECT_EQ(lines(&moved, detached),
            (Lines{"+ network interface x/eth1: attached to x; eth1 10.0.1.7 vf 2 groups default",
                   "~ network interface n: detached from y, now available",
                   "~ elastic IP e: disassociated from x/eth0 10.0.1.4"}));
  topology.instances[0].interfaces.pop_back();
  topology.network_interfaces.clear();
  EXPECT_EQ(lines(&detached, resolved(topology, &detached)),
            (Lines{"- network interface x/eth1: detached from x", "- network interface n"}));
}

TEST(Plan, the_rest_of_a_living_network_changes_in_place) {
  Topology topology = dual_stack();
  topology.subnets.resize(1);
  topology.prefix_lists = {{"office", false, 2, {cidr("192.0.2.0/24")}, 0}};
  topology.route_tables = {{"out", false, {{cidr("0.0.0.0/0"), RouteTargetKind::kInternetGateway, "", 0}}, 0}};
  topology.network_acls = {{"strict", {}, {}, 0}};
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.vpc.dns_support = false;
  topology.parameters.icmp_timeout = 9;
  topology.parameters.router_answers_arp = true;
  topology.subnets[0].route_table = "out";
  topology.subnets[0].network_acl = "strict";
  topology.prefix_lists[0].entries = {cidr("192.0.3.0/24")};
  topology.route_tables[0].routes = {{cidr("0.0.0.0/0"), RouteTargetKind::kBlackhole, "", 0}};
  topology.network_acls[0].egress = {{7, false, kAllProtocols, -1, -1, cidr("::/0"), 0}};
  InterfaceDeclaration& eth0 = topology.instances[0].interfaces[0];
  eth0.secondary_private_ip_count = 1;
  eth0.description = "front";
  eth0.connection_tracking.udp_timeout = 45;
  EXPECT_EQ(lines(&before, resolved(topology, &before)),
            (Lines{"~ vpc 10.0.0.0/16: DNS support: off; parameter icmp_timeout: 30 -> 9; "
                   "parameter router_answers_arp: false -> true",
                   "~ network ACL strict: egress + 7 deny all to ::/0",
                   "~ route table out: - 0.0.0.0/0 to the internet gateway; + 0.0.0.0/0 to a blackhole",
                   "~ subnet a: route table: main -> out; network ACL: default -> strict",
                   "~ prefix list office: - 192.0.2.0/24; + 192.0.3.0/24",
                   "~ network interface x/eth0: address + 10.0.1.5; description: none -> front; "
                   "connection tracking: none -> udp 45 s"}));
}

}  // namespace
}  // namespace weft::testing
