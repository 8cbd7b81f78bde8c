// The methods on simulated devices whose figures are known.
#include "tools/weft-gen/method/search.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tools/weft-gen/method/back_to_back.hpp"
#include "tools/weft-gen/method/loss_curve.hpp"

namespace weft::gen {
namespace {

/// Passes `capacity` frames a second behind a buffer of so many frames; its sender gives no more than `sender`.
struct Device {
  double capacity = 1e6, buffer = 0, sender = 1e12;
  double disturbed = 0;  // share of trials in which something else loses a few frames
  double drift = 0;      // relative change of the capacity from trial to trial, random
  std::mt19937_64 random{11};
  unsigned trials = 0;

  Trial operator()(const Load& load) {
    ++trials;
    Trial t;
    t.load = load;
    const double rate = std::min(load.pps, sender);
    t.seconds = load.frames != 0 ? static_cast<double>(load.frames) / rate : load.seconds;
    DirectionResult d;
    d.sent = load.frames != 0 ? load.frames : static_cast<std::uint64_t>(rate * t.seconds);
    if (load.frames == 0 && rate < load.pps) d.skipped = static_cast<std::uint64_t>((load.pps - rate) * t.seconds);
    std::uniform_real_distribution<double> dice(0, 1);
    const double able = capacity * (1 + drift * (2 * dice(random) - 1)) * t.seconds + buffer;
    d.received = std::min(d.sent, static_cast<std::uint64_t>(able + 0.5));
    if (dice(random) < disturbed) d.received -= std::min<std::uint64_t>(d.received, 3);
    t.directions.push_back(d);
    return t;
  }
  Measure measure() {
    return [this](const Load& load) { return (*this)(load); };
  }
};

SearchOptions options(double loss = 0) {
  SearchOptions o;
  o.highest_pps = 14.88e6;
  o.acceptable_loss = loss;
  o.seconds = {1, 10};
  return o;
}

TEST(Search, EnclosesTheRateOfADeviceThatIsKnown) {
  for (const double capacity : {1e3, 5e4, 1e6, 7.4e6, 14.8e6}) {
    Device device{.capacity = capacity};
    const SearchOutcome found = search(device.measure(), options());
    EXPECT_LE(found.lower_pps, capacity * 1.0001);
    EXPECT_GE(found.upper_pps, capacity * 0.9999);
    EXPECT_LE(found.upper_pps - found.lower_pps, 0.005 * found.upper_pps * 1.0001) << capacity;
    EXPECT_FALSE(found.sender_limited || found.device_at_maximum);
    EXPECT_LE(found.trials, 25U) << capacity;
    EXPECT_EQ(found.trials, device.trials);
    EXPECT_EQ(found.history.size(), found.trials);
    ASSERT_TRUE(found.at_lower);
    EXPECT_EQ(found.at_lower->lost(), 0U);
    EXPECT_EQ(found.at_lower->load.seconds, 10) << "what counts was measured at full length";
  }
}

TEST(Search, OfAnAcceptableLossEnclosesWhereThatIsLost) {
  Device device{.capacity = 2e6};
  const SearchOutcome found = search(device.measure(), options(0.005));
  EXPECT_LE(found.lower_pps, 2e6 / 0.995 * 1.0001);
  EXPECT_GE(found.upper_pps, 2e6 / 0.995 * 0.9999);
}

TEST(Search, EndsAtOnceWhenTheHighestRatePasses) {
  Device device{.capacity = 20e6};
  const SearchOutcome found = search(device.measure(), options());
  EXPECT_TRUE(found.device_at_maximum);
  EXPECT_EQ(found.lower_pps, 14.88e6);
  EXPECT_EQ(found.trials, 2U) << "a short trial and a full one";
}

TEST(Search, OfADeviceThatPassesNothingSaysSo) {
  Device device{.capacity = 0};
  const SearchOutcome found = search(device.measure(), options());
  EXPECT_EQ(found.lower_pps, 0);
  EXPECT_FALSE(found.at_lower);
  EXPECT_LE(found.trials, 20U);
}

TEST(Search, DoesNotBlameTheDeviceForWhatTheSenderCannotSend) {
  Device device{.capacity = 20e6, .sender = 3e6};
  const SearchOutcome found = search(device.measure(), options());
  EXPECT_TRUE(found.sender_limited);
  EXPECT_NEAR(found.lower_pps, 3e6, 3e4);
  EXPECT_EQ(found.upper_pps, found.lower_pps) << "nothing failed";
  EXPECT_LE(found.trials, 12U);
}

TEST(Search, FindsADeviceSlowerThanALimitedSender) {
  Device device{.capacity = 2e6, .sender = 3e6};
  const SearchOutcome found = search(device.measure(), options());
  EXPECT_FALSE(found.sender_limited);
  EXPECT_LE(found.lower_pps, 2e6 * 1.0001);
  EXPECT_GE(found.upper_pps, 2e6 * 0.9999);
  EXPECT_LE(found.upper_pps - found.lower_pps, 0.006 * found.upper_pps);
}

TEST(Search, VerifiesLossSoThatADisturbanceIsNotTheDevices) {
  unsigned near = 0, near_without = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Device device{.capacity = 5e6, .disturbed = 0.3, .random = std::mt19937_64(seed)};
    SearchOptions careful = options();
    careful.verify = 5;
    near += search(device.measure(), careful).lower_pps > 5e6 * 0.99;
    Device same{.capacity = 5e6, .disturbed = 0.3, .random = std::mt19937_64(seed)};
    near_without += search(same.measure(), options()).lower_pps > 5e6 * 0.99;
  }
  EXPECT_GE(near, 19U);
  EXPECT_LT(near_without, near) << "or this would test nothing";
}

TEST(Search, OfADeviceThatChangesEndsAndItsMedianIsNear) {
  Device device{.capacity = 5e6, .drift = 0.05};
  const RepeatedSearch repeated = search_repeatedly(device.measure(), options(), 9);
  ASSERT_EQ(repeated.searches.size(), 9U);
  EXPECT_NEAR(repeated.median().lower_pps, 5e6, 5e6 * 0.06);
  EXPECT_LE(repeated.lowest(), repeated.median().lower_pps);
  EXPECT_GE(repeated.highest(), repeated.median().lower_pps);
  EXPECT_EQ(repeated.trials(), device.trials);
}

TEST(Search, IsLedByTheFullTrialsWhereABufferFoolsTheShortOnes) {
  Device device{.capacity = 1e6, .buffer = 2e5};  // passes 1.2 Mpps for a second, 1.02 for ten
  const SearchOutcome found = search(device.measure(), options());
  EXPECT_LE(found.lower_pps, 1.02e6 * 1.0001);
  EXPECT_GE(found.upper_pps, 1.02e6 * 0.9999);
  EXPECT_LE(found.upper_pps - found.lower_pps, 0.0051 * found.upper_pps);
}

TEST(Search, StopsWhenItIsInterrupted) {
  unsigned trials = 0;
  const SearchOutcome found = search(
      [&](const Load& load) {
        Trial t = Device{.capacity = 1e6}(load);
        t.interrupted = ++trials == 3;
        return t;
      },
      options());
  EXPECT_TRUE(found.interrupted);
  EXPECT_EQ(trials, 3U);
}

TEST(LossCurve, GoesDownInTenthsUntilTwoTrialsLoseNothing) {
  Device device{.capacity = 6.5e6};
  const std::vector<Trial> curve = loss_curve(device.measure(), {10e6, 10, 0.1});
  ASSERT_EQ(curve.size(), 6U);  // 100, 90, 80, 70, 60 and 50 per cent
  EXPECT_NEAR(curve[0].loss_ratio(), 0.35, 1e-6);
  EXPECT_NEAR(curve[3].loss_ratio(), 0.05 / 0.7, 1e-6);
  EXPECT_EQ(curve[4].lost() + curve[5].lost(), 0U);
}

TEST(LossCurve, EndsAtTheLowestRateOfADeviceThatAlwaysLoses) {
  Device device{.capacity = 0};
  EXPECT_EQ(loss_curve(device.measure(), {10e6, 10, 0.1}).size(), 10U);
}

TEST(BackToBack, FindsTheBufferBehindTheRate) {
  // A burst of n frames lasts n/r; the device forwards n*c/r of them meanwhile and holds the rest.
  Device device{.capacity = 4e6, .buffer = 3000};
  const BackToBack found =
      back_to_back(device.measure(), {.highest_pps = 10e6, .longest_seconds = 2, .repeats = 5, .throughput_pps = 4e6});
  ASSERT_EQ(found.frames.size(), 5U);
  EXPECT_NEAR(found.average(), 3000 / (1 - 0.4), 60);
  EXPECT_NEAR(found.corrected_buffer_seconds(), 3000 / 10e6, 3000 / 10e6 * 0.02);
  EXPECT_FALSE(found.whole || found.sender_limited);
}

TEST(BackToBack, SaysThatTheLongestBurstPasses) {
  Device device{.capacity = 20e6};
  const BackToBack found =
      back_to_back(device.measure(), {.highest_pps = 10e6, .longest_seconds = 2, .repeats = 50, .throughput_pps = 10e6});
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(found.longest(), 20'000'000U);
  EXPECT_EQ(found.trials, 1U);
}

TEST(BackToBack, SaysThatBurstsWereNone) {
  Device device{.capacity = 1e6, .buffer = 100, .sender = 5e6};
  EXPECT_TRUE(back_to_back(device.measure(), {.highest_pps = 10e6, .longest_seconds = 1, .repeats = 1, .throughput_pps = 1e6})
                  .sender_limited);
}

TEST(Trial, CountsOnlyWhatWasSentAsLost) {
  Trial t;
  t.seconds = 1;
  t.directions = {{.sent = 900, .received = 890, .skipped = 100}, {.sent = 1000, .received = 1001}};
  EXPECT_EQ(t.lost(), 10U);
  EXPECT_NEAR(t.loss_ratio(), 10 / 1900.0, 1e-12);
  EXPECT_TRUE(t.sender_limited());
  EXPECT_NEAR(t.offered_pps(), 950, 1e-9);
  t.sender_tolerance = 0.2;
  EXPECT_FALSE(t.sender_limited());
}

}  // namespace
}  // namespace weft::gen
