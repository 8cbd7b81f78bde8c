// What resolve() refuses, with EC2's code and the key: the table is the specification. The file's own checks are in
// topology_errors_test.cpp; these hold for a topology from anywhere.
#include <gtest/gtest.h>

#include <functional>

#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

struct Refusal {
  const char* what;
  std::function<void(Topology&)> break_it;
  const char* code;
  const char* key;
};

InterfaceDeclaration efa(const std::string& subnet = "a") {
  InterfaceDeclaration interface;
  interface.subnet = subnet;
  interface.type = InterfaceType::kEfa;
  return interface;
}

InterfaceDeclaration plain(const std::string& subnet = "a") {
  InterfaceDeclaration interface;
  interface.subnet = subnet;
  return interface;
}

const Refusal kRefusals[] = {
    {"VPC too large", [](Topology& t) { t.vpc.cidr = cidr("10.0.0.0/8"); }, "InvalidVpcRange", "vpc.cidr"},
    {"VPC too small", [](Topology& t) { t.vpc.cidr = cidr("10.0.0.0/29"); }, "InvalidVpcRange", "vpc.cidr"},
    {"VPC of IPv6", [](Topology& t) { t.vpc.cidr = cidr("2001:db8::/56"); }, "InvalidVpcRange", "vpc.cidr"},
    {"VPC of loopback addresses", [](Topology& t) { t.vpc.cidr = cidr("127.0.0.0/16"); }, "InvalidVpcRange",
     "vpc.cidr"},
    {"VPC of multicast addresses", [](Topology& t) { t.vpc.cidr = cidr("224.0.0.0/16"); }, "InvalidVpcRange",
     "vpc.cidr"},
    {"VPC of link-local addresses", [](Topology& t) { t.vpc.cidr = cidr("169.254.0.0/16"); }, "InvalidVpcRange",
     "vpc.cidr"},
    {"subnet outside the VPC", [](Topology& t) { t.subnets[1].cidr = cidr("10.1.0.0/24"); }, "InvalidSubnet.Range",
     "subnets[1].cidr"},
    {"subnet too small", [](Topology& t) { t.subnets[1].cidr = cidr("10.0.9.0/29"); }, "InvalidSubnet.Range",
     "subnets[1].cidr"},
    {"subnets overlap", [](Topology& t) { t.subnets[1].cidr = cidr("10.0.1.128/25"); }, "InvalidSubnet.Conflict",
     "subnets[1].cidr"},
    {"second subnet of a name", [](Topology& t) { t.subnets[1].name = "a"; }, "InvalidParameterValue",
     "subnets[1].name"},
    {"zone that is none", [](Topology& t) { t.subnets[0].az = "Virginia!"; }, "InvalidAvailabilityZone",
     "subnets[0].az"},
    {"201 subnets",
     [](Topology& t) {
       t.subnets.clear();
       for (int i = 0; i < 201; ++i)
         t.subnets.push_back(subnet(std::to_string(i), "10.0." + std::to_string(i) + ".0/24", "z"));
     },
     "SubnetLimitExceeded", "subnets"},

    {"group named sg-", [](Topology& t) { t.security_groups[0].name = "sg-web"; }, "InvalidParameterValue",
     "security_groups[0].name"},
    {"group named self", [](Topology& t) { t.security_groups[0].name = "self"; }, "InvalidGroup.Reserved",
     "security_groups[0].name"},
    {"group with an odd character", [](Topology& t) { t.security_groups[0].name = "web|1"; }, "InvalidParameterValue",
     "security_groups[0].name"},
    {"groups that differ in case only",
     [](Topology& t) {
       t.security_groups.push_back(t.security_groups[0]);
       t.security_groups[1].name = "WEB";
     },
     "InvalidGroup.Duplicate", "security_groups[1].name"},
    {"long description", [](Topology& t) { t.security_groups[0].description = std::string(256, 'x'); },
     "InvalidParameterValue", "security_groups[0].description"},
    {"rule for an unknown group",
     [](Topology& t) { t.security_groups[0].ingress.push_back(all(GroupReference{"wbe"})); }, "InvalidGroup.NotFound",
     "security_groups[0].ingress[1].group"},
    {"the same rule twice", [](Topology& t) { t.security_groups[0].egress.push_back(t.security_groups[0].egress[0]); },
     "InvalidPermission.Duplicate", "security_groups[0].egress[1]"},
    {"the same rule twice but for its description",
     [](Topology& t) {
       t.security_groups[0].egress.push_back(t.security_groups[0].egress[0]);
       t.security_groups[0].egress[1].description = "again";
     },
     "InvalidPermission.Duplicate", "security_groups[0].egress[1]"},
    {"61 rules",
     [](Topology& t) {
       t.security_groups[0].ingress.clear();
       for (int i = 0; i < 61; ++i) t.security_groups[0].ingress.push_back(tcp(i, cidr("0.0.0.0/0")));
     },
     "RulesPerSecurityGroupLimitExceeded", "security_groups[0].ingress[60]"},
    {"port out of range", [](Topology& t) { t.security_groups[0].ingress[0].to_port = 70000; }, "InvalidParameterValue",
     "security_groups[0].ingress[0]"},
    {"empty port range", [](Topology& t) { t.security_groups[0].ingress[0].from_port = 81; }, "InvalidParameterValue",
     "security_groups[0].ingress[0]"},
    {"ICMP code without a type",
     [](Topology& t) { t.security_groups[0].ingress[0] = {1, -1, 3, cidr("0.0.0.0/0"), "", 0}; },
     "InvalidParameterCombination", "security_groups[0].ingress[0].code"},
    {"protocol out of range", [](Topology& t) { t.security_groups[0].ingress[0].protocol = 256; },
     "InvalidParameterValue", "security_groups[0].ingress[0].protocol"},

    {"second placement group of a name", [](Topology& t) { t.placement_groups[1].name = "tight"; },
     "InvalidPlacementGroup.Duplicate", "placement_groups[1].name"},
    {"unknown placement group",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].placement_group = "tigth";
     },
     "InvalidPlacementGroup.Unknown", "instances[0].placement_group"},
    {"cluster over two zones",
     [](Topology& t) {
       t.instances = {instance("x", "a"), instance("y", "far")};
       for (auto& i : t.instances) i.placement_group = "tight";
     },
     "InvalidPlacementGroup.InUse", "instances[1].placement_group"},
    {"burstable type in a cluster",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].type = "t3.micro";
       t.instances[0].placement_group = "tight";
     },
     "InvalidParameterCombination", "instances[0].placement_group"},
    {"eighth of a spread group in a zone",
     [](Topology& t) {
       t.instances = {instances("x", 8)};
       t.instances[0].placement_group = "wide";
     },
     "InsufficientInstanceCapacity", "instances[0].placement_group"},

    {"name that is no host name", [](Topology& t) { t.instances = {instance("web_1")}; }, "InvalidParameterValue",
     "instances[0].name"},
    {"name that becomes too long", [](Topology& t) { t.instances = {instances(std::string(62, 'x'), 11)}; },
     "InvalidParameterValue", "instances[0].name"},
    {"name that looks like an id", [](Topology& t) { t.instances = {instance("i-0123456789abcdef0")}; },
     "InvalidParameterValue", "instances[0].name"},
    {"localhost", [](Topology& t) { t.instances = {instance("localhost")}; }, "InvalidParameterValue",
     "instances[0].name"},
    {"name that counting makes again",
     [](Topology& t) {
       t.instances = {instances("n", 2), instance("N-1")};
     },
     "InvalidParameterValue", "instances[1].name"},
    {"count of zero", [](Topology& t) { t.instances = {instances("n", 0)}; }, "InvalidParameterValue",
     "instances[0].count"},
    {"more interfaces than a Region has",
     [](Topology& t) {
       t.subnets = {subnet("a", "10.0.0.0/16", "z")};
       t.instances = {instances("n", 5000), instance("m")};
     },
     "NetworkInterfaceLimitExceeded", "instances[1]"},
    {"no interface",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces.clear();
     },
     "MissingParameter", "instances[0].interfaces"},
    {"unknown subnet", [](Topology& t) { t.instances = {instance("x", "c")}; }, "InvalidSubnetID.NotFound",
     "instances[0].interfaces[0].subnet"},
    {"interfaces in two zones",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces.push_back(plain("far"));
     },
     "InvalidParameterCombination", "instances[0].interfaces[1].subnet"},
    {"unknown group on an interface",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].security_groups = {"web", "bd"};
     },
     "InvalidGroup.NotFound", "instances[0].interfaces[0].security_groups[1]"},
    {"a group twice on an interface",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].security_groups = {"web", "web"};
     },
     "InvalidParameterValue", "instances[0].interfaces[0].security_groups[1]"},
    {"six groups on an interface",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].security_groups = {"1", "2", "3", "4", "5", "6"};
     },
     "SecurityGroupsPerInterfaceLimitExceeded", "instances[0].interfaces[0].security_groups"},
    {"type that is none",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].type = "large";
     },
     "InvalidInstanceType", "instances[0].type"},
    {"more interfaces than the type has",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].type = "hpc6a.48xlarge";
       t.instances[0].interfaces = {plain(), plain(), plain()};
     },
     "AttachmentLimitExceeded", "instances[0].interfaces"},
    {"EFA on a type without",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].type = "m5.large";
       t.instances[0].interfaces = {efa()};
     },
     "InvalidParameterCombination", "instances[0].type"},
    {"two EFA on a type with one",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].type = "hpc7g.16xlarge";
       t.instances[0].interfaces = {efa(), efa()};
     },
     "AttachmentLimitExceeded", "instances[0].interfaces"},
    {"nine EFA without a type",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces.assign(9, efa());
     },
     "AttachmentLimitExceeded", "instances[0].interfaces"},
    {"address outside the subnet",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].private_ip = Ipv4Address::parse("10.0.2.4");
     },
     "InvalidParameterValue", "instances[0].interfaces[0].private_ip"},
    {"the router's address",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.1");
     },
     "InvalidParameterValue", "instances[0].interfaces[0].private_ip"},
    {"the broadcast address",
     [](Topology& t) {
       t.instances = {instance("x")};
       t.instances[0].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.255");
     },
     "InvalidParameterValue", "instances[0].interfaces[0].private_ip"},
    {"address used twice",
     [](Topology& t) {
       t.instances = {instance("x"), instance("y")};
       for (auto& i : t.instances) i.interfaces[0].private_ip = Ipv4Address::parse("10.0.1.9");
     },
     "InvalidIPAddress.InUse", "instances[1].interfaces[0].private_ip"},
    {"one address for two",
     [](Topology& t) {
       t.instances = {instances("x", 2)};
       t.instances[0].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.9");
     },
     "InvalidParameterCombination", "instances[0].interfaces[0].private_ip"},
};

TEST(Resolve, refuses_with_ec2s_code_at_the_key) {
  for (const Refusal& refusal : kRefusals) {
    Topology topology = small();
    ASSERT_TRUE(resolve(topology, nullptr)) << "the base must be right";
    refusal.break_it(topology);
    const Result<Deployment> result = resolve(topology, nullptr);
    ASSERT_FALSE(result) << refusal.what;
    EXPECT_EQ(result.error().code, refusal.code) << refusal.what << ": " << result.error().to_string();
    EXPECT_EQ(result.error().where.key, refusal.key) << refusal.what << ": " << result.error().to_string();
    EXPECT_EQ(result.error().where.file, "small.yaml") << refusal.what;
    EXPECT_GT(result.error().message.size(), 20u) << refusal.what;
  }
}

TEST(Resolve, an_address_that_runs_is_in_use) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Result<Deployment> before = resolve(topology, nullptr);
  ASSERT_TRUE(before);
  topology.instances.push_back(instance("y"));
  topology.instances[1].interfaces[0].private_ip = Ipv4Address::parse("10.0.1.4");
  const Result<Deployment> after = resolve(topology, &*before);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, "InvalidIPAddress.InUse");
  EXPECT_NE(after.error().message.find("x/eth0"), std::string::npos) << after.error().message;
}

TEST(Resolve, the_default_group_is_always_there_and_can_be_edited) {
  Topology topology = small();
  Result<Deployment> deployment = resolve(topology, nullptr);
  const SecurityGroup* group = deployment->find_security_group("default");
  ASSERT_NE(group, nullptr);
  ASSERT_EQ(group->ingress.size(), 1u);
  EXPECT_EQ(std::get<GroupReference>(group->ingress[0].peer).name, "default");
  ASSERT_EQ(group->egress.size(), 1u);
  EXPECT_EQ(std::get<IpPrefix>(group->egress[0].peer), cidr("0.0.0.0/0"));

  SecurityGroupDeclaration edited;
  edited.name = "default";
  topology.security_groups.push_back(edited);
  deployment = resolve(topology, nullptr);
  EXPECT_EQ(deployment->security_groups.size(), 2u);
  EXPECT_TRUE(deployment->find_security_group("default")->ingress.empty());
}

TEST(Resolve, sixty_rules_of_each_family_are_allowed) {
  Topology topology = small();
  topology.security_groups[0].ingress.clear();
  for (int i = 0; i < 60; ++i) {
    topology.security_groups[0].ingress.push_back(tcp(i, cidr("0.0.0.0/0")));
    topology.security_groups[0].ingress.push_back(tcp(i, cidr("::/0")));
  }
  EXPECT_TRUE(resolve(topology, nullptr));
  topology.security_groups[0].ingress.push_back(tcp(99, GroupReference{"web"}));
  EXPECT_FALSE(resolve(topology, nullptr)) << "a group counts against both families";
}

TEST(Resolve, finds_by_name_and_by_id) {
  Topology topology = small();
  topology.instances = {instances("n", 2)};
  const Result<Deployment> deployment = resolve(topology, nullptr);
  const Instance* second = deployment->find_instance("n-1");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(deployment->find_instance(second->id), second);
  EXPECT_EQ(deployment->find_eni(second->enis[0].id), &second->enis[0]);
  EXPECT_EQ(deployment->find_subnet("a")->router(), ip("10.0.1.1"));
  EXPECT_EQ(deployment->find_instance("n"), nullptr);
  EXPECT_EQ(deployment->find_eni("eni-0"), nullptr);
}

}  // namespace
}  // namespace weft::testing
