// Which address, MAC, id and VF an interface gets, and what it keeps.
#include <gtest/gtest.h>

#include <set>

#include "dataplane/model/identity.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

TEST(Addressing, the_first_address_is_the_fifth_of_the_subnet) {
  Topology topology = small();
  topology.instances = {instances("n", 3)};
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(deployment.instances[0].enis[0].private_ip, ip("10.0.1.4"));
  EXPECT_EQ(deployment.instances[1].enis[0].private_ip, ip("10.0.1.5"));
  EXPECT_EQ(deployment.instances[2].enis[0].private_ip, ip("10.0.1.6"));
}

TEST(Addressing, a_28_holds_eleven_and_the_twelfth_is_refused) {
  Topology topology = small();
  topology.instances = {instances("n", 11, "b")};
  EXPECT_EQ(resolved(topology).instances.back().enis[0].private_ip, ip("10.0.2.14"));
  topology.instances = {instances("n", 12, "b")};
  const Result<Deployment> result = resolve(topology, nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "InsufficientFreeAddressesInSubnet");
  EXPECT_EQ(result.error().where.key, "instances[0].interfaces[0].subnet");
}

TEST(Addressing, a_requested_address_is_not_given_to_one_that_comes_before_it_in_the_file) {
  Topology topology = small();
  topology.instances = {instances("auto", 2), instance("fixed")};
  topology.instances[1].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.4");
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(deployment.find_instance("auto-0")->enis[0].private_ip, ip("10.0.1.5"));
  EXPECT_EQ(deployment.find_instance("auto-1")->enis[0].private_ip, ip("10.0.1.6"));
  EXPECT_EQ(deployment.find_instance("fixed")->enis[0].private_ip, ip("10.0.1.4"));
}

TEST(Addressing, ids_look_like_ec2s_and_macs_are_local_unicast) {
  Topology topology = small();
  topology.instances = {instances("n", 40)};
  const Deployment deployment = resolved(topology);
  std::set<std::string> ids;
  std::set<MacAddress> macs;
  for (const Instance& one : deployment.instances) {
    EXPECT_EQ(one.id.size(), 2 + 17u);
    EXPECT_EQ(one.enis[0].id.size(), 4 + 17u);
    EXPECT_EQ(one.enis[0].id.substr(4).find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(one.enis[0].mac.octets[0], 0x02);
    EXPECT_FALSE(one.enis[0].mac.is_multicast());
    ids.insert(one.id);
    macs.insert(one.enis[0].mac);
  }
  EXPECT_EQ(ids.size(), 40u);
  EXPECT_EQ(macs.size(), 40u);
}

TEST(Addressing, what_runs_keeps_everything_when_another_is_put_before_it) {
  Topology topology = small();
  topology.instances = {instance("old")};
  const Deployment before = resolved(topology);
  topology.instances = {instance("new"), instance("old")};
  const Deployment after = resolved(topology, &before);
  const Eni& old_eni = before.instances[0].enis[0];
  const Eni& kept = after.find_instance("old")->enis[0];
  EXPECT_EQ(after.find_instance("old")->id, before.instances[0].id);
  EXPECT_EQ(kept.id, old_eni.id);
  EXPECT_EQ(kept.private_ip, old_eni.private_ip);
  EXPECT_EQ(kept.mac, old_eni.mac);
  EXPECT_EQ(kept.vf.index, old_eni.vf.index);
  EXPECT_EQ(after.find_instance("new")->enis[0].private_ip, ip("10.0.1.5"));
  EXPECT_EQ(after.find_instance("new")->enis[0].vf.index, 1u);
}

TEST(Addressing, a_freed_vf_and_address_are_used_again) {
  Topology topology = small();
  topology.instances = {instance("x"), instance("y"), instance("z")};
  const Deployment before = resolved(topology);
  topology.instances = {instance("x"), instance("z"), instance("w")};
  const Deployment after = resolved(topology, &before);
  EXPECT_EQ(after.find_instance("z")->enis[0].vf.index, 2u);
  EXPECT_EQ(after.find_instance("w")->enis[0].vf.index, 1u);
  EXPECT_EQ(after.find_instance("w")->enis[0].private_ip, ip("10.0.1.5"));
}

TEST(Addressing, an_instance_with_another_set_of_interfaces_is_made_anew_under_its_old_address) {
  Topology topology = small();
  topology.instances = {instance("x"), instance("y")};
  const Deployment before = resolved(topology);
  topology.instances[1].interfaces[0].type = InterfaceType::kEfa;
  const Deployment after = resolved(topology, &before);
  EXPECT_EQ(after.find_instance("x")->id, before.find_instance("x")->id);
  EXPECT_NE(after.find_instance("y")->id, before.find_instance("y")->id);
  EXPECT_NE(after.find_instance("y")->enis[0].id, before.find_instance("y")->enis[0].id);
  EXPECT_EQ(after.find_instance("y")->enis[0].private_ip, before.find_instance("y")->enis[0].private_ip);
}

TEST(Addressing, changing_groups_keeps_the_interface) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  EXPECT_EQ(before.instances[0].enis[0].security_groups, std::vector<std::string>{"default"});
  topology.instances[0].interfaces[0].security_groups = {"web"};
  const Deployment after = resolved(topology, &before);
  EXPECT_EQ(after.instances[0].enis[0].id, before.instances[0].enis[0].id);
  EXPECT_EQ(after.instances[0].enis[0].security_groups, std::vector<std::string>{"web"});
}

TEST(Addressing, writing_down_the_address_it_has_changes_nothing) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.instances[0].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.4");
  EXPECT_TRUE(plan(&before, resolved(topology, &before)).empty());
}

TEST(Identity, host_names_are_rfc_1123_labels) {
  for (const char* good : {"a", "node-0", "0", "A1", "x--y"}) EXPECT_TRUE(is_host_name(good)) << good;
  for (const char* bad : {"", "-a", "a-", "a.b", "a_b", "a b", "ä", "a/b"}) EXPECT_FALSE(is_host_name(bad)) << bad;
  EXPECT_TRUE(is_host_name(std::string(63, 'a')));
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
}

}  // namespace
}  // namespace weft::testing
