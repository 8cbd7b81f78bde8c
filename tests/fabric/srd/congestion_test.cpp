// How the window follows delay, marks and loss.
#include "fabric/srd/congestion.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fabric/srd/acknowledgement.hpp"

namespace weft::srd {
namespace {

constexpr std::uint32_t kBase = 10'000, kQueueing = 25'000;

struct CongestionTest : testing::Test {
  Congestion congestion;
  std::uint64_t now = 1;

  /// One round trip in which the whole window is acknowledged at that delay, four packets a time.
  void round(std::uint32_t delay, bool marked = false, bool limited = true) {
    const std::uint32_t window = congestion.window();
    for (std::uint32_t packets = 0; packets < window; packets += 4) {
      now += std::uint64_t{delay} * 4 / window + 1;
      congestion.acknowledged(4, delay, kBase, kQueueing, marked, limited, now);
    }
  }
};

TEST_F(CongestionTest, GrowsByAPacketARoundTripBelowTheTargetUpToTheRing) {
  round(kBase);
  EXPECT_EQ(congestion.window(), 32u);
  round(kBase);
  EXPECT_GE(congestion.window(), 33u);
  for (int i = 0; i < 1'000; ++i) round(kBase);
  EXPECT_EQ(congestion.window(), kMaxOutstanding);
}

TEST_F(CongestionTest, AWindowThatIsNotUsedDoesNotGrow) {
  for (int i = 0; i < 100; ++i) round(kBase, false, false);
  EXPECT_EQ(congestion.window(), 32u);
}

TEST_F(CongestionTest, ShrinksOnceARoundTripAboveTheTargetHoweverManySaySo) {
  for (int i = 0; i < 100; ++i) congestion.acknowledged(1, 1'000'000, kBase, kQueueing, false, true, now);
  EXPECT_GE(congestion.window(), 16u);
  EXPECT_LT(congestion.window(), 32u);
}

TEST_F(CongestionTest, ShrinksInProportionToTheExcess) {
  Congestion little, much;
  const std::uint32_t target = little.target_ns(kBase, kQueueing);
  little.acknowledged(1, target + target / 20, kBase, kQueueing, false, true, now);
  much.acknowledged(1, target * 3, kBase, kQueueing, false, true, now);
  EXPECT_GE(little.window(), 30u);
  EXPECT_EQ(much.window(), 16u);
}

TEST_F(CongestionTest, AMarkCountsAsDelay) {
  congestion.acknowledged(1, kBase, kBase, kQueueing, true, true, now);
  EXPECT_LT(congestion.window(), 32u);
  EXPECT_GE(congestion.window(), 24u);
}

TEST_F(CongestionTest, KeepsEnoughToFindALossButATimeoutGoesDownToOne) {
  for (int i = 0; i < 20; ++i) congestion.lost(kBase, now += 2 * kBase);
  EXPECT_EQ(congestion.window(), 4u);
  for (int i = 0; i < 20; ++i) congestion.timed_out();
  EXPECT_EQ(congestion.window(), 1u);
  round(kBase);
  EXPECT_GE(congestion.window(), 2u);
}

TEST_F(CongestionTest, FewPacketsMayWaitLonger) {
  Congestion small;
  for (int i = 0; i < 3; ++i) small.timed_out();
  EXPECT_GT(small.target_ns(kBase, kQueueing), congestion.target_ns(kBase, kQueueing));
}

TEST_F(CongestionTest, TwoThatShareAQueueComeToShareItEvenly) {
  // A queue of one packet a microsecond: delay is what both have under way beyond the base.
  Congestion one, other;
  for (int i = 0; i < 300; ++i) one.acknowledged(one.window(), kBase, kBase, kQueueing, false, true, now);
  ASSERT_GT(one.window(), 5 * other.window());
  for (int i = 0; i < 2'000; ++i) {
    const std::uint32_t delay = std::max(kBase, (one.window() + other.window()) * 1'000);
    now += delay;
    one.acknowledged(one.window(), delay, kBase, kQueueing, false, true, now);
    other.acknowledged(other.window(), delay, kBase, kQueueing, false, true, now);
  }
  EXPECT_LT(one.window(), 2 * other.window());
  EXPECT_LT(other.window(), 2 * one.window());
  EXPECT_NEAR(one.window() + other.window(), 40u, 15u) << "the target and no more";
}

}  // namespace
}  // namespace weft::srd
