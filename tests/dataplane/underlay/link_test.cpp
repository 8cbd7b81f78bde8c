// Links of hosts: what all paths of a host share. The incast is checked against Lindley's recursion, written down by itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "dataplane/underlay/underlay.hpp"

namespace weft::underlay {
namespace {

constexpr Host kA{0, 0, 0}, kNeighbour{0, 0, 1}, kB{0, 1, 0}, kC{0, 2, 0};
constexpr std::uint64_t kByteInNanosecond = 8'000'000'000;

Plan of_links(const Impairment& host) { return {.layout = {.spines = 4, .host = host}, .faults = {}}; }

TEST(Links, ConcernAllPairsOfHostsButWhatAHostSaysToItself) {
  const Plan plan = of_links({.latency_ns = 1});
  EXPECT_TRUE(plan.concerns(kA, kB));
  EXPECT_TRUE(plan.concerns(kA, kNeighbour));
  EXPECT_FALSE(plan.concerns(kA, kA));
  EXPECT_TRUE(plan.links(kA));
  EXPECT_FALSE(impairs_nothing({.layout = plan.layout, .faults = {}}));
  EXPECT_FALSE(of_links({}).links(kA));
}

TEST(Links, AFaultOfOneConcernsItsHostInBothDirectionsAndNoPath) {
  Plan plan = of_links({.rate_bps = 100});
  plan.faults.push_back({.host = kB, .impairment = {.rate_bps = 50, .latency_ns = 7}});
  EXPECT_TRUE(plan.faults[0].concerns(kA, kB));
  EXPECT_TRUE(plan.faults[0].concerns(kB, kA));
  EXPECT_FALSE(plan.faults[0].concerns(kA, kC));
  EXPECT_EQ(plan.link_impairment(kB, Hop::kDownlink), (Impairment{.rate_bps = 50, .latency_ns = 7}));
  EXPECT_EQ(plan.link_impairment(kA, Hop::kDownlink), (Impairment{.rate_bps = 100}));
  EXPECT_EQ(plan.impairment(kA, kB, 0), Impairment{});
  plan.layout.host = {};
  EXPECT_FALSE(plan.links(kA));
  EXPECT_TRUE(plan.links(kB));
  EXPECT_TRUE(plan.concerns(kB, kA));
  EXPECT_FALSE(plan.concerns(kA, kC));
}

TEST(Links, WhatAHostSendsSharesItsUplinkWhicheverPathItTakesAndWhomeverItIsFor) {
  Underlay underlay;
  const Plan plan = of_links({.rate_bps = kByteInNanosecond});
  EXPECT_EQ(underlay.offer_on(0, plan, kA, kB, 0, 100, true).at_ns, 100U);
  EXPECT_EQ(underlay.offer_on(1, plan, kA, kB, 0, 100, true).at_ns, 200U);
  EXPECT_EQ(underlay.offer_on(0, plan, kA, kC, 0, 100, true).at_ns, 300U);
  EXPECT_EQ(underlay.offer(plan, kA, kNeighbour, 5, 0, 100, true)->at_ns, 400U);
  EXPECT_EQ(underlay.offer_on(0, plan, kB, kA, 0, 100, true).at_ns, 100U) << "another host's is its own";
  EXPECT_EQ(underlay.find(Way::uplink(kA))->counters().packets, 4U);
  EXPECT_EQ(underlay.find({kA, kB, 1})->counters().packets, 1U);
  EXPECT_EQ(underlay.find(Way::downlink(kB)), nullptr) << "nobody has landed";
}

TEST(Links, WhatComesToAHostSharesItsDownlink) {
  Underlay underlay;
  const Plan plan = of_links({.rate_bps = kByteInNanosecond, .queue_bytes = 250, .ecn_bytes = 150});
  EXPECT_EQ(underlay.land(plan, kB, 10, 100, true).at_ns, 110U);
  EXPECT_EQ(underlay.land(plan, kB, 10, 100, true).at_ns, 210U);
  EXPECT_EQ(underlay.land(plan, kC, 10, 100, true).at_ns, 110U);
  EXPECT_EQ(underlay.land(plan, kB, 10, 100, true).dropped, Cause::kQueue);
  EXPECT_TRUE(underlay.land(plan, kB, 40, 50, true).marked);
  EXPECT_FALSE(underlay.land(plan, kB, 150, 50, true).marked);
}

TEST(Links, ALossOnTheUplinkNeverComesToThePath) {
  Underlay underlay;
  Plan plan = of_links({.loss = {.kind = Loss::Kind::kNth, .nth = 2}});
  plan.layout.spine.latency_ns = 5;
  EXPECT_EQ(underlay.offer_on(0, plan, kA, kB, 0, 100, true).at_ns, 5U);
  EXPECT_EQ(underlay.offer_on(0, plan, kA, kB, 0, 100, true).dropped, Cause::kLoss);
  EXPECT_EQ(underlay.find({kA, kB, 0})->counters().packets, 1U);
}

TEST(Links, WhatWaitsForTheUplinkIsInItsHostsMemoryAndNoSwitchDropsOrMarksIt) {
  Underlay underlay;
  const Plan plan = of_links({.rate_bps = kByteInNanosecond, .queue_bytes = 150, .ecn_bytes = 50});
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    const Outcome outcome = underlay.offer_on(0, plan, kA, kB, 0, 1'000, true);
    ASSERT_EQ(outcome.at_ns, 1'000 * i);
    ASSERT_FALSE(outcome.marked);
  }
  EXPECT_EQ(underlay.offer_on(0, plan, kA, kB, 0, kUplinkQueueBytes, true).dropped, Cause::kQueue) << "but not for ever";
}

TEST(Links, DamageOfTheUplinkStays) {
  Underlay underlay;
  EXPECT_TRUE(underlay.offer_on(0, of_links({.corrupt = 1}), kC, kB, 0, 100, true).flipped_bit.has_value());
}

TEST(Links, HaveDiceOfTheirOwnAndLeaveThoseOfThePathsAlone) {
  Underlay with, without;
  Plan plan = of_links({.jitter_ns = UINT32_MAX});
  EXPECT_NE(with.offer_on(0, plan, kA, kB, 0, 100, true).at_ns, with.land(plan, kA, 0, 100, true).at_ns);
  Plan paths{.layout = {.spines = 4, .spine = {.loss = {.kind = Loss::Kind::kBernoulli, .loss = 0.5}}}, .faults = {}};
  Plan both = paths;
  both.layout.host.latency_ns = 3;
  Underlay there;
  for (unsigned i = 0; i < 200; ++i)
    ASSERT_EQ(there.offer_on(1, both, kA, kB, i, 100, true).dropped, without.offer_on(1, paths, kA, kB, i, 100, true).dropped);
}

struct Sent {
  std::uint64_t sent_ns;
  std::uint16_t sender;
  std::uint32_t path, bytes;
};

constexpr std::uint64_t kQueue = 20'000;
std::uint64_t latency_of(std::uint32_t path) { return 1000 + 700 * path; }

/// When each arrives, by its place in `all`, which is in the order of sending; UINT64_MAX: never. A link is through with a
/// packet when it was free before, or came, whichever is later, and the packet's time is over (Lindley 1952).
std::vector<std::uint64_t> by_recursion(const std::vector<Sent>& all) {
  std::vector<std::uint64_t> arrives(all.size(), UINT64_MAX);
  std::map<std::uint16_t, std::uint64_t> uplink_free;
  std::vector<std::pair<std::uint64_t, std::size_t>> landing;
  const auto through = [](std::uint64_t& free, std::uint64_t now, std::uint32_t bytes, std::uint64_t room) {
    if ((free > now ? free - now : 0) + bytes > room) return UINT64_MAX;
    return free = std::max(free, now) + bytes;
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint64_t left = through(uplink_free[all[i].sender], all[i].sent_ns, all[i].bytes, kUplinkQueueBytes);
    landing.emplace_back(left + latency_of(all[i].path), i);
  }
  std::ranges::sort(landing);
  std::uint64_t downlink_free = 0;
  for (const auto& [now, i] : landing) arrives[i] = through(downlink_free, now, all[i].bytes, kQueue);
  return arrives;
}

std::vector<std::uint64_t> by_lanes(const std::vector<Sent>& all, const Plan& plan) {
  Underlay underlay;
  std::vector<std::uint64_t> arrives(all.size(), UINT64_MAX);
  std::vector<std::pair<std::uint64_t, std::size_t>> landing;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Host from{0, static_cast<std::uint16_t>(all[i].sender + 10), 0};
    const Outcome outcome = underlay.offer_on(all[i].path, plan, from, kA, all[i].sent_ns, all[i].bytes, false);
    if (!outcome.dropped) landing.emplace_back(outcome.at_ns, i);
  }
  std::ranges::sort(landing);
  for (const auto& [now, i] : landing) {
    const Outcome outcome = underlay.land(plan, kA, now, all[i].bytes, false);
    if (!outcome.dropped) arrives[i] = outcome.at_ns;
  }
  return arrives;
}

TEST(Links, AnIncastIsWhatTheRecursionSays) {
  Plan plan = of_links({.rate_bps = kByteInNanosecond, .queue_bytes = kQueue});
  for (std::uint32_t path = 0; path < 4; ++path)
    plan.faults.push_back({.path = path, .impairment = {.latency_ns = latency_of(path)}});
  std::mt19937 random(5);
  std::vector<Sent> all;
  std::uint64_t now = 0;
  for (unsigned i = 0; i < 20'000; ++i) {
    now += random() % 900;  // in the mean half of what packets take
    all.push_back({now, static_cast<std::uint16_t>(random() % 8), static_cast<std::uint32_t>(random() % 4),
                   static_cast<std::uint32_t>(64 + random() % 1500)});
  }
  const std::vector<std::uint64_t> expected = by_recursion(all);
  EXPECT_EQ(by_lanes(all, plan), expected);
  const auto lost = std::ranges::count(expected, UINT64_MAX);
  EXPECT_GT(lost, 1'000);
  EXPECT_LT(lost, 15'000);
}

}  // namespace
}  // namespace weft::underlay
