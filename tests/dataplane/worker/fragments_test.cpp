// IP fragments at the gates: the later ones are judged by what the first one says, wait for it if they come too early,
// and may not rewrite it (RFC 791, RFC 1858, RFC 3128; facts ec2 1.8).
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include <algorithm>
#include <random>

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

/// UDP to port 53 and TCP to port 22 pass, from anybody in the VPC; nothing else is begun to b.
Deployment servers() {
  Deployment deployment = make_deployment(
      {make_group("client", {}, {all(cidr("0.0.0.0/0")), all(cidr("::/0"))}),
       make_group("server",
                  {rule(kUdp, 53, 53, cidr("10.0.0.0/16")), rule(kTcp, 22, 22, cidr("10.0.0.0/16")),
                   rule(kUdp, 53, 53, cidr("2001:db8::/56"))},
                  {})},
      {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"}), guest("c", "10.0.1.6", {"client"})});
  return deployment;
}

/// Cuts a frame's datagram at multiples of `size` bytes.
std::vector<Frame> cut(const Frame& whole, std::size_t size, std::uint16_t id = 77) {
  std::vector<Frame> fragments;
  const std::size_t payload = whole.size() - kIpv4L4Offset;
  for (std::size_t at = 0; at < payload; at += size) {
    const std::size_t piece = std::min(size, payload - at);
    Frame fragment(whole.begin(), whole.begin() + kIpv4L4Offset);
    fragment.insert(fragment.end(), whole.begin() + static_cast<long>(kIpv4L4Offset + at),
                    whole.begin() + static_cast<long>(kIpv4L4Offset + at + piece));
    auto& ip_header = header_at<Ipv4Header>(fragment, kIpOffset);
    ip_header.identification = Be16(id);
    ip_header.total_length = Be16(static_cast<std::uint16_t>(20 + piece));
    ip_header.fragment =
        Be16(static_cast<std::uint16_t>((at + piece < payload ? Ipv4Header::kMoreFragments : 0) | at / 8));
    fix_ip_checksum(fragment);
    fragments.push_back(fragment);
  }
  return fragments;
}
std::vector<Frame> delivered_to(Fabric& fabric, const std::string& guest) {
  std::vector<Frame> got;
  while (auto frame = fabric.receive(guest)) got.push_back(std::move(*frame));
  return got;
}
Frame at_b(const Fabric& fabric, const Frame& frame) {
  return with_macs(frame, fabric.eni("b").mac, fabric.eni("a").mac);
}

TEST(Fragments, OfAnAllowedFlowPassAndCountForIt) {
  Fabric fabric(servers());
  const std::vector<Frame> fragments = cut(udp(fabric.path("a", "b"), 5000, 53, 3000), 1480);
  ASSERT_EQ(fragments.size(), 3U);
  fabric.send("a", fragments[0]);
  const std::string flow = "flow 10.0.1.4:5000>10.0.1.5:53/17";
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", fragments[0]) +
                               Changes{{flow + " udp-single tracked-tracked", 1}, {flow + " packets", 1}}));
  for (const std::size_t n : {1U, 2U}) {
    fabric.send("a", fragments[n]);
    EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", fragments[n]) + Changes{{flow + " packets", 1}}));
  }
  const std::vector<Frame> got = delivered_to(fabric, "b");
  ASSERT_EQ(got.size(), 3U);
  for (std::size_t n = 0; n < 3; ++n) EXPECT_EQ(got[n], at_b(fabric, fragments[n]));
}

TEST(Fragments, OfARefusedFlowAreRefusedToTheLast) {
  Fabric fabric(servers());
  for (const Frame& fragment : cut(udp(fabric.path("a", "b"), 5000, 54, 3000), 1480)) {
    fabric.changes();
    fabric.send("a", fragment);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", fragment, DropReason::kGroupIngress));
  }
}

TEST(Fragments, OutOfOrderWaitForTheFirst) {
  Fabric fabric(servers());
  const std::vector<Frame> fragments = cut(udp(fabric.path("a", "b"), 5000, 53, 3000), 1480);
  fabric.send("a", fragments[2]);
  EXPECT_EQ(fabric.changes(), (fabric.sent("a", fragments[2]) + Changes{{"held", 1}}));
  fabric.send("a", fragments[1]);
  EXPECT_EQ(fabric.changes(), (fabric.sent("a", fragments[1]) + Changes{{"held", 1}}));
  fabric.send("a", fragments[0]);
  EXPECT_EQ(fabric.changes().at("held"), -2);
  const std::vector<Frame> got = delivered_to(fabric, "b");
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0], at_b(fabric, fragments[0]));
  EXPECT_EQ(got[1], at_b(fabric, fragments[2])) << "in the order they came in";
  EXPECT_EQ(got[2], at_b(fabric, fragments[1]));
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Fragments, ThatWaitInVainAreDropped) {
  Fabric fabric(servers());
  const unsigned free_before = rte_mempool_avail_count(fabric.engine().mempool());
  const std::vector<Frame> fragments = cut(udp(fabric.path("a", "b"), 5000, 53, 30000), 1480);
  for (std::size_t n = 1; n <= 10; ++n) fabric.send("a", fragments[n]);
  Changes changes = fabric.changes();
  EXPECT_EQ(changes.at("held"), 8) << "of one ENI no more";
  EXPECT_EQ(changes.at("a.fragment"), 2);
  Fabric::advance_ms(501);
  fabric.turn();
  changes = fabric.changes();
  EXPECT_EQ(changes.at("held"), -8);
  EXPECT_EQ(changes.at("a.fragment"), 8);
  EXPECT_EQ(rte_mempool_avail_count(fabric.engine().mempool()), free_before);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Fragments, HeldOnesOfAnEniThatHasGoneGoToo) {
  Fabric fabric(servers());
  fabric.send("a", cut(udp(fabric.path("a", "b"), 5000, 53, 3000), 1480)[1]);
  Deployment without = servers();
  without.instances.erase(without.instances.begin());
  fabric.apply(without);
  Fabric::advance_ms(501);
  fabric.turn();
  EXPECT_EQ(fabric.engine().balance().held, 0U);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Fragments, TheFirstMustHaveTheTransportHeaderAndNoneMayOverlapIt) {
  Fabric fabric(servers());
  const Frame whole = tcp(fabric.path("a", "b"), 5000, 22, TcpHeader::kSyn, 100);
  const Frame tiny = cut(whole, 16)[0];
  fabric.send("a", tiny);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", tiny, DropReason::kFragmentOverlap));
  const std::vector<Frame> fragments = cut(whole, 64);
  EXPECT_TRUE(fabric.passes("a", "b", fragments[0]));
  for (const unsigned offset : {8U, 16U, 24U, 56U}) {  // flags at 13, and everything else of the first
    Frame overlapping = fragments[1];
    header_at<Ipv4Header>(overlapping, kIpOffset).fragment = Be16(static_cast<std::uint16_t>(offset / 8));
    fix_ip_checksum(overlapping);
    fabric.changes();
    fabric.send("a", overlapping);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", overlapping, DropReason::kFragmentOverlap)) << offset;
  }
  EXPECT_TRUE(fabric.passes("a", "b", fragments[1]));
}

TEST(Fragments, ThatCannotBeAreMalformed) {
  Fabric fabric(servers());
  const std::vector<Frame> fragments = cut(udp(fabric.path("a", "b"), 5000, 53, 3000), 1480);
  const auto refused = [&](Frame frame, std::uint16_t word, std::size_t bytes) {
    frame.resize(kIpv4L4Offset + bytes);
    auto& ip_header = header_at<Ipv4Header>(frame, kIpOffset);
    ip_header.fragment = Be16(word);
    ip_header.total_length = Be16(static_cast<std::uint16_t>(20 + bytes));
    fix_ip_checksum(frame);
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kMalformed)) << word << " " << bytes;
  };
  refused(fragments[1], 0x1fff, 1000);        // beyond 65535 bytes (the ping of death)
  refused(fragments[1], 0x2000 | 185, 1001);  // more to come, and not a multiple of eight
  refused(fragments[1], 185, 0);              // nothing in it
}

TEST(Fragments, OfTwoGuestsWithOneIdentificationAreApart) {
  Fabric fabric(servers());
  const std::vector<Frame> of_a = cut(udp(fabric.path("a", "b"), 5000, 53, 2000), 1480);
  const std::vector<Frame> of_c = cut(udp(fabric.path("c", "b"), 5000, 54, 2000), 1480);
  EXPECT_TRUE(fabric.passes("a", "b", of_a[0]));
  EXPECT_FALSE(fabric.passes("c", "b", of_c[0]));
  EXPECT_TRUE(fabric.passes("a", "b", of_a[1]));
  EXPECT_FALSE(fabric.passes("c", "b", of_c[1]));
}

TEST(Fragments, OfAPingAndItsAnswer) {
  Deployment deployment = servers();
  deployment.security_groups[1].ingress.push_back(rule(kIcmp, 8, -1, cidr("10.0.0.0/16")));
  Fabric fabric(deployment);
  for (const Frame& fragment : cut(icmp(fabric.path("a", "b"), 8, 0, 7, pattern(3000)), 1480))
    EXPECT_TRUE(fabric.passes("a", "b", fragment));
  for (const Frame& fragment : cut(icmp(fabric.path("b", "a"), 0, 0, 7, pattern(3000)), 1480))
    EXPECT_TRUE(fabric.passes("b", "a", fragment));
  for (const Frame& fragment : cut(icmp(fabric.path("b", "a"), 8, 0, 7, pattern(3000)), 1480, 78))
    EXPECT_FALSE(fabric.passes("b", "a", fragment));
}

TEST(Fragments, AreTranslatedAtTheGateway) {
  Deployment deployment = servers();
  add_internet(deployment);
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  Fabric fabric(deployment);
  const std::vector<Frame> out = cut(udp(fabric.path_to("a", kOutside), 5000, 53, 3000), 1480);
  const Path public_path{kGatewayMac, kInternetMac, "203.0.113.1", kOutside};
  const std::vector<Frame> expected = cut(udp(public_path, 5000, 53, 3000), 1480);
  const std::vector<Frame> answer =
      cut(udp({kInternetMac, kGatewayMac, kOutside, "203.0.113.1"}, 53, 5000, 3000), 1480);
  const std::vector<Frame> inside =
      cut(udp({kRouterMac, fabric.eni("a").mac, kOutside, "10.0.1.4"}, 53, 5000, 3000), 1480);
  const auto hop = [](Frame frame) {
    header_at<Ipv4Header>(frame, kIpOffset).time_to_live = 63;
    fix_ip_checksum(frame);
    return frame;
  };
  for (const std::size_t n : {0U, 1U, 2U}) {
    fabric.send("a", out[n]);
    EXPECT_EQ(fabric.receive("internet"), hop(expected[n]));
  }
  for (const std::size_t n : {1U, 0U, 2U}) fabric.send("internet", answer[n]);
  const std::vector<Frame> got = delivered_to(fabric, "a");
  ASSERT_EQ(got.size(), 3U);
  for (const std::size_t n : {0U, 1U, 2U}) EXPECT_EQ(got[n], hop(inside[n]));
}

TEST(Fragments, CutForAHairpinPassByThePortsOfTheWhole) {
  Deployment deployment = servers();
  add_internet(deployment);
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, "203.0.113.2", "eni-b", "10.0.1.5");
  deployment.security_groups[1].ingress.push_back(rule(kUdp, 53, 53, cidr("203.0.113.1/32")));
  Fabric fabric(deployment);
  Frame whole = udp(fabric.path_to("a", "203.0.113.2"), 5000, 53, 5000);
  header_at<Ipv4Header>(whole, kIpOffset).fragment = Be16(0);
  fix_ip_checksum(whole);
  for (int n = 0; n < 12; ++n) fabric.inject("a", whole);
  fabric.turn();
  EXPECT_EQ(delivered_to(fabric, "b").size(), 48U);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Fragments, OfIpv6) {
  Deployment deployment = servers();
  deployment.vpc_ipv6_cidr = *IpPrefix::parse("2001:db8::/56");
  deployment.subnets[0].ipv6_cidr = *IpPrefix::parse("2001:db8::/64");
  deployment.instances[0].enis[0].ipv6_addresses = {ip("2001:db8::4")};
  deployment.instances[1].enis[0].ipv6_addresses = {ip("2001:db8::5")};
  Fabric fabric(deployment);
  const Path path{fabric.eni("a").mac, fabric.eni("b").mac, "2001:db8::4", "2001:db8::5"};
  for (const std::uint16_t port : {std::uint16_t{53}, std::uint16_t{54}}) {
    const Frame segment = udp_segment(path, 5000, port, 2000);
    const Frame first(segment.begin(), segment.begin() + 1000), second(segment.begin() + 1000, segment.end());
    const Frame one = ipv6(path, kProtocolUdp, first, kFragmentHeader, {fragment_header(kProtocolUdp, 0, true, port)});
    const Frame two =
        ipv6(path, kProtocolUdp, second, kFragmentHeader, {fragment_header(kProtocolUdp, 1000, false, port)});
    EXPECT_FALSE(fabric.passes("a", "b", two)) << "held";
    fabric.send("a", one);
    EXPECT_EQ(delivered_to(fabric, "b").size(), port == 53 ? 2U : 0U);
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

/// The table against a twin without bounds, as long as its own bounds are not reached.
TEST(Fragments, RandomOrdersDeliverWhatOneOrderDelivers) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Fabric fabric(servers());
  for (std::uint16_t round = 0; round < 200; ++round) {
    const bool allowed = random() % 2 == 0;
    std::vector<Frame> fragments = cut(udp(fabric.path("a", "b"), 5000, allowed ? 53 : 54, 100 + random() % 4000),
                                       (1 + random() % 100) * 8 + 496, round);
    std::shuffle(fragments.begin(), fragments.end(), random);
    if (fragments.size() > 8) continue;
    for (const Frame& fragment : fragments) fabric.send("a", fragment);
    std::vector<Frame> got = delivered_to(fabric, "b");
    for (Frame& fragment : fragments) fragment = at_b(fabric, fragment);
    std::sort(fragments.begin(), fragments.end());
    std::sort(got.begin(), got.end());
    ASSERT_EQ(got, allowed ? fragments : std::vector<Frame>{}) << "round " << round;
    ASSERT_EQ(fabric.engine().balance().held, 0U);
  }
}

}  // namespace
}  // namespace weft::test
