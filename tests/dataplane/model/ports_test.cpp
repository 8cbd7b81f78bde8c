// What an interface's virtual function is connected to: a socket or a device of its own, from the file to the plan.
#include <gtest/gtest.h>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

Result<Deployment> deployment_of(const std::string& instances, const Deployment* running = nullptr) {
  const Result<Topology> topology = parse_topology(
      "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: a, cidr: 10.0.1.0/24}\ninstances:\n" + instances,
      "ports.yaml");
  if (!topology) return topology.error();
  return resolve(*topology, running);
}

const char* const kTwoMachines =
    "  - {name: vm, count: 2, interfaces: [{subnet: a, port: {driver: vhost-user, socket: \"/run/{instance}-{index}\"}}]}\n";

TEST(Ports, AreTapsWhereNothingIsSaid) {
  const Result<Deployment> deployment = deployment_of("  - {name: x, interfaces: [{subnet: a}]}\n");
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->instances[0].enis[0].port, PortBackend{});
  EXPECT_TRUE(deployment->instances[0].enis[0].port.resource().empty());
}

TEST(Ports, HaveTheInstancesNameWhereItIsAskedFor) {
  const Result<Deployment> deployment = deployment_of(kTwoMachines);
  ASSERT_TRUE(deployment) << deployment.error().to_string();
  EXPECT_EQ(deployment->instances[0].enis[0].port.socket, "/run/vm-0-0");
  EXPECT_EQ(deployment->instances[1].enis[0].port.socket, "/run/vm-1-0");
}

TEST(Ports, AreEachOfOneInterface) {
  const Result<Deployment> shared =
      deployment_of("  - {name: vm, count: 2, interfaces: [{subnet: a, port: {driver: vhost-user, socket: /run/vm}}]}\n");
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code, "InvalidParameterCombination");
  EXPECT_NE(shared.error().message.find("vm-0/eth0 and of vm-1/eth0"), std::string::npos) << shared.error().message;
  EXPECT_NE(shared.error().message.find("{instance}"), std::string::npos);
  EXPECT_EQ(shared.error().where.key, "instances[0].interfaces[0].port");
  // One memif socket carries many interfaces, by their ids.
  EXPECT_TRUE(deployment_of("  - {name: x, interfaces: [{subnet: a, port: {driver: memif, socket: /m}},\n"
                            "                           {subnet: a, port: {driver: memif, socket: /m, id: 1}}]}\n"));
}

TEST(Ports, AreOnOneDeviceWhateverItsArgumentsAre) {
  const auto two = [](const std::string& one, const std::string& other) {
    return deployment_of("  - {name: x, interfaces: [{subnet: a, port: {driver: ethdev, device: \"" + one +
                         "\"}},\n                           {subnet: a, port: {driver: ethdev, device: \"" + other + "\"}}]}\n");
  };
  EXPECT_FALSE(two("net_af_packet,iface=up0", "net_af_packet1,qpairs=2,iface=up0,blocksz=4096"));
  EXPECT_FALSE(two("0000:03:00.0", "0000:03:00.0,txq_inline=0"));
  EXPECT_TRUE(two("net_af_packet,iface=up0", "net_af_packet,iface=up01"));
  EXPECT_TRUE(two("net_ring0", "net_ring1"));
}

TEST(Ports, HaveSocketsThatFitIntoAnAddress) {
  const std::string start = "  - {name: x, interfaces: [{subnet: a, port: {driver: vhost-user, socket: /";
  EXPECT_TRUE(deployment_of(start + std::string(106, 's') + "}}]}\n"));
  const Result<Deployment> longer = deployment_of(start + std::string(107, 's') + "}}]}\n");
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().message.find("108 bytes"), std::string::npos) << longer.error().message;
}

TEST(Ports, AreNotOfInterfacesWithoutFrames) {
  const Result<Deployment> deployment = deployment_of(
      "  - {name: x, interfaces: [{subnet: a}, {subnet: a, type: efa-only, port: {driver: memif, socket: /m}}]}\n");
  ASSERT_FALSE(deployment);
  EXPECT_NE(deployment.error().message.find("efa-only"), std::string::npos) << deployment.error().message;
}

TEST(Ports, ChangeInPlace) {
  const Result<Deployment> before = deployment_of("  - {name: x, interfaces: [{subnet: a}]}\n");
  ASSERT_TRUE(before);
  const Result<Deployment> now = deployment_of(
      "  - {name: x, interfaces: [{subnet: a, port: {driver: ethdev, device: \"0000:03:00.0\", queues: 2}}]}\n", &*before);
  ASSERT_TRUE(now) << now.error().to_string();
  EXPECT_EQ(now->instances[0].id, before->instances[0].id);
  const std::vector<Change> changes = plan(&*before, *now);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].details, std::vector<std::string>{"port: tap -> ethdev 0000:03:00.0 (2 queues)"});
}

Result<Deployment> with_gateway(const std::string& gateway) {
  return deployment_of("  - {name: x, interfaces: [{subnet: a, port: {driver: ethdev, device: net_null0}}]}\ninternet_gateway: " +
                       gateway + "\n");
}

TEST(Ports, AreTheInternetGatewaysTooAndItIsToldWhoIsAtTheirOtherEnd) {
  const Result<Deployment> deployment =
      with_gateway("{port: {driver: ethdev, device: \"0000:03:00.0\", queues: 2}, next_hop_mac: \"52:54:00:12:34:56\"}");
  ASSERT_TRUE(deployment) << deployment.error().to_string();
  EXPECT_EQ(deployment->internet_gateway->port.device, "0000:03:00.0");
  EXPECT_EQ(deployment->internet_gateway->port.queues, 2);
  EXPECT_EQ(deployment->internet_gateway->mac, *MacAddress::parse("52:54:00:12:34:56"));

  const Result<Deployment> blind = with_gateway("{port: {driver: memif, socket: /m}}");
  ASSERT_FALSE(blind);
  EXPECT_EQ(blind.error().code, "MissingParameter");
  EXPECT_EQ(blind.error().where.key, "internet_gateway.port");
  const Result<Deployment> needless = with_gateway("{next_hop_mac: \"52:54:00:12:34:56\"}");
  ASSERT_FALSE(needless);
  EXPECT_EQ(needless.error().code, "InvalidParameterCombination");
  for (const char* mac : {"52:54:00:12:34", "01:00:5e:00:00:01", "router"}) {
    const Result<Deployment> bad = with_gateway("{port: {driver: memif, socket: /m}, next_hop_mac: \"" + std::string(mac) + "\"}");
    ASSERT_FALSE(bad) << mac;
    EXPECT_EQ(bad.error().where.key, "internet_gateway.next_hop_mac");
  }
  const Result<Deployment> relative = with_gateway("{port: {driver: memif, socket: m}, next_hop_mac: \"52:54:00:12:34:56\"}");
  ASSERT_FALSE(relative);
  EXPECT_EQ(relative.error().where.key, "internet_gateway.port.socket");
  const Result<Deployment> shared =
      with_gateway("{port: {driver: ethdev, device: net_null0}, next_hop_mac: \"52:54:00:12:34:56\"}");
  ASSERT_FALSE(shared);
  EXPECT_NE(shared.error().message.find("the internet gateway"), std::string::npos) << shared.error().message;
}

}  // namespace
}  // namespace weft
