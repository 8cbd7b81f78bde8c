// The internet gateway, Elastic IPs and public addresses given by themselves (facts ec2 3.1-3.3).
#include <gtest/gtest.h>

#include <set>

#include "dataplane/model/public_addresses.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

ElasticIpDeclaration elastic(const std::string& name, const std::string& interface = "") {
  ElasticIpDeclaration declared;
  declared.name = name;
  declared.interface = interface;
  return declared;
}

Topology pair_of_instances() {
  Topology topology = dual_stack();
  topology.instances = {instance("x"), instance("y")};
  return topology;
}

TEST(Gateway, has_its_defaults) {
  EXPECT_FALSE(resolved(small()).internet_gateway);
  const InternetGateway gateway = *resolved(dual_stack()).internet_gateway;
  EXPECT_EQ(gateway.id.substr(0, 4), "igw-");
  EXPECT_EQ(gateway.guest, "internet");
  EXPECT_EQ(gateway.mac.octets[0], 0x02);
  EXPECT_EQ(gateway.addresses, (std::vector<IpAddress>{ip("198.51.100.10"), ip("2001:db8::10")}));
  EXPECT_EQ(gateway.public_pool, cidr("203.0.113.0/24"));
}

TEST(Gateway, the_name_internet_is_its_namespaces) {
  Topology topology = dual_stack();
  topology.instances = {instance("Internet")};
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at instances[0].name"});
  topology.internet_gateway.reset();
  topology.vpc.ipv6_cidr.reset();
  topology.subnets[0].ipv6_cidr.reset();
  EXPECT_EQ(mistakes(topology), Mistakes{});
}

TEST(Gateway, its_addresses_and_its_pool_are_outside_of_the_vpc) {
  const auto one = [](InternetGatewayDeclaration declared) {
    Topology topology = dual_stack();
    topology.internet_gateway = std::move(declared);
    return mistakes(topology);
  };
  EXPECT_EQ(one({{ip("10.0.1.9")}, {}, 0}), Mistakes{"InvalidParameterValue at internet_gateway.addresses[0]"});
  EXPECT_EQ(one({{ip("2001:db8:1:101::9")}, {}, 0}),
            Mistakes{"InvalidParameterValue at internet_gateway.addresses[0]"});
  EXPECT_EQ(one({{ip("1.1.1.1"), ip("1.1.1.1")}, {}, 0}),
            Mistakes{"InvalidParameterValue at internet_gateway.addresses[1]"});
  EXPECT_EQ(one({{ip("203.0.113.9")}, {}, 0}), Mistakes{"InvalidParameterValue at internet_gateway.addresses[0]"});
  EXPECT_EQ(one({{ip("224.0.0.1")}, {}, 0}), Mistakes{"InvalidParameterValue at internet_gateway.addresses[0]"});
  EXPECT_EQ(one({{}, cidr("10.0.0.0/8"), 0}), Mistakes{"InvalidParameterValue at internet_gateway.public_pool"});
  EXPECT_EQ(one({{}, cidr("192.0.2.0/31"), 0}), Mistakes{"InvalidParameterValue at internet_gateway.public_pool"});
  EXPECT_EQ(one({{}, cidr("2001:db8::/64"), 0}), Mistakes{"InvalidParameterValue at internet_gateway.public_pool"});
}

TEST(ElasticIps, get_the_lowest_free_address_and_keep_it) {
  Topology topology = pair_of_instances();
  topology.elastic_ips = {elastic("one", "x"), elastic("two")};
  const Deployment before = resolved(topology);
  EXPECT_EQ(before.elastic_ips[0].address, ip("203.0.113.1"));
  EXPECT_EQ(before.elastic_ips[0].id.substr(0, 9), "eipalloc-");
  EXPECT_EQ(before.elastic_ips[0].association_id.substr(0, 9), "eipassoc-");
  EXPECT_EQ(before.elastic_ips[0].eni_id, before.find_instance("x")->enis[0].id);
  EXPECT_EQ(before.elastic_ips[0].private_ip, before.find_instance("x")->enis[0].private_ip);
  EXPECT_EQ(before.elastic_ips[1].association_id, "");
  topology.elastic_ips.erase(topology.elastic_ips.begin());
  topology.elastic_ips.push_back(elastic("three"));
  const Deployment after = resolved(topology, &before);
  EXPECT_EQ(after.elastic_ips[0].id, before.elastic_ips[1].id);
  EXPECT_EQ(after.elastic_ips[0].address, before.elastic_ips[1].address);
  EXPECT_EQ(after.elastic_ips[1].address, ip("203.0.113.1"));
  EXPECT_NE(after.elastic_ips[1].id, before.elastic_ips[0].id);
}

TEST(ElasticIps, statement_30_moves_unless_reassociation_is_not_allowed_and_a_sixth_is_too_many) {
  Topology topology = pair_of_instances();
  topology.elastic_ips = {elastic("e", "x/eth0")};
  const Deployment before = resolved(topology);
  topology.elastic_ips[0].interface = "y/eth0";
  const Deployment moved = resolved(topology, &before);
  EXPECT_EQ(moved.elastic_ips[0].id, before.elastic_ips[0].id);
  EXPECT_NE(moved.elastic_ips[0].association_id, before.elastic_ips[0].association_id);
  EXPECT_EQ(moved.elastic_ips[0].eni_id, moved.find_instance("y")->enis[0].id);

  topology.elastic_ips[0].allow_reassociation = false;
  const Result<Deployment> refused = resolve(topology, &before);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "Resource.AlreadyAssociated");
  EXPECT_NE(refused.error().message.find(before.elastic_ips[0].association_id), std::string::npos);
  EXPECT_EQ(mistakes(topology, &moved), Mistakes{}) << "it is there already";

  for (int i = 0; i < 4; ++i) topology.elastic_ips.push_back(elastic("more-" + std::to_string(i)));
  EXPECT_EQ(mistakes(topology, &moved), Mistakes{});
  topology.elastic_ips.push_back(elastic("sixth"));
  EXPECT_EQ(mistakes(topology, &moved), Mistakes{"AddressLimitExceeded at elastic_ips[5]"});
}

TEST(ElasticIps, stand_for_any_private_address_but_each_for_one) {
  Topology topology = pair_of_instances();
  InterfaceDeclaration& x = topology.instances[0].interfaces[0];
  x.secondary_private_ips = {v4("10.0.1.50")};
  x.ipv4_prefixes = {cidr("10.0.1.64/28")};
  topology.elastic_ips = {elastic("one", "x"), elastic("two", "x"), elastic("three", "x/eth0")};
  topology.elastic_ips[1].private_ip = v4("10.0.1.50");
  topology.elastic_ips[2].private_ip = v4("10.0.1.70");
  EXPECT_EQ(mistakes(topology), Mistakes{});
  topology.elastic_ips[2].private_ip = v4("10.0.1.50");
  EXPECT_EQ(mistakes(topology), Mistakes{"Resource.AlreadyAssociated at elastic_ips[2].interface"});
  topology.elastic_ips[2].private_ip = v4("10.0.1.51");
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidParameterValue at elastic_ips[2].private_ip"});
}

TEST(ElasticIps, what_else_is_wrong) {
  const auto one = [](void (*break_it)(Topology&)) {
    Topology topology = pair_of_instances();
    topology.elastic_ips = {elastic("e", "x")};
    break_it(topology);
    return mistakes(topology);
  };
  EXPECT_EQ(one([](Topology& t) { t.instances[0].interfaces.push_back(t.instances[0].interfaces[0]); }),
            Mistakes{"InvalidInstanceID at elastic_ips[0].interface"});
  EXPECT_EQ(one([](Topology& t) { t.elastic_ips[0].interface = "x/eth1"; }),
            Mistakes{"InvalidNetworkInterfaceID.NotFound at elastic_ips[0].interface"});
  EXPECT_EQ(one([](Topology& t) { t.internet_gateway.reset(); }),
            Mistakes{"Gateway.NotAttached at elastic_ips[0].interface"});
  EXPECT_EQ(one([](Topology& t) { t.elastic_ips[0].address = v4("192.0.2.1"); }),
            Mistakes{"InvalidAddress.NotFound at elastic_ips[0].address"});
  EXPECT_EQ(one([](Topology& t) { t.elastic_ips[0].address = v4("203.0.113.255"); }),
            Mistakes{"InvalidAddress.NotFound at elastic_ips[0].address"});
  EXPECT_EQ(one([](Topology& t) {
              t.elastic_ips[0].address = v4("203.0.113.7");
              t.elastic_ips.push_back(t.elastic_ips[0]);
              t.elastic_ips[1].name = "f";
              t.elastic_ips[1].interface.clear();
            }),
            Mistakes{"InvalidIPAddress.InUse at elastic_ips[1].address"});
  EXPECT_EQ(one([](Topology& t) {
              t.elastic_ips[0].interface.clear();
              t.elastic_ips[0].private_ip = v4("10.0.1.4");
            }),
            Mistakes{"MissingParameter at elastic_ips[0].private_ip"});
  EXPECT_EQ(one([](Topology& t) { t.elastic_ips.push_back(t.elastic_ips[0]); }),
            (Mistakes{"InvalidParameterValue at elastic_ips[1].name",
                      "Resource.AlreadyAssociated at elastic_ips[1].interface"}));
}

const Eni& eth0(const Deployment& deployment, const std::string& name) {
  return deployment.find_instance(name)->enis[0];
}

TEST(PublicAddresses, are_the_subnets_choice_remembered_by_the_interface) {
  Topology topology = pair_of_instances();
  topology.subnets[0].map_public_ip_on_launch = true;
  topology.instances[1].interfaces[0].associate_public_ip = false;
  const Deployment before = resolved(topology);
  ASSERT_TRUE(eth0(before, "x").public_ip);
  EXPECT_TRUE(cidr("203.0.113.0/24").contains(*eth0(before, "x").public_ip));
  EXPECT_FALSE(eth0(before, "y").public_ip);
  topology.subnets[0].map_public_ip_on_launch = false;
  const Deployment after = resolved(topology, &before);
  EXPECT_TRUE(eth0(after, "x").public_ip_wanted) << "decided when it was made";
  EXPECT_EQ(eth0(after, "x").public_ip, eth0(before, "x").public_ip);
  topology.instances[0].interfaces[0].associate_public_ip = false;
  EXPECT_FALSE(eth0(resolved(topology, &after), "x").public_ip) << "but the attribute can be changed";
}

TEST(PublicAddresses, do_not_come_with_several_interfaces_nor_beside_an_elastic_ip) {
  Topology topology = pair_of_instances();
  topology.subnets[0].map_public_ip_on_launch = true;
  topology.instances[1].interfaces.push_back(topology.instances[1].interfaces[0]);
  const Deployment before = resolved(topology);
  EXPECT_TRUE(eth0(before, "x").public_ip);
  EXPECT_FALSE(eth0(before, "y").public_ip);
  EXPECT_FALSE(eth0(before, "y").public_ip_wanted);

  topology.elastic_ips = {elastic("e", "x")};
  const Deployment with = resolved(topology, &before);
  EXPECT_FALSE(eth0(with, "x").public_ip) << "released for good";
  topology.elastic_ips.clear();
  EXPECT_TRUE(eth0(resolved(topology, &with), "x").public_ip) << "a new one comes";

  topology.instances[1].interfaces[0].associate_public_ip = true;
  EXPECT_EQ(mistakes(topology),
            Mistakes{"InvalidParameterCombination at instances[1].interfaces[0].associate_public_ip"});
  topology.instances[1].interfaces[0].associate_public_ip.reset();
  topology.instances[1].interfaces[1].associate_public_ip = true;
  EXPECT_EQ(mistakes(topology),
            Mistakes{"InvalidParameterCombination at instances[1].interfaces[1].associate_public_ip"});
}

TEST(PublicAddresses, never_meet_each_other_nor_an_elastic_ip) {
  Topology topology = dual_stack();
  topology.internet_gateway->public_pool = cidr("192.0.2.0/28");  // fourteen
  topology.subnets[0].map_public_ip_on_launch = true;
  topology.instances = {instances("n", 11)};
  topology.elastic_ips = {elastic("a", "n-0"), elastic("b"), elastic("c")};
  const Deployment deployment = resolved(topology);
  std::set<IpAddress> all;
  for (const ElasticIp& one : deployment.elastic_ips) EXPECT_TRUE(all.insert(one.address).second);
  for (const Instance& one : deployment.instances)
    if (one.enis[0].public_ip) {
      EXPECT_TRUE(all.insert(*one.enis[0].public_ip).second);
    }
  EXPECT_EQ(all.size(), 13u) << "n-0 has its elastic one only";
  topology.instances = {instances("n", 13)};
  EXPECT_EQ(mistakes(topology), Mistakes{"InsufficientAddressCapacity at instances[0]"});
}

TEST(PublicAddresses, the_sequence_of_an_interface_visits_the_whole_pool) {
  for (const char* pool : {"192.0.2.0/30", "192.0.2.0/29", "192.0.2.0/28", "203.0.113.0/24"}) {
    std::set<IpAddress> seen;
    const std::size_t usable = (1u << (32 - cidr(pool).v4_length())) - 2;
    for (std::uint32_t start = 0; start < usable; ++start)
      seen.insert(*public_address_of_start(cidr(pool), {}, "eni-0123", start));
    EXPECT_EQ(seen.size(), usable) << pool;
    EXPECT_FALSE(public_address_of_start(cidr(pool), seen, "eni-0123", 0)) << pool;
  }
}

}  // namespace
}  // namespace weft::testing
