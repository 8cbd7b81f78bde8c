#include "dataplane/limit/flow_meters.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dataplane/limit/instance_allowance.hpp"

namespace weft::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBurstNs = 10'000'000;

/// Gbps that get through when `offered_gbps` are sent for a second in packets of `bytes`.
double through(FlowMeters& meters, std::size_t entry, unsigned direction, const FlowRate& rate, double offered_gbps,
               unsigned bytes, std::uint64_t from_ns) {
  double passed = 0;
  const double gap_ns = bytes * 8 / offered_gbps;
  for (double at = 0; at < 1e9; at += gap_ns)
    if (meters.pass(entry, direction, bytes, rate, from_ns + static_cast<std::uint64_t>(at))) passed += bytes * 8;
  return passed / 1e9;
}

TEST(FlowMeters, Statement32OneFlowHasFiveGbpsAndTenInsideACluster) {
  FlowMeters meters(16);
  EXPECT_NEAR(through(meters, 3, 0, FlowRate(5, kBurstNs), 20, 9015, kSecond), 5 * 1.01, 0.01);
  EXPECT_NEAR(through(meters, 3, 0, FlowRate(5, kBurstNs), 20, 9015, 2 * kSecond), 5, 0.01);
  EXPECT_NEAR(through(meters, 4, 0, FlowRate(10, kBurstNs), 20, 1514, 2 * kSecond), 10 * 1.01, 0.01);
}

TEST(FlowMeters, AFlowBelowItsRateLosesNothing) {
  FlowMeters meters(1);
  EXPECT_NEAR(through(meters, 0, 1, FlowRate(5, kBurstNs), 4.99, 1514, 77), 4.99, 0.001);
}

TEST(FlowMeters, DirectionsAndEntriesAreFlowsOfTheirOwn) {
  FlowMeters meters(2);
  const FlowRate slow(0.001, 1000);
  EXPECT_TRUE(meters.pass(0, 0, 1500, slow, 1));
  EXPECT_FALSE(meters.pass(0, 0, 1500, slow, 2));
  EXPECT_TRUE(meters.pass(0, 1, 1500, slow, 2));
  EXPECT_TRUE(meters.pass(1, 0, 1500, slow, 2));
}

TEST(FlowMeters, ASuperSegmentLargerThanTheBurstPassesAndIsPaidOff) {
  FlowMeters meters(1);
  const FlowRate rate(1, 1000);  // 125 bytes of burst, 8 ns a byte
  EXPECT_TRUE(meters.pass(0, 0, 65549, rate, 0));
  EXPECT_FALSE(meters.pass(0, 0, 60, rate, 65549 * 8 - 1000));
  EXPECT_TRUE(meters.pass(0, 0, 60, rate, 65549 * 8 + 1));
}

TEST(FlowMeters, AnotherRateInAUsedEntryBlocksNobody) {
  FlowMeters meters(1);
  const FlowRate slow(0.001, kBurstNs), fast(10, kBurstNs);
  for (std::uint64_t now = kSecond; now < 2 * kSecond; now += 100'000) meters.pass(0, 0, 65549, slow, now);
  unsigned passed = 0;
  for (std::uint64_t now = 2 * kSecond; now < 3 * kSecond; now += 1'000'000)
    passed += meters.pass(0, 0, 1514, fast, now) ? 1 : 0;
  EXPECT_GE(passed, 990U);
}

TEST(FlowMeters, AreRightWhenTheClockIsVeryOldToo) {
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1} << 55, std::uint64_t{1} << 56, UINT64_MAX / 8}) {
    FlowMeters meters(1);
    EXPECT_NEAR(through(meters, 0, 0, FlowRate(5, kBurstNs), 8, 9015, start), 5.05, 0.01) << start;
  }
}

TEST(FlowMeters, NeverPassMoreThanTheExactBucketAndHardlyLess) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    const double gbps = 0.01 * static_cast<double>(1 + random() % 1000);
    const FlowRate rate(gbps, kBurstNs);
    FlowMeters meters(1);
    long double empty_at = -1e18L;  // the same bucket in exact enough arithmetic, told what the fast one did
    std::uint64_t now = kSecond;
    unsigned close = 0;
    for (int i = 0; i < 3000; ++i) {
      now += random() % (random() % 16 == 0 ? 4'000'000 : 3000);
      const unsigned bytes = 60 + random() % 9000;
      const long double level = std::min<long double>(static_cast<long double>(now) - empty_at, kBurstNs);
      const long double cost = bytes * 8.0L / gbps;
      const bool passed = meters.pass(0, 0, bytes, rate, now);
      const bool exact = level >= std::min<long double>(cost, kBurstNs);
      if (passed != exact) {
        ASSERT_TRUE(exact) << "the meter passed what the exact bucket refuses: " << round << " " << i;
        ASSERT_LT(level - cost, 20.0L) << round << " " << i;  // 3000 roundings of at most 1/256 ns
        ++close;
      }
      if (passed) empty_at = static_cast<long double>(now) - level + cost;
    }
    EXPECT_LT(close, 30U);
  }
}

}  // namespace
}  // namespace weft::test
