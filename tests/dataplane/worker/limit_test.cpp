// Allowances as packets meet them, on ring ports with a virtual clock: what tests/dataplane/statements does not say (15, 25,
// 32, 34, 35). Scaled down where a real type's numbers would take gigabytes.
#include <gtest/gtest.h>

#include "dataplane/worker/allowance_book.hpp"
#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

constexpr double kMbps = 0.001;  // in Gbps; 125 bytes a millisecond

Deployment limited(const Allowances& a, const Allowances& b = {}) {
  std::vector<Instance> guests = four_guests({"members"});
  guests[0].allowances = a;
  guests[1].allowances = b;
  return make_deployment({members_group()}, std::move(guests));
}

std::uint64_t ena(Fabric& fabric, const std::string& guest, EnaCounter counter) {
  for (const EniStatistics& one : fabric.engine().statistics())
    if (one.eni_id == fabric.eni(guest).id) return one.ena[static_cast<std::size_t>(counter)];
  ADD_FAILURE() << "no statistics of " << guest;
  return 0;
}

/// `count` packets of `bytes` in `ms`, evenly; how many arrive.
unsigned through(Fabric& fabric, const std::string& from, const std::string& to, unsigned count, std::uint64_t ms,
                 std::size_t bytes, std::uint16_t port = 7) {
  const Frame frame = udp(fabric.path(from, to), port, 9, bytes - kIpv4L4Offset - 8);
  unsigned arrived = 0;
  for (unsigned i = 0; i < count; ++i) {
    fabric.send(from, frame);
    arrived += fabric.receive(to).has_value() ? 1 : 0;
    if ((i + 1) * ms / count != i * ms / count) Fabric::advance_ms((i + 1) * ms / count - i * ms / count);
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
  return arrived;
}

TEST(Limit, NobodyIsLimitedUnlessDeclared) {
  Fabric fabric(limited({}));
  EXPECT_EQ(through(fabric, "a", "b", 500, 0, 1500), 500U);
}

TEST(Limit, WhatTheReceiverMayNotReceiveIsCountedForTheReceiver) {
  Fabric fabric(limited({}, {.baseline_gbps = kMbps, .peak_gbps = kMbps}));
  const unsigned arrived = through(fabric, "a", "b", 100, 0, 1500);
  EXPECT_EQ(arrived, 65536U / 1500);
  EXPECT_EQ(ena(fabric, "b", EnaCounter::kBwInAllowanceExceeded), 100 - arrived);
  EXPECT_EQ(ena(fabric, "a", EnaCounter::kBwOutAllowanceExceeded), 0U);
  EXPECT_EQ(fabric.changes().at("a.bw-in-allowance"), 100 - arrived);
  EXPECT_EQ(through(fabric, "c", "d", 100, 0, 1500), 100U) << "others are not concerned";
  EXPECT_EQ(through(fabric, "b", "c", 40, 0, 1500), 40U) << "its other direction has its own allowance";
}

TEST(Limit, ARefusedPacketChangesTheDropAndTheEnaCounterAndNothingElse) {
  Fabric fabric(limited({.pps = 100}));
  const Frame frame = udp(fabric.path("a", "b"), 7, 9);
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(fabric.passes("a", "b", frame));
  fabric.changes();
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kPpsAllowance) +
                               Changes{{"a.pps_allowance_exceeded", 1}, {"flow 10.0.1.4:7>10.0.1.5:9/17 packets", 1}}));
}

TEST(Limit, PacketsOfBothDirectionsCountTogetherAndSegmentsForThemselves) {
  Fabric fabric(limited({.pps = 100}));
  EXPECT_EQ(through(fabric, "a", "b", 16, 0, 100), 16U);
  EXPECT_EQ(through(fabric, "b", "a", 30, 0, 100), 16U);
  EXPECT_EQ(ena(fabric, "a", EnaCounter::kPpsAllowanceExceeded), 14U);
  EXPECT_EQ(ena(fabric, "b", EnaCounter::kPpsAllowanceExceeded), 0U);
  Fabric::advance_s(10);
  rte_mbuf* packet = fabric.packet(tcp(fabric.path("a", "b"), 5, 2, TcpHeader::kAck, 5000));
  packet->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
  packet->l2_len = 14;
  packet->l3_len = packet->l4_len = 20;
  packet->tso_segsz = 500;
  fabric.inject("a", packet);
  fabric.turn();
  ASSERT_TRUE(fabric.receive("b"));
  EXPECT_NEAR(through(fabric, "a", "b", 40, 0, 100), 32 - 10, 4);
}

TEST(Limit, ASingleFlowHasItsOwnLimitInEachDirection) {
  Fabric fabric(limited({.flow_gbps = kMbps}));
  EXPECT_NEAR(through(fabric, "a", "b", 1000, 1000, 500) * 500.0, 125'000 + 1250, 600);
  EXPECT_EQ(through(fabric, "a", "b", 2, 0, 500, 8), 2U) << "another flow";
  EXPECT_EQ(through(fabric, "b", "a", 2, 0, 500), 2U) << "the other direction";
  EXPECT_GT(fabric.changes().at("a.flow-bandwidth"), 700);
  for (const EniStatistics& one : fabric.engine().statistics())
    for (const std::uint64_t counter : one.ena) EXPECT_EQ(counter, 0U) << "ENA has no counter of flows";
}

TEST(Limit, MembersOfAClusterHaveTenGbpsAndFiveToOthers) {
  Instance member = guest("a", "10.0.1.4", {"members"});
  member.placement_group = "tight";
  member.allowances.flow_gbps = 10;
  const AllowanceLimits limits = limits_of(member, 3);
  EXPECT_EQ(limits.flow_gbps, 5);
  EXPECT_EQ(limits.cluster_flow_gbps, 10);
  EXPECT_EQ(limits.cluster, 3U);
  member.allowances.flow_gbps = 2;  // declared
  EXPECT_EQ(limits_of(member, 3).flow_gbps, 2);
  EXPECT_EQ(limits_of(member, 3).cluster_flow_gbps, 2);
  member.type = "m5.large";
  EXPECT_EQ(limits_of(member, 0).gateway_gbps, 5);
}

TEST(Limit, TheLinkLocalServicesTogetherHave1024PacketsASecond) {
  Fabric fabric(limited({.pps = 1'000'000}));
  const Frame query = udp(fabric.path_to("a", "10.0.0.2"), 4000, 53);
  const Frame time = udp(fabric.path_to("a", "169.254.169.123"), 4000, 123);
  for (unsigned i = 0; i < 2000; ++i) {
    fabric.send("a", i % 2 == 0 ? query : time);
    if (i % 2 == 1) Fabric::advance_ms(1);
    while (fabric.receive("a")) {
    }
  }
  EXPECT_EQ(ena(fabric, "a", EnaCounter::kLinkLocalAllowanceExceeded), 976U);
  EXPECT_EQ(fabric.changes().at("a.linklocal-allowance"), 976);
  Fabric::advance_s(1);
  fabric.send("a", query);
  EXPECT_EQ(ena(fabric, "a", EnaCounter::kLinkLocalAllowanceExceeded), 976U);
  EXPECT_EQ(through(fabric, "a", "b", 10, 0, 100), 10U) << "other packets have nothing to do with it";
}

std::uint64_t available(Fabric& fabric, const std::string& guest) {
  for (const EniStatistics& one : fabric.engine().statistics())
    if (one.eni_id == fabric.eni(guest).id && one.connections_limited) return one.conntrack_allowance_available;
  return UINT64_MAX;
}
bool connects(Fabric& fabric, std::uint16_t port, const std::string& to = "b") {
  return fabric.passes("a", to, udp(fabric.path("a", to), port, 9));
}

TEST(Limit, ATrackedFlowMoreThanTheAllowanceIsDroppedUntilOneIsForgotten) {
  Fabric fabric(limited({.connections = 3}));
  EXPECT_EQ(available(fabric, "a"), 3U);
  for (std::uint16_t port = 1; port <= 3; ++port) ASSERT_TRUE(connects(fabric, port));
  EXPECT_EQ(available(fabric, "a"), 0U);
  EXPECT_FALSE(connects(fabric, 4));
  EXPECT_FALSE(fabric.passes("b", "a", udp(fabric.path("b", "a"), 9, 5))) << "and towards it";
  EXPECT_EQ(ena(fabric, "a", EnaCounter::kConntrackAllowanceExceeded), 2U);
  EXPECT_EQ(ena(fabric, "b", EnaCounter::kConntrackAllowanceExceeded), 0U);
  EXPECT_TRUE(connects(fabric, 2)) << "what is tracked goes on";
  EXPECT_TRUE(fabric.passes("b", "c", udp(fabric.path("b", "c"), 1, 2))) << "others are not concerned";
  Fabric::advance_s(40);  // UdpTimeout is 30 s
  for (int i = 0; i < 100; ++i) {
    Fabric::advance_ms(20);
    fabric.turn();
  }
  EXPECT_EQ(available(fabric, "a"), 3U);
  EXPECT_TRUE(connects(fabric, 4));
}

TEST(Limit, ConnectionsOfAnInstanceThatHasGoneOrMovedOnAreNobodys) {
  Fabric fabric(limited({.connections = 3}, {.connections = 5}));
  for (std::uint16_t port = 1; port <= 3; ++port) ASSERT_TRUE(connects(fabric, port));
  EXPECT_EQ(available(fabric, "b"), 2U);
  Deployment without_a = limited({.connections = 3}, {.connections = 5});
  without_a.instances.erase(without_a.instances.begin());
  fabric.apply(without_a);
  for (int i = 0; i < 100; ++i) {
    Fabric::advance_ms(20);
    fabric.turn();
  }
  EXPECT_EQ(available(fabric, "b"), 5U) << "its flows with a have gone with a";
  fabric.apply(limited({.connections = 3}, {.connections = 5}));
  fabric.turn();
  EXPECT_EQ(available(fabric, "a"), 3U);
  ASSERT_TRUE(connects(fabric, 1));
  EXPECT_EQ(available(fabric, "a"), 2U);
}

TEST(Limit, AnAllowanceThatComesLaterCountsWhatGoesOnAndCutsNothing) {
  Fabric fabric(limited({}));
  for (std::uint16_t port = 1; port <= 4; ++port) ASSERT_TRUE(connects(fabric, port));
  fabric.apply(limited({.connections = 2}));
  for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_TRUE(connects(fabric, port));
  EXPECT_EQ(available(fabric, "a"), 0U);
  EXPECT_FALSE(connects(fabric, 5));
  fabric.apply(limited({.connections = 5}));  // a higher limit keeps the count
  EXPECT_TRUE(connects(fabric, 5));
  EXPECT_FALSE(connects(fabric, 6));
}

TEST(Limit, APublicationGivesNothingBack) {
  const Deployment deployment = limited({.baseline_gbps = kMbps, .peak_gbps = kMbps});
  Fabric fabric(deployment);
  const unsigned first = through(fabric, "a", "b", 100, 0, 1500);
  EXPECT_LT(first, 50U);
  fabric.apply(deployment);
  EXPECT_EQ(through(fabric, "a", "b", 100, 0, 1500), 0U);
  fabric.apply(limited({}));  // no limits any more
  EXPECT_EQ(through(fabric, "a", "b", 100, 0, 1500), 100U);
}

TEST(Limit, CreditsAreKeptOverAStopAndGoneAfterTermination) {
  AllowanceBook book;
  Deployment deployment = limited({.baseline_gbps = 0.75, .peak_gbps = 10});
  book.update(deployment, 1, 0);
  const std::uint64_t full = book.find("a")->credits(0).out;
  InstanceAllowance& allowance = const_cast<InstanceAllowance&>(*book.find("a"));
  for (std::uint64_t now = 0; now < 1'000'000'000; now += 100'000) allowance.charge_out(0, 65536, 1, now);
  const std::uint64_t left = allowance.credits(1'000'000'000).out;
  ASSERT_LT(left, full);
  deployment.instances[0].state = InstanceState::kStopped;
  book.update(deployment, 1, 1'000'000'000);
  EXPECT_EQ(book.find("a"), nullptr);
  deployment.instances[0].state = InstanceState::kRunning;
  book.update(deployment, 1, 900'000'000'000);
  EXPECT_EQ(book.find("a")->credits(900'000'000'000).out, left);
  Deployment without = deployment;
  without.instances.erase(without.instances.begin());
  book.update(without, 1, 900'000'000'000);
  EXPECT_FALSE(book.any());
  book.update(deployment, 1, 900'000'000'000);
  EXPECT_EQ(book.find("a")->credits(900'000'000'000).out, full);
}

}  // namespace
}  // namespace weft::test
