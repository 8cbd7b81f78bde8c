// The fabric's services as a guest meets them: through the whole pipeline, past closed groups and ACLs (facts ec2 1.7,
// 1.9, 2.5; statement 8). What each service says is tested in tests/dataplane/services.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/metadata_client.hpp"
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

// Statement 7: of what goes to the subnet's broadcast address only DHCP is heard, by the fabric and by nobody else.
TEST(Services, DhcpToTheSubnetsBroadcastAddressIsAnsweredAsToTheLimitedOne) {
  Fabric fabric(closed());
  const MacAddress mac = fabric.eni("a").mac;
  const Frame asked = discover(mac, "10.0.1.4", "10.0.1.255");
  for (const Frame& frame : {asked, with_macs(asked, kRouterMac, mac)}) {  // as Linux does, and as through a router
    fabric.changes();
    fabric.send("a", frame);
    const Changes changes = fabric.changes();
    const std::optional<Frame> got = fabric.receive("a");
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(changes, answer_of(fabric, frame, *got));
  }
  for (const Frame& other :
       {udp({mac, MacAddress::broadcast(), "10.0.1.4", "10.0.1.255"}, 68, 68),   // another port
        discover(mac, "10.0.1.4", "10.0.2.255"),                                 // another subnet's
        discover(mac, "10.0.1.4", "10.0.1.5")}) {
    fabric.changes();
    fabric.send("a", other);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", other, DropReason::kMulticast));
  }
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

TEST(Services, TimeIsTold) {
  Fabric fabric(closed());
  Frame ntp(48);
  ntp[0] = 0x23;  // version 4, client
  const Frame asked = udp_with(fabric.path_to("a", "169.254.169.123"), 123, 123, ntp);
  fabric.send("a", asked);
  EXPECT_TRUE(fabric.receive("a").has_value());
}

// Statement 40.
TEST(Services, MetadataIsToldPastClosedGroupsWithATokenOnly) {
  Deployment deployment = closed();
  deployment.instances[0].enis[0].secondary_private_ips = {ip("10.0.1.40"), ip("10.0.1.41")};
  Fabric fabric(deployment);
  MetadataClient a{fabric, "a", 40000}, b{fabric, "b", 40000};
  ASSERT_TRUE(a.open() && b.open());
  EXPECT_EQ(a.ask("GET /latest/meta-data/ HTTP/1.1\r\n"), "401");
  EXPECT_EQ(a.token(21601), "400");
  EXPECT_EQ(a.ask("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n"
                  "X-Forwarded-For: 10.0.0.9\r\n"), "403");
  const std::string token = a.token();
  EXPECT_EQ(a.time_to_live, 1);
  const std::string at = "meta-data/network/interfaces/macs/" + fabric.eni("a").mac.to_string() + "/";
  EXPECT_EQ(a.get(at + "local-ipv4s", token), "10.0.1.4\n10.0.1.40\n10.0.1.41");
  EXPECT_EQ(a.time_to_live, 64);
  EXPECT_EQ(b.get("meta-data/instance-id", token), "401") << "a's";
  EXPECT_EQ(b.get("meta-data/local-ipv4", b.token()), "10.0.1.5");
  EXPECT_TRUE(fabric.engine().flows().empty());
  EXPECT_TRUE(fabric.engine().balance().holds());
  Fabric::advance_s(599);
  EXPECT_EQ(a.get("meta-data/local-ipv4", token), "10.0.1.4");
  Fabric::advance_s(1);
  EXPECT_EQ(a.get("meta-data/local-ipv4", token), "401") << "its time is over";
}

TEST(Services, MetadataFollowsTheModelWithinAConnection) {
  Deployment deployment = closed();
  Fabric fabric(deployment);
  MetadataClient a{fabric, "a", 40000};
  ASSERT_TRUE(a.open());
  const std::string token = a.token();
  EXPECT_EQ(a.get("meta-data/public-ipv4", token), "404");
  deployment.instances[0].enis[0].public_ip = ip("203.0.113.9");
  deployment.instances[0].metadata_options = {.tokens_required = false, .put_response_hop_limit = 9};
  fabric.apply(deployment);
  EXPECT_EQ(a.ask("GET /latest/meta-data/public-ipv4 HTTP/1.1\r\n"), "203.0.113.9");
  EXPECT_EQ(a.get("meta-data/public-hostname", token), "ec2-203-0-113-9.compute-1.amazonaws.com");
  a.token();
  EXPECT_EQ(a.time_to_live, 9);
  deployment.instances[0].metadata_options.endpoint_enabled = false;
  fabric.apply(deployment);
  EXPECT_EQ(a.get("meta-data/public-ipv4", token), "403");
}

TEST(Services, AnAnswerThatTheGuestDidNotGetComesAgainByTheClock) {
  Fabric fabric(closed());
  MetadataClient a{fabric, "a", 40000};
  ASSERT_TRUE(a.open());
  fabric.send("a", a.segment(TcpHeader::kAck, "GET / HTTP/1.0\r\n\r\n"));
  const std::optional<Frame> said = fabric.receive("a");
  ASSERT_TRUE(said.has_value());
  fabric.changes();
  Fabric::advance_ms(999);
  fabric.turn();
  EXPECT_FALSE(fabric.receive("a").has_value());
  Fabric::advance_ms(1);
  fabric.turn();
  EXPECT_EQ(fabric.changes(), (Changes{{"originated", 1}, {"a.originated", 1}, {"delivered", 1}, {"a.rx_packets", 1},
                                       {"a.rx_bytes", static_cast<long long>(said->size())}}));
  EXPECT_EQ(fabric.receive("a"), said);

  // Its ENI goes, and with it whatever there was to say.
  Deployment deployment = closed();
  deployment.instances.erase(deployment.instances.begin());
  fabric.apply(deployment);
  fabric.changes();
  Fabric::advance_s(2);
  fabric.turn();
  EXPECT_TRUE(fabric.changes().empty());
  EXPECT_TRUE(fabric.engine().balance().holds());
}

// 9001 bytes lie over five buffers of the pool; the answer is found whole all the same.
TEST(Services, TheRouterAnswersAPingOfAnyLength) {
  Fabric fabric(dual_stack({make_group("shut", {}, {})}, four_guests({"shut"})));
  for (const std::size_t data : {std::size_t{0}, std::size_t{1900}, std::size_t{2100}, std::size_t{9001 - 48}}) {
    const Path there{fabric.eni("a").mac, kRouterMac, address6("a"), "2001:db8:0:1::1"};
    const Frame asked = icmp6(there, Icmpv6Header::kEchoRequest, 0, 7, pattern(data));
    fabric.changes();
    fabric.send("a", asked);
    const Changes changes = fabric.changes();
    const std::optional<Frame> got = fabric.receive("a");
    ASSERT_TRUE(got.has_value()) << data;
    EXPECT_EQ(changes, answer_of(fabric, asked, *got));
    EXPECT_EQ(*got, icmp6({kRouterMac, fabric.eni("a").mac, "2001:db8:0:1::1", address6("a")}, Icmpv6Header::kEchoReply, 0, 7,
                          pattern(data))) << data;

    const Frame asked4 = icmp(fabric.path_to("a", "10.0.1.1"), IcmpHeader::kEchoRequest, 0, 7, pattern(data));
    fabric.send("a", asked4);
    const std::optional<Frame> got4 = fabric.receive("a");
    ASSERT_TRUE(got4.has_value()) << data;
    EXPECT_EQ(got4->size(), asked4.size());
  }
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
