#include <gtest/gtest.h>

#include <vector>

#include "dataplane/underlay/underlay.hpp"

namespace weft::underlay::underlay_test {
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
  const Plan plan{.layout = {.spine = {.latency_ns = 1}},
                  .faults = {{.path = {}, .from = kA, .to = {}, .impairment = {.latency_ns = 10}},
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
  Plan plan{.version = 1,
            .layout = {},
            .faults = {{.path = {}, .from = kA, .to = kB, .impairment = {.latency_ns = kMillisecond}}}};
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 0, 100, false)->at_ns, kMillisecond);
  plan.version = 2;
  plan.faults[0].impairment = {.down = true};
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 1, 100, false)->dropped, Cause::kDown);
  EXPECT_EQ(underlay.find({kA, kB, 0})->counters().packets, 2U);  // the same lane
}

/// Everything that is random, counted or periodic at once, and no latency: what is in the air is none of this.
Plan dicey(std::uint64_t seed) {
  return {.version = seed,
          .layout = {.seed = seed,
                     .spine = {.loss = {.kind = Loss::Kind::kGilbertElliott, .loss = 0.5, .to_bad = 0.2, .to_good = 0.2},
                               .duplicate = 0.3,
                               .reorder = 0.3,
                               .reorder_ns = 5,
                               .corrupt = 0.3,
                               .flap = {.period_ns = 70, .down_ns = 10}}},
          .faults = {}};
}

/// Times count from `begin_ns` on.
std::vector<std::uint64_t> run(Underlay& underlay, const Plan& plan, std::uint64_t begin_ns) {
  std::vector<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Outcome outcome = *underlay.offer(plan, kA, kB, 0, begin_ns + i, 100, false);
    seen.push_back(outcome.dropped ? 1000 + static_cast<std::uint64_t>(*outcome.dropped) : outcome.at_ns - begin_ns);
    seen.push_back(outcome.copy_at_ns ? *outcome.copy_at_ns - begin_ns : 0);
    seen.push_back(outcome.flipped_bit.value_or(UINT32_MAX));
  }
  return seen;
}

TEST(Underlay, AnotherSeedRestartsALaneAsOneThatIsMadeThen) {
  Underlay used, fresh;
  const std::vector<std::uint64_t> first = run(used, dicey(7), 0);
  const std::vector<std::uint64_t> second = run(used, dicey(8), 1000);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, run(fresh, dicey(8), 0)) << "as where no other seed ever was";
  EXPECT_EQ(first, run(used, dicey(7), 2000)) << "and back";
  EXPECT_EQ(used.find({kA, kB, 0})->counters().packets, 900U) << "which count on";
}

TEST(Underlay, TheSameSeedGoesOnWhateverElseChanges) {
  Underlay used, left_alone;
  run(used, dicey(7), 0);
  run(left_alone, dicey(7), 0);
  Plan newer = dicey(7);
  newer.version = 99;
  EXPECT_EQ(run(used, newer, 1000), run(left_alone, dicey(7), 1000));
}

TEST(Underlay, AnotherSeedCountsTheNthPacketAnew) {
  Underlay underlay;
  Plan plan{.version = 1, .layout = {.seed = 1, .spine = {.loss = {.kind = Loss::Kind::kNth, .nth = 3}}}, .faults = {}};
  const auto lost = [&] { return underlay.offer(plan, kA, kB, 0, 0, 100, false)->dropped.has_value(); };
  EXPECT_FALSE(lost());
  EXPECT_FALSE(lost());
  plan.version = plan.layout.seed = 2;
  EXPECT_FALSE(lost());
  EXPECT_FALSE(lost());
  EXPECT_TRUE(lost());
}

TEST(Underlay, AnotherSeedOvertakesNothingThatWaits) {
  Underlay underlay;
  Plan plan{.version = 1, .layout = {.seed = 1, .spine = {.rate_bps = 8'000'000'000}}, .faults = {}};  // a byte in a nanosecond
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 0, 100, false)->at_ns, 100U);
  plan.version = plan.layout.seed = 2;
  EXPECT_EQ(underlay.offer(plan, kA, kB, 0, 0, 100, false)->at_ns, 200U);
}

TEST(LaneCounters, AreAddedFieldByField) {
  LaneCounters sum{.packets = 1, .bytes = 2, .dropped = {3, 4, 5}, .duplicated = 6, .reordered = 7, .corrupted = 8,
                   .marked = 9};
  sum += {.packets = 10, .bytes = 20, .dropped = {30, 40, 50}, .duplicated = 60, .reordered = 70, .corrupted = 80,
          .marked = 90};
  EXPECT_EQ(sum.packets, 11U);
  EXPECT_EQ(sum.bytes, 22U);
  EXPECT_EQ(sum.dropped, (std::array<std::uint64_t, kCauses>{33, 44, 55}));
  EXPECT_EQ(sum.duplicated, 66U);
  EXPECT_EQ(sum.reordered, 77U);
  EXPECT_EQ(sum.corrupted, 88U);
  EXPECT_EQ(sum.marked, 99U);
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
  EXPECT_EQ(kept, Underlay::kMostPaths);
  EXPECT_EQ(underlay.find({{0, 0, 0}, {0, 1, 0}, 0}), nullptr);  // the first of all
}

}  // namespace
}  // namespace weft::underlay::underlay_test
