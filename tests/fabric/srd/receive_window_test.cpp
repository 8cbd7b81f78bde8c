// What a receiver takes, and what it says about it; at the end beside a twin that keeps sets.
#include "fabric/srd/receive_window.hpp"

#include <gtest/gtest.h>

#include <set>

#include "fabric/srd/random.hpp"
#include "tests/sanitized.hpp"

namespace weft::srd {
namespace {

Arrival packet(std::uint32_t psn, std::uint8_t path = 0) {
  Arrival arrival;
  arrival.psn = psn;
  arrival.path = path;
  return arrival;
}

TEST(ReceiveWindow, TakesEachPacketOnceInAnyOrder) {
  ReceiveWindow window(1);
  for (std::uint32_t psn : {3u, 0u, 2u, 511u}) EXPECT_EQ(window.take(packet(psn)), Taken::kNew) << psn;
  for (std::uint32_t psn : {0u, 2u, 3u, 511u}) EXPECT_EQ(window.take(packet(psn)), Taken::kDuplicate) << psn;
  EXPECT_EQ(window.take(packet(1)), Taken::kNew);
  EXPECT_EQ(window.cumulative(), 4u);
  EXPECT_EQ(window.take(packet(1)), Taken::kDuplicate);
}

TEST(ReceiveWindow, RefusesWhatIsBeyondAnyWindow) {
  ReceiveWindow window(1);
  EXPECT_EQ(window.take(packet(512)), Taken::kTooFar);
  EXPECT_EQ(window.take(packet(0)), Taken::kNew);
  EXPECT_EQ(window.take(packet(512)), Taken::kNew);
}

TEST(ReceiveWindow, APacketOfAnOlderSessionIsRefusedAndANewSessionBeginsAtZero) {
  ReceiveWindow window(1);
  Arrival arrival = packet(0);
  arrival.session = 255;
  EXPECT_EQ(window.take(arrival), Taken::kNew);
  arrival.session = 0;  // serial: 0 comes after 255
  EXPECT_EQ(window.take(arrival), Taken::kNew);
  arrival = packet(1);
  arrival.session = 255;
  EXPECT_EQ(window.take(arrival), Taken::kStale);
  EXPECT_EQ(window.acknowledge(0).session, 0);
}

TEST(ReceiveWindow, ASessionThatAnotherProcessKnewIsNotTaken) {
  ReceiveWindow window(1);
  Arrival arrival = packet(5);
  arrival.established = true;
  EXPECT_EQ(window.take(arrival), Taken::kUnknownSession);
  EXPECT_FALSE(window.owes_after_turn());
  arrival.established = false;
  EXPECT_EQ(window.take(arrival), Taken::kNew);
  arrival.psn = 6;
  arrival.established = true;
  EXPECT_EQ(window.take(arrival), Taken::kNew);
}

TEST(ReceiveWindow, SixteenPacketsShareAnAcknowledgement) {
  ReceiveWindow window(1);
  for (std::uint32_t psn = 0; psn < 15; ++psn) window.take(packet(psn));
  EXPECT_FALSE(window.owes());
  EXPECT_TRUE(window.owes_after_turn());
  window.take(packet(15));
  EXPECT_TRUE(window.owes());
  EXPECT_EQ(window.acknowledge(0).cumulative, 16u);
  EXPECT_FALSE(window.owes_after_turn());
}

TEST(ReceiveWindow, AnswersSoonerWhileSomethingIsMissing) {
  ReceiveWindow window(1);
  window.take(packet(1));
  EXPECT_FALSE(window.owes());
  window.take(packet(2));
  EXPECT_TRUE(window.owes());
}

TEST(ReceiveWindow, AnswersAtOnceWhenAskedOrWhenACopyComes) {
  ReceiveWindow window(1);
  Arrival arrival = packet(0);
  arrival.ack_requested = true;
  window.take(arrival);
  EXPECT_TRUE(window.owes());
  window.acknowledge(0);
  window.take(packet(0));
  EXPECT_TRUE(window.owes());
}

TEST(ReceiveWindow, WhatTheCardDeliveredItselfOwesNothing) {
  ReceiveWindow window(1);
  for (std::uint32_t psn = 0; psn < 100; ++psn) {
    Arrival arrival = packet(psn);
    arrival.over_wire = false;
    EXPECT_EQ(window.take(arrival), Taken::kNew);
    EXPECT_EQ(window.take(arrival), Taken::kDuplicate);
  }
  EXPECT_FALSE(window.owes_after_turn());
}

TEST(ReceiveWindow, EchoesTheNewestPacketOfEachPathWithItsDelayHereAndKeepsItsMark) {
  ReceiveWindow window(9);
  Arrival arrival = packet(0, 3);
  arrival.congested = true;
  arrival.arrived_ns = 100;
  window.take(arrival);
  arrival = packet(1, 3);
  arrival.arrived_ns = 150;
  window.take(arrival);
  arrival = packet(2, 4);
  arrival.arrived_ns = 400;  // by another core's clock
  window.take(arrival);
  const Acknowledgement said = window.acknowledge(350);
  ASSERT_EQ(said.echoes, 2);
  EXPECT_EQ(said.echo[0], (Echo{.psn = 1, .delay_ns = 200, .path = 3, .congested = true}));
  EXPECT_EQ(said.echo[1], (Echo{.psn = 2, .delay_ns = 0, .path = 4, .congested = false}));
  EXPECT_EQ(said.incarnation, 9u);
  EXPECT_EQ(window.acknowledge(400).echoes, 0);
}

TEST(ReceiveWindow, IsOwedWhenEightPathsWantAnEcho) {
  ReceiveWindow window(1);
  for (std::uint8_t path = 0; path < 8; ++path) {
    EXPECT_FALSE(window.owes());
    window.take(packet(path, path));
  }
  EXPECT_TRUE(window.owes());
}

TEST(ReceiveWindow, AWildDelayIsNotMoreThanItsField) {
  ReceiveWindow window(1);
  window.take(packet(0));
  EXPECT_EQ(window.acknowledge(std::uint64_t{1} << 40).echo[0].delay_ns, 0xffffffffu);
}

/// The twin: sets of 64-bit numbers that never wrap.
struct Twin {
  std::set<std::uint64_t> seen;
  std::uint64_t first = 0;

  std::uint64_t cumulative() {
    while (seen.contains(first)) ++first;
    return first;
  }
  Taken take(std::uint64_t number) {
    if (seen.contains(number)) return Taken::kDuplicate;
    if (number >= cumulative() + kMaxOutstanding) return Taken::kTooFar;
    seen.insert(number);
    return Taken::kNew;
  }
  std::set<std::uint64_t> beyond() { return {seen.upper_bound(cumulative()), seen.end()}; }
};

std::set<std::uint64_t> beyond(const Acknowledgement& said, std::uint64_t cumulative) {
  std::set<std::uint64_t> result;
  for (std::uint64_t i = 0; i < said.words * std::uint64_t{64}; ++i)
    if ((said.bitmap[i / 64] >> (i % 64) & 1) != 0) result.insert(cumulative + 1 + i);
  return result;
}

TEST(ReceiveWindow, AgreesWithATwinThatKeepsSets) {
  const unsigned seeds = test::seeds(200, 20);
  for (unsigned seed = 0; seed < seeds; ++seed) {
    Random random(seed);
    ReceiveWindow window(1);
    Twin twin;
    const std::uint32_t spread = 1 + random.below(700);
    for (int step = 0; step < 600; ++step) {
      const std::uint64_t low = twin.cumulative();
      const std::uint64_t back = std::min<std::uint64_t>(low, random.below(20));
      const std::uint64_t number = random.below(3) == 0 ? low : low - back + random.below(spread);
      ASSERT_EQ(window.take(packet(static_cast<std::uint32_t>(number))), twin.take(number)) << "seed " << seed;
      if (random.below(8) != 0) continue;
      const Acknowledgement said = window.acknowledge(0);
      ASSERT_EQ(said.cumulative, twin.cumulative());
      ASSERT_EQ(beyond(said, twin.cumulative()), twin.beyond()) << "seed " << seed;
      ASSERT_TRUE(said.words == 0 || said.bitmap[said.words - 1u] != 0);
    }
  }
}

}  // namespace
}  // namespace weft::srd
