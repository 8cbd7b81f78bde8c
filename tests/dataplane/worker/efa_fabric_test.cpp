// What a message switch is told of the emulated fabric: which pairs something is wrong with, what becomes of a packet on the
// path that it names, and that the worker wakes for what is on its way. a and b stand in two racks, four spines between them; c
// on a's host, d on another of a's rack.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

using underlay::Impairment;

constexpr std::uint64_t kMillisecond = 1'000'000;

/// Asks the gate what the test wants to know, in the worker's turn.
class Asking final : public MessageSwitch {
 public:
  std::uint32_t poll(const EfaGate& gate, std::uint64_t now_ns) noexcept override {
    epoch = gate.epoch();
    if (question) question(gate, now_ns);
    if (now_ns < arrives_ns) return 0;
    arrives_ns = kNever;
    arrived_ns = now_ns;
    return 1;
  }
  std::uint64_t next_ns() const noexcept override { return arrives_ns; }
  bool arm(int) noexcept override {
    ++arms;
    return true;
  }
  void disarm() noexcept override {}

  std::function<void(const EfaGate&, std::uint64_t now_ns)> question;
  std::atomic<std::uint64_t> arrives_ns{kNever}, arrived_ns{0}, epoch{0};
  std::atomic<unsigned> arms{0};
};

Deployment two_racks() {
  std::vector<Instance> guests = {guest("a", "10.0.1.4", {"efa"}), guest("b", "10.0.1.5", {"efa"}),
                                  guest("c", "10.0.1.6", {"efa"}), guest("d", "10.0.1.7", {"efa"})};
  for (Instance& instance : guests) instance.enis[0].type = InterfaceType::kEfa;
  guests[1].placement = {.rack = 1, .host = 0};
  guests[3].placement = {.rack = 0, .host = 1};
  return make_deployment({make_group("efa", {all(group("efa"))}, {all(group("efa"))})}, std::move(guests));
}

class EfaFabricTest : public ::testing::Test {
 protected:
  explicit EfaFabricTest(unsigned workers = 0) : fabric(two_racks(), {.workers = workers}) {
    auto made = std::make_unique<Asking>();
    messages = made.get();
    fabric.engine().set_message_switch(std::move(made), [](EniSlot) { return EfaCounters{}; });
  }

  /// One fault from a to b, on one path or all of them.
  void set_fault(const Impairment& impairment, std::optional<std::uint32_t> path = {}) {
    fabric.engine().set_underlay({.layout = {.spines = 4},
                                  .faults = {{.name = "f", .path = path, .from = "a", .to = "b", .impairment = impairment}}});
    fabric.apply(fabric.deployment());
    fabric.counter_changes();
  }
  void clear_faults() {
    fabric.engine().set_underlay({.layout = {.spines = 4}, .faults = {}});
    fabric.apply(fabric.deployment());
  }

  EniSlot slot(const std::string& guest) { return *fabric.engine().slot_of("eni-" + guest); }
  template <typename Answer>
  Answer ask(const std::function<Answer(const EfaGate&, std::uint64_t now_ns)>& question) {
    Answer answer{};
    messages->question = [&](const EfaGate& gate, std::uint64_t now_ns) { answer = question(gate, now_ns); };
    fabric.turn();
    messages->question = nullptr;
    return answer;
  }
  bool impaired(const std::string& from, const std::string& to) {
    return ask<bool>([&](const EfaGate& gate, std::uint64_t) { return gate.impaired(slot(from), slot(to)); });
  }
  bool may_bypass(const std::string& from, const std::string& to) {
    return ask<bool>([&](const EfaGate& gate, std::uint64_t) { return gate.may_bypass(slot(from), slot(to)); });
  }
  EfaPassage cross(std::uint8_t path, std::uint32_t bytes = 1000) {
    return ask<EfaPassage>(
        [&](const EfaGate& gate, std::uint64_t now_ns) { return gate.cross(slot("a"), slot("b"), path, now_ns, bytes); });
  }

  Fabric fabric;
  Asking* messages = nullptr;
};

TEST_F(EfaFabricTest, OnlyPairsThatAFaultConcernsAreImpairedAndEachDirectionForItself) {
  EXPECT_FALSE(impaired("a", "b"));
  set_fault({.latency_ns = 1});
  EXPECT_TRUE(impaired("a", "b"));
  EXPECT_TRUE(impaired("c", "b")) << "c stands where a does";
  EXPECT_FALSE(impaired("b", "a"));
  EXPECT_FALSE(impaired("a", "c"));
  EXPECT_FALSE(impaired("a", "d"));
  EXPECT_FALSE(ask<bool>([&](const EfaGate& gate, std::uint64_t) {
    return gate.impaired(kNoEni, slot("b")) || gate.impaired(slot("a"), kNoEni);
  }));
}

TEST_F(EfaFabricTest, NobodyPassesByAFabricThatIsImpairedAndTheEpochTellsOfEachChange) {
  EXPECT_TRUE(may_bypass("a", "b"));
  const std::uint64_t first = messages->epoch;
  set_fault({.latency_ns = 1});
  EXPECT_FALSE(may_bypass("a", "b"));
  EXPECT_TRUE(may_bypass("b", "a"));
  const std::uint64_t second = messages->epoch;
  EXPECT_NE(second, first);
  clear_faults();
  EXPECT_TRUE(may_bypass("a", "b"));
  EXPECT_NE(messages->epoch, second);
}

TEST_F(EfaFabricTest, APacketTakesThePathThatItNamesModuloHowManyThereAre) {
  set_fault({.down = true}, 2);
  for (unsigned path = 0; path < 256; ++path)
    EXPECT_EQ(cross(static_cast<std::uint8_t>(path)).lost, path % 4 == 2) << path;
}

TEST_F(EfaFabricTest, ALatePacketArrivesWhenThePathSays) {
  set_fault({.latency_ns = 5 * kMillisecond}, 1);
  EXPECT_EQ(cross(1).at_ns, Fabric::now_ns() + 5 * kMillisecond);
  EXPECT_EQ(cross(0).at_ns, Fabric::now_ns());
}

TEST_F(EfaFabricTest, ARateIsOfTheFrameThatARealWireWouldCarry) {
  set_fault({.rate_bps = 8'000'000}, 0);  // a byte in a microsecond
  EXPECT_EQ(cross(0, 1000).at_ns, Fabric::now_ns() + (14 + 20 + 8 + 1000) * 1000) << "Ethernet, IPv4, UDP";
}

TEST_F(EfaFabricTest, WhatIsLostHasItsReasonInTheSendersCountersAndInTheDropLog) {
  struct {
    Impairment impairment;
    std::string reason;
  } const cases[] = {{{.down = true}, "fabric-down"},
                     {{.loss = {.kind = underlay::Loss::Kind::kNth, .nth = 1}}, "fabric-loss"},
                     {{.rate_bps = 8, .queue_bytes = 1}, "fabric-queue"},
                     {{.corrupt = 1}, "fabric-loss"}};
  for (const auto& c : cases) {
    set_fault(c.impairment);
    const EfaPassage passage = cross(0);
    EXPECT_TRUE(passage.lost) << c.reason;
    EXPECT_EQ(fabric.counter_changes(), (Changes{{"a." + c.reason, 1}}));
    const DropView drop = fabric.engine().drops().back();
    EXPECT_EQ(name(drop.reason), c.reason);
    EXPECT_TRUE(drop.efa);
    EXPECT_EQ(drop.source_eni, "eni-a");
    EXPECT_EQ(drop.destination_eni, "eni-b");
  }
  EXPECT_TRUE(fabric.engine().balance().holds()) << "messages are not frames";
}

TEST_F(EfaFabricTest, WhatTheSwitchHasNoRoomForIsLostInAQueueOfTheFabric) {
  set_fault({.latency_ns = 1});
  ask<bool>([&](const EfaGate& gate, std::uint64_t) { return gate.note_overflow(slot("a"), slot("b")), true; });
  EXPECT_EQ(fabric.counter_changes(), (Changes{{"a.fabric-queue", 1}}));
  EXPECT_EQ(fabric.engine().drops().back().reason, DropReason::kFabricQueue);
}

TEST_F(EfaFabricTest, ACopyOfADamagedPacketIsWhole) {
  set_fault({.latency_ns = 1, .duplicate = 1, .corrupt = 1});
  const EfaPassage passage = cross(0);
  EXPECT_TRUE(passage.lost);
  EXPECT_TRUE(passage.copy_at_ns.has_value());
}

TEST_F(EfaFabricTest, ATransportUnderstandsMarks) {
  set_fault({.rate_bps = 8'000'000, .ecn_bytes = 500}, 0);
  EXPECT_FALSE(cross(0).congested);
  EXPECT_TRUE(cross(0).congested);
}

TEST_F(EfaFabricTest, TheLinkOfTheDestinationsHostIsAskedWhenThePacketHasComeThere) {
  fabric.engine().set_underlay(
      {.layout = {.spines = 4},
       .faults = {{.name = "f", .impairment = {.rate_bps = 8'000'000, .queue_bytes = 3000}, .host = "b"}}});
  fabric.apply(fabric.deployment());
  fabric.counter_changes();
  EXPECT_TRUE(cross(0).lands);
  EXPECT_EQ(cross(1).at_ns, Fabric::now_ns()) << "no path is impaired";
  const auto land = [&](const std::string& from, const std::string& to) {
    return ask<EfaPassage>(
        [&](const EfaGate& gate, std::uint64_t now_ns) { return gate.land(slot(from), slot(to), now_ns, 958); });
  };
  EXPECT_EQ(land("a", "b").at_ns, Fabric::now_ns() + kMillisecond) << "1000 bytes with their headers";
  EXPECT_EQ(land("d", "b").at_ns, Fabric::now_ns() + 2 * kMillisecond) << "the same link";
  EXPECT_EQ(land("a", "d").at_ns, Fabric::now_ns()) << "has none";
  land("a", "b");
  EXPECT_TRUE(land("d", "b").lost);
  EXPECT_EQ(fabric.counter_changes(), (Changes{{"d.fabric-queue", 1}}));
  EXPECT_TRUE(ask<bool>([&](const EfaGate& gate, std::uint64_t now_ns) {
    return gate.cross(slot("b"), slot("a"), 0, now_ns, 958).at_ns == now_ns + kMillisecond;
  })) << "the other direction is a queue of its own";
  clear_faults();
  EXPECT_EQ(land("a", "b").at_ns, Fabric::now_ns()) << "well again";
}

class EfaFabricThread : public EfaFabricTest {
 protected:
  EfaFabricThread() : EfaFabricTest(1) {}
};

/// Nothing else would wake it: there are no flows to age. The quickest of five, for the machine is busy.
TEST_F(EfaFabricThread, ASleepingWorkerWakesForTheNextArrival) {
  using Clock = std::chrono::steady_clock;
  const auto now_ns = [] { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); };
  std::uint64_t latest_ns = UINT64_MAX;
  for (unsigned round = 0; round < 5; ++round) {
    const std::uint64_t at_ns = now_ns() + 30 * kMillisecond;
    messages->arrived_ns = 0;
    messages->arrives_ns = at_ns;
    fabric.engine().start();
    while (messages->arrived_ns == 0) {
      ASSERT_LT(now_ns(), at_ns + 10'000 * kMillisecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    fabric.engine().stop();
    EXPECT_GE(messages->arrived_ns, at_ns);
    latest_ns = std::min(latest_ns, messages->arrived_ns - at_ns);
  }
  EXPECT_LT(latest_ns, 50 * kMillisecond) << "and not when the ageing would have it look";
  EXPECT_GT(messages->arms, 0U) << "it slept";
}

}  // namespace
}  // namespace weft::test
