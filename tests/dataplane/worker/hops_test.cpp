// Where packets go and which subnets they cross: route tables, network ACLs, further addresses of an ENI, and what of
// all that is asked again after a change (facts ec2 1.2-1.4, 1.10, 2.4, 2.6, 2.7).
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test::hops_test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck;

/// a, b, c in `hpc` and d in `far`, everybody in a group of members, whose flows are tracked.
Deployment members() { return make_deployment({members_group()}, four_guests({"members"})); }
/// The same in an open group: untracked.
Deployment open_network() { return make_deployment({open_group()}, four_guests({"open"})); }

// --- routes

TEST(Routes, ABlackholeDropsWhatIsNotLocal) {
  Deployment deployment = open_network();
  add_route(deployment, "hpc", "192.0.2.0/24", RouteTargetKind::kBlackhole);
  Fabric fabric(deployment);
  const Frame frame = udp(fabric.path_to("a", "192.0.2.9"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kBlackhole));
  const Frame elsewhere = udp(fabric.path_to("d", "192.0.2.9"), 1, 2);
  fabric.send("d", elsewhere);
  EXPECT_EQ(fabric.changes(), fabric.dropped("d", elsewhere, DropReason::kNoRoute)) << "d's subnet has no such route";
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
}

TEST(Routes, TheLongestPrefixDecides) {
  Deployment deployment = open_network();
  deployment.instances[1].enis[0].source_dest_check = false;
  add_route(deployment, "hpc", "192.0.0.0/8", RouteTargetKind::kBlackhole);
  add_route(deployment, "hpc", "192.0.2.0/24", RouteTargetKind::kInterface, "eni-b");
  add_route(deployment, "hpc", "192.0.2.128/25", RouteTargetKind::kBlackhole);
  Fabric fabric(deployment);
  EXPECT_FALSE(fabric.passes("a", "b", udp(fabric.path_to("a", "192.0.3.1"), 1, 2)));
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path_to("a", "192.0.2.5"), 1, 2)));
  EXPECT_FALSE(fabric.passes("a", "b", udp(fabric.path_to("a", "192.0.2.200"), 1, 2)));
}

// Statement 6.
TEST(Routes, AnEniThatIsTheTargetGetsForeignPacketsOnlyWithItsCheckOff) {
  Deployment deployment = open_network();
  add_route(deployment, "hpc", "192.0.2.0/24", RouteTargetKind::kInterface, "eni-b");
  Fabric fabric(deployment);
  const Frame frame = udp(fabric.path_to("a", "192.0.2.5"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kNotForEni));
  deployment.instances[1].enis[0].source_dest_check = false;
  fabric.apply(deployment);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", frame) +
                               Changes{{"flow 10.0.1.4:1>192.0.2.5:2/17 untracked untracked-untracked", 1},
                                       {"flow 10.0.1.4:1>192.0.2.5:2/17 packets", 1}}));
  EXPECT_EQ(fabric.receive("b"), with_macs(frame, fabric.eni("b").mac, fabric.eni("a").mac)) << "destination unchanged";
  deployment.instances[1].enis[0].source_dest_check = true;
  fabric.apply(deployment);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kNotForEni))) << "at once, also for a known flow";
}

TEST(Routes, ATargetThatHasGoneIsABlackhole) {
  Deployment deployment = open_network();
  add_route(deployment, "hpc", "192.0.2.0/24", RouteTargetKind::kInterface, "");
  Fabric fabric(deployment);
  const Frame frame = udp(fabric.path_to("a", "192.0.2.5"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kBlackhole));
}

TEST(Routes, LinkLocalServicesAreNeverForwarded) {
  Deployment deployment = open_network();
  deployment.instances[1].enis[0].source_dest_check = false;
  add_route(deployment, "hpc", "0.0.0.0/0", RouteTargetKind::kInterface, "eni-b");
  Fabric fabric(deployment);
  for (const char* address : {"169.254.168.1", "169.254.171.254"})
    EXPECT_FALSE(fabric.passes("a", "b", tcp(fabric.path_to("a", address), 1, 9999, kSyn))) << address;
  EXPECT_TRUE(fabric.passes("a", "b", tcp(fabric.path_to("a", "169.254.172.1"), 1, 9999, kSyn)));
}

/// a and b talk through c, a middlebox in their way: a route to the other's subnet in each subnet's table (facts 1.10).
Deployment through_middlebox() {
  Deployment deployment = members();
  deployment.security_groups[0].ingress.push_back(all(cidr("10.0.0.0/16")));
  deployment.security_groups[0].egress.push_back(all(cidr("10.0.0.0/16")));
  deployment.instances[2].enis[0].source_dest_check = false;
  add_route(deployment, "hpc", "10.0.2.0/24", RouteTargetKind::kInterface, "eni-c");
  add_route(deployment, "far", "10.0.1.0/24", RouteTargetKind::kInterface, "eni-c");
  // c is in a subnet of its own, so that its own route to `far` is the local one.
  deployment.subnets.push_back({"subnet-3", "box", *IpPrefix::parse("10.0.3.0/24"), "use1-az1", {}, "", "", false});
  deployment.instances[2] = guest("c", "10.0.3.4", {"members"}, "box");
  deployment.instances[2].enis[0].source_dest_check = false;
  return deployment;
}

TEST(Middlebox, SeesTheTupleTwiceAndEachHopIsAFlowOfItsOwn) {
  Fabric fabric(through_middlebox());
  const auto forward = [&](const char* from, const char* to, const Frame& frame) {
    fabric.send(from, frame);
    const std::optional<Frame> at_box = fabric.receive("c");
    ASSERT_TRUE(at_box.has_value()) << from;
    EXPECT_FALSE(fabric.receive(to).has_value());
    EXPECT_TRUE(fabric.passes("c", to, with_macs(*at_box, mac("06:00:0a:00:03:01"), fabric.eni("c").mac)));
  };
  forward("a", "d", tcp(fabric.path("a", "d"), 1000, 80, kSyn));
  forward("d", "a", tcp(fabric.path("d", "a"), 80, 1000, kSyn | kAck));
  forward("a", "d", tcp(fabric.path("a", "d"), 1000, 80, kAck));
  const std::vector<FlowView> flows = fabric.engine().flows();
  ASSERT_EQ(flows.size(), 2U);
  for (const FlowView& flow : flows) {
    EXPECT_EQ(flow.state, "tcp-established");
    EXPECT_EQ(flow.packets[0], 2U);
    EXPECT_EQ(flow.packets[1], 1U);
  }
}

TEST(Middlebox, OfOneDirectionOnlyLeavesEachEndItsOwnMemory) {
  // a's packets go through c, d's answers do not. a takes nothing new, so d's answer passes by a's memory alone.
  Deployment deployment = through_middlebox();
  deployment.route_tables.pop_back();
  deployment.subnets[1].route_table = "";
  deployment.security_groups.push_back(make_group("client", {}, {all(cidr("0.0.0.0/0"))}));
  deployment.instances[0].enis[0].security_groups = {"client"};
  Fabric fabric(deployment);
  const MacAddress box_router = mac("06:00:0a:00:03:01");
  for (int round = 0; round < 5; ++round) {
    fabric.send("a", tcp(fabric.path("a", "d"), 1000, 80, round == 0 ? kSyn : kAck));
    const std::optional<Frame> at_box = fabric.receive("c");
    ASSERT_TRUE(at_box.has_value());
    ASSERT_TRUE(fabric.passes("c", "d", with_macs(*at_box, box_router, fabric.eni("c").mac)));
    ASSERT_TRUE(fabric.passes("d", "a", tcp(fabric.path("d", "a"), 80, 1000, round == 0 ? kSyn | kAck : kAck)));
  }
  EXPECT_EQ(fabric.engine().flows().size(), 3U) << "three hops, and no entry more for every packet";
  EXPECT_FALSE(fabric.passes("d", "a", tcp(fabric.path("d", "a"), 81, 1000, kSyn | kAck)));
}

// --- network ACLs

// Statement 27.
TEST(Acl, ActsBetweenSubnetsAndNotInside) {
  Deployment deployment = open_network();
  add_acl(deployment, "hpc", {deny(90, kTcp, 80, 80), allow(100)}, {allow(100)});
  Fabric fabric(deployment);
  const Frame refused = tcp(fabric.path("d", "a"), 1000, 80, kSyn);
  fabric.send("d", refused);
  EXPECT_EQ(fabric.changes(), fabric.dropped("d", refused, DropReason::kAclIngress));
  EXPECT_TRUE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 1000, 80, kSyn)));
  EXPECT_TRUE(fabric.passes("d", "a", tcp(fabric.path("d", "a"), 1000, 81, kSyn)));
}

TEST(Acl, IsStateless) {
  Deployment deployment = members();
  add_acl(deployment, "hpc", {allow(100)}, {allow(100, kTcp, 0, 1023)});  // no ephemeral ports out
  Fabric fabric(deployment);
  ASSERT_TRUE(fabric.passes("d", "a", tcp(fabric.path("d", "a"), 40000, 80, kSyn)));
  for (int again = 0; again < 2; ++again) {
    fabric.changes();
    const Frame answer = tcp(fabric.path("a", "d"), 80, 40000, kSyn | kAck);
    fabric.send("a", answer);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", answer, DropReason::kAclEgress)) << "though the flow is tracked";
  }
  EXPECT_TRUE(fabric.passes("d", "a", tcp(fabric.path("d", "a"), 40000, 80, kSyn))) << "its other direction passes";
}

TEST(Acl, AChangeCutsTrackedAndUntrackedFlowsAlike) {
  for (Deployment deployment : {members(), open_network()}) {
    Fabric fabric(deployment);
    const Frame there = tcp(fabric.path("a", "d"), 1000, 80, kAck, 10);
    const Frame back = tcp(fabric.path("d", "a"), 80, 1000, kAck, 10);
    ASSERT_TRUE(fabric.passes("a", "d", there) && fabric.passes("d", "a", back));
    Deployment closed = deployment;
    add_acl(closed, "far", {allow(100)}, {deny(50, kTcp, 1000, 1000), allow(100)});
    fabric.apply(closed);
    EXPECT_TRUE(fabric.passes("a", "d", there));
    fabric.changes();
    fabric.send("d", back);
    EXPECT_EQ(fabric.changes(), fabric.dropped("d", back, DropReason::kAclEgress));
    EXPECT_TRUE(fabric.passes("a", "d", there)) << "each direction is judged for itself";
    fabric.apply(deployment);
    EXPECT_TRUE(fabric.passes("d", "a", back));
    EXPECT_EQ(fabric.engine().flows().size(), 1U);
  }
}

TEST(Acl, TheSendersIsAskedAfterItsGroupAndBeforeTheRoute) {
  Deployment deployment =
      make_deployment({make_group("udp", {}, {rule(kUdp, 0, 65535, cidr("0.0.0.0/0"))})}, four_guests({"udp"}));
  add_acl(deployment, "hpc", {}, {});
  Fabric fabric(deployment);
  const auto reason = [&](const Frame& frame, DropReason why) {
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, why));
  };
  reason(tcp(fabric.path("a", "d"), 1, 2, kSyn), DropReason::kGroupEgress);
  reason(udp(fabric.path("a", "d"), 1, 2), DropReason::kAclEgress);
  reason(udp(fabric.path_to("a", "192.0.2.1"), 1, 2), DropReason::kAclEgress);
  reason(udp(fabric.path("a", "b"), 1, 2), DropReason::kGroupIngress);
  reason(udp(fabric.path_to("a", "10.0.1.99"), 1, 2), DropReason::kNoSuchAddress);
}

// --- further addresses

TEST(Addresses, SecondaryOnesAndDelegatedPrefixesAreTheEnisOwn) {
  Deployment deployment = open_network();
  deployment.instances[0].enis[0].secondary_private_ips = {ip("10.0.1.20")};
  deployment.instances[0].enis[0].prefixes = {*IpPrefix::parse("10.0.1.32/28")};
  Fabric fabric(deployment);
  for (const char* own : {"10.0.1.4", "10.0.1.20", "10.0.1.32", "10.0.1.40", "10.0.1.47"}) {
    Path path = fabric.path("a", "d");
    path.from = own;
    EXPECT_TRUE(fabric.passes("a", "d", udp(path, 1, 2))) << own;
    EXPECT_TRUE(fabric.passes("d", "a", udp(fabric.path_to("d", own), 2, 1))) << own;
    EXPECT_TRUE(fabric.passes("b", "a", udp(fabric.path_to("b", own), 3, 1))) << own;
  }
  for (const char* foreign : {"10.0.1.19", "10.0.1.31", "10.0.1.48", "0.0.0.0"}) {
    Path path = fabric.path("a", "d");
    path.from = foreign;
    const Frame frame = udp(path, 1, 2);
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kSpoofedIp)) << foreign;
  }
}

TEST(Addresses, ArpKnowsAllOfThem) {
  Deployment deployment = open_network();
  deployment.instances[0].enis[0].secondary_private_ips = {ip("10.0.1.20")};
  deployment.instances[0].enis[0].prefixes = {*IpPrefix::parse("10.0.1.32/28")};
  Fabric fabric(deployment);
  const MacAddress a = fabric.eni("a").mac, b = fabric.eni("b").mac, everybody = MacAddress::broadcast();
  for (const char* target : {"10.0.1.20", "10.0.1.35"}) {
    fabric.send("b", arp(b, everybody, 1, b, "10.0.1.5", {}, target));
    EXPECT_EQ(fabric.receive("b"), arp(a, b, 2, a, target, b, "10.0.1.5"));
  }
  fabric.send("a", arp(a, everybody, 1, a, "10.0.1.20", {}, "10.0.1.5"));
  EXPECT_EQ(fabric.receive("a"), arp(b, a, 2, b, "10.0.1.5", a, "10.0.1.20")) << "asked from a secondary address";
  fabric.changes();
  const Frame gratuitous = arp(a, everybody, 1, a, "10.0.1.20", {}, "10.0.1.20");
  fabric.send("a", gratuitous);
  EXPECT_EQ(fabric.changes(), fabric.sent("a", gratuitous) + Changes({{"consumed", 1}, {"a.consumed", 1}}));
}

// Statement 9, the engine's half: the next packet goes to the new owner.
TEST(Addresses, AMovedAddressLeadsToItsNewOwnerAtOnce) {
  Deployment deployment = open_network();
  deployment.instances[0].enis[0].secondary_private_ips = {ip("10.0.1.20")};
  Fabric fabric(deployment);
  const Frame frame = udp(fabric.path_to("d", "10.0.1.20"), 1, 2);
  ASSERT_TRUE(fabric.passes("d", "a", frame));
  deployment.instances[0].enis[0].secondary_private_ips = {};
  deployment.instances[1].enis[0].secondary_private_ips = {ip("10.0.1.20")};
  fabric.apply(deployment);
  const MacAddress a = fabric.eni("a").mac;
  fabric.send("a", arp(a, MacAddress::broadcast(), 1, a, "10.0.1.20", {}, "10.0.1.20"));
  EXPECT_TRUE(fabric.passes("d", "b", frame));
  EXPECT_FALSE(fabric.receive("a").has_value());
}

// --- idle time-outs of an ENI

// Statement 21.
TEST(Timeouts, OfAnEniAreItsOwn) {
  Deployment deployment = make_deployment({make_group("client", {}, {all(cidr("0.0.0.0/0"))}),
                                           make_group("server", {rule(kTcp, 22, 22, cidr("10.0.0.0/16"))}, {})},
                                          {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"})});
  deployment.instances[1].enis[0].connection_tracking.tcp_established_timeout = 60;
  Fabric fabric(deployment);
  ASSERT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kSyn)));
  ASSERT_TRUE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40000, kSyn | kAck)));
  ASSERT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kAck)));
  const Frame data = tcp(fabric.path("b", "a"), 22, 40000, kAck, 10);
  Fabric::advance_s(59);
  EXPECT_TRUE(fabric.passes("b", "a", data));
  Fabric::advance_s(59);
  EXPECT_TRUE(fabric.passes("b", "a", data)) << "every packet starts the timer again";
  Fabric::advance_s(61);
  fabric.changes();
  fabric.send("b", data);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", data, DropReason::kGroupEgress));
  EXPECT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kAck, 10))) << "b's rule lets it in anew";
  EXPECT_TRUE(fabric.passes("b", "a", data));
}

}  // namespace
}  // namespace weft::test::hops_test
