// Flow logs from packet to line: what is logged, at which end, with which words (facts ec2 1.9).
#include <gtest/gtest.h>

#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/logged_fabric.hpp"

namespace weft::test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck, kFin = TcpHeader::kFin;
const std::string kFlow = "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${action}";
const std::string kWay = "${interface-id} ${flow-direction} ${action} ${log-status}";
const std::string kNat =
    "${interface-id} ${srcaddr} ${pkt-srcaddr} ${dstaddr} ${pkt-dstaddr} ${traffic-path} ${flow-direction} ${action}";

std::string seconds() { return std::to_string(Fabric::now_ns() / 1'000'000'000); }
std::string nodata(const std::string& eni, const std::string& start, const std::string& end) {
  return "2 123456789012 " + eni + " - - - - - - - " + start + " " + end + " - NODATA";
}
Deployment open_vpc() { return make_deployment({open_group()}, four_guests({"open"})); }
Deployment closed_vpc() {
  return make_deployment({make_group("out", {}, {all(cidr("0.0.0.0/0"))})}, four_guests({"out"}));
}

TEST(FlowLogs, DefaultRecordsOfBothEndsWithTheirTimesAndNodataOfTheOthers) {
  LoggedFabric logged(open_vpc(), {flow_log("all", std::string(kDefaultFlowLogFormat))});
  Fabric& fabric = logged.fabric;
  const std::string begun = seconds();
  Fabric::advance_s(3);
  const std::string first = seconds();
  const Path there = fabric.path("a", "b"), back = fabric.path("b", "a");
  fabric.send("a", tcp(there, 40000, 80, kSyn));
  fabric.send("b", tcp(back, 80, 40000, kSyn | kAck));
  Fabric::advance_s(4);
  fabric.send("a", tcp(there, 40000, 80, kAck, 1000));
  const std::string last = seconds();
  EXPECT_EQ(logged.written("all"), Lines{}) << "nothing before the interval ends";
  logged.turn_of_time(53);
  const std::string end = seconds();
  const std::string ab = " 10.0.1.4 10.0.1.5 40000 80 6 2 1080 " + first + " " + last + " ACCEPT OK";
  const std::string ba = " 10.0.1.5 10.0.1.4 80 40000 6 1 40 " + first + " " + first + " ACCEPT OK";
  EXPECT_EQ(logged.written("all"),
            (Lines{"2 123456789012 eni-a" + ab, "2 123456789012 eni-b" + ab, "2 123456789012 eni-a" + ba,
                   "2 123456789012 eni-b" + ba, nodata("eni-c", begun, end), nodata("eni-d", begun, end)}));
  logged.turn_of_time(60);
  EXPECT_EQ(logged.written("all"), (Lines{nodata("eni-a", end, seconds()), nodata("eni-b", end, seconds()),
                                          nodata("eni-c", end, seconds()), nodata("eni-d", end, seconds())}));
}

TEST(FlowLogs, TheSendersGateRejectsAtTheSenderTheReceiversAtTheReceiver) {
  LoggedFabric logged(closed_vpc(), {flow_log("all", kFlow), flow_log("rejects", kFlow, "vpc-1", TrafficType::kReject),
                                     flow_log("accepts", kFlow, "vpc-1", TrafficType::kAccept)});
  Fabric& fabric = logged.fabric;
  fabric.send("a", tcp(fabric.path("a", "b"), 40000, 22, kSyn));
  const std::string tuple = " 10.0.1.4 10.0.1.5 40000 22 6 1 40 ";
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a" + tuple + "ACCEPT", "eni-b" + tuple + "REJECT"}));
  const Lines rejects = logged.written("rejects"), accepts = logged.written("accepts");
  EXPECT_EQ(rejects[0], "eni-b" + tuple + "REJECT");
  EXPECT_EQ(accepts[0], "eni-a" + tuple + "ACCEPT");
  EXPECT_EQ(rejects.size() + accepts.size(), 2 + 6U) << "and a line of each ENI without such packets";

  logged.apply(make_deployment({make_group("in", {all(cidr("0.0.0.0/0"))}, {})}, four_guests({"in"})));
  fabric.send("a", udp(fabric.path("a", "b"), 5000, 53));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 10.0.1.4 10.0.1.5 5000 53 17 1 46 REJECT"}));
}

TEST(FlowLogs, NetworkAclsRejectAtTheSubnetTheyGuard) {
  Deployment deployment = open_vpc();
  add_acl(deployment, "far", {allow(100, kTcp, 80, 80)}, {deny(50, kUdp, 0, 65535), allow(100)});
  LoggedFabric logged(deployment, {flow_log("all", kWay)});
  Fabric& fabric = logged.fabric;
  fabric.send("a", tcp(fabric.path("a", "d"), 40000, 81, kSyn));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a egress ACCEPT OK", "eni-d ingress REJECT OK"}));
  fabric.send("d", udp(fabric.path("d", "a"), 5000, 5001));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-d egress REJECT OK"}));
  fabric.send("a", tcp(fabric.path("a", "d"), 40000, 80, kSyn));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a egress ACCEPT OK", "eni-d ingress ACCEPT OK"}));
}

TEST(FlowLogs, IcmpHasNoPortsAndAPingOfLinuxHasEightyFourBytes) {
  LoggedFabric logged(open_vpc(), {flow_log("all", kFlow)});
  Fabric& fabric = logged.fabric;
  for (int i = 0; i < 4; ++i) {
    fabric.send("a", icmp(fabric.path("a", "b"), 8, 0, 77, pattern(56)));
    fabric.send("b", icmp(fabric.path("b", "a"), 0, 0, 77, pattern(56)));
  }
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 10.0.1.4 10.0.1.5 0 0 1 4 336 ACCEPT",
                                          "eni-b 10.0.1.4 10.0.1.5 0 0 1 4 336 ACCEPT",
                                          "eni-a 10.0.1.5 10.0.1.4 0 0 1 4 336 ACCEPT",
                                          "eni-b 10.0.1.5 10.0.1.4 0 0 1 4 336 ACCEPT"}));
}

TEST(FlowLogs, ThePrivateAddressStandsForThePublicOneAndThePathIsTheGateways) {
  Deployment deployment = open_vpc();
  add_internet(deployment);
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, "203.0.113.2", "eni-b", "10.0.1.5");
  LoggedFabric logged(deployment, {flow_log("all", kNat)});
  Fabric& fabric = logged.fabric;
  fabric.send("a", tcp(fabric.path_to("a", kOutside), 40000, 443, kSyn));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 10.0.1.4 10.0.1.4 198.51.100.10 198.51.100.10 8 egress ACCEPT"}));
  fabric.send("internet", tcp({kInternetMac, kGatewayMac, kOutside, "203.0.113.1"}, 443, 40000, kSyn | kAck));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 198.51.100.10 198.51.100.10 10.0.1.4 10.0.1.4 - ingress ACCEPT"}));
  // By its Elastic IP: out through the gateway and in again, as each end sees it.
  fabric.send("a", udp(fabric.path_to("a", "203.0.113.2"), 1000, 2000));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 10.0.1.4 10.0.1.4 203.0.113.2 203.0.113.2 8 egress ACCEPT",
                                          "eni-b 203.0.113.1 203.0.113.1 10.0.1.5 10.0.1.5 - ingress ACCEPT"}));
}

TEST(FlowLogs, APrimaryAddressStandsForTheOthersOfItsEniAndPktForItself) {
  Deployment deployment = open_vpc();
  deployment.instances[1].enis[0].secondary_private_ips = {ip("10.0.1.50")};
  deployment.instances[1].enis[0].source_dest_check = false;
  LoggedFabric logged(deployment, {flow_log("b", kNat, "eni-b")});
  Fabric& fabric = logged.fabric;
  Path to_secondary = fabric.path("a", "b");
  to_secondary.to = "10.0.1.50";
  fabric.send("a", udp(to_secondary, 1, 2));
  EXPECT_EQ(logged.traffic("b"), (Lines{"eni-b 10.0.1.4 10.0.1.4 10.0.1.5 10.0.1.50 - ingress ACCEPT"}));
  Path foreign = fabric.path("b", "a");  // a middlebox passes on what is not its own
  foreign.from = "192.0.2.7";
  fabric.send("b", udp(foreign, 1, 2));
  const Lines lines = logged.traffic("b");
  ASSERT_EQ(lines.size(), fabric.receive("a") ? 1U : 0U);
  if (!lines.empty()) {
    EXPECT_EQ(lines[0], "eni-b 10.0.1.5 192.0.2.7 10.0.1.4 10.0.1.4 1 egress ACCEPT");
  }
}

TEST(FlowLogs, Ipv6) {
  LoggedFabric logged(dual_stack({open_group6()}, four_guests({"open"})),
                      {flow_log("all", "${type} " + kFlow + " ${tcp-flags}")});
  Fabric& fabric = logged.fabric;
  fabric.send("a", tcp6(path6(fabric, "a", "d"), 40000, 80, kSyn));
  fabric.send("a", tcp6(path6(fabric, "a", "d"), 40000, 80, kFin | kAck));
  fabric.send("a", icmp6(path6(fabric, "a", "b"), 128, 0, 5));
  const Lines lines = logged.traffic("all");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "IPv6 eni-a 2001:db8:0:1::a 2001:db8:0:1::b 0 0 58 1 " +
                          std::to_string(icmp6(path6(fabric, "a", "b"), 128, 0, 5).size() - 14) + " ACCEPT 0");
  EXPECT_EQ(lines[2], "IPv6 eni-a 2001:db8:0:1::a 2001:db8:0:2::d 40000 80 6 2 120 ACCEPT 3");
  EXPECT_EQ(lines[3], "IPv6 eni-d 2001:db8:0:1::a 2001:db8:0:2::d 40000 80 6 2 120 ACCEPT 3");
}

TEST(FlowLogs, ASuperSegmentCountsAsThePacketsItBecomes) {
  LoggedFabric logged(open_vpc(), {flow_log("all", "${interface-id} ${packets} ${bytes}")});
  Fabric& fabric = logged.fabric;
  rte_mbuf* const packet = fabric.packet(tcp(fabric.path("a", "b"), 40000, 80, kAck, 3500));
  packet->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
  packet->l2_len = 14;
  packet->l3_len = 20;
  packet->l4_len = 20;
  packet->tso_segsz = 1000;
  fabric.inject("a", packet);
  fabric.turn();
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 4 3660", "eni-b 4 3660"}));
}

TEST(FlowLogs, WhatTheFabricAnswersItselfIsNeverLogged) {
  LoggedFabric logged(open_vpc(), {flow_log("all", kWay)});
  Fabric& fabric = logged.fabric;
  const MacAddress a = fabric.eni("a").mac;
  fabric.send("a", arp(a, mac("ff:ff:ff:ff:ff:ff"), 1, a, "10.0.1.4", {}, "10.0.1.5"));
  fabric.send("a", icmp(fabric.path_to("a", "10.0.1.1"), 8, 0, 1));          // the router
  fabric.send("a", udp(fabric.path_to("a", "10.0.0.2"), 5000, 53));          // the resolver
  fabric.send("a", udp(fabric.path_to("a", "169.254.169.253"), 5000, 53));
  fabric.send("a", udp(fabric.path_to("a", "169.254.169.123"), 5000, 123));
  fabric.send("a", tcp(fabric.path_to("a", "169.254.169.254"), 5000, 80, kSyn));
  fabric.send("a", udp({a, mac("ff:ff:ff:ff:ff:ff"), "0.0.0.0", "255.255.255.255"}, 68, 67));
  fabric.send("a", udp({a, kRouterMac, "10.0.9.9", "10.0.1.5"}, 1, 2));      // spoofed: no gate has seen it
  EXPECT_EQ(logged.traffic("all"), Lines{});
}

TEST(FlowLogs, WhatHasNoRouteWasAcceptedByItsGates) {
  Deployment deployment = open_vpc();
  add_route(deployment, "hpc", "192.0.2.0/24", RouteTargetKind::kBlackhole);
  LoggedFabric logged(deployment, {flow_log("all", kWay)});
  Fabric& fabric = logged.fabric;
  fabric.send("a", udp(fabric.path_to("a", "192.0.2.9"), 1, 2));
  fabric.send("a", udp(fabric.path_to("a", "10.0.1.200"), 1, 3));
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a egress ACCEPT OK", "eni-a egress ACCEPT OK"}));
}

TEST(FlowLogs, EnisComeAndGoLive) {
  Deployment deployment = open_vpc();
  const std::vector<Instance> everybody = deployment.instances;
  deployment.instances.resize(2);
  LoggedFabric logged(deployment, {flow_log("hpc", "${interface-id} ${packets} ${log-status}", "subnet-1")});
  Fabric& fabric = logged.fabric;
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  deployment.instances = {everybody[0], everybody[2], everybody[3]};  // b goes, c comes and d, which is elsewhere
  logged.apply(deployment);
  fabric.send("a", udp(fabric.path("a", "c"), 1, 2));
  fabric.send("a", udp(fabric.path("a", "d"), 1, 2));
  EXPECT_EQ(logged.flushed("hpc"), (Lines{"eni-a 1 OK", "eni-b 1 OK", "eni-a 1 OK", "eni-c 1 OK", "eni-a 1 OK"}));
  EXPECT_EQ(logged.flushed("hpc"), (Lines{"eni-a - NODATA", "eni-c - NODATA"}));

  deployment.instances[1].state = InstanceState::kStopped;
  logged.apply(deployment);
  EXPECT_EQ(logged.flushed("hpc"), (Lines{"eni-a - NODATA"})) << "an instance that is stopped has nothing to log";
}

TEST(FlowLogs, OneThatIsTakenAwayWritesWhatItHasAndOneThatComesBeginsThen) {
  LoggedFabric logged(open_vpc(), {flow_log("old", kWay, "eni-a")});
  Fabric& fabric = logged.fabric;
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  logged.set_logs({flow_log("new", kWay, "eni-a")});
  logged.apply(open_vpc());
  EXPECT_EQ(logged.written("old"), (Lines{"eni-a egress ACCEPT OK"}));
  EXPECT_EQ(logged.flushed("new"), (Lines{"eni-a - - NODATA"}));
  logged.set_logs({});
  logged.apply(open_vpc());
  EXPECT_EQ(logged.written("new"), (Lines{"eni-a - - NODATA"})) << "its last interval";
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_TRUE(fabric.engine().take_flow_log_records().records.empty());
}

TEST(FlowLogs, FragmentsCountAtTheirDatagramsPorts) {
  LoggedFabric logged(open_vpc(), {flow_log("all", kFlow)});
  Fabric& fabric = logged.fabric;
  Frame whole = udp(fabric.path("a", "b"), 1000, 2000, 1000);
  Frame first(whole.begin(), whole.begin() + 14 + 20 + 520), last(whole.begin(), whole.begin() + 34);
  last.insert(last.end(), whole.begin() + 14 + 20 + 520, whole.end());
  header_at<Ipv4Header>(first, kIpOffset).fragment = Be16(0x2000);
  header_at<Ipv4Header>(first, kIpOffset).total_length = Be16(540);
  header_at<Ipv4Header>(last, kIpOffset).fragment = Be16(520 / 8);
  header_at<Ipv4Header>(last, kIpOffset).total_length = Be16(static_cast<std::uint16_t>(last.size() - 14));
  fix_ip_checksum(first);
  fix_ip_checksum(last);
  fabric.send("a", first);
  fabric.send("a", last);
  EXPECT_EQ(logged.traffic("all"), (Lines{"eni-a 10.0.1.4 10.0.1.5 1000 2000 17 2 1048 ACCEPT",
                                          "eni-b 10.0.1.4 10.0.1.5 1000 2000 17 2 1048 ACCEPT"}));
}

}  // namespace
}  // namespace weft::test
