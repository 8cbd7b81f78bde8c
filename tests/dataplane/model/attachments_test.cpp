// Interfaces of their own, and what is attached to what while instances run (facts ec2 1.1, 1.2, 1.5, 6.1).
#include <gtest/gtest.h>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

InterfaceDeclaration interface(const std::string& subnet, InterfaceType type = InterfaceType::kInterface) {
  InterfaceDeclaration declared;
  declared.subnet = subnet;
  declared.type = type;
  return declared;
}

Deployment stopped(const Deployment& running, const std::string& name) { return *stop_instance(running, name); }

TEST(Attachments, one_that_is_attached_to_nothing_is_available) {
  Topology topology = small();
  topology.network_interfaces = {network_interface("spare", "a")};
  const Deployment deployment = resolved(topology);
  ASSERT_EQ(deployment.available_enis.size(), 1u);
  const Eni& spare = deployment.available_enis[0];
  EXPECT_EQ(spare.name, "spare");
  EXPECT_EQ(spare.instance, "");
  EXPECT_EQ(spare.private_ip, ip("10.0.1.4"));
  EXPECT_EQ(spare.id.substr(0, 4), "eni-");
  EXPECT_EQ(deployment.find_eni(spare.id), &spare);
}

TEST(Attachments, statement_12_all_that_is_the_interfaces_travels_with_it) {
  Topology topology = dual_stack();
  topology.instances = {instance("x"), instance("y", "b")};
  topology.network_interfaces = {network_interface("vip", "a", "x")};
  InterfaceDeclaration& vip = topology.network_interfaces[0].interface;
  vip.secondary_private_ip_count = 1;
  vip.ipv6_address_count = 1;
  vip.ipv4_prefix_count = 1;
  vip.security_groups = {"web"};
  vip.source_dest_check = false;
  topology.elastic_ips = {{"eip", std::nullopt, "vip", std::nullopt, false, 0}};
  const Deployment before = resolved(topology);
  const Eni eni = before.find_instance("x")->enis.at(1);

  topology.network_interfaces[0].instance = "y";
  topology.network_interfaces[0].interface.device_index = 3;
  const Deployment after = resolved(topology, &before);
  const Eni& moved = after.find_instance("y")->enis.at(1);
  EXPECT_EQ(after.find_instance("x")->enis.size(), 1u);
  EXPECT_EQ(after.find_instance("x")->id, before.find_instance("x")->id);
  EXPECT_EQ(after.find_instance("y")->id, before.find_instance("y")->id);
  EXPECT_EQ(moved.id, eni.id);
  EXPECT_EQ(moved.mac, eni.mac);
  EXPECT_EQ(moved.instance, "y");
  EXPECT_EQ(moved.device_index, 3);
  EXPECT_EQ(moved.private_ip, eni.private_ip);
  EXPECT_EQ(moved.secondary_private_ips, eni.secondary_private_ips);
  EXPECT_EQ(moved.ipv6_addresses, eni.ipv6_addresses);
  EXPECT_EQ(moved.prefixes, eni.prefixes);
  EXPECT_EQ(moved.security_groups, eni.security_groups);
  EXPECT_FALSE(moved.source_dest_check);
  EXPECT_EQ(after.elastic_ips[0].association_id, before.elastic_ips[0].association_id);

  topology.network_interfaces[0].instance.clear();
  const Deployment available = resolved(topology, &after);
  EXPECT_EQ(available.available_enis.at(0).id, eni.id);
  EXPECT_EQ(available.available_enis.at(0).mac, eni.mac);
}

TEST(Attachments, secondary_interfaces_come_and_go_while_the_instance_runs) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment one = resolved(topology);
  topology.instances[0].interfaces.push_back(interface("b"));
  const Deployment two = resolved(topology, &one);
  EXPECT_EQ(two.instances[0].id, one.instances[0].id);
  EXPECT_EQ(two.instances[0].enis.at(0).id, one.instances[0].enis[0].id);
  EXPECT_EQ(two.instances[0].enis.at(1).private_ip, ip("10.0.2.4"));
  EXPECT_EQ(two.instances[0].enis.at(1).vf.index, 1u);
  topology.instances[0].interfaces.pop_back();
  const Deployment again = resolved(topology, &two);
  EXPECT_EQ(again.instances[0].id, one.instances[0].id);
  EXPECT_EQ(again.instances[0].enis.size(), 1u);
}

TEST(Attachments, what_ec2_cannot_do_live_makes_a_running_instance_anew_but_not_a_stopped_one) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].interfaces.push_back(interface("b"));
  const Deployment running = resolved(topology);
  const std::string id = running.instances[0].id;
  const std::vector<std::function<void(std::vector<InterfaceDeclaration>&)>> changes = {
      [](auto& all) { all[1].subnet = "a"; },
      [](auto& all) { all[1].private_ip = v4("10.0.2.9"); },
      [](auto& all) { all[1].type = InterfaceType::kEfa; },
      [](auto& all) { all.push_back(interface("a", InterfaceType::kEfa)); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Topology changed = topology;
    changes[i](changed.instances[0].interfaces);
    EXPECT_NE(resolved(changed, &running).instances[0].id, id) << i;
    const Deployment at_rest = stopped(running, "x");
    EXPECT_EQ(resolved(changed, &at_rest).instances[0].id, id) << i;
    EXPECT_EQ(resolved(changed, &at_rest).instances[0].state, InstanceState::kStopped) << i;
  }
  topology.instances[0].interfaces[0].subnet = "b";  // its primary for life
  const Deployment at_rest = stopped(running, "x");
  EXPECT_NE(resolved(topology, &at_rest).instances[0].id, id);
}

TEST(Attachments, an_efa_interface_goes_with_its_instance_made_anew) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].interfaces.push_back(interface("a", InterfaceType::kEfa));
  const Deployment running = resolved(topology);
  topology.instances[0].interfaces.pop_back();
  EXPECT_NE(resolved(topology, &running).instances[0].id, running.instances[0].id);
}

TEST(Attachments, statement_11_efa_is_neither_attached_to_nor_detached_from_a_running_instance) {
  Topology topology = small();
  topology.instances = {instance("x"), instance("y")};
  topology.network_interfaces = {network_interface("fast", "a")};
  topology.network_interfaces[0].interface.type = InterfaceType::kEfa;
  const Deployment apart = resolved(topology);
  topology.network_interfaces[0].instance = "x";
  topology.network_interfaces[0].interface.device_index = 1;
  EXPECT_EQ(mistakes(topology, &apart), Mistakes{"OperationNotPermitted at network_interfaces[0].instance"});
  const Deployment at_rest = stopped(apart, "x");
  const Deployment attached = *start_instance(resolved(topology, &at_rest), "x");
  EXPECT_EQ(attached.find_instance("x")->enis.size(), 2u);
  EXPECT_EQ(mistakes(topology, &attached), Mistakes{});

  topology.network_interfaces[0].instance = "y";
  EXPECT_EQ(mistakes(topology, &attached), Mistakes{"OperationNotPermitted at network_interfaces[0].instance"});
  topology.network_interfaces.clear();
  EXPECT_EQ(mistakes(topology, &attached), Mistakes{"OperationNotPermitted at network_interfaces"});
}

TEST(Attachments, statement_11_the_primary_cannot_be_detached) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].interfaces.clear();
  topology.network_interfaces = {network_interface("first", "a", "x", 0)};
  const Deployment before = resolved(topology);
  EXPECT_EQ(before.instances[0].enis.at(0).name, "first");
  EXPECT_TRUE(plan(&before, resolved(topology, &before)).empty());
  topology.instances[0].interfaces.push_back(interface("a"));
  topology.network_interfaces[0].instance.clear();
  EXPECT_EQ(mistakes(topology, &before), Mistakes{"OperationNotPermitted at instances[0].interfaces[0]"});
}

TEST(Attachments, statement_10_a_fourth_interface_of_an_m5_large_is_too_many) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].type = "m5.large";
  topology.instances[0].interfaces.push_back(interface("b"));
  topology.network_interfaces = {network_interface("third", "a", "x", 2)};
  EXPECT_EQ(mistakes(topology), Mistakes{});
  topology.network_interfaces.push_back(network_interface("fourth", "a", "x", 3));
  EXPECT_EQ(mistakes(topology), Mistakes{"AttachmentLimitExceeded at network_interfaces[1].instance"});
}

TEST(Attachments, a_device_index_is_taken_once) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.network_interfaces = {network_interface("late", "a", "x", 0)};
  const Result<Deployment> result = resolve(topology, nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "InvalidParameterValue");
  EXPECT_EQ(result.error().where.key, "network_interfaces[0].device_index");
  EXPECT_NE(result.error().message.find("already has an interface attached at device index '0'."), std::string::npos);
}

TEST(Attachments, device_indices_may_have_gaps_and_any_order) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].interfaces.push_back(interface("b"));
  topology.instances[0].interfaces[0].device_index = 4;
  topology.instances[0].interfaces[1].device_index = 0;
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(deployment.instances[0].enis[0].subnet, "b");
  EXPECT_EQ(deployment.instances[0].enis[1].device_index, 4);
  topology.instances[0].interfaces[1].device_index = 2;
  EXPECT_EQ(mistakes(topology), Mistakes{"MissingParameter at instances[0].interfaces"});
}

TEST(Attachments, network_cards_have_their_limits) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].type = "hpc6id.32xlarge";  // two cards with one interface each
  topology.instances[0].interfaces = {interface("a", InterfaceType::kEfa), interface("a", InterfaceType::kEfaOnly)};
  EXPECT_EQ(mistakes(topology), Mistakes{"AttachmentLimitExceeded at instances[0].interfaces[1].network_card"});
  topology.instances[0].interfaces[1].network_card = 1;
  EXPECT_EQ(mistakes(topology), Mistakes{});
  EXPECT_EQ(resolved(topology).instances[0].enis[1].private_ip, IpAddress{}) << "efa-only has no addresses";
  topology.instances[0].interfaces[1].network_card = 2;
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at instances[0].interfaces[1].network_card"});
  topology.instances[0].interfaces = {interface("a")};
  topology.instances[0].interfaces[0].network_card = 1;
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at instances[0].interfaces[0].network_card"});
}

TEST(Attachments, what_else_is_wrong) {
  const auto one = [](void (*break_it)(Topology&)) {
    Topology topology = small();
    topology.instances = {instance("x")};
    topology.network_interfaces = {network_interface("n", "a", "x")};
    break_it(topology);
    return mistakes(topology);
  };
  EXPECT_EQ(one([](Topology& t) { t.network_interfaces[0].instance = "y"; }),
            Mistakes{"InvalidInstanceID.NotFound at network_interfaces[0].instance"});
  EXPECT_EQ(one([](Topology& t) { t.network_interfaces[0].interface.device_index.reset(); }),
            Mistakes{"MissingParameter at network_interfaces[0].device_index"});
  EXPECT_EQ(one([](Topology& t) { t.network_interfaces[0].interface.subnet = "far"; }),
            Mistakes{"InvalidParameterCombination at network_interfaces[0].subnet"});
  EXPECT_EQ(one([](Topology& t) { t.network_interfaces.push_back(network_interface("n", "a")); }),
            Mistakes{"InvalidParameterValue at network_interfaces[1].name"});
  for (const char* name : {"x", "x/eth1", "eni-0123456789abcdef0", ""}) {
    Topology topology = small();
    topology.instances = {instance("x")};
    topology.network_interfaces = {network_interface(name, "a")};
    EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at network_interfaces[0].name"}) << name;
  }
  EXPECT_EQ(one([](Topology& t) { t.instances[0].interfaces[0].type = InterfaceType::kEfaOnly; }),
            Mistakes{"InvalidParameterCombination at instances[0].interfaces[0].type"});
  EXPECT_EQ(one([](Topology& t) {
              t.network_interfaces[0].interface.type = InterfaceType::kEfaOnly;
              t.network_interfaces[0].interface.private_ip = v4("10.0.1.9");
            }),
            Mistakes{"InvalidParameterCombination at network_interfaces[0].type"});
  EXPECT_EQ(one([](Topology& t) {
              t.instances[0].interfaces[0].connection_tracking = {59, 61, 181};
            }),
            (Mistakes{"InvalidParameterValue at instances[0].interfaces[0].connection_tracking.tcp_established_timeout",
                      "InvalidParameterValue at instances[0].interfaces[0].connection_tracking.udp_timeout",
                      "InvalidParameterValue at instances[0].interfaces[0].connection_tracking.udp_stream_timeout"}));
}

TEST(Attachments, one_that_outlives_its_instance_waits_for_the_next_of_that_name) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].interfaces[0].delete_on_termination = false;
  const Deployment before = resolved(topology);
  const Eni eni = before.instances[0].enis[0];
  Topology without = topology;
  without.instances.clear();
  const Deployment gone = resolved(without, &before);
  ASSERT_EQ(gone.available_enis.size(), 1u);
  EXPECT_EQ(gone.available_enis[0].id, eni.id);
  EXPECT_EQ(gone.available_enis[0].name, "x/eth0");
  EXPECT_TRUE(plan(&gone, resolved(without, &gone)).empty());

  const Deployment back = resolved(topology, &gone);
  EXPECT_TRUE(back.available_enis.empty());
  EXPECT_EQ(back.instances[0].enis[0].id, eni.id);
  EXPECT_EQ(back.instances[0].enis[0].mac, eni.mac);
  EXPECT_EQ(back.instances[0].enis[0].name, "");
}

}  // namespace
}  // namespace weft::testing
