// Packets between hosts that something is wrong with: lost, late, twice, damaged. a and b stand on hosts of
// one rack, c on a's, d in another zone.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <thread>

#include "dataplane/worker/in_flight.hpp"
#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test::underlay_test {
namespace {

using underlay::Impairment;

Deployment apart() {
  Deployment made = dual_stack({members_group()}, four_guests({"members"}));
  for (const auto& [position, host] : {std::pair{0, 0}, std::pair{1, 1}, std::pair{2, 0}, std::pair{3, 3}})
    made.instances[static_cast<std::size_t>(position)].placement.host = host;
  return made;
}

/// Sets one fault from a to b and nothing else.
void set_fault(Fabric& fabric, const Impairment& impairment) {
  underlay::Configuration configuration;
  configuration.faults.push_back({.name = "fault", .path = {}, .from = "a", .to = "b", .impairment = impairment});
  fabric.engine().set_underlay(configuration);
  fabric.apply(fabric.deployment());
}

struct Impaired : Fabric {
  explicit Impaired(const Impairment& impairment, const Options& options = {}) : Fabric(apart(), options) {
    set_fault(*this, impairment);
  }
};

constexpr std::uint64_t kMillisecond = 1'000'000;
const std::string kFlow = "flow 10.0.1.4:1>10.0.1.5:2/17 ";

Changes new_flow() { return {{kFlow + "packets", 1}, {kFlow + "udp-single tracked-tracked", 1}}; }

TEST(WorkerUnderlay, APacketArrivesWhenItsLatencyIsOverAndNotBefore) {
  Impaired fabric({.latency_ns = 5 * kMillisecond});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.sent("a", frame) + new_flow() + Changes{{"held", 1}}));
  EXPECT_TRUE(fabric.engine().balance().holds());
  Fabric::advance_ms(4);
  fabric.turn();
  EXPECT_EQ(fabric.changes(), Changes{});
  Fabric::advance_ms(1);
  fabric.turn();
  EXPECT_EQ(fabric.changes(), (Changes{{"held", -1}, {"delivered", 1}, {"b.rx_packets", 1},
                                       {"b.rx_bytes", static_cast<long long>(frame.size())}}));
  EXPECT_EQ(fabric.receive("b"), frame);
}

TEST(WorkerUnderlay, OtherDirectionsPairsAndGuestsOfOneHostAreNotConcerned) {
  Impaired fabric({.down = true});
  EXPECT_FALSE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
  EXPECT_TRUE(fabric.passes("b", "a", udp(fabric.path("b", "a"), 3, 4)));
  EXPECT_TRUE(fabric.passes("a", "d", udp(fabric.path("a", "d"), 1, 2)));
  EXPECT_TRUE(fabric.passes("a", "c", udp(fabric.path("a", "c"), 1, 2)));
  EXPECT_FALSE(fabric.passes("c", "b", udp(fabric.path("c", "b"), 1, 2)));  // c stands where a does
}

TEST(WorkerUnderlay, TheLayoutIsForAllHostsOfARackOrBetweenRacksAndNotWithinAHost) {
  Fabric fabric(apart());
  for (const bool rack : {true, false}) {
    const Impairment down{.down = true}, nothing;
    fabric.engine().set_underlay({.layout = {.rack = rack ? down : nothing, .spine = rack ? nothing : down}});
    fabric.apply(apart());
    EXPECT_EQ(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)), !rack);
    EXPECT_EQ(fabric.passes("b", "d", udp(fabric.path("b", "d"), 1, 2)), rack);
    EXPECT_TRUE(fabric.passes("a", "c", udp(fabric.path("a", "c"), 1, 2)));
  }
}

TEST(WorkerUnderlay, AFaultOfAnInstanceThatIsNotThereConcernsNobody) {
  Fabric fabric(apart());
  underlay::Configuration configuration;
  configuration.faults.push_back({.name = "f", .path = {}, .from = "nobody", .to = "", .impairment = {.down = true}});
  fabric.engine().set_underlay(configuration);
  fabric.apply(apart());
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
}

TEST(WorkerUnderlay, EveryNthPacketIsLostAndCountedOfItsSender) {
  Impaired fabric({.loss = {.kind = underlay::Loss::Kind::kNth, .nth = 3}});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  std::string passed;
  for (unsigned i = 0; i < 9; ++i) passed += fabric.passes("a", "b", frame) ? '+' : '-';
  EXPECT_EQ(passed, "++-++-++-");
  EXPECT_EQ(fabric.changes().at("a.fabric-loss"), 3);
}

TEST(WorkerUnderlay, APathThatIsDownAndAQueueThatIsFullHaveTheirOwnReasons) {
  Impaired fabric({.down = true});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kFabricDown) + new_flow()));
  set_fault(fabric, {.rate_bps = 8000, .queue_bytes = static_cast<std::uint32_t>(frame.size())});
  fabric.send("a", frame);
  fabric.changes();
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kFabricQueue) + Changes{{kFlow + "packets", 1}}));
}

TEST(WorkerUnderlay, TheRateLetsABurstThroughOneAfterTheOther) {
  const std::size_t bytes = 1000;
  Impaired fabric({.rate_bps = 8'000'000});  // a thousand bytes in a millisecond
  const Frame frame = udp(fabric.path("a", "b"), 1, 2, bytes - kIpv4L4Offset - sizeof(UdpHeader));
  ASSERT_EQ(frame.size(), bytes);
  for (unsigned i = 0; i < 10; ++i) fabric.inject("a", frame);
  fabric.turn();
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_FALSE(fabric.receive("b")) << i;
    Fabric::advance_ms(1);
    fabric.turn();
    EXPECT_TRUE(fabric.receive("b")) << i;
  }
}

TEST(WorkerUnderlay, JitterDoesNotReorderAFlow) {
  Impaired fabric({.latency_ns = kMillisecond, .jitter_ns = 20 * kMillisecond});
  std::uint16_t expected = 0;
  const auto look = [&] {
    while (const auto frame = fabric.receive("b"))
      EXPECT_EQ(header_at<UdpHeader>(*frame, kIpv4L4Offset).source_port.host(), ++expected);
  };
  for (std::uint16_t i = 1; i <= 200; ++i) {
    fabric.send("a", udp(fabric.path("a", "b"), i, 2));
    Fabric::advance_ms(1);
    look();
  }
  Fabric::advance_ms(21);
  fabric.turn();
  look();
  EXPECT_EQ(expected, 200);
}

TEST(WorkerUnderlay, ADuplicateIsACopyInTheBalance) {
  Impaired fabric({.latency_ns = kMillisecond, .duplicate = 1});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.sent("a", frame) + new_flow() + Changes{{"held", 2}, {"copies", 1}}));
  Fabric::advance_ms(1);
  fabric.turn();
  EXPECT_EQ(fabric.receive("b"), frame);
  EXPECT_EQ(fabric.receive("b"), frame);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(WorkerUnderlay, WhatHasNothingToWaitForGoesOutWithItsBurst) {
  Impaired fabric({.loss = {.kind = underlay::Loss::Kind::kNth, .nth = 1000}});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", frame) + new_flow()));
}

TEST(WorkerUnderlay, AFlippedBitIsFoundByTheReceiversChecksum) {
  Impaired fabric({.corrupt = 1});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2, 100);
  const Frame frame6 = udp6(path6(fabric, "a", "b"), 1, 2, 100);
  for (unsigned i = 0; i < 100; ++i)
    for (const Frame& whole : {frame, frame6}) {
      fabric.send("a", whole);
      const std::optional<Frame> got = fabric.receive("b");
      ASSERT_TRUE(got && got->size() == whole.size());
      const std::size_t headers = whole == frame ? kIpv4L4Offset : kIpOffset + sizeof(Ipv6Header);
      unsigned bits = 0;
      for (std::size_t k = 0; k < whole.size(); ++k) {
        const auto changed = static_cast<std::uint8_t>(whole[k] ^ (*got)[k]);
        if (k < headers) {
          ASSERT_EQ(changed, 0) << k;
        }
        bits += static_cast<unsigned>(std::popcount(changed));
      }
      EXPECT_EQ(bits, 1U);
    }
}

/// It would be computed of the damage, which nobody would find.
TEST(WorkerUnderlay, ADamagedPacketWhoseChecksumIsNotComputedYetIsLost) {
  Impaired fabric({.corrupt = 1});
  rte_mbuf* const packet = fabric.packet(udp(fabric.path("a", "b"), 1, 2));
  packet->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
  packet->l2_len = 14;
  packet->l3_len = 20;
  fabric.inject("a", packet);
  fabric.turn();
  EXPECT_FALSE(fabric.receive("b"));
  EXPECT_EQ(fabric.changes().at("a.fabric-loss"), 1);
}

TEST(WorkerUnderlay, APacketThatFindsALongQueueIsMarkedAndItsHeaderStaysRight) {
  Impaired fabric({.rate_bps = 8'000'000, .ecn_bytes = 1});
  for (const bool ipv6 : {false, true}) {
    Frame frame = ipv6 ? udp6(path6(fabric, "a", "b"), 1, 2) : udp(fabric.path("a", "b"), 1, 2);
    Frame ect = frame;
    if (ipv6) {
      header_at<Ipv6Header>(ect, kIpOffset).version_class_flow = Be32(0x60200000);  // ECT(0)
    } else {
      header_at<Ipv4Header>(ect, kIpOffset).type_of_service = 2;
      fix_ip_checksum(ect);
    }
    Frame marked = ect;
    if (ipv6) {
      header_at<Ipv6Header>(marked, kIpOffset).version_class_flow = Be32(0x60300000);
    } else {
      header_at<Ipv4Header>(marked, kIpOffset).type_of_service = 3;
      fix_ip_checksum(marked);
    }
    for (const Frame& one : {ect, ect, frame}) fabric.inject("a", one);
    fabric.turn();
    Fabric::advance_ms(10);
    fabric.turn();
    EXPECT_EQ(fabric.receive("b"), ect);
    EXPECT_EQ(fabric.receive("b"), marked);
    EXPECT_EQ(fabric.receive("b"), frame);
  }
}

TEST(WorkerUnderlay, WhatIsInTheAirWhenTheReceiversLinkGoesDownIsItsSendersDrop) {
  Impaired fabric({.latency_ns = kMillisecond});
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  Deployment down = apart();
  down.instances[1].enis[0].vf.link = VfLink::kDisable;
  fabric.apply(down);
  Fabric::advance_ms(1);
  fabric.turn();
  EXPECT_EQ(fabric.counter_changes(), (Changes{{"held", -1}, {"dropped", 1}, {"a.link-down", 1}}));
}

TEST(WorkerUnderlay, WhatIsInTheAirWhenAnEndGoesIsDroppedAndNobodyElseGetsIt) {
  for (const std::size_t gone : {0U, 1U}) {
    Impaired fabric({.latency_ns = kMillisecond});
    fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
    Deployment without = apart();
    without.instances.erase(without.instances.begin() + static_cast<std::ptrdiff_t>(gone));
    fabric.apply(without);
    Deployment with_another = without;  // perhaps in the slot of the one that has gone
    with_another.instances.push_back(guest("e", "10.0.1.9", {"members"}));
    fabric.apply(with_another);
    Fabric::advance_ms(1);
    fabric.turn();
    EXPECT_EQ(fabric.engine().drops().at(0).reason, DropReason::kLinkDown);
    EXPECT_EQ(fabric.engine().balance().held, 0U);
    EXPECT_FALSE(fabric.receive("e"));
    EXPECT_TRUE(fabric.engine().balance().holds());
  }
}

TEST(WorkerUnderlay, WhatIsInTheAirWhenTheFaultIsClearedArrivesInItsTime) {
  Impaired fabric({.latency_ns = 2 * kMillisecond});
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  fabric.engine().set_underlay({});
  fabric.apply(apart());
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 3, 2)));  // nothing holds it any more
  Fabric::advance_ms(2);
  fabric.turn();
  EXPECT_TRUE(fabric.receive("b"));
}

TEST(WorkerUnderlay, MoreThanAWorkerMayHoldIsAFullQueue) {
  Impaired fabric({.latency_ns = kMillisecond});
  for (std::size_t i = 0; i < InFlight::kMost + 5; ++i) fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  const Changes changes = fabric.changes();
  EXPECT_EQ(changes.at("held"), static_cast<long long>(InFlight::kMost));
  EXPECT_EQ(changes.at("a.fabric-queue"), 5);
}

TEST(WorkerUnderlay, ACaptureSeesAPacketWhenItIsSentAndWhenItArrives) {
  Impaired fabric({.latency_ns = kMillisecond});
  Captured captured(fabric, {"a", "b"});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(captured.take(), std::vector<Seen>{sent("a", frame)});
  Fabric::advance_ms(1);
  fabric.turn();
  EXPECT_EQ(captured.take(), std::vector<Seen>{got("b", frame)});
  set_fault(fabric, {.down = true});
  fabric.send("a", frame);
  EXPECT_EQ(captured.take(), std::vector<Seen>{sent("a", frame, "fabric-down")});
}

TEST(WorkerUnderlay, AnotherSeedWhilePacketsFlowIsTheRunOfAnEngineThatBeginsWithIt) {
  const auto run = [](Fabric& fabric, std::uint64_t seed) {
    underlay::Configuration configuration{.layout = {.seed = seed}, .faults = {}};
    configuration.layout.rack.loss = {.kind = underlay::Loss::Kind::kBernoulli, .loss = 0.5};
    fabric.engine().set_underlay(configuration);
    fabric.apply(apart());
    std::string passed;
    for (unsigned i = 0; i < 64; ++i) passed += fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)) ? '+' : '-';
    return passed;
  };
  Fabric used(apart()), fresh(apart());
  const std::string first = run(used, 1), second = run(used, 2);
  EXPECT_NE(first, second);
  EXPECT_EQ(run(fresh, 2), second);
  EXPECT_NE(run(fresh, 2), second) << "the seed that was there goes on";
}

TEST(WorkerUnderlay, LanesAreZeroWhereNoPacketHasBeenAndCountWhereOneHas) {
  const underlay::Host a{0, 0, 0}, b{0, 0, 1};
  const std::vector<underlay::Way> both_ways{{a, b, 0}, {b, a, 0}};
  Fabric fabric(apart());
  EXPECT_EQ(fabric.engine().lanes(both_ways).at(0).counters.packets, 0U) << "without any underlay";
  set_fault(fabric, {.rate_bps = 8'000'000});  // a byte in a microsecond
  EXPECT_EQ(fabric.engine().lanes(both_ways).at(0).counters.packets, 0U);
  const Frame frame = udp(fabric.path("a", "b"), 1, 2, 1000 - kIpv4L4Offset - sizeof(UdpHeader));
  fabric.send("a", frame);
  fabric.send("a", frame);
  Fabric::advance_ms(1);
  std::vector<LaneView> lanes = fabric.engine().lanes(both_ways);
  ASSERT_EQ(lanes.size(), 2U);
  EXPECT_EQ(lanes[0].counters.packets, 2U);
  EXPECT_EQ(lanes[0].counters.bytes, 2000U);
  EXPECT_EQ(lanes[0].queued_bytes, 1000U) << "as of now, not of the worker's last turn";
  EXPECT_EQ(lanes[1].counters.packets, 0U);
  EXPECT_TRUE(fabric.engine().lanes({}).empty());
}

TEST(WorkerUnderlay, LanesOfAllWorkersAreOneSum) {
  Impaired fabric({.loss = {.kind = underlay::Loss::Kind::kNth, .nth = 2}}, {.workers = 2});
  fabric.engine().start();
  constexpr std::uint64_t kFlows = 64;  // many hashes: both workers carry some
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    const Frame frame = udp(fabric.path("a", "b"), static_cast<std::uint16_t>(1000 + i), 2);
    for (unsigned packet = 0; packet < 2; ++packet) fabric.inject("a", frame);
  }
  const auto lane = [&] { return fabric.engine().lanes({{{0, 0, 0}, {0, 0, 1}, 0}}).at(0).counters; };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (lane().packets < 2 * kFlows && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(lane().packets, 2 * kFlows);
  EXPECT_EQ(lane().dropped[static_cast<std::size_t>(underlay::Cause::kLoss)], kFlows) << "each worker's every second one";
  fabric.engine().stop();
}

/// A sleeper that did not know would come back after its 100 ms for the ageing. The quickest of five, for the machine is busy.
TEST(WorkerUnderlay, ASleepingWorkerWakesForWhatArrives) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kLatency = std::chrono::milliseconds(20);
  Impaired fabric({.latency_ns = 20 * kMillisecond}, {.workers = 1});
  fabric.engine().start();
  auto quickest = Clock::duration::max();
  for (unsigned round = 0; round < 5; ++round) {
    const auto before = Clock::now();
    fabric.inject("a", udp(fabric.path("a", "b"), 1, 2));
    while (!fabric.receive("b")) {
      ASSERT_LT(Clock::now() - before, std::chrono::seconds(10));
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    quickest = std::min(quickest, Clock::now() - before);
  }
  fabric.engine().stop();
  EXPECT_GE(quickest, kLatency);
  EXPECT_LT(quickest, 3 * kLatency);
  EXPECT_GT(fabric.engine().idle_times().at(0).asleep_ns, 0U);
}

}  // namespace
}  // namespace weft::test::underlay_test
