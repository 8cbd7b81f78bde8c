#include <gtest/gtest.h>

#include <vector>

#include "dataplane/underlay/underlay.hpp"

namespace weft::underlay {
namespace {

constexpr Host kA{0, 0, 0}, kNeighbour{0, 0, 1}, kB{0, 1, 0}, kOtherZone{1, 0, 0};
constexpr std::uint64_t kMillisecond = 1'000'000;

TEST(Combine, AddsLatenciesTakesTheSmallerRateAndTheRestOfTheFault) {
  const Impairment layout{.rate_bps = 100, .latency_ns = 1, .jitter_ns = 2, .queue_bytes = 50, .duplicate = 0.5};
  const Impairment fault{.rate_bps = 300, .latency_ns = 10, .jitter_ns = 20, .loss = {.kind = Loss::Kind::kNth, .nth = 3}};
  const Impairment both = combine(layout, fault);
  EXPECT_EQ(both, (Impairment{.rate_bps = 100, .latency_ns = 11, .jitter_ns = 22, .queue_bytes = 50,
                              .loss = {.kind = Loss::Kind::kNth, .nth = 3}, .duplicate = 0.5}));
}

TEST(Combine, NoRateIsNotASmallerOne) {
  EXPECT_EQ(combine({.rate_bps = 100}, {}).rate_bps, 100U);
  EXPECT_EQ(combine({}, {.rate_bps = 100}).rate_bps, 100U);
}

TEST(Combine, IsDownIfEitherIs) {
  EXPECT_TRUE(combine({.down = true}, {}).down);
  EXPECT_TRUE(combine({}, {.down = true}).down);
}

TEST(Configuration, ImpairsNothingUntilSomethingIsSaid) {
  Configuration configuration{.layout = {.spines = 8}, .faults = {}};
  EXPECT_TRUE(impairs_nothing(configuration));
  configuration.faults.push_back({.name = "f", .path = {}, .from = "a", .to = "", .impairment = {.down = true}});
  EXPECT_FALSE(impairs_nothing(configuration));
  EXPECT_FALSE(impairs_nothing({.layout = {.rack = {.latency_ns = 1}}, .faults = {}}));
}

TEST(Plan, HasOnePathInARackAndOneOfEachSpineBetweenRacksAndZones) {
  const Plan plan{.layout = {.spines = 4}, .faults = {}};
  EXPECT_EQ(plan.paths(kA, kA), 0U);
  EXPECT_EQ(plan.paths(kA, kNeighbour), 1U);
  EXPECT_EQ(plan.paths(kA, kB), 4U);
  EXPECT_EQ(plan.paths(kA, kOtherZone), 4U);  // the same rack number, in another zone
}

TEST(Plan, AFaultConcernsItsDirectionAndItsPathOnly) {
  const Plan plan{.layout = {.spines = 4}, .faults = {{.path = 2, .from = kA, .to = kB, .impairment = {.latency_ns = 5}}}};
  EXPECT_TRUE(plan.concerns(kA, kB));
  EXPECT_FALSE(plan.concerns(kB, kA));
  EXPECT_FALSE(plan.concerns(kA, kNeighbour));
  EXPECT_EQ(plan.impairment(kA, kB, 2).latency_ns, 5U);
  EXPECT_EQ(plan.impairment(kA, kB, 1), Impairment{});
}

TEST(Plan, FaultsOfOnePathAddUp) {
  const Plan plan{.layout = {.spine = {.latency_ns = 1}}, .faults = {{.path = {}, .from = kA, .to = {}, .impairment = {.latency_ns = 10}},
                                                       {.path = {}, .from = {}, .to = kB, .impairment = {.latency_ns = 100}}}};
  EXPECT_EQ(plan.impairment(kA, kB, 0).latency_ns, 111U);
  EXPECT_EQ(plan.impairment(kB, kA, 0).latency_ns, 1U);
}

TEST(Path, OfAFlowIsTheSameAlwaysAndFlowsSpreadOverAllOfThem) {
  for (const std::uint32_t paths : {1U, 2U, 7U, 64U}) {
    std::vector<unsigned> flows(paths);
    for (std::uint32_t hash = 0; hash < 0x4000; ++hash) {
      ASSERT_EQ(outer_source_port(hash) & 0xC000U, 0xC000U);
      ++flows.at(path_of(outer_source_port(hash), paths));
    }
    for (const unsigned count : flows) EXPECT_NEAR(count, 16384.0 / paths, 16384.0 / paths * 0.05);
  }
}

TEST(Underlay, SaysNothingWhereNothingIsWrong) {
  Underlay underlay;
  const Plan plan{.layout = {.spine = {.latency_ns = 1}}, .faults = {}};
  EXPECT_FALSE(underlay.offer(plan, kA, kNeighbour, 0, 0, 100, false));
  EXPECT_FALSE(underlay.offer(plan, kA, kA, 0, 0, 100, false));
  EXPECT_TRUE(underlay.offer(plan, kA, kB, 0, 0, 100, false));
  EXPECT_EQ(underlay.find({kA, kNeighbour, 0}), nullptr);
}

TEST(Underlay, CountsEachWayForItself) {
  Underlay underlay;
  const Plan plan{.layout = {.spine = {.latency_ns = 1}}, .faults = {}};
  underlay.offer(plan, kA, kB, 0, 0, 100, false);
  underlay.offer(plan, kA, kB, 0, 0, 100, false);
  underlay.offer(plan, kB, kA, 0, 0, 50, false);
  EXPECT_EQ(underlay.find({kA, kB, 0})->counters().packets, 2U);
  EXPECT_EQ(underlay.find({kB, kA, 0})->counters().bytes, 50U);
}

TEST(Underlay, WhoNamesAPathTakesItModuloHowManyThereAreAndSharesItWithFlows) {
  Underlay underlay;
  const Plan plan{.layout = {.spines = 4}, .faults = {{.path = 2, .from = kA, .to = kB, .impairment = {.rate_bps = 8000}}}};
  EXPECT_EQ(underlay.offer_on(6, plan, kA, kB, 0, 100, true).at_ns, 100 * kMillisecond);
  EXPECT_EQ(underlay.offer_on(2, plan, kA, kB, 0, 100, true).at_ns, 200 * kMillisecond);
  EXPECT_EQ(underlay.offer_on(7, plan, kA, kB, 0, 100, true).at_ns, 0U);
  std::uint32_t hash = 0;
  while (path_of(outer_source_port(hash), 4) != 2) ++hash;
  EXPECT_EQ(underlay.offer(plan, kA, kB, hash, 0, 100, true)->at_ns, 300 * kMillisecond);
  EXPECT_EQ(underlay.find({kA, kB, 2})->counters().packets, 3U);
}

TEST(Underlay, ANewVersionOfThePlanChangesTheLanesThatAreThere) {
  Underlay underlay;
  Plan plan{.version = 1, .layout = {}, .faults = {{.path = {}, .from = kA, .to = kB, .impairment = {.latency_ns = kMillisecond}}}};
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 0, 100, false)->at_ns, kMillisecond);
  plan.version = 2;
  plan.faults[0].impairment = {.down = true};
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 1, 100, false)->dropped, Cause::kDown);
  EXPECT_EQ(underlay.find({kA, kB, 0})->counters().packets, 2U);  // the same lane
}

TEST(Underlay, EveryWayHasRandomNumbersOfItsOwn) {
  Underlay underlay;
  const Plan plan{.layout = {.spine = {.jitter_ns = UINT32_MAX}}, .faults = {}};
  EXPECT_NE(underlay.offer(plan, kA, kB, 0, 0, 100, false)->at_ns, underlay.offer(plan, kB, kA, 0, 0, 100, false)->at_ns);
}

TEST(Underlay, ForgetsTheWayThatWasUsedLongestAgoWhenItsPlacesAreTaken) {
  Underlay underlay;
  const Plan plan{.layout = {.spine = {.latency_ns = 1}}, .faults = {}};
  constexpr std::uint16_t kRacks = 100;  // 9,900 ways, more than there is room for
  unsigned kept = 0;
  std::uint64_t now = 0;
  for (std::uint16_t from = 0; from < kRacks; ++from)
    for (std::uint16_t to = 0; to < kRacks; ++to) {
      if (from == to) continue;
      underlay.offer(plan, {0, from, 0}, {0, to, 0}, 0, ++now, 100, false);
      ASSERT_NE(underlay.find({{0, from, 0}, {0, to, 0}, 0}), nullptr);
    }
  for (std::uint16_t from = 0; from < kRacks; ++from)
    for (std::uint16_t to = 0; to < kRacks; ++to) kept += underlay.find({{0, from, 0}, {0, to, 0}, 0}) != nullptr;
  EXPECT_EQ(kept, Underlay::kMostLanes);
  EXPECT_EQ(underlay.find({{0, 0, 0}, {0, 1, 0}, 0}), nullptr);  // the first of all
}

}  // namespace
}  // namespace weft::underlay
