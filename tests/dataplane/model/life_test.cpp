// Stop, start, reboot, terminate: what stays and what changes (facts ec2 3.3, 1.2, 4.1).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

Topology public_instances() {
  Topology topology = dual_stack();
  topology.subnets[0].map_public_ip_on_launch = true;
  topology.instances = {instance("x"), instance("y")};
  return topology;
}

TEST(Life, statement_31_a_public_address_is_another_one_after_each_start_and_all_else_stays) {
  Topology topology = public_instances();
  topology.network_interfaces = {network_interface("second", "a")};
  topology.elastic_ips = {{"e", std::nullopt, "second", std::nullopt, true, 0}};
  Deployment deployment = resolved(topology);
  const Eni first = eth0(deployment, "x");
  std::set<IpAddress> seen{*first.public_ip};
  IpAddress last = *first.public_ip;
  for (int round = 0; round < 20; ++round) {
    deployment = *stop_instance(deployment, "x");
    EXPECT_EQ(deployment.find_instance("x")->state, InstanceState::kStopped);
    EXPECT_FALSE(eth0(deployment, "x").public_ip);
    EXPECT_FALSE(eth0(resolved(topology, &deployment), "x").public_ip) << "nor does `up` give it one";
    deployment = *start_instance(deployment, deployment.find_instance("x")->id);
    const Eni& now = eth0(deployment, "x");
    ASSERT_TRUE(now.public_ip);
    EXPECT_NE(*now.public_ip, last);
    EXPECT_NE(*now.public_ip, *eth0(deployment, "y").public_ip);
    EXPECT_NE(*now.public_ip, deployment.elastic_ips[0].address);
    last = *now.public_ip;
    seen.insert(last);
    EXPECT_EQ(now.private_ip, first.private_ip);
    EXPECT_EQ(now.mac, first.mac);
    EXPECT_EQ(now.id, first.id);
    EXPECT_TRUE(plan(&deployment, resolved(topology, &deployment)).empty());
  }
  EXPECT_GT(seen.size(), 15u);
}

TEST(Life, statement_31_with_two_interfaces_at_the_start_there_is_no_public_address) {
  Topology topology = public_instances();
  const Deployment one = resolved(topology);
  topology.instances[0].interfaces.push_back(topology.instances[0].interfaces[0]);
  const Deployment two = resolved(topology, &one);
  EXPECT_EQ(eth0(two, "x").public_ip, eth0(one, "x").public_ip) << "it stays until the stop";
  const Deployment started = *start_instance(*stop_instance(two, "x"), "x");
  EXPECT_FALSE(eth0(started, "x").public_ip);
  EXPECT_TRUE(plan(&started, resolved(topology, &started)).empty());
}

TEST(Life, an_elastic_ip_stays_over_stop_and_start_and_keeps_a_public_one_away) {
  Topology topology = public_instances();
  topology.instances[0].interfaces[0].secondary_private_ips = {v4("10.0.1.50")};
  topology.elastic_ips = {{"e", std::nullopt, "x", v4("10.0.1.50"), true, 0}};
  const Deployment before = resolved(topology);
  const Deployment after = *start_instance(*stop_instance(before, "x"), "x");
  EXPECT_EQ(after.elastic_ips[0].association_id, before.elastic_ips[0].association_id);
  EXPECT_FALSE(eth0(after, "x").public_ip) << "a secondary address has an Elastic IP";
}

TEST(Life, a_stopped_instance_stays_stopped_over_up) {
  Topology topology = public_instances();
  const Deployment stopped = *stop_instance(resolved(topology), "x");
  topology.security_groups[0].ingress.clear();
  topology.instances.push_back(instance("z"));
  const Deployment after = resolved(topology, &stopped);
  EXPECT_EQ(after.find_instance("x")->state, InstanceState::kStopped);
  EXPECT_EQ(after.find_instance("z")->state, InstanceState::kRunning);
}

TEST(Life, reboot_keeps_everything_and_needs_a_running_instance) {
  const Deployment before = resolved(public_instances());
  EXPECT_TRUE(plan(&before, *reboot_instance(before, "x")).empty());
  const Result<Deployment> refused = reboot_instance(*stop_instance(before, "x"), "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "IncorrectInstanceState");
}

TEST(Life, a_second_stop_and_a_second_start_change_nothing) {
  const Deployment running = resolved(public_instances());
  EXPECT_TRUE(plan(&running, *start_instance(running, "x")).empty());
  const Deployment stopped = *stop_instance(running, "x");
  EXPECT_TRUE(plan(&stopped, *stop_instance(stopped, "x")).empty());
  for (auto change : {stop_instance, start_instance, reboot_instance, terminate_instance})
    EXPECT_EQ(change(running, "nobody").error().code, "InvalidInstanceID.NotFound");
}

TEST(Life, terminate_takes_its_own_interfaces_and_leaves_the_others) {
  Topology topology = public_instances();
  topology.network_interfaces = {network_interface("kept", "a", "x")};
  topology.instances[0].interfaces.push_back(topology.instances[0].interfaces[0]);
  topology.instances[0].interfaces[1].device_index = 2;
  topology.instances[0].interfaces[1].delete_on_termination = false;
  topology.elastic_ips = {{"gone", std::nullopt, "x/eth0", std::nullopt, true, 0},
                          {"stays", std::nullopt, "kept", std::nullopt, true, 0}};
  const Deployment before = resolved(topology);
  const Deployment after = *terminate_instance(before, "x");
  EXPECT_EQ(after.find_instance("x"), nullptr);
  EXPECT_EQ(after.find_eni(before.find_instance("x")->enis[0].id), nullptr);
  ASSERT_EQ(after.available_enis.size(), 2u);
  EXPECT_EQ(after.available_enis[0].name, "kept");
  EXPECT_EQ(after.available_enis[1].name, "x/eth2");
  for (const Eni& eni : after.available_enis) EXPECT_EQ(eni.instance, "");
  EXPECT_EQ(after.elastic_ips[0].association_id, "") << "disassociated, but not released";
  EXPECT_EQ(after.elastic_ips[0].address, before.elastic_ips[0].address);
  EXPECT_EQ(after.elastic_ips[1].association_id, before.elastic_ips[1].association_id);

  const Deployment again = resolved(topology, &after);  // the file still declares it
  EXPECT_EQ(again.find_instance("x")->enis.at(2).id, before.find_instance("x")->enis.at(2).id);
  EXPECT_TRUE(again.available_enis.empty());
}

TEST(Life, an_eighth_of_a_spread_group_does_not_start) {
  Topology topology = small();
  topology.instances = {instances("n", 7), instance("late")};
  for (InstanceDeclaration& one : topology.instances) one.placement_group = "wide";
  topology.instances[0].count = 6;
  const Deployment stopped = *stop_instance(resolved(topology), "late");
  topology.instances[0].count = 7;
  const Deployment full = resolved(topology, &stopped);
  const Result<Deployment> refused = start_instance(full, "late");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "InsufficientInstanceCapacity");
  EXPECT_TRUE(start_instance(*stop_instance(full, "n-3"), "late"));
}

}  // namespace
// Stopping gives the host up: others take it, and at the start there is another, or none (facts ec2 4.1).
TEST(Life, a_start_places_anew) {
  Topology topology = small();
  topology.hosts = {1, 2, 0};
  topology.instances = {instance("first"), instance("second")};
  for (InstanceDeclaration& one : topology.instances) one.type = "hpc7g.16xlarge";  // 64 vCPUs: three on a host
  const Deployment before = resolved(topology);
  EXPECT_NE(before.find_instance("first")->placement, before.find_instance("second")->placement);

  const Deployment stopped = *stop_instance(before, "first");
  EXPECT_EQ(stopped.find_instance("first")->placement, before.find_instance("first")->placement) << "its last one";
  topology.instances.push_back(instances("other", 4));
  topology.instances.back().type = "hpc7g.16xlarge";
  const Deployment taken = resolved(topology, &stopped);  // five run, and one may still come
  const Deployment started = *start_instance(taken, "first");
  EXPECT_EQ(started.find_instance("second")->placement, before.find_instance("second")->placement);
  std::map<int, int> on_host;
  for (const Instance& one : started.instances) EXPECT_LE(++on_host[one.placement.host], 3) << one.name;
  EXPECT_EQ(started.find_instance("first")->state, InstanceState::kRunning);

  topology.instances.back().count = 5;
  const Deployment full = resolved(topology, &stopped);
  const Result<Deployment> refused = start_instance(full, "first");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "InsufficientInstanceCapacity");
  EXPECT_NE(refused.error().message.find("no host of use1-az1 has room"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(start_instance(*stop_instance(full, "second"), "first"));
  EXPECT_EQ(plan(&full, *terminate_instance(full, "first")).size(), 1U) << "and the others run on";
}

TEST(Life, a_start_obeys_its_placement_group) {
  Topology topology = small();
  topology.hosts = {3, 4, 0};
  topology.placement_groups.push_back({"parts", PlacementStrategy::kPartition, 3, 0});
  topology.instances = {instances("c", 2), instances("s", 3), instances("p", 3)};
  for (const auto& [i, group] : {std::pair{0, "tight"}, std::pair{1, "wide"}, std::pair{2, "parts"}})
    topology.instances[static_cast<std::size_t>(i)].placement_group = group;
  const Deployment all_running = resolved(topology);
  const auto restarted = [&](const std::string& name) {
    return start_instance(*stop_instance(all_running, name), name)->find_instance(name)->placement;
  };
  EXPECT_EQ(restarted("c-0").rack, all_running.find_instance("c-1")->placement.rack) << "the rack of the cluster";
  std::set<int> racks;
  for (const char* other : {"s-0", "s-1"}) racks.insert(all_running.find_instance(other)->placement.rack);
  EXPECT_FALSE(racks.contains(restarted("s-2").rack)) << "a rack of its own";
  const Placement in_partition = restarted("p-1");
  EXPECT_EQ(in_partition.partition, all_running.find_instance("p-1")->placement.partition);
  EXPECT_EQ(in_partition.rack % 3, in_partition.partition - 1) << "a rack of its partition";

  // Meanwhile another takes the rack: a spread group of three racks has none for a fourth that runs.
  const Deployment stopped = *stop_instance(all_running, "s-2");
  topology.instances[1].count = 4;
  const Deployment taken = resolved(topology, &stopped);
  const Result<Deployment> refused = start_instance(taken, "s-2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "InsufficientInstanceCapacity");
  // A cluster whose members have all stopped may begin on another rack.
  const Deployment at_rest = *stop_instance(*stop_instance(all_running, "c-0"), "c-1");
  EXPECT_TRUE(start_instance(*start_instance(at_rest, "c-0"), "c-1"));
}

}  // namespace weft::testing
