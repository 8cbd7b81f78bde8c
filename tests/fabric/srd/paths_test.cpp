// Which way packets go, and what three later packets of a path say.
#include "fabric/srd/paths.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weft::srd {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;

struct PathsTest : testing::Test {
  Random random{1};
  std::uint64_t now = 1;

  /// Sends `count` packets and has each acknowledged by its path's delay.
  std::vector<std::uint32_t> send(Paths& paths, int count, const std::vector<std::uint32_t>& delays) {
    std::vector<std::uint32_t> used(paths.count());
    for (int i = 0; i < count; ++i) {
      const std::uint8_t path = paths.choose(random, now, Paths::kNone);
      ++used[path];
      paths.sent(path);
      now += 1'000;
      paths.left(path);
      paths.sample(path, delays[path], now);
    }
    return used;
  }
};

TEST_F(PathsTest, OneIsEnough) {
  Paths paths(1);
  EXPECT_EQ(paths.choose(random, now, Paths::kNone), 0);
  paths.lost(0, now);
  EXPECT_EQ(paths.choose(random, now, 0), 0);
}

TEST_F(PathsTest, AllOfEqualDelayAreUsedAlike) {
  for (const std::uint32_t count : {2u, 3u, 16u, 64u}) {
    Paths paths(count);
    const auto used = send(paths, static_cast<int>(count) * 200, std::vector<std::uint32_t>(count, 10'000));
    for (const std::uint32_t packets : used) EXPECT_NEAR(packets, 200, 100) << count;
  }
}

TEST_F(PathsTest, TheSlowerOneIsChosenLess) {
  Paths paths(2);
  const auto used = send(paths, 1'000, {10'000, 20'000});
  EXPECT_GT(used[0], 2 * used[1]);
  EXPECT_GT(used[1], 0u);
}

TEST_F(PathsTest, WhatIsInFlightMakesAPathDearer) {
  Paths paths(2);
  send(paths, 100, {10'000, 10'000});
  for (int i = 0; i < 1'000; ++i) paths.sent(0);
  int other = 0;
  for (int i = 0; i < 100; ++i) other += paths.choose(random, now, Paths::kNone);
  EXPECT_GT(other, 60);
}

TEST_F(PathsTest, TheAvoidedOneIsNotChosenWhereThereIsAnother) {
  Paths paths(4);
  for (int i = 0; i < 1'000; ++i) EXPECT_NE(paths.choose(random, now, 2), 2);
  for (const std::uint8_t path : {0, 1, 2, 3}) paths.lost(path, now);
  for (int i = 0; i < 1'000; ++i) EXPECT_NE(paths.choose(random, now, 2), 2);
}

TEST_F(PathsTest, ALossRemovesAPathForAMillisecondThenOnePacketTriesIt) {
  Paths paths(2);
  send(paths, 10, {10'000, 10'000});
  paths.lost(1, now);
  const std::uint64_t lost = now;
  for (now = lost; now < lost + kMillisecond; now += 10'000) EXPECT_EQ(paths.choose(random, now, Paths::kNone), 0);
  now = lost + kMillisecond;
  int tries = 0;
  for (int i = 0; i < 1'000; ++i) tries += paths.choose(random, now, Paths::kNone);
  EXPECT_EQ(tries, 1);
  paths.sample(1, 10'000, now);
  EXPECT_TRUE(paths.usable(1));
}

TEST_F(PathsTest, EachFurtherLossRemovesItForTwiceAsLongUpToTenMilliseconds) {
  Paths paths(2);
  for (const std::uint64_t milliseconds : {1, 2, 4, 8, 10, 10}) {
    paths.lost(1, now);
    paths.lost(1, now);  // of the same burst
    now += milliseconds * kMillisecond - 1;
    paths.choose(random, now, Paths::kNone);
    EXPECT_FALSE(paths.usable(1)) << milliseconds;
    now += 1;
    while (paths.choose(random, now, Paths::kNone) != 1) {
    }
  }
}

TEST_F(PathsTest, OneThatIsFourTimesSlowerThanTheMedianIsSuspect) {
  Paths paths(3);
  send(paths, 100, {10'000, 10'000, 38'000});
  EXPECT_TRUE(paths.usable(2));
  send(paths, 100, {10'000, 10'000, 90'000});
  EXPECT_FALSE(paths.usable(2));
}

TEST_F(PathsTest, APeerIsImpairedFromTheFirstPathThatIsLeftUntilTheLastHasComeBack) {
  Paths paths(4);
  send(paths, 40, {10'000, 10'000, 10'000, 10'000});
  EXPECT_EQ(paths.suspects(), 0u);
  EXPECT_EQ(paths.take_impairments(), 0u);
  paths.lost(1, now);
  paths.lost(2, now);
  EXPECT_EQ(paths.suspects(), 2u);
  EXPECT_EQ(paths.take_impairments(), 1u);
  EXPECT_EQ(paths.take_impairments(), 0u) << "it was asked for";
  now += kMillisecond;
  paths.choose(random, now, Paths::kNone);
  EXPECT_EQ(paths.suspects(), 2u) << "on trial is not back";
  paths.sample(1, 10'000, now);
  paths.lost(3, now);
  EXPECT_EQ(paths.take_impairments(), 0u) << "it was impaired still";
  now += kMillisecond;
  paths.choose(random, now, Paths::kNone);
  paths.sample(2, 10'000, now);
  paths.sample(3, 10'000, now);
  EXPECT_EQ(paths.suspects(), 0u);
  paths.lost(1, now);
  EXPECT_EQ(paths.take_impairments(), 1u);
}

TEST_F(PathsTest, TheQuickestIsOneThatIsUsed) {
  Paths paths(3);
  EXPECT_EQ(paths.quickest_ns(), 0u) << "none was heard of";
  send(paths, 100, {12'000, 10'000, 14'000});
  EXPECT_EQ(paths.quickest_ns(), 10'000u);
  paths.lost(1, now);
  EXPECT_EQ(paths.quickest_ns(), 12'000u);
}

TEST(PathOrder, AgreesWithATwinThatCountsLaterOnes) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    PathOrder order;
    const std::uint32_t first = 0u - random.below(50);  // over the wrap
    std::vector<std::uint32_t> came;
    for (int step = 0; step < 40; ++step) {
      const std::uint32_t sequence = random.below(60);
      if (std::find(came.begin(), came.end(), sequence) != came.end()) continue;
      came.push_back(sequence);
      order.acknowledged(first + sequence);
      for (std::uint32_t one = 0; one < 60; ++one) {
        const auto later = std::count_if(came.begin(), came.end(), [&](std::uint32_t other) { return other > one; });
        ASSERT_EQ(order.overtaken(first + one), later >= 3);
      }
    }
  }
}

}  // namespace
}  // namespace weft::srd
