// The queue before the rate: one sum of bits in Lane; here a list of packets that are sent bit by bit.
#include <gtest/gtest.h>

#include <deque>

#include "dataplane/underlay/generator.hpp"
#include "dataplane/underlay/lane.hpp"

namespace weft::underlay {
namespace {

/// The obvious twin: one step is a nanosecond, in which the head of the line loses `rate` of its bits times 10^9.
class SlowQueue {
 public:
  SlowQueue(std::uint64_t rate_bps, std::uint64_t room) : rate_bps_(rate_bps), room_(room) {}

  void advance(std::uint64_t now_ns) {
    for (; now_ns_ < now_ns; ++now_ns_) step(line_);
  }
  std::uint64_t waiting() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t left : line_) sum += left;
    return (sum + 7'999'999'999) / 8'000'000'000;
  }
  /// False: no room.
  bool offer(std::uint32_t bytes) {
    if (waiting() + bytes > room_) return false;
    line_.push_back(bytes * std::uint64_t{8'000'000'000});
    return true;
  }
  /// When the last of the line is sent whole.
  std::uint64_t sent_at() const {
    std::deque<std::uint64_t> line = line_;
    std::uint64_t at = now_ns_;
    for (; !line.empty(); ++at) step(line);
    return at;
  }

 private:
  void step(std::deque<std::uint64_t>& line) const {
    for (std::uint64_t left = rate_bps_; left != 0 && !line.empty();) {
      const std::uint64_t part = std::min(left, line.front());
      left -= part;
      if ((line.front() -= part) == 0) line.pop_front();
    }
  }
  std::uint64_t rate_bps_, room_, now_ns_ = 0;
  std::deque<std::uint64_t> line_;
};

TEST(Queue, DoesWhatAListOfPacketsSentBitByBitDoes) {
  Generator random(2026);
  unsigned dropped = 0, marked = 0;
  for (const std::uint64_t rate : {1'000'000'000ULL, 2'999'999'999ULL, 100'000'000'000ULL}) {
    Lane lane({.rate_bps = rate, .queue_bytes = 4000, .ecn_bytes = 1500}, 1, 0);
    SlowQueue twin(rate, 4000);
    std::uint64_t now = 0;
    for (unsigned i = 0; i < 400; ++i) {
      now += random.up_to(16'000'000'000'000 / rate);  // on average as fast as packets come: it fills and empties
      twin.advance(now);
      const auto bytes = static_cast<std::uint32_t>(random.up_to(2000) + 1);
      ASSERT_EQ(lane.queued_bytes(now), twin.waiting());
      const bool above = twin.waiting() > 1500;
      const bool taken = twin.offer(bytes);
      const Outcome outcome = lane.offer(now, bytes, true);
      ASSERT_EQ(outcome.dropped == Cause::kQueue, !taken) << i;
      if (taken) {
        ASSERT_EQ(outcome.at_ns, twin.sent_at()) << i;
      }
      ASSERT_EQ(outcome.marked, taken && above) << i;
      dropped += !taken;
      marked += outcome.marked;
    }
  }
  EXPECT_GT(dropped, 20U);
  EXPECT_GT(marked, 20U);
}

TEST(Queue, LosesNoNanosecondOfTheRateOverAMillionPackets) {
  constexpr std::uint64_t kRate = 7'000'000'000;  // divides nothing
  Lane lane({.rate_bps = kRate}, 1, 0);
  std::uint64_t now = 0, at = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    const Outcome outcome = lane.offer(now, 1501, false);
    ASSERT_FALSE(outcome.dropped);
    at = outcome.at_ns;
    now = at > 100'000 ? at - 100'000 : 0;  // never empty
  }
  const std::uint64_t bits = 1'000'000ULL * 1501 * 8;
  EXPECT_EQ(at, (bits * 1'000'000'000ULL / kRate) + 1);  // the last bit's nanosecond, begun
}

TEST(Queue, HasRoomFor256KibibytesWhereNothingIsSaid) {
  Lane lane({.rate_bps = 1000}, 1, 0);
  unsigned taken = 0;
  while (!lane.offer(0, 1024, false).dropped) ++taken;
  EXPECT_EQ(taken, 256U);
}

TEST(Queue, APacketThatFindsMoreThanTheThresholdIsMarkedIfItsEndsUnderstand) {
  Lane lane({.rate_bps = 1000, .ecn_bytes = 1000}, 1, 0);
  EXPECT_FALSE(lane.offer(0, 1000, true).marked);
  EXPECT_FALSE(lane.offer(0, 1, true).marked);  // finds 1000: not more
  EXPECT_TRUE(lane.offer(0, 1, true).marked);
  EXPECT_FALSE(lane.offer(0, 1, false).marked);
  EXPECT_EQ(lane.counters().marked, 1U);
}

TEST(Queue, ALostPacketHasTakenItsTimeOnTheWire) {
  Lane lane({.rate_bps = 8'000'000'000, .loss = {.kind = Loss::Kind::kNth, .nth = 2}}, 1, 0);
  EXPECT_EQ(lane.offer(0, 100, false).at_ns, 100U);
  EXPECT_EQ(lane.offer(0, 100, false).dropped, Cause::kLoss);
  EXPECT_EQ(lane.offer(0, 100, false).at_ns, 300U);
}

TEST(Queue, WhatWaitsIsSentAtTheNewRateWhenItChanges) {
  Lane lane({.rate_bps = 8'000'000'000}, 1, 0);
  lane.offer(0, 1000, false);
  lane.change({.rate_bps = 4'000'000'000}, 400);
  EXPECT_EQ(lane.queued_bytes(400), 600U);
  EXPECT_EQ(lane.offer(400, 100, false).at_ns, 400U + 2 * 700);
}

}  // namespace
}  // namespace weft::underlay
