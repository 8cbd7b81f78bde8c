// What EC2 does not publish (facts ec2 11), as packets meet it: each parameter at its default, at another value, and
// changed while flows live.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test::parameters_test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck, kRst = TcpHeader::kRst;

/// a may send anything and receive nothing; b takes ssh, DNS and ping and sends nothing of its own: what b sends passes
/// by state alone.
Deployment by_state(const Parameters& parameters) {
  Deployment made =
      make_deployment({make_group("client", {}, {all(cidr("0.0.0.0/0"))}),
                       make_group("server",
                                  {rule(kTcp, 22, 22, cidr("10.0.0.0/16")), rule(kUdp, 53, 53, cidr("10.0.0.0/16")),
                                   rule(kIcmp, 8, -1, cidr("10.0.0.0/16"))},
                                  {})},
                      {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"})});
  made.parameters = parameters;
  return made;
}

bool pings(Fabric& fabric, std::uint16_t identifier) {
  return fabric.passes("a", "b", icmp(fabric.path("a", "b"), 8, 0, identifier));
}
bool answers(Fabric& fabric, std::uint16_t identifier) {
  return fabric.passes("b", "a", icmp(fabric.path("b", "a"), 0, 0, identifier));
}
bool segment(Fabric& fabric, bool from_a, std::uint8_t flags) {
  return from_a ? fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, flags))
                : fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40000, flags));
}

TEST(Parameters, APingsAnswerPassesForTheIcmpTimeout) {
  Fabric usual(by_state({}));
  ASSERT_TRUE(pings(usual, 1));
  Fabric::advance_s(29);
  EXPECT_TRUE(answers(usual, 1));
  Fabric::advance_s(31);
  EXPECT_FALSE(answers(usual, 1));

  Fabric shorter(by_state({.icmp_timeout = 5}));
  ASSERT_TRUE(pings(shorter, 1));
  Fabric::advance_s(4);
  EXPECT_TRUE(answers(shorter, 1));
  Fabric::advance_s(6);
  EXPECT_FALSE(answers(shorter, 1));
  // Live: a flow that is there already has the new time-out.
  ASSERT_TRUE(pings(shorter, 2));
  shorter.apply(by_state({.icmp_timeout = 100}));
  Fabric::advance_s(99);
  EXPECT_TRUE(answers(shorter, 2));
}

TEST(Parameters, AHalfOpenConnectionWaitsForTheOpeningTimeout) {
  Fabric fabric(by_state({.tcp_opening_timeout = 10}));
  ASSERT_TRUE(segment(fabric, true, kSyn));
  Fabric::advance_s(9);
  EXPECT_TRUE(segment(fabric, false, kSyn | kAck));
  Fabric::advance_s(11);
  EXPECT_FALSE(segment(fabric, false, kSyn | kAck));

  ASSERT_TRUE(segment(fabric, true, kSyn));
  ASSERT_TRUE(segment(fabric, false, kSyn | kAck));
  ASSERT_TRUE(segment(fabric, true, kAck));
  Fabric::advance_s(1000);
  EXPECT_TRUE(segment(fabric, false, kAck)) << "an established one has EC2's five days";
}

TEST(Parameters, AClosedConnectionIsRememberedForTheClosingTimeout) {
  Fabric fabric(by_state({.tcp_closing_timeout = 7}));
  const auto open_and_reset = [&] {
    return segment(fabric, true, kSyn) && segment(fabric, false, kSyn | kAck) && segment(fabric, true, kAck) &&
           segment(fabric, true, kRst);
  };
  ASSERT_TRUE(open_and_reset());
  Fabric::advance_s(6);
  EXPECT_TRUE(segment(fabric, false, kAck)) << "a late segment";
  Fabric::advance_s(8);
  EXPECT_FALSE(segment(fabric, false, kAck));
}

TEST(Parameters, AnInterfacesOwnTimeoutsStandBesideTheVpcs) {
  Deployment deployment = by_state({.icmp_timeout = 5});
  deployment.instances[1].enis[0].connection_tracking.udp_timeout = 60;
  Fabric fabric(deployment);
  ASSERT_TRUE(pings(fabric, 1));
  Fabric::advance_s(6);
  EXPECT_FALSE(answers(fabric, 1)) << "b has time-outs of its own, but none of ICMP";
}

TEST(Parameters, ErrorsAboutTrackedFlowsNeedARuleWhereTheSwitchIsOff) {
  for (const bool related : {true, false}) {
    Fabric fabric(by_state({.related_icmp_errors = related}));
    const Frame query = udp(fabric.path("a", "b"), 1000, 53);
    ASSERT_TRUE(fabric.passes("a", "b", query));
    EXPECT_EQ(fabric.passes("b", "a", icmp_error(fabric.path("b", "a"), 3, 3, query)), related);
    Deployment other = by_state({.related_icmp_errors = !related});
    fabric.apply(other);
    EXPECT_EQ(fabric.passes("b", "a", icmp_error(fabric.path("b", "a"), 3, 3, query)), !related) << "live";
  }
}

TEST(Parameters, TheRouterAnswersArpForAnAddressThatNobodyHas) {
  const MacAddress zero{}, everybody = MacAddress::broadcast();
  Fabric silent(by_state({}));
  const MacAddress mac = silent.eni("a").mac;
  const Frame request = arp(mac, everybody, 1, mac, "10.0.1.4", zero, "10.0.1.99");
  silent.send("a", request);
  EXPECT_EQ(silent.changes(), silent.dropped("a", request, DropReason::kArpUnanswered));

  Fabric answering(by_state({.router_answers_arp = true}));
  answering.send("a", request);
  EXPECT_EQ(answering.receive("a"), arp(kRouterMac, mac, 2, kRouterMac, "10.0.1.99", mac, "10.0.1.4"));
  answering.changes();
  const Frame lost = udp(answering.path_to("a", "10.0.1.99"), 1, 2);
  answering.send("a", lost);
  EXPECT_EQ(answering.counter_changes(), answering.dropped("a", lost, DropReason::kNoSuchAddress));
  // Whoever looks whether an address is free learns that it is (RFC 5227).
  const Frame probe = arp(mac, everybody, 1, mac, "0.0.0.0", zero, "10.0.1.99");
  answering.changes();
  answering.send("a", probe);
  EXPECT_EQ(answering.counter_changes(), answering.dropped("a", probe, DropReason::kArpUnanswered));
}

/// Packets of a to b, after `refused` to a port that b's gate refuses.
unsigned passing_after(const Parameters& parameters, unsigned refused, bool limit_receiver) {
  Deployment deployment = by_state(parameters);
  deployment.instances[limit_receiver ? 1 : 0].allowances.pps = 100;
  Fabric fabric(deployment);
  for (unsigned i = 0; i < refused; ++i) fabric.send("a", udp(fabric.path("a", "b"), 1000, 54));
  unsigned passed = 0;
  for (unsigned i = 0; i < 100; ++i) passed += fabric.passes("a", "b", udp(fabric.path("a", "b"), 1000, 53)) ? 1 : 0;
  EXPECT_EQ(fabric.engine().statistics()[0].drops[static_cast<std::size_t>(DropReason::kGroupIngress)], refused);
  return passed;
}

TEST(Parameters, WhatAGateRefusesUsesPacketsOnlyWhereTheParameterSaysSo) {
  for (const bool receiver : {false, true}) {
    const unsigned untouched = passing_after({}, 0, receiver);
    ASSERT_GT(untouched, 10U);
    ASSERT_LT(untouched, 100U);
    EXPECT_EQ(passing_after({}, 10, receiver), untouched);
    EXPECT_EQ(passing_after({.refused_packets_use_pps = true}, 10, receiver), untouched - 10);
    EXPECT_EQ(passing_after({.refused_packets_use_pps = true}, 1000, receiver), 0U) << "never below nothing";
  }
}

TEST(Parameters, ABucketHoldsTheBurstItIsTold) {
  const auto burst = [](int ms) {
    Deployment deployment = by_state({.burst_ms = ms});
    deployment.instances[0].allowances = {.baseline_gbps = 0.08, .peak_gbps = 0.08};  // 10,000 bytes a millisecond
    Fabric fabric(deployment);
    unsigned passed = 0;
    const Frame frame = udp(fabric.path("a", "b"), 1000, 53, 8000);
    for (unsigned i = 0; i < 200; ++i) passed += fabric.passes("a", "b", frame) ? 1 : 0;
    return passed;
  };
  const unsigned usual = burst(10), longer = burst(50);
  EXPECT_NEAR(usual * 8042.0, 100'000, 10'000);
  EXPECT_NEAR(longer * 8042.0, 500'000, 10'000);
}

}  // namespace
}  // namespace weft::test::parameters_test
