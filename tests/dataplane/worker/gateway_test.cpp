// The internet gateway: 1:1 NAT in both directions with every checksum it touches, what it refuses, hairpins, time to
// live, MTU and fragments (facts ec2 1.8, 1.10, 2.2, 3.1; statements 14, 18, 29).
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/networks.hpp"
#include "tests/dataplane/worker/translated.hpp"

namespace weft::test::gateway_test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck;
constexpr const char* kElasticA = "203.0.113.1";
constexpr const char* kElasticB = "203.0.113.2";

/// a and b have Elastic IPs, c has a secondary address with one and a public address of its own, d has nothing.
Deployment with_internet(SecurityGroup group = open_group()) {
  const std::string name = group.name;
  Deployment deployment = make_deployment({std::move(group)}, four_guests({name}));
  add_internet(deployment, {"hpc", "far"});
  add_elastic_ip(deployment, kElasticA, "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, kElasticB, "eni-b", "10.0.1.5");
  Eni& c = deployment.instances[2].enis[0];
  c.secondary_private_ips = {ip("10.0.1.20")};
  c.prefixes = {*IpPrefix::parse("10.0.1.32/28")};
  c.public_ip = ip("203.0.113.3");
  add_elastic_ip(deployment, "203.0.113.4", "eni-c", "10.0.1.20");
  add_elastic_ip(deployment, "203.0.113.5", "eni-c", "10.0.1.33");
  return deployment;
}
/// What a tracked client needs: it may begin, and nothing may begin to it.
SecurityGroup client_group() { return make_group("client", {}, {all(cidr("0.0.0.0/0"))}); }

Path out_of(const Fabric& fabric, const std::string& guest, const std::string& to = kOutside) {
  return fabric.path_to(guest, to);
}
Path in_to(const std::string& address) { return {kInternetMac, kGatewayMac, kOutside, address}; }

Frame to_internet(const Frame& frame, const std::string& from) {
  return rebuilt(frame, from, kOutside, 1, kInternetMac, kGatewayMac);
}
Frame to_guest(const Fabric& fabric, const Frame& frame, const std::string& guest, const std::string& address,
               const std::string& from = kOutside, int hops = 1) {
  return rebuilt(frame, from, address, hops, fabric.eni(guest).mac, kRouterMac);
}

/// What the router of 10.0.1.0/24 says about `about` to a.
Frame router_error(const Fabric& fabric, const Frame& about, std::uint8_t type, std::uint8_t code, std::uint16_t mtu) {
  const std::size_t quoted = std::min<std::size_t>(about.size() - kIpOffset, 548);
  Frame frame = icmp({kRouterMac, fabric.eni("a").mac, "10.0.1.1", "10.0.1.4"}, type, code, 0,
                     Frame(about.begin() + kIpOffset, about.begin() + static_cast<long>(kIpOffset + quoted)));
  auto& ip_header = header_at<Ipv4Header>(frame, kIpOffset);
  ip_header.fragment = Be16(0);
  ip_header.type_of_service = 0xc0;
  fix_ip_checksum(frame);
  Frame l4(frame.begin() + kIpv4L4Offset, frame.end());
  header_at<IcmpHeader>(l4, 0).sequence = Be16(mtu);
  header_at<IcmpHeader>(l4, 0).checksum = {};
  header_at<IcmpHeader>(l4, 0).checksum =
      checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(l4.data()), l4.size()}));
  std::copy(l4.begin(), l4.end(), frame.begin() + kIpv4L4Offset);
  return frame;
}
Changes told(const Frame& error) {
  return {{"originated", 1},
          {"a.originated", 1},
          {"delivered", 1},
          {"a.rx_packets", 1},
          {"a.rx_bytes", static_cast<long long>(error.size())}};
}

// Statement 29.
TEST(Gateway, TranslatesOneToOneInBothDirections) {
  Fabric fabric(with_internet(client_group()));
  const Frame syn = tcp(out_of(fabric, "a"), 40000, 443, kSyn);
  fabric.send("a", syn);
  const std::string flow = "flow 10.0.1.4:40000>198.51.100.10:443/6";
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "internet", syn) +
                               Changes{{flow + " tcp-opening tracked-untracked", 1}, {flow + " packets", 1}}));
  EXPECT_EQ(fabric.receive("internet"), to_internet(syn, kElasticA));

  const Frame answer = tcp(in_to(kElasticA), 443, 40000, kSyn | kAck, 100);
  fabric.send("internet", answer);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("internet", "a", answer) + Changes{{flow + " answers", 1}}));
  EXPECT_EQ(fabric.receive("a"), to_guest(fabric, answer, "a", "10.0.1.4"));

  const Frame uninvited = tcp(in_to(kElasticA), 443, 40001, kSyn);
  fabric.send("internet", uninvited);
  EXPECT_EQ(fabric.changes(), fabric.dropped("internet", uninvited, DropReason::kGroupIngress));
}

TEST(Gateway, EveryProtocolKeepsRightChecksums) {
  Fabric fabric(with_internet());
  Frame unsummed = udp(out_of(fabric, "a"), 5000, 53, 33);
  header_at<UdpHeader>(unsummed, kIpv4L4Offset).checksum = {};
  const Path there = out_of(fabric, "a");
  for (const Frame& frame : {tcp(there, 1, 2, kAck, 1), tcp(there, 1, 2, kAck, 1400), udp(there, 5000, 53), unsummed,
                             icmp(there, 8, 0, 7), ipv4(there, kProtocolGre, pattern(40))}) {
    ASSERT_TRUE((fabric.send("a", frame), true));
    EXPECT_EQ(fabric.receive("internet"), to_internet(frame, kElasticA));
  }
  for (std::uint16_t port = 1; port < 600; ++port) {  // every kind of carry
    const Frame frame = udp(there, port, static_cast<std::uint16_t>(port * 109), port % 50);
    fabric.send("a", frame);
    ASSERT_EQ(fabric.receive("internet"), to_internet(frame, kElasticA)) << port;
  }
}

TEST(Gateway, EachPrivateAddressHasItsOwnPublicOne) {
  Fabric fabric(with_internet());
  const std::pair<const char*, const char*> pairs[] = {
      {"10.0.1.6", "203.0.113.3"}, {"10.0.1.20", "203.0.113.4"}, {"10.0.1.33", "203.0.113.5"}};
  for (const auto& [own, outside] : pairs) {
    Path path = out_of(fabric, "c");
    path.from = own;
    const Frame frame = udp(path, 1, 2);
    fabric.send("c", frame);
    EXPECT_EQ(fabric.receive("internet"), to_internet(frame, outside));
    const Frame answer = udp(in_to(outside), 2, 1);
    fabric.send("internet", answer);
    EXPECT_EQ(fabric.receive("c"), to_guest(fabric, answer, "c", own));
  }
  Path path = out_of(fabric, "c");
  path.from = "10.0.1.34";  // in the prefix, and without an Elastic IP
  const Frame frame = udp(path, 1, 2);
  fabric.changes();
  fabric.send("c", frame);
  EXPECT_EQ(fabric.changes().at("c.no-public-address"), 1);
}

TEST(Gateway, RefusesWhoHasNoPublicAddressAndWhatNobodyHas) {
  Fabric fabric(with_internet());
  const Frame frame = udp(out_of(fabric, "d"), 1, 2);
  fabric.send("d", frame);
  EXPECT_EQ(fabric.changes().at("d.no-public-address"), 1);
  for (const char* address : {"203.0.113.99", "10.0.1.4", "192.0.2.1"}) {
    const Frame in = udp(in_to(address), 1, 2);
    fabric.changes();
    fabric.send("internet", in);
    EXPECT_EQ(fabric.changes(), fabric.dropped("internet", in, DropReason::kUnknownPublicAddress)) << address;
  }
  for (const char* source : {"10.0.1.5", "10.0.77.1", kElasticB, "203.0.113.77", "127.0.0.1", "0.0.0.0", "224.0.0.1"}) {
    Path path = in_to(kElasticA);
    path.from = source;
    const Frame in = udp(path, 1, 2);
    fabric.changes();
    fabric.send("internet", in);
    EXPECT_EQ(fabric.changes(), fabric.dropped("internet", in, DropReason::kSpoofedIp)) << source;
  }
}

TEST(Gateway, ASubnetWithoutARouteToItIsPrivate) {
  Deployment deployment = with_internet();
  deployment.subnets[1].route_table = "";
  add_elastic_ip(deployment, "203.0.113.6", "eni-d", "10.0.2.4");
  Fabric fabric(deployment);
  const Frame frame = udp(out_of(fabric, "d"), 1, 2);
  fabric.send("d", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("d", frame, DropReason::kNoRoute));
}

TEST(Gateway, AnswersArpForItselfAndForPublicAddresses) {
  Fabric fabric(with_internet());
  for (const char* target : {"169.254.0.1", kElasticA, "203.0.113.3"}) {
    fabric.send("internet", arp(kInternetMac, MacAddress::broadcast(), 1, kInternetMac, kOutside, {}, target));
    EXPECT_EQ(fabric.receive("internet"),
              arp(kGatewayMac, kInternetMac, 2, kGatewayMac, target, kInternetMac, kOutside));
  }
  const Frame asked = arp(kInternetMac, MacAddress::broadcast(), 1, kInternetMac, kOutside, {}, "203.0.113.99");
  fabric.changes();
  fabric.send("internet", asked);
  EXPECT_EQ(fabric.changes(), fabric.dropped("internet", asked, DropReason::kArpUnanswered));
}

TEST(Gateway, AMovedElasticIpLeadsToItsNewOwner) {
  Deployment deployment = with_internet();
  Fabric fabric(deployment);
  const Frame in = udp(in_to(kElasticA), 1, 2);
  ASSERT_TRUE(fabric.passes("internet", "a", in));
  deployment.elastic_ips[0].eni_id = "eni-d";
  deployment.elastic_ips[0].private_ip = ip("10.0.2.4");
  fabric.apply(deployment);
  EXPECT_TRUE(fabric.passes("internet", "d", in));
  const Frame out = udp(out_of(fabric, "a"), 2, 1);
  fabric.changes();
  fabric.send("a", out);
  EXPECT_EQ(fabric.changes().at("a.no-public-address"), 1);
}

TEST(Gateway, AclsOfTheSubnetSeeThePrivateAddress) {
  Deployment deployment = with_internet();
  add_acl(deployment, "hpc", {deny(1, kUdp, 2, 2), allow(2)}, {deny(1, kUdp, 9, 9), allow(2)});
  Fabric fabric(deployment);
  const Frame in = udp(in_to(kElasticA), 1, 2);
  fabric.send("internet", in);
  EXPECT_EQ(fabric.changes(), fabric.dropped("internet", in, DropReason::kAclIngress));
  const Frame out = udp(out_of(fabric, "a"), 1, 9);
  fabric.send("a", out);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", out, DropReason::kAclEgress));
}

// --- errors that quote

TEST(Gateway, IcmpErrorsAreTranslatedWithWhatTheyQuote) {
  Fabric fabric(with_internet(client_group()));
  const Frame query = udp(out_of(fabric, "a"), 1000, 53);
  fabric.send("a", query);
  const Frame outside_query = *fabric.receive("internet");
  // A router on the way, not the host that was asked.
  Path path = in_to(kElasticA);
  path.from = "198.51.100.77";
  const Frame error = icmp_error(path, 11, 0, outside_query);
  fabric.changes();
  fabric.send("internet", error);
  EXPECT_EQ(fabric.changes(), fabric.delivered("internet", "a", error));
  Frame expected =
      icmp_error({kRouterMac, fabric.eni("a").mac, "198.51.100.77", "10.0.1.4"}, 11, 0, with_ttl(query, 63));
  header_at<Ipv4Header>(expected, kIpOffset).time_to_live = 63;
  fix_ip_checksum(expected);
  EXPECT_EQ(fabric.receive("a"), expected);

  const Frame unrelated = icmp_error(path, 11, 0, to_internet(udp(out_of(fabric, "a"), 1001, 53), kElasticA));
  fabric.changes();
  fabric.send("internet", unrelated);
  EXPECT_EQ(fabric.changes(), fabric.dropped("internet", unrelated, DropReason::kGroupIngress));
}

TEST(Gateway, AGuestsOwnIcmpErrorGoesOutWithThePublicAddressInside) {
  Fabric fabric(with_internet());
  const Frame query = udp(in_to(kElasticA), 1000, 53);
  fabric.send("internet", query);
  const Frame seen = *fabric.receive("a");
  const Frame error = icmp_error(out_of(fabric, "a"), 3, 3, seen);
  fabric.send("a", error);
  Frame expected = icmp_error({kGatewayMac, kInternetMac, kElasticA, kOutside}, 3, 3, with_ttl(query, 63));
  header_at<Ipv4Header>(expected, kIpOffset).time_to_live = 63;
  fix_ip_checksum(expected);
  EXPECT_EQ(fabric.receive("internet"), expected);
}

// --- partial checksums (DESIGN D15)

TEST(Gateway, PatchesThePseudoHeaderOfPartialChecksums) {
  Fabric fabric(with_internet(), {.port = {.mtu = 9001, .checksum = false, .tso = false, .chains = true}});
  const Path path = out_of(fabric, "a");
  for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    const Frame finished = protocol == kProtocolTcp ? tcp(path, 1, 2, kAck, 1000) : udp(path, 1, 2, 1000);
    Frame partial = finished;
    const Be16 sum = checksum_fold(pseudo_header_sum(ip(path.from), ip(path.to), protocol,
                                                     static_cast<std::uint32_t>(partial.size() - kIpv4L4Offset)));
    if (protocol == kProtocolTcp)
      header_at<TcpHeader>(partial, kIpv4L4Offset).checksum = sum;
    else
      header_at<UdpHeader>(partial, kIpv4L4Offset).checksum = sum;
    rte_mbuf* packet = fabric.packet(partial);
    packet->ol_flags = protocol == kProtocolTcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    packet->l2_len = 14;
    packet->l3_len = 20;
    packet->l4_len = protocol == kProtocolTcp ? 20 : 8;
    fabric.inject("a", packet);
    fabric.turn();
    EXPECT_EQ(fabric.receive("internet"), to_internet(finished, kElasticA));
  }
}

// --- hairpin

// Statement 18, second part.
TEST(Hairpin, ComesBackFromTheGatewayWithBothPublicAddressesAndNoGroup) {
  Deployment deployment = with_internet(members_group());
  deployment.security_groups[0].egress.push_back(all(cidr("0.0.0.0/0")));
  Fabric fabric(deployment);
  ASSERT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
  const Frame frame = udp(out_of(fabric, "a", kElasticB), 1, 2);
  fabric.changes();
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(),
            (fabric.sent("a", frame) + Changes{{"dropped", 1},
                                               {"internet.group-ingress", 1},
                                               {"flow 10.0.1.4:1>203.0.113.2:2/17 udp-single tracked-untracked", 1},
                                               {"flow 10.0.1.4:1>203.0.113.2:2/17 packets", 1}}));
  deployment.security_groups[0].ingress.push_back(rule(kUdp, 2, 2, cidr("203.0.113.1/32")));
  fabric.apply(deployment);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.receive("b"), to_guest(fabric, frame, "b", "10.0.1.5", kElasticA, 1));
  const Frame answer = udp(out_of(fabric, "b", kElasticA), 2, 1);
  fabric.send("b", answer);
  EXPECT_EQ(fabric.receive("a"), to_guest(fabric, answer, "a", "10.0.1.4", kElasticB, 1)) << "by state, both ways";
  EXPECT_TRUE(fabric.engine().balance().holds());
  EXPECT_FALSE(fabric.receive("internet").has_value());
}

TEST(Hairpin, AWholeBurstComesBackInOrder) {
  Fabric fabric(with_internet());
  for (std::size_t bytes = 20; bytes < 52; ++bytes)
    fabric.inject("a", udp(out_of(fabric, "a", kElasticB), 1, 2, bytes));
  fabric.turn();
  for (std::size_t bytes = 20; bytes < 52; ++bytes) {
    const auto got = fabric.receive("b");
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->size(), 42 + bytes);
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Hairpin, ToOnesOwnPublicAddressIsNobodysFlowButOnesOwn) {
  Fabric fabric(with_internet());
  const Frame frame = udp(out_of(fabric, "a", kElasticA), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.receive("a"), to_guest(fabric, frame, "a", "10.0.1.4", kElasticA, 1));
  EXPECT_TRUE(fabric.engine().balance().holds());
}

// --- time to live

TEST(TimeToLive, EndsAtTheGatewayAndTheRouterSaysSo) {
  Fabric fabric(with_internet(client_group()));
  const Frame probe = with_ttl(udp(out_of(fabric, "a"), 33434, 33434), 1);
  const Frame error = router_error(fabric, probe, 11, 0, 0);
  fabric.send("a", probe);
  const std::string flow = "flow 10.0.1.4:33434>198.51.100.10:33434/17";
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", probe, DropReason::kTimeToLive) + told(error) +
                               Changes{{flow + " udp-single tracked-untracked", 1}, {flow + " packets", 1}}));
  EXPECT_EQ(fabric.receive("a"), error);
  EXPECT_TRUE(fabric.passes("a", "internet", with_ttl(probe, 2)));
  EXPECT_TRUE(fabric.passes("a", "b", with_ttl(udp(fabric.path("a", "b"), 1, 2), 1)) == false);  // b takes nothing new
  const Frame in = with_ttl(udp(in_to(kElasticA), 33434, 33434), 1);
  fabric.changes();
  fabric.send("internet", in);
  EXPECT_EQ(fabric.changes(), fabric.dropped("internet", in, DropReason::kTimeToLive));
}

TEST(TimeToLive, NobodyAnswersAnErrorWithAnError) {
  Fabric fabric(with_internet());
  const Frame seen = udp(in_to(kElasticA), 1, 2);
  const Frame error = with_ttl(icmp_error(out_of(fabric, "a"), 3, 3, seen), 1);
  fabric.send("a", error);
  EXPECT_EQ(fabric.changes().at("a.time-to-live"), 1);
  EXPECT_FALSE(fabric.receive("a").has_value());
}

TEST(TimeToLive, ErrorsAreLimited) {
  Fabric fabric(with_internet());
  unsigned told_of = 0;
  for (int i = 0; i < 1000; ++i) {
    fabric.send("a", with_ttl(udp(out_of(fabric, "a"), 1, 2), 1));
    told_of += fabric.receive("a").has_value();
  }
  EXPECT_EQ(told_of, 100U);
  Fabric::advance_ms(10);
  for (int i = 0; i < 1000; ++i) {
    fabric.send("a", with_ttl(udp(out_of(fabric, "a"), 1, 2), 1));
    told_of += fabric.receive("a").has_value();
  }
  EXPECT_EQ(told_of, 110U);
}

// --- MTU

// Statement 14.
TEST(Mtu, WithDfTheRouterTellsTheNextHopsMtu) {
  Fabric fabric(with_internet(client_group()));
  EXPECT_TRUE(fabric.passes("a", "internet", tcp(out_of(fabric, "a"), 1, 2, kAck, 1460)));
  for (const std::size_t payload : {1461U, 4000U, 8961U}) {
    const Frame frame = tcp(out_of(fabric, "a"), 1, 2, kAck, payload);
    const Frame error = router_error(fabric, frame, 3, 4, 1500);
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kTooBig) + told(error) +
                                 Changes{{"flow 10.0.1.4:1>198.51.100.10:2/6 packets", 1}}));
    // The head of the mbuf chain holds more than is quoted.
    EXPECT_EQ(fabric.receive("a"), error);
    EXPECT_FALSE(fabric.receive("internet").has_value());
  }
}

// EC2's tracepath hears "pmtu 1500" at hop 1 (facts ec2 1.8): the size is looked at before the time to live.
TEST(Mtu, APacketAtItsLastHopIsTooBigFirst) {
  Fabric fabric(with_internet(client_group()));
  const Frame probe = with_ttl(udp(out_of(fabric, "a"), 44444, 44444, 8973), 1);
  const Frame error = router_error(fabric, probe, 3, 4, 1500);
  fabric.send("a", probe);
  EXPECT_EQ(fabric.receive("a"), error);
}

TEST(Mtu, WhetherTheGuestHearsOfItDependsOnTheSwitchAndItsRules) {
  const auto hears = [](SecurityGroup group, bool related, bool acl) {
    Deployment deployment = with_internet(std::move(group));
    if (acl) add_acl(deployment, "hpc", {deny(1, kIcmp, 3, 4), allow(2)}, {allow(1)});
    Fabric fabric(deployment, {.related_icmp_errors = related});
    fabric.send("a", tcp(out_of(fabric, "a"), 1, 2, kAck, 4000));
    return fabric.receive("a").has_value();
  };
  EXPECT_TRUE(hears(client_group(), true, false));
  EXPECT_FALSE(hears(client_group(), false, false)) << "no rule, so PMTUD is blocked (facts ec2 1.8)";
  EXPECT_FALSE(hears(client_group(), true, true)) << "the ACL refuses type 3 code 4";
  SecurityGroup with_rule = client_group();
  with_rule.ingress.push_back(rule(kIcmp, 3, 4, cidr("0.0.0.0/0")));
  EXPECT_TRUE(hears(with_rule, false, false));
}

TEST(Mtu, BeyondTheFabricsOwnNobodyIsTold) {
  Fabric fabric(with_internet());
  fabric.send("a", tcp(out_of(fabric, "a"), 1, 2, kAck, 9002 - 40));
  EXPECT_EQ(fabric.changes().at("a.too-big"), 1);
  EXPECT_FALSE(fabric.receive("a").has_value());
}

TEST(Mtu, WithoutDfThePacketIsCut) {
  Fabric fabric(with_internet());
  for (const std::size_t payload : {1473U, 2952U, 5000U, 9001U - 28}) {
    const Frame frame = without_df(udp(out_of(fabric, "a"), 1, 2, payload));
    fabric.changes();
    fabric.send("a", frame);
    std::vector<Frame> fragments;
    while (const auto got = fabric.receive("internet")) fragments.push_back(*got);
    ASSERT_EQ(fragments.size(), (payload + 8 + 1479) / 1480);
    EXPECT_EQ(reassembled(fragments), to_internet(frame, kElasticA));
    const Changes changes = fabric.changes();
    EXPECT_EQ(changes.at("copies"), static_cast<long long>(fragments.size()) - 1);
    EXPECT_EQ(changes.at("internet.rx_packets"), static_cast<long long>(fragments.size()));
    EXPECT_TRUE(fabric.engine().balance().holds());
  }
}

TEST(Mtu, OnlyOptionsThatSayCopyGoWithLaterFragments) {
  Fabric fabric(with_internet());
  Frame frame = without_df(udp(out_of(fabric, "a"), 1, 2, 3000));
  const std::uint8_t options[] = {0x44, 4, 5, 0, 1, 0x94, 4, 0, 0, 0, 0, 0};  // timestamp, no-op, router alert, end
  frame.insert(frame.begin() + kIpv4L4Offset, options, options + sizeof options);
  auto& ip_header = header_at<Ipv4Header>(frame, kIpOffset);
  ip_header.version_length = 0x48;
  ip_header.total_length = Be16(static_cast<std::uint16_t>(frame.size() - kIpOffset));
  fix_ip_checksum(frame);
  fabric.send("a", frame);
  const std::optional<Frame> first = fabric.receive("internet"), second = fabric.receive("internet"),
                             third = fabric.receive("internet");
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(header_at<Ipv4Header>(*first, kIpOffset).version_length, 0x48);
  EXPECT_EQ(header_at<Ipv4Header>(*second, kIpOffset).version_length, 0x46);
  EXPECT_EQ((Frame(second->begin() + 34, second->begin() + 38)), (Frame{0x94, 4, 0, 0}));
  EXPECT_EQ(first->size() + second->size() + third->size() - 14 * 3 - 32 - 24 * 2, 3008U);
}

TEST(Mtu, SuperSegmentsPassWhenTheirSegmentsFit) {
  for (const bool takes_tso : {true, false}) {
    Fabric fabric(with_internet(), {.port = {.mtu = 9001, .checksum = takes_tso, .tso = takes_tso, .chains = true}});
    for (const std::uint16_t size : {std::uint16_t{1460}, std::uint16_t{1461}}) {
      const Path path = out_of(fabric, "a");
      Frame frame = tcp(path, 1, 2, kAck, 5000);
      header_at<TcpHeader>(frame, kIpv4L4Offset).checksum =
          checksum_fold(pseudo_header_sum(ip(path.from), ip(path.to), kProtocolTcp, 5020));
      rte_mbuf* packet = fabric.packet(frame);
      packet->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
      packet->l2_len = 14;
      packet->l3_len = packet->l4_len = 20;
      packet->tso_segsz = size;
      fabric.inject("a", packet);
      fabric.turn();
      unsigned frames = 0;
      while (const auto got = fabric.receive("internet")) {
        ++frames;
        if (!takes_tso) {
          EXPECT_EQ(*got, rebuilt(*got, kElasticA, kOutside, 0, kInternetMac, kGatewayMac));
        }
      }
      EXPECT_EQ(frames, size == 1461 ? 0U : takes_tso ? 1U : 4U);
      EXPECT_EQ(fabric.receive("a").has_value(), size == 1461);
      EXPECT_TRUE(fabric.engine().balance().holds());
    }
  }
}

}  // namespace
}  // namespace weft::test::gateway_test
