// Which allowances a way is subject to, and their numbers (facts ec2 1.9, 4.3, 5.3).
#include <gtest/gtest.h>

#include "dataplane/policy/explain.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

using namespace test;

/// a and b reach each other and, with public addresses, the internet; nothing limits them.
Deployment unlimited() {
  Deployment made = make_deployment(
      {make_group("open", {all(cidr("10.0.0.0/16")), all(cidr("198.51.100.0/24"))}, {all(cidr("0.0.0.0/0"))})},
      {make_instance("a", "10.0.1.4", {"open"}), make_instance("b", "10.0.1.5", {"open"})});
  made.internet_gateway = InternetGateway{"igw-1", "internet", {}, {ip("198.51.100.10")}, prefix("203.0.113.0/24")};
  made.route_tables = {{"rtb-1", "main", true, {{prefix("0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""}}}};
  for (Subnet& subnet : made.subnets) subnet.route_table = "main";
  made.instances[0].enis[0].public_ip = ip("203.0.113.4");
  return made;
}

/// "bw_out_allowance_exceeded 0.75-10 Gbit/s of a" for each step, in order.
std::vector<std::string> limits(const Deployment& deployment, const PacketTuple& tuple) {
  std::vector<std::string> found;
  for (const ExplainStep& step : explain(deployment, tuple, false).steps) {
    EXPECT_EQ(step.limit.has_value(), step.stage == "allowance");
    if (!step.limit) continue;
    EXPECT_TRUE(step.passed && !step.reason.empty());
    char number[64];
    std::snprintf(number, sizeof number, step.limit->peak > 0 ? "%g-%g" : "%g", step.limit->value, step.limit->peak);
    found.push_back((step.limit->counter.empty() ? step.limit->drop_reason : step.limit->counter) + " " + number + " " +
                    step.limit->unit + " of " + step.subject.substr(0, step.subject.find(" (")));
  }
  return found;
}

using Lines = std::vector<std::string>;
const PacketTuple kInside = packet("10.0.1.4", "10.0.1.5", kTcp, 80),
                  kOut = packet("10.0.1.4", "198.51.100.10", kTcp, 80);

TEST(ExplainAllowance, NothingIsSaidWhereNothingLimits) {
  EXPECT_EQ(limits(unlimited(), kInside), Lines{});
  EXPECT_EQ(limits(unlimited(), kOut), Lines{});
  EXPECT_EQ(limits(unlimited(), packet("10.0.1.4", "169.254.169.253", kUdp, 53)), Lines{});
}

TEST(ExplainAllowance, EachEndHasItsOwn) {
  Deployment d = unlimited();
  d.instances[0].allowances = {.baseline_gbps = 0.75, .peak_gbps = 10, .pps = 1000, .connections = 7, .flow_gbps = 5};
  EXPECT_EQ(limits(d, kInside),
            (Lines{"conntrack_allowance_exceeded 7 connections of a", "flow-bandwidth 5 Gbit/s of a",
                   "pps_allowance_exceeded 1000 packets/s of a", "bw_out_allowance_exceeded 0.75-10 Gbit/s of a"}));
  EXPECT_EQ(limits(d, packet("10.0.1.5", "10.0.1.4", kTcp, 80)),
            (Lines{"conntrack_allowance_exceeded 7 connections of a", "flow-bandwidth 5 Gbit/s of a",
                   "pps_allowance_exceeded 1000 packets/s of a", "bw_in_allowance_exceeded 0.75-10 Gbit/s of a"}));
  d.instances[1].allowances = {.baseline_gbps = 2, .peak_gbps = 2, .flow_gbps = 1};
  EXPECT_EQ(limits(d, kInside).at(1), "flow-bandwidth 1 Gbit/s of b") << "the lower of both";
  EXPECT_EQ(limits(d, kInside).back(), "bw_in_allowance_exceeded 2 Gbit/s of b");
}

TEST(ExplainAllowance, AnUntrackedConnectionTakesNone) {
  Deployment d = unlimited();
  d.security_groups[0].ingress = {all(cidr("0.0.0.0/0"))};
  d.instances[1].allowances.connections = 7;
  EXPECT_EQ(limits(d, kInside), Lines{});
  EXPECT_EQ(limits(d, packet("10.0.1.4", "10.0.1.5", kIcmp, icmp(8, 0))),
            Lines{"conntrack_allowance_exceeded 7 connections of b"});
}

TEST(ExplainAllowance, MembersOfOneClusterHaveTenGbpsAndEverybodyElseFive) {
  Deployment d = unlimited();
  d.placement_groups = {{"pg-1", "tight", PlacementStrategy::kCluster, 0},
                        {"pg-2", "wide", PlacementStrategy::kSpread, 0}};
  for (Instance& instance : d.instances) {
    instance.placement_group = "tight";
    instance.allowances.flow_gbps = 10;
  }
  EXPECT_EQ(limits(d, kInside), Lines{"flow-bandwidth 10 Gbit/s of a"});
  const Explanation inside = explain(d, kInside, false);
  EXPECT_NE(inside.steps.back().reason.find("both ends are in cluster placement group tight"), std::string::npos);
  EXPECT_EQ(limits(d, kOut), Lines{"flow-bandwidth 5 Gbit/s of a"}) << "the internet is in no cluster";
  d.instances[1].placement_group = "wide";
  d.instances[1].allowances.flow_gbps = 5;
  EXPECT_EQ(limits(d, kInside), Lines{"flow-bandwidth 5 Gbit/s of a"});
}

TEST(ExplainAllowance, TheInternetGatewayHasALowerOneForATypesTraffic) {
  Deployment d = unlimited();
  d.instances[0].type = "m5.large";
  d.instances[0].allowances = {.baseline_gbps = 0.75, .peak_gbps = 10, .flow_gbps = 5};
  EXPECT_EQ(limits(d, kOut), (Lines{"flow-bandwidth 5 Gbit/s of a", "bw_out_allowance_exceeded 0.75-10 Gbit/s of a",
                                    "bw_out_allowance_exceeded 5 Gbit/s of a"}));
  EXPECT_EQ(limits(d, packet("198.51.100.10", "203.0.113.4", kTcp, 80)).back(),
            "bw_in_allowance_exceeded 5 Gbit/s of a");
  EXPECT_EQ(limits(d, kInside).back(), "bw_out_allowance_exceeded 0.75-10 Gbit/s of a");
}

TEST(ExplainAllowance, TheLinkLocalServicesHaveOneTogether) {
  Deployment d = unlimited();
  d.instances[0].allowances.pps = 1'000'000;
  for (const PacketTuple& query :
       {packet("10.0.1.4", "169.254.169.253", kUdp, 53), packet("10.0.1.4", "10.0.0.2", kTcp, 53),
        packet("10.0.1.4", "169.254.169.254", kTcp, 80), packet("10.0.1.4", "169.254.169.123", kUdp, 123)})
    EXPECT_EQ(limits(d, query), Lines{"linklocal_allowance_exceeded 1024 packets/s of eth0 of a"});
  EXPECT_EQ(limits(d, packet("10.0.1.4", "255.255.255.255", kUdp, 67)), Lines{}) << "DHCP is none of them";
}

TEST(ExplainAllowance, WhatIsRefusedUsesNone) {
  Deployment d = unlimited();
  d.instances[0].allowances.pps = 1000;
  d.security_groups[0].ingress.clear();
  EXPECT_EQ(limits(d, kInside), Lines{});
}

}  // namespace
}  // namespace weft
