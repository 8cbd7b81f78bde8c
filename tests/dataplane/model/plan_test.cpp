#include <fmt/format.h>
#include <gtest/gtest.h>

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

TEST(Plan, another_type_or_placement_changes_the_instance_in_place) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.instances[0].type = "c5n.large";
  topology.instances[0].placement_group = "tight";
  EXPECT_EQ(lines(&before, resolved(topology, &before)),
            (Lines{"~ instance x: type: none -> c5n.large; placement group: none -> tight"}));
}

}  // namespace
}  // namespace weft::testing
