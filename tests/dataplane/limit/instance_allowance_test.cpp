#include "dataplane/limit/instance_allowance.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "dataplane/limit/wire_size.hpp"

namespace weft::test::instance_allowance_test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
const AllowanceLimits kM5Large{.baseline_gbps = 0.75, .peak_gbps = 10};  // facts ec2 1.5

struct Sent {
  double out_gbps = 0;
  std::uint64_t exceeded_out = 0, exceeded_in = 0, exceeded_pps = 0;
};

/// Sends at `gbps` for `seconds` from `from_ns`, round robin over the workers.
Sent send(InstanceAllowance& allowance, double gbps, double seconds, std::uint64_t from_ns, unsigned workers = 1,
          unsigned bytes = 9015) {
  Sent sent;
  double passed = 0;
  unsigned worker = 0;
  for (double at = 0; at < seconds * 1e9; at += bytes * 8 / gbps) {
    worker = (worker + 1) % workers;
    switch (allowance.charge_out(worker, bytes, 1, from_ns + static_cast<std::uint64_t>(at))) {
      case Exceeded::kNone: passed += bytes * 8; break;
      case Exceeded::kBwOut: ++sent.exceeded_out; break;
      case Exceeded::kBwIn: ++sent.exceeded_in; break;
      case Exceeded::kPps: ++sent.exceeded_pps; break;
      default: ADD_FAILURE() << "an allowance that was not asked";
    }
  }
  sent.out_gbps = passed / (seconds * 1e9);
  return sent;
}

TEST(InstanceAllowance, Statement34WithoutCreditsTheBaselineGetsOut) {
  for (const unsigned workers : {1U, 4U}) {
    InstanceAllowance allowance(kM5Large, workers, kSecond, BandwidthCredits{.out = 0, .in = 0});
    const Sent sent = send(allowance, 2, 10, kSecond, workers);
    EXPECT_NEAR(sent.out_gbps, 0.75, 0.005);
    EXPECT_GT(sent.exceeded_out, 0U);
    EXPECT_EQ(sent.exceeded_in, 0U);
    EXPECT_EQ(allowance.charge_in(0, 9015, 1, 11 * kSecond), Exceeded::kNone);
  }
}

TEST(InstanceAllowance, FullCreditsSustainThePeakForFiveMinutes) {
  InstanceAllowance allowance(kM5Large, 1, 0);
  EXPECT_EQ(allowance.credits(0).out / 1'000'000, 9'250'000'000 / 8 * 300ULL / 1'000'000 + 0);
  EXPECT_NEAR(send(allowance, 12, 299, 0, 1, 65549).out_gbps, 10, 0.01);
  EXPECT_NEAR(send(allowance, 12, 20, 299 * kSecond, 1, 65549).out_gbps, (10 * 1.0 + 0.75 * 19) / 20, 0.05);
  // Earned below the baseline: a silent minute earns a minute's baseline, no more.
  const std::uint64_t later = 319 * kSecond;
  const std::uint64_t before = allowance.credits(later).out;
  EXPECT_NEAR(static_cast<double>(allowance.credits(later + 60 * kSecond).out - before), 0.75e9 / 8 * 60, 1e5);
}

TEST(InstanceAllowance, CreditsOfInAndOutAreSeparate) {
  InstanceAllowance allowance(kM5Large, 1, 0);
  const std::uint64_t full = allowance.credits(0).in;
  send(allowance, 10, 10, 0);
  EXPECT_LT(allowance.credits(10 * kSecond).out, full);
  EXPECT_EQ(allowance.credits(10 * kSecond).in, full);
}

TEST(InstanceAllowance, AMicroburstAboveThePeakIsCountedAlthoughTheAverageIsLow) {
  InstanceAllowance allowance({.baseline_gbps = 10, .peak_gbps = 10}, 1, 0);
  unsigned passed = 0;
  for (int i = 0; i < 20'000; ++i) passed += allowance.charge_out(0, 1514, 1, 0) == Exceeded::kNone ? 1 : 0;
  EXPECT_NEAR(passed * 1514.0, 10e9 / 8 * 0.010, 1514);  // 10 ms of the rate, the leases included
}

TEST(InstanceAllowance, PacketsOfBothDirectionsAndTheSegmentsOfSuperSegmentsCountTogether) {
  InstanceAllowance allowance({.pps = 1000}, 1, 0);
  std::uint64_t out = 0, in = 0, refused = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {  // 2000 a second each way, for two seconds
    const std::uint64_t now = i * kSecond / 2000;
    if (allowance.charge_out(0, 60, 1, now) == Exceeded::kNone)
      ++out;
    else
      ++refused;
    if (allowance.charge_in(0, 60, 1, now) == Exceeded::kNone)
      ++in;
    else
      ++refused;
  }
  EXPECT_NEAR(static_cast<double>(out + in), 2000 + 32, 2);
  EXPECT_EQ(out + in + refused, 8000U);

  const WireSize size = wire_size(65536 + 14, 54, 1448);
  EXPECT_EQ(size.packets, 46U);
  const std::uint64_t later = 10 * kSecond;
  ASSERT_EQ(allowance.charge_out(0, size.bytes, size.packets, later), Exceeded::kNone);
  EXPECT_EQ(allowance.charge_out(0, 60, 1, later), Exceeded::kPps);
  EXPECT_EQ(allowance.charge_out(0, 60, 1, later + 13'000'000), Exceeded::kPps);  // a debt of 46 - 32 packets at least
  EXPECT_EQ(allowance.charge_out(0, 60, 1, later + 20'000'000), Exceeded::kNone);
}

TEST(WireSize, CountsTheHeadersOfEverySegment) {
  EXPECT_EQ(wire_size(1514, 54, 0).bytes, 1514U);
  EXPECT_EQ(wire_size(54 + 2896, 54, 1448).packets, 2U);
  EXPECT_EQ(wire_size(54 + 2896, 54, 1448).bytes, 2896U + 2 * 54);
  EXPECT_EQ(wire_size(54 + 2897, 54, 1448).packets, 3U);
  EXPECT_EQ(wire_size(54 + 1448, 54, 1448).packets, 1U);
  EXPECT_EQ(wire_size(40, 54, 1448).packets, 1U);
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {  // the twin cuts
    const auto header = static_cast<std::uint32_t>(54 + random() % 60);
    const auto payload = static_cast<std::uint32_t>(random() % 65536);
    const auto segment = static_cast<std::uint32_t>(1 + random() % 9000);
    std::uint32_t bytes = 0, packets = 0;
    for (std::uint32_t left = payload; left != 0 || packets == 0; ++packets) {
      const std::uint32_t now = std::min(left, segment);
      bytes += header + now;
      left -= now;
    }
    const WireSize size = wire_size(header + payload, header, segment);
    ASSERT_EQ(size.bytes, bytes);
    ASSERT_EQ(size.packets, packets);
  }
}

TEST(InstanceAllowance, ARefusedPacketTakesNothingFromTheOtherAllowances) {
  InstanceAllowance allowance({.baseline_gbps = 0.001, .peak_gbps = 0.001, .pps = 100}, 1, 0);
  ASSERT_EQ(allowance.charge_out(0, 64000, 1, 0), Exceeded::kNone);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(allowance.charge_out(0, 64000, 1, 0), Exceeded::kBwOut);
  for (int i = 0; i < 31; ++i) ASSERT_EQ(allowance.charge_in(0, 60, 1, 0), Exceeded::kNone) << i;  // 32 less one
  EXPECT_EQ(allowance.charge_in(0, 60, 1, 0), Exceeded::kPps);
}

TEST(InstanceAllowance, TheGatewayHasAnAllowanceOfItsOwn) {
  InstanceAllowance allowance({.baseline_gbps = 25, .peak_gbps = 25, .gateway_gbps = 5}, 1, 0);
  double vpc = 0, gateway = 0;
  for (double at = 0; at < 1e9; at += 65549 * 8 / 10.0) {
    const auto now = static_cast<std::uint64_t>(at);
    using Via = InstanceAllowance::Via;
    if (allowance.charge_out(0, 65549, 1, now) == Exceeded::kNone) vpc += 65549 * 8;
    if (allowance.charge_out(0, 65549, 1, now, Via::kInternetGateway) == Exceeded::kNone) gateway += 65549 * 8;
  }
  EXPECT_NEAR(vpc / 1e9, 10, 0.01);
  EXPECT_NEAR(gateway / 1e9, 5.05, 0.01);
}

TEST(InstanceAllowance, Statement25ConnectionsEndAtTheCapacityAndBeginAgainWhenOneGoes) {
  InstanceAllowance allowance({.connections = 3}, 2, 0);
  ConnectionAllowance& connections = allowance.connections();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(connections.track());
  EXPECT_EQ(connections.available(), 0U);
  EXPECT_FALSE(connections.track());
  EXPECT_EQ(allowance.charge_out(0, 60, 1, 0), Exceeded::kNone);  // untracked flows need no entry and still pass
  connections.untrack();
  EXPECT_EQ(connections.available(), 1U);
  EXPECT_TRUE(connections.track());
  EXPECT_FALSE(connections.track());
}

TEST(ConnectionAllowance, IsExactUnderManyThreadsAndNeverNegative) {
  ConnectionAllowance connections(100);
  std::atomic<std::uint64_t> most{0}, held{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) {
        unsigned mine = 0;
        while (mine < 60 && connections.track()) ++mine;
        const std::uint64_t now = held.fetch_add(mine) + mine;
        std::uint64_t seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        held.fetch_sub(mine);
        for (; mine != 0; --mine) connections.untrack();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 100U);
  EXPECT_EQ(connections.used(), 0U);
  connections.untrack();
  EXPECT_EQ(connections.used(), 0U);
}

TEST(InstanceAllowance, AChangeOfLimitsKeepsConnectionsAndCredits) {
  AllowanceLimits limits = kM5Large;
  limits.connections = 10;
  InstanceAllowance before(limits, 1, 0);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(before.connections().track());
  send(before, 10, 60, 0, 1, 65549);
  const std::uint64_t left = before.credits(60 * kSecond).out;

  limits.connections = 5;
  const InstanceAllowance after(limits, 1, 60 * kSecond, &before);
  EXPECT_EQ(after.credits(60 * kSecond).out, left);
  EXPECT_EQ(after.connections().available(), 0U);
  EXPECT_FALSE(after.connections().track());
  for (int i = 0; i < 4; ++i) before.connections().untrack();  // a worker that still sees the old tables
  EXPECT_TRUE(after.connections().track());
}

TEST(InstanceAllowance, AStopNeitherEarnsNorLosesCredits) {
  InstanceAllowance running(kM5Large, 1, 0);
  send(running, 10, 100, 0, 1, 65549);
  const BandwidthCredits kept = running.credits(100 * kSecond);
  const InstanceAllowance again(kM5Large, 1, 5000 * kSecond, kept);
  EXPECT_EQ(again.credits(5000 * kSecond).out, kept.out);
  EXPECT_EQ(again.credits(5000 * kSecond).in, kept.in);
}

TEST(InstanceAllowance, AFlowHasTheLowerRateOfItsEndsAndTheClustersOnlyWithinOne) {
  const AllowanceLimits member{.flow_gbps = 5, .cluster_flow_gbps = 10, .cluster = 1};
  AllowanceLimits elsewhere = member;
  elsewhere.cluster = 2;
  const InstanceAllowance a(member, 1, 0), b(member, 1, 0), c(elsewhere, 1, 0);
  const InstanceAllowance slow({.flow_gbps = 1}, 1, 0), unlimited({.pps = 1}, 1, 0);
  const auto nanoseconds_for_1000 = [](const InstanceAllowance* x, const InstanceAllowance* y) {
    return InstanceAllowance::flow_rate(x, y).time_of(1000) >> FlowRate::kTimeBits;
  };
  EXPECT_EQ(nanoseconds_for_1000(&a, &b), 800);
  EXPECT_EQ(nanoseconds_for_1000(&a, &c), 1600);
  EXPECT_EQ(nanoseconds_for_1000(&a, nullptr), 1600);
  EXPECT_EQ(nanoseconds_for_1000(nullptr, &a), 1600);
  EXPECT_EQ(nanoseconds_for_1000(&a, &slow), 8000);
  EXPECT_EQ(nanoseconds_for_1000(&slow, &b), 8000);
  EXPECT_EQ(nanoseconds_for_1000(&a, &unlimited), 1600);
  EXPECT_FALSE(InstanceAllowance::flow_rate(nullptr, nullptr).limits());
  EXPECT_FALSE(InstanceAllowance::flow_rate(&unlimited, nullptr).limits());
}

TEST(InstanceAllowance, ManyWorkersTogetherGetTheRateAndNoMore) {
  constexpr unsigned kWorkers = 3;
  InstanceAllowance allowance({.baseline_gbps = 1, .peak_gbps = 1, .pps = 50'000}, kWorkers, 0);
  std::vector<std::uint64_t> bytes(kWorkers), packets(kWorkers);
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < kWorkers; ++w)
    threads.emplace_back([&, w] {
      std::mt19937 random(w);
      for (std::uint64_t now = 0; now < kSecond; now += 4000) {
        const auto size = 60 + random() % 9000;
        if (allowance.charge_out(w, size, 1, now) != Exceeded::kNone) continue;
        bytes[w] += size;
        ++packets[w];
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::uint64_t all_bytes = 0, all_packets = 0;
  for (unsigned w = 0; w < kWorkers; ++w) all_bytes += bytes[w], all_packets += packets[w];
  EXPECT_LE(all_bytes, 125'000'000U + 1'250'000U);
  EXPECT_LE(all_packets, 50'000U + 500U);
  EXPECT_GT(all_bytes, 0U);
}

TEST(AllowanceLimits, NothingDeclaredIsNoAllowance) {
  EXPECT_FALSE(AllowanceLimits{}.any());
  EXPECT_TRUE(AllowanceLimits{.pps = 1}.any());
  InstanceAllowance nothing({}, 1, 0);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(nothing.charge_out(0, 1 << 20, 100, 0), Exceeded::kNone);
  EXPECT_TRUE(nothing.connections().track());
}

}  // namespace
}  // namespace weft::test::instance_allowance_test
