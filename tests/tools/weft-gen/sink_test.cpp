#include "tools/weft-gen/sink/sink.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "tools/weft-gen/device/hardware_clock.hpp"
#include "tools/weft-gen/run/latency_summary.hpp"
#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

TEST(Histogram, IsWithinItsPrecisionOfASortedList) {
  std::mt19937_64 random(3);
  for (const double spread : {2.0, 10.0, 100.0, 1e4, 1e8, 1e12}) {
    std::lognormal_distribution<double> values(std::log(spread), 1.5);
    Histogram histogram;
    std::vector<std::uint64_t> all;
    for (int i = 0; i < 5000; ++i) {
      const auto value = std::min(static_cast<std::uint64_t>(values(random)), Histogram::kLargest);
      all.push_back(value);
      histogram.record(value);
    }
    std::ranges::sort(all);
    for (const double quantile : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * 5000)));
      const std::uint64_t exact = all[rank - 1], found = histogram.at(quantile);
      EXPECT_GE(found, exact) << quantile;
      EXPECT_LE(static_cast<double>(found), static_cast<double>(exact) * (1 + 1.0 / 128)) << quantile << " of " << spread;
    }
    EXPECT_EQ(histogram.smallest(), all.front());
    EXPECT_EQ(histogram.largest(), all.back());
  }
}

TEST(Histogram, KeepsEveryValueApartThatItPromisesTo) {
  for (std::uint64_t value = 0; value < 256; ++value) {
    Histogram one;
    one.record(value);
    EXPECT_EQ(one.at(0.5), value);
  }
  for (unsigned bit = 8; bit < Histogram::kLargestBits; ++bit)
    for (const std::int64_t beside : {-1, 0, 1}) {
      Histogram two;
      const std::uint64_t value = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(beside);
      two.record(value);
      two.record(Histogram::kLargest);
      EXPECT_GE(two.at(0.5), value);
      EXPECT_LE(two.at(0.5) - value, value / 128);
    }
}

TEST(Histogram, AddsUpLikeOneThatSawAll) {
  std::mt19937_64 random(4);
  Histogram a, b, all;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random() >> random() % 60;
    (i % 3 == 0 ? a : b).record(value);
    all.record(value);
  }
  a.add(b);
  for (double q = 0; q <= 1; q += 0.05) EXPECT_EQ(a.at(q), all.at(q));
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.largest(), all.largest());
}

TEST(Histogram, OfNothingSaysNothing) {
  EXPECT_EQ(Histogram().at(0.5), 0U);
  EXPECT_EQ(summarise(Histogram(), 1).frames, 0U);
}

TEST(Latency, CurveRises) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 100'000; ++i) histogram.record(i);
  const LatencySummary s = summarise(histogram, 0.5);
  EXPECT_NEAR(s.p50_us, 25'000, 25'000 / 128.0);
  EXPECT_NEAR(s.p999_us, 49'950, 49'950 / 128.0);
  EXPECT_TRUE(std::ranges::is_sorted(s.curve));
  EXPECT_EQ(s.curve.back().second, 50'000);
}

/// A stream judged by a set of all that ever came.
struct Remembering {
  std::set<std::uint32_t> seen;
  Arrival see(std::uint32_t sequence) {
    const bool latest = seen.empty() || sequence > *seen.rbegin();
    if (!seen.insert(sequence).second) return Arrival::kDuplicate;
    return latest ? Arrival::kInOrder : Arrival::kReordered;
  }
};

TEST(Stream, JudgesLikeOneThatRemembersEverything) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    Stream stream;
    Remembering twin;
    std::uint32_t next = 0;
    for (int i = 0; i < 3000; ++i) {
      // Mostly in order; jumps ahead, frames of before, again or for the first time.
      const unsigned dice = random() % 10;
      if (dice < 7)
        ++next;
      else if (dice == 7)
        next += random() % 40;
      else if (dice == 8 && random() % 50 == 0)
        next += 1500;
      const std::uint32_t back = dice > 7 ? std::min(next, static_cast<std::uint32_t>(random() % 900)) : 0;
      ASSERT_EQ(stream.see(next - back), twin.see(next - back)) << "round " << round << ", frame " << i;
    }
    EXPECT_EQ(stream.received(), twin.seen.size());
  }
}

TEST(Stream, WrapsAround) {
  Stream stream;
  std::uint32_t sequence = 0;
  for (int i = 0; i < 40; ++i) EXPECT_EQ(stream.see(sequence += 1U << 27), Arrival::kInOrder);
  EXPECT_EQ(stream.see(sequence), Arrival::kDuplicate);
  EXPECT_EQ(stream.see(sequence - 1), Arrival::kReordered);
  EXPECT_EQ(stream.received(), 41U);
}

TEST(Stream, DoesNotBelieveNumbersFromNowhere) {
  Stream stream;
  EXPECT_EQ(stream.see(0xffffffff), Arrival::kImplausible) << "before the first";
  EXPECT_EQ(stream.see(0), Arrival::kInOrder);
  EXPECT_EQ(stream.see(1U << 30), Arrival::kImplausible);
  EXPECT_EQ(stream.see(1), Arrival::kInOrder) << "and is not led astray";
  EXPECT_EQ(stream.received(), 2U);
}

class Frames {
 public:
  std::span<const std::byte> make(const Signature& signature) {
    FrameTemplate(e_, 64).write(bytes_.data(), make_flow(1, 2, 3, 4), signature);
    return bytes_;
  }
  std::size_t headers() const { return e_.header_bytes(); }

 private:
  Encapsulation e_{{}, {}, *IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), false};
  std::vector<std::byte> bytes_ = std::vector<std::byte>(60);
};

TEST(Sink, CountsEachFrameInOnePlace) {
  Frames frames;
  Sink sink(4, 0, frames.headers());
  sink.begin(9);
  sink.see(frames.make({9, 0, 0, 100}), 350, std::nullopt);
  sink.see(frames.make({9, 3, 2, 100}), 150, std::nullopt);
  sink.see(frames.make({9, 3, 1, 100}), 150, std::nullopt);         // reordered
  sink.see(frames.make({9, 3, 1, 100}), 150, std::nullopt);         // again
  sink.see(frames.make({8, 0, 1, 100}), 150, std::nullopt);         // of an earlier trial
  sink.see(frames.make({9, 4, 0, 100}), 150, std::nullopt);         // of no stream
  sink.see(frames.make({9, kReverse, 0, 100}), 150, std::nullopt);  // of the other direction
  sink.see(std::vector<std::byte>(60), 150, std::nullopt);          // of somebody else
  EXPECT_EQ(sink.received(), 3U);
  EXPECT_EQ(sink.received_bytes(), 3 * 64U);
  EXPECT_EQ(sink.reordered(), 1U);
  EXPECT_EQ(sink.duplicates(), 1U);
  EXPECT_EQ(sink.late(), 1U);
  EXPECT_EQ(sink.foreign(), 3U);
  EXPECT_EQ(sink.latency().count(), 3U);
  EXPECT_EQ(sink.latency().largest(), 250U);
  EXPECT_EQ(sink.hardware_latency().count(), 0U);
  sink.begin(10);
  EXPECT_EQ(sink.received() + sink.duplicates() + sink.foreign() + sink.late() + sink.latency().count(), 0U);
}

TEST(HardwareClock, IsFoundFromTwoReadings) {
  HardwareClock clock;
  clock.reading(1'000'000, 50'000);
  EXPECT_FALSE(clock.known());
  clock.reading(2'000'000, 3'050'000);  // three ticks to a unit
  ASSERT_TRUE(clock.known());
  EXPECT_EQ(clock.tsc_at(2'000'100), 3'050'300U);
  EXPECT_EQ(clock.tsc_at(1'999'900), 3'049'700U) << "a frame may have come before the reading";
}

}  // namespace
}  // namespace weft::gen
