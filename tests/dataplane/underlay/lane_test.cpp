#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "dataplane/underlay/lane.hpp"

namespace weft::underlay {
namespace {

constexpr std::uint64_t kMicrosecond = 1000, kMillisecond = 1'000'000;

std::uint64_t dropped(const Lane& lane, Cause cause) { return lane.counters().dropped[static_cast<std::size_t>(cause)]; }

/// `count` packets of 100 bytes, a microsecond apart.
std::vector<Outcome> send(Lane& lane, unsigned count, std::uint64_t from_ns = 0) {
  std::vector<Outcome> outcomes;
  for (unsigned i = 0; i < count; ++i) outcomes.push_back(lane.offer(from_ns + i * kMicrosecond, 100, false));
  return outcomes;
}

TEST(Lane, WithoutImpairmentEveryPacketArrivesAtOnceAndAsItIs) {
  Lane lane({}, 1, 0);
  for (const Outcome& outcome : send(lane, 100)) {
    EXPECT_FALSE(outcome.dropped || outcome.copy_at_ns || outcome.flipped_bit || outcome.marked);
    EXPECT_EQ(outcome.at_ns % kMicrosecond, 0U);
  }
  EXPECT_EQ(lane.counters().packets, 100U);
  EXPECT_EQ(lane.counters().bytes, 10'000U);
}

TEST(Lane, LatencyIsAddedToEveryPacket) {
  Lane lane({.latency_ns = 5 * kMillisecond}, 1, 0);
  EXPECT_EQ(lane.offer(7, 100, false).at_ns, 5 * kMillisecond + 7);
}

TEST(Lane, JitterSpreadsOverItsWidthAndDoesNotReorder) {
  Lane lane({.latency_ns = kMillisecond, .jitter_ns = 10 * kMicrosecond}, 3, 0);
  std::uint64_t last = 0, least = UINT64_MAX, most = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    const std::uint64_t now = i * 100 * kMicrosecond;  // further apart than the jitter: nothing waits for its predecessor
    const std::uint64_t at = lane.offer(now, 100, false).at_ns;
    EXPECT_GE(at, last);
    last = at;
    least = std::min(least, at - now);
    most = std::max(most, at - now);
  }
  EXPECT_GE(least, kMillisecond);
  EXPECT_LT(least, kMillisecond + kMicrosecond / 2);
  EXPECT_LE(most, kMillisecond + 10 * kMicrosecond);
  EXPECT_GT(most, kMillisecond + 19 * kMicrosecond / 2);
}

TEST(Lane, JitterWiderThanTheGapsOfPacketsStillDoesNotReorder) {
  Lane lane({.jitter_ns = kMillisecond}, 3, 0);
  std::uint64_t last = 0;
  for (const Outcome& outcome : send(lane, 5000)) {
    EXPECT_GE(outcome.at_ns, last);
    last = outcome.at_ns;
  }
}

TEST(Lane, BernoulliLosesItsShare) {
  Lane lane({.loss = {.kind = Loss::Kind::kBernoulli, .loss = 0.1}}, 42, 0);
  send(lane, 100'000);
  // Five standard deviations of the binomial distribution, sqrt(n p q) = 95.
  EXPECT_NEAR(static_cast<double>(dropped(lane, Cause::kLoss)), 10'000, 475);
}

TEST(Lane, NthLosesExactlyEveryNthPacket) {
  Lane lane({.loss = {.kind = Loss::Kind::kNth, .nth = 7}}, 42, 0);
  const std::vector<Outcome> outcomes = send(lane, 700);
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].dropped.has_value(), (i + 1) % 7 == 0) << i;
}

TEST(Lane, GilbertElliottLosesInBurstsOfTheirMeanLength) {
  Lane lane({.loss = {.kind = Loss::Kind::kGilbertElliott, .loss = 1, .to_bad = 0.01, .to_good = 0.25}}, 42, 0);
  unsigned bursts = 0;
  bool lost = false;
  for (const Outcome& outcome : send(lane, 200'000)) {
    bursts += outcome.dropped && !lost;
    lost = outcome.dropped.has_value();
  }
  const auto all = static_cast<double>(dropped(lane, Cause::kLoss));
  EXPECT_NEAR(all / 200'000, 0.01 / (0.01 + 0.25), 0.003);  // the stationary share of the bad state
  EXPECT_NEAR(all / bursts, 1 / 0.25, 0.3);                 // and how long it lasts
}

TEST(Lane, AFlapIsDownFromTheMomentItIsSetAndExactlySoLong) {
  constexpr std::uint64_t kSet = 123'456;
  Lane lane({.flap = {.period_ns = 100, .down_ns = 30}}, 1, kSet);
  for (std::uint64_t now = kSet; now < kSet + 300; ++now)
    EXPECT_EQ(lane.offer(now, 100, false).dropped == Cause::kDown, (now - kSet) % 100 < 30) << now - kSet;
}

TEST(Lane, ALaneThatIsDownDropsEverythingUntilItIsChanged) {
  Lane lane({.down = true}, 1, 0);
  send(lane, 10);
  EXPECT_EQ(dropped(lane, Cause::kDown), 10U);
  lane.change({}, 10 * kMicrosecond);
  EXPECT_FALSE(lane.offer(10 * kMicrosecond, 100, false).dropped);
}

TEST(Lane, APacketThatIsHeldBackIsOvertaken) {
  Lane lane({.latency_ns = kMillisecond, .reorder = 0.2, .reorder_ns = 50 * kMicrosecond}, 9, 0);
  const std::vector<Outcome> outcomes = send(lane, 1000);
  unsigned late = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const std::uint64_t in_order = i * kMicrosecond + kMillisecond;
    if (outcomes[i].at_ns == in_order) continue;
    EXPECT_EQ(outcomes[i].at_ns, in_order + 50 * kMicrosecond);
    ++late;
  }
  EXPECT_EQ(late, lane.counters().reordered);
  EXPECT_NEAR(late, 200, 64);  // five standard deviations
}

TEST(Lane, ADuplicateArrivesInItsPlaceWhateverBecomesOfTheFirst) {
  Lane lane({.latency_ns = kMillisecond, .duplicate = 1, .reorder = 1, .reorder_ns = 7}, 9, 0);
  const Outcome outcome = lane.offer(0, 100, false);
  EXPECT_EQ(outcome.copy_at_ns, kMillisecond);
  EXPECT_EQ(outcome.at_ns, kMillisecond + 7);
  EXPECT_EQ(lane.counters().duplicated, 1U);
}

TEST(Lane, AFlippedBitIsOneOfThePacketAndAnyOfThem) {
  Lane lane({.corrupt = 1}, 9, 0);
  std::uint32_t seen = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    const Outcome outcome = lane.offer(i, 4, false);
    ASSERT_TRUE(outcome.flipped_bit);
    ASSERT_LT(*outcome.flipped_bit, 32U);
    seen |= std::uint32_t{1} << *outcome.flipped_bit;
  }
  EXPECT_EQ(std::popcount(seen), 32);
}

TEST(Lane, WhatWasOnItsWayIsNotOvertakenWhenTheLatencyFalls) {
  Lane lane({.latency_ns = kMillisecond}, 1, 0);
  const std::uint64_t before = lane.offer(0, 100, false).at_ns;
  lane.change({}, 10);
  EXPECT_EQ(lane.offer(10, 100, false).at_ns, before);
  EXPECT_EQ(lane.offer(before + 10, 100, false).at_ns, before + 10);
}

/// Everything at once: the same seed tells the same story, another one another.
TEST(Lane, TheSameSeedAndCallsGiveTheSameOutcomes) {
  const Impairment all{.rate_bps = 1'000'000'000, .latency_ns = 10, .jitter_ns = 1000, .queue_bytes = 3000, .ecn_bytes = 200,
                       .loss = {.kind = Loss::Kind::kGilbertElliott, .loss = 0.5, .to_bad = 0.1, .to_good = 0.3},
                       .duplicate = 0.1, .reorder = 0.1, .reorder_ns = 500, .corrupt = 0.1};
  const auto story = [&](std::uint64_t seed) {
    Lane lane(all, seed, 0);
    std::vector<std::uint64_t> told;
    for (const Outcome& outcome : send(lane, 2000))
      told.insert(told.end(), {outcome.dropped ? static_cast<std::uint64_t>(*outcome.dropped) : 9, outcome.at_ns,
                               outcome.copy_at_ns.value_or(0), outcome.flipped_bit.value_or(0), outcome.marked});
    return told;
  };
  EXPECT_EQ(story(5), story(5));
  EXPECT_NE(story(5), story(6));
}

}  // namespace
}  // namespace weft::underlay
