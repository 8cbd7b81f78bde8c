// The fabric's services as a guest meets them: through the whole pipeline, past closed groups and ACLs (facts ec2 1.7,
// 1.9, 2.5; statement 8). What each service says is tested in tests/dataplane/services.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/networks.hpp"
#include "tests/dataplane/worker/service_frames.hpp"

namespace weft::test {
namespace {

/// Nothing may go in or out by rule.
Deployment closed() {
  Deployment deployment = make_deployment({make_group("shut", {}, {})}, four_guests({"shut"}));
  add_acl(deployment, "hpc", {}, {});
  return deployment;
}

Changes answer_of(const Fabric& fabric, const Frame& asked, const Frame& got) {
  return fabric.sent("a", asked) + Changes{{"consumed", 1}, {"a.consumed", 1}, {"originated", 1}, {"a.originated", 1},
                                           {"delivered", 1}, {"a.rx_packets", 1},
                                           {"a.rx_bytes", static_cast<long long>(got.size())}};
}

// Statement 8.
TEST(Services, ABootingGuestIsOfferedItsPrimaryAddress) {
  Fabric fabric(closed());
  const Frame asked = discover(fabric.eni("a").mac);
  fabric.send("a", asked);
  const Changes changes = fabric.changes();
  const std::optional<Frame> got = fabric.receive("a");
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(changes, answer_of(fabric, asked, *got));
  EXPECT_EQ(header_at<Ipv4Header>(*got, kIpOffset).source.host(), v4("10.0.1.1"));
  EXPECT_EQ((header_at<Be32>(*got, kIpv4L4Offset + 8 + 16).host()), v4("10.0.1.4"));
  EXPECT_EQ(header_at<EthernetHeader>(*got, 0).source, kRouterMac);
  for (const char* other : {"b", "c", "d"}) EXPECT_FALSE(fabric.receive(other).has_value());
}

TEST(Services, NobodyElseSpeaksFromNoAddress) {
  Fabric fabric(closed());
  const Path path{fabric.eni("a").mac, MacAddress::broadcast(), "0.0.0.0", "255.255.255.255"};
  for (const std::uint16_t port : {std::uint16_t{68}, std::uint16_t{5353}}) {
    const Frame frame = udp(path, 68, port);
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kSpoofedIp));
  }
}

TEST(Services, TheResolverKnowsInstancesAtBothItsAddresses) {
  Fabric fabric(closed());
  for (const char* server : {"10.0.0.2", "169.254.169.253"}) {
    const Frame asked = udp_with(fabric.path_to("a", server), 5000, 53, query("d"));
    fabric.changes();
    fabric.send("a", asked);
    const Changes changes = fabric.changes();
    const std::optional<Frame> got = fabric.receive("a");
    ASSERT_TRUE(got.has_value()) << server;
    EXPECT_EQ(changes, answer_of(fabric, asked, *got));
    const std::string text(got->begin(), got->end());
    EXPECT_NE(text.find(std::string("\x00\x04\x0a\x00\x02\x04", 6)), text.npos) << "an A record with 10.0.2.4";
    EXPECT_EQ(header_at<Ipv4Header>(*got, kIpOffset).source.host(), v4(server));
  }
  EXPECT_TRUE(fabric.engine().flows().empty());
}

TEST(Services, TimeIsToldAndMetadataIsNot) {
  Fabric fabric(closed());
  Frame ntp(48);
  ntp[0] = 0x23;  // version 4, client
  const Frame asked = udp_with(fabric.path_to("a", "169.254.169.123"), 123, 123, ntp);
  fabric.send("a", asked);
  EXPECT_TRUE(fabric.receive("a").has_value());
  const Frame metadata = tcp(fabric.path_to("a", "169.254.169.254"), 1, 80, TcpHeader::kSyn);
  fabric.changes();
  fabric.send("a", metadata);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", metadata, DropReason::kServiceNotOffered));
}

TEST(Services, ArpForTheLinkLocalServicesGivesTheRouter) {
  Fabric fabric(closed());
  const MacAddress a = fabric.eni("a").mac;
  fabric.send("a", arp(a, MacAddress::broadcast(), 1, a, "10.0.1.4", {}, "169.254.169.253"));
  EXPECT_EQ(fabric.receive("a"), arp(kRouterMac, a, 2, kRouterMac, "169.254.169.253", a, "10.0.1.4"));
}

TEST(Services, NeighbourSolicitationIsAnsweredFromTheTables) {
  Deployment deployment = closed();
  deployment.vpc_ipv6_cidr = *IpPrefix::parse("2001:db8::/56");
  deployment.subnets[0].ipv6_cidr = *IpPrefix::parse("2001:db8::/64");
  deployment.instances[0].enis[0].ipv6_addresses = {ip("2001:db8::4")};
  deployment.instances[1].enis[0].ipv6_addresses = {ip("2001:db8::5")};
  Fabric fabric(deployment);
  const MacAddress a = fabric.eni("a").mac;
  const Path path{a, mac("33:33:ff:00:00:05"), "2001:db8::4", "ff02::1:ff00:5"};
  Frame l4 = {135, 0, 0, 0, 0, 0, 0, 0};
  for (const std::uint8_t octet : ip("2001:db8::5").octets) l4.push_back(octet);
  l4.insert(l4.end(), {1, 1});
  l4.insert(l4.end(), a.octets.begin(), a.octets.end());
  header_at<Icmpv6Header>(l4, 0).checksum = l4_checksum(path, kProtocolIcmpv6, l4);
  Frame asked = ipv6(path, kProtocolIcmpv6, l4);
  header_at<Ipv6Header>(asked, kIpOffset).hop_limit = 255;
  fabric.send("a", asked);
  const std::optional<Frame> got = fabric.receive("a");
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(header_at<Icmpv6Header>(*got, kIpv6L4Offset).type, 136);
  const MacAddress b = fabric.eni("b").mac;
  EXPECT_TRUE(std::equal(b.octets.begin(), b.octets.end(), got->end() - 6)) << "b's MAC as target link-layer address";
  EXPECT_FALSE(fabric.receive("b").has_value());
}

TEST(Services, AResolverThatIsOffDoesNotAnswer) {
  Deployment deployment = closed();
  deployment.dns_support = false;
  Fabric fabric(deployment);
  const Frame asked = udp_with(fabric.path_to("a", "10.0.0.2"), 5000, 53, query("d"));
  fabric.send("a", asked);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", asked, DropReason::kResolverOff));
}

}  // namespace
}  // namespace weft::test
