// Placement groups, racks and hosts (facts ec2 4.1, 4.2), and what an instance may do (facts ec2 1.5, 4.3, 5.4).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

Topology grouped(const std::string& group, int count, const std::string& subnet = "a") {
  Topology topology = small();
  topology.placement_groups.push_back({"parts", PlacementStrategy::kPartition, 3, 0});
  topology.instances = {instances("n", count, subnet)};
  topology.instances[0].placement_group = group;
  return topology;
}

TEST(Placement, a_cluster_stands_on_one_rack) {
  Topology topology = grouped("tight", 20);
  topology.instances.push_back(instances("other", 20));
  std::set<int> racks;
  const Deployment deployment = resolved(topology);
  for (const Instance& one : deployment.instances)
    if (one.placement_group == "tight") racks.insert(one.placement.rack);
  EXPECT_EQ(racks.size(), 1u);
}

TEST(Placement, a_cluster_takes_as_many_as_its_rack_has_room_for) {
  Topology topology = grouped("tight", 6);
  topology.hosts.hosts_per_rack = 2;
  topology.instances[0].type = "hpc7g.16xlarge";  // 64 vCPUs: three on a host
  EXPECT_EQ(mistakes(topology), Mistakes{});
  topology.instances[0].count = 7;
  EXPECT_EQ(mistakes(topology), Mistakes{"InsufficientInstanceCapacity at instances[0].placement_group"});
  topology.instances[0].placement_group.clear();
  EXPECT_EQ(mistakes(topology), Mistakes{}) << "there are other racks";
}

TEST(Placement, statement_33_spread_gives_each_a_rack_of_its_own_and_seven_run_in_a_zone) {
  const Deployment deployment = resolved(grouped("wide", 7));
  std::set<int> racks;
  for (const Instance& one : deployment.instances) EXPECT_TRUE(racks.insert(one.placement.rack).second);
  Topology topology = grouped("wide", 7);
  topology.instances.push_back(instances("more", 1));
  topology.instances[1].placement_group = "wide";
  EXPECT_EQ(mistakes(topology), Mistakes{"InsufficientInstanceCapacity at instances[1].placement_group"});
  topology.instances[1].interfaces[0].subnet = "far";
  EXPECT_EQ(mistakes(topology), Mistakes{}) << "in another zone it works";
  topology = grouped("wide", 4);
  topology.hosts.racks_per_zone = 3;
  EXPECT_EQ(mistakes(topology), Mistakes{"InsufficientInstanceCapacity at instances[0].placement_group"});
}

TEST(Placement, statement_33_partitions_share_no_rack_and_there_are_at_most_seven) {
  Topology topology = grouped("parts", 9);
  topology.instances.push_back(instance("first"));
  topology.instances[1].placement_group = "parts";
  topology.instances[1].partition = 1;
  const Deployment deployment = resolved(topology);
  std::map<int, std::set<int>> racks;
  std::map<int, int> members;
  for (const Instance& one : deployment.instances) {
    racks[one.placement.partition].insert(one.placement.rack);
    ++members[one.placement.partition];
  }
  EXPECT_EQ(members, (std::map<int, int>{{1, 4}, {2, 3}, {3, 3}}));
  for (const auto& [partition, of] : racks)
    for (const auto& [other, others] : racks)
      for (const int rack : of) EXPECT_TRUE(partition == other || !others.contains(rack));

  topology.placement_groups[2].partition_count = 8;
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at placement_groups[2].partition_count"});
  topology.placement_groups[2].partition_count = 3;
  topology.instances[1].partition = 4;
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at instances[1].partition"});
  topology.instances[1].partition = 1;
  topology.instances[1].placement_group = "wide";
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterCombination at instances[1].partition"});
}

TEST(Placement, statement_33_a_t3_is_refused_in_a_cluster_only) {
  Topology topology = grouped("tight", 1);
  for (const char* type : {"t3.micro", "t2.micro", "mac1.metal", "m7i-flex.large", "m3.large"}) {
    topology.instances[0].type = type;
    EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterCombination at instances[0].placement_group"}) << type;
  }
  topology.instances[0].placement_group = "wide";
  EXPECT_EQ(mistakes(topology), Mistakes{});
}

TEST(Placement, what_exists_stays_where_it_is) {
  Topology topology = grouped("parts", 5);
  const Deployment before = resolved(topology);
  topology.instances.insert(topology.instances.begin(), instances("new", 40));
  const Deployment after = resolved(topology, &before);
  for (const Instance& one : before.instances)
    EXPECT_EQ(after.find_instance(one.name)->placement, one.placement) << one.name;
}

TEST(Placement, group_partition_and_type_of_a_running_instance_cannot_change) {
  Topology topology = grouped("parts", 1);
  topology.instances[0].partition = 1;
  const Deployment running = resolved(topology);
  const Deployment at_rest = *stop_instance(running, "n-0");

  Topology changed = topology;
  changed.instances[0].partition = 2;
  EXPECT_EQ(mistakes(changed, &running), Mistakes{"IncorrectInstanceState at instances[0].partition"});
  EXPECT_EQ(resolved(changed, &at_rest).instances[0].placement.partition, 2);
  EXPECT_EQ(resolved(changed, &at_rest).instances[0].id, running.instances[0].id);

  changed.instances[0].partition.reset();
  EXPECT_EQ(mistakes(changed, &running), Mistakes{}) << "it stays in its partition";
  changed.instances[0].placement_group = "tight";
  EXPECT_EQ(mistakes(changed, &running), Mistakes{"IncorrectInstanceState at instances[0].placement_group"});
  EXPECT_EQ(resolved(changed, &at_rest).instances[0].placement.partition, 0);
  changed.instances[0].placement_group.clear();
  EXPECT_EQ(mistakes(changed, &running), Mistakes{"IncorrectInstanceState at instances[0].placement_group"});

  changed = topology;
  changed.instances[0].type = "c5n.large";
  EXPECT_EQ(mistakes(changed, &running), Mistakes{"IncorrectInstanceState at instances[0].type"});
  EXPECT_EQ(resolved(changed, &at_rest).instances[0].type, "c5n.large");

  changed = topology;
  changed.placement_groups[2].partition_count = 5;
  EXPECT_EQ(mistakes(changed, &running), Mistakes{"InvalidPlacementGroup.InUse at instances[0].placement_group"});
}

TEST(Placement, a_host_that_somebody_runs_on_cannot_go) {
  Topology topology = grouped("wide", 3);
  const Deployment running = resolved(topology);
  topology.hosts.racks_per_zone = 1;
  EXPECT_EQ(mistakes(topology, &running)[0], "InsufficientInstanceCapacity at hosts");
  topology.hosts.racks_per_zone = 0;
  EXPECT_EQ(mistakes(topology)[0], "InvalidParameterValue at hosts.racks_per_zone");
}

TEST(Allowances, come_from_the_type_and_then_from_the_limits) {
  Topology topology = small();
  topology.instances = {instance("free"), instance("typed"), instance("limited"), instance("member"), instance("odd")};
  topology.instances[1].type = "m5.large";
  topology.instances[2].type = "m5.large";
  topology.instances[2].limits.peak_gbps = 2;
  topology.instances[2].limits.pps = 1000;
  topology.instances[2].limits.connections = 7;
  topology.instances[3].placement_group = "tight";
  topology.instances[3].limits.baseline_gbps = 1;
  topology.instances[4].type = "z9.huge";  // not in the table: without limits
  const Deployment deployment = resolved(topology);
  const auto of = [&](const char* name) { return deployment.find_instance(name)->allowances; };
  EXPECT_EQ(of("free"), Allowances{});
  EXPECT_EQ(of("typed"), (Allowances{0.75, 10, 0, 0, 5}));
  EXPECT_EQ(of("limited"), (Allowances{0.75, 2, 1000, 7, 5}));
  EXPECT_EQ(of("member"), (Allowances{1, 1, 0, 0, 10}));
  EXPECT_EQ(of("odd"), Allowances{});
  topology.instances[2].limits.peak_gbps = 0.5;
  topology.instances[3].limits.flow_gbps = -1;
  EXPECT_EQ(mistakes(topology), (Mistakes{"InvalidParameterCombination at instances[2].limits",
                                          "InvalidParameterValue at instances[3].limits.flow_gbps"}));
}

TEST(Allowances, a_nitro_v6_type_forgets_idle_connections_after_350_s) {
  Topology topology = small();
  topology.instances = {instance("old"), instance("new"), instance("set")};
  topology.instances[0].type = "m5.large";
  topology.instances[1].type = "m8a.48xlarge";
  topology.instances[2].type = "m8a.48xlarge";
  topology.instances[2].interfaces[0].connection_tracking.tcp_established_timeout = 60;
  const Deployment deployment = resolved(topology);
  const auto of = [&](const char* name) {
    return deployment.find_instance(name)->enis[0].connection_tracking.tcp_established_timeout;
  };
  EXPECT_EQ(of("old"), std::nullopt);
  EXPECT_EQ(of("new"), 350);
  EXPECT_EQ(of("set"), 60);
}

}  // namespace
}  // namespace weft::testing
