// EFA packets in a capture of the engine: as frames with all headers, for whom they are captured, with the reason of a drop;
// and nobody passes the engine by meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/dataplane/worker/captured.hpp"

namespace weft::test {
namespace {

/// Does what the test wants with the gate, in the worker's turn.
class Doing final : public MessageSwitch {
 public:
  std::uint32_t poll(const EfaGate& gate, std::uint64_t) noexcept override {
    if (what) what(gate);
    return 0;
  }
  bool arm(int) noexcept override { return true; }
  void disarm() noexcept override {}
  std::function<void(const EfaGate&)> what;
};

Deployment three() {
  std::vector<Instance> guests = {guest("a", "10.0.1.4", {"efa"}), guest("b", "10.0.1.5", {"efa"}),
                                  guest("c", "10.0.1.6", {"efa"})};
  for (Instance& instance : guests) instance.enis[0].type = InterfaceType::kEfa;
  return make_deployment({make_group("efa", {all(group("efa"))}, {all(group("efa"))})}, std::move(guests));
}

class EfaCaptureTest : public ::testing::Test {
 protected:
  EfaCaptureTest() : fabric(three()) {
    auto made = std::make_unique<Doing>();
    messages = made.get();
    fabric.engine().set_message_switch(std::move(made), [](EniSlot) { return EfaCounters{}; });
  }
  EniSlot slot(const std::string& guest) { return *fabric.engine().slot_of("eni-" + guest); }
  void with_gate(const std::function<void(const EfaGate&)>& what) {
    messages->what = what;
    fabric.turn();
    messages->what = nullptr;
  }
  bool may_bypass(const std::string& from, const std::string& to) {
    bool answer = false;
    with_gate([&](const EfaGate& gate) { answer = gate.may_bypass(slot(from), slot(to)); });
    return answer;
  }
  std::uint64_t epoch() {
    std::uint64_t answer = 0;
    with_gate([&](const EfaGate& gate) { answer = gate.epoch(); });
    return answer;
  }
  EfaSighting packet(const std::string& from, const std::string& to) {
    return {.source = slot(from),
            .destination = slot(to),
            .destination_address = fabric.deployment().find_instance(to)->enis[0].private_ip.octets,
            .source_qpn = 0x01020304,
            .destination_qpn = 5,
            .destination_qkey = 0xfedcba98,
            .path = 7,
            .payload = payload};
  }
  /// The frame field by field, written here as docs/wire-format.md draws it.
  Frame frame(const std::string& from, const std::string& to, std::uint8_t type_of_service = 2) {
    const Eni &source = fabric.deployment().find_instance(from)->enis[0],
              &destination = fabric.deployment().find_instance(to)->enis[0];
    Frame frame;
    const auto bytes = [&](std::initializer_list<unsigned> list) {
      for (const unsigned byte : list) frame.push_back(static_cast<std::uint8_t>(byte));
    };
    for (const std::uint8_t octet : destination.mac.octets) bytes({octet});
    for (const std::uint8_t octet : source.mac.octets) bytes({octet});
    const unsigned length = 20 + 8 + 12 + static_cast<unsigned>(payload.size());
    bytes({8, 0, 0x45, type_of_service, length >> 8, length & 255, 0, 0, 0x40, 0, 64, 17, 0, 0});
    for (int i = 12; i < 16; ++i) bytes({source.private_ip.octets[static_cast<std::size_t>(i)]});
    for (int i = 12; i < 16; ++i) bytes({destination.private_ip.octets[static_cast<std::size_t>(i)]});
    unsigned sum = 0;  // RFC 1071
    for (std::size_t i = 14; i < 34; i += 2) sum += frame[i] * 256U + frame[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = static_cast<std::uint8_t>(~sum >> 8), frame[25] = static_cast<std::uint8_t>(~sum);
    bytes({0xc0, 7, 0xef, 0xa0, (length - 20) >> 8, (length - 20) & 255, 0, 0});
    bytes({4, 3, 2, 1, 5, 0, 0, 0, 0x98, 0xba, 0xdc, 0xfe});
    for (const std::byte byte : payload) bytes({std::to_integer<unsigned>(byte)});
    return frame;
  }

  std::vector<std::byte> payload{std::byte{1}, std::byte{2}, std::byte{3}};
  Fabric fabric;
  Doing* messages = nullptr;
};

using Records = std::vector<Seen>;

TEST_F(EfaCaptureTest, APacketIsAFrameInTheRecordsOfBothEnds) {
  Captured capture(fabric, {"a", "b"});
  with_gate([&](const EfaGate& gate) {
    gate.observe_sent(packet("a", "b"), EfaEnd::kPassed, 0);
    gate.observe_received(packet("a", "b"), EfaEnd::kPassed);
  });
  EXPECT_EQ(capture.take(), (Records{sent("a", frame("a", "b")), got("b", frame("a", "b"))}));
}

TEST_F(EfaCaptureTest, ItIsOnlyInTheRecordsOfWhoIsCaptured) {
  Captured capture(fabric, {"b"});
  with_gate([&](const EfaGate& gate) {
    for (const auto& [from, to] : {std::pair("a", "b"), {"b", "c"}, {"a", "c"}}) {
      gate.observe_sent(packet(from, to), EfaEnd::kPassed, 0);
      gate.observe_received(packet(from, to), EfaEnd::kPassed);
    }
  });
  EXPECT_EQ(capture.take(), (Records{got("b", frame("a", "b")), sent("b", frame("b", "c"))}));
}

TEST_F(EfaCaptureTest, ADropHasItsReason) {
  Captured capture(fabric, {"a", "b"});
  const std::pair<EfaEnd, DropReason> ends[] = {{EfaEnd::kLost, DropReason::kFabricDown},
                                               {EfaEnd::kOverflow, DropReason::kFabricQueue},
                                               {EfaEnd::kGroupEgress, DropReason::kEfaGroupEgress},
                                               {EfaEnd::kGroupIngress, DropReason::kEfaGroupIngress},
                                               {EfaEnd::kUnreachable, DropReason::kEfaUnreachable},
                                               {EfaEnd::kBadQueuePair, DropReason::kEfaBadQpn},
                                               {EfaEnd::kReceiverNotReady, DropReason::kEfaReceiverNotReady}};
  for (const auto& [end, reason] : ends) {
    with_gate([&, end = end](const EfaGate& gate) {
      gate.observe_sent(packet("a", "b"), end, static_cast<std::uint8_t>(DropReason::kFabricDown));
    });
    EXPECT_EQ(capture.take(), (Records{sent("a", frame("a", "b"), std::string(name(reason)))}));
  }
  with_gate([&](const EfaGate& gate) { gate.observe_received(packet("a", "b"), EfaEnd::kReceiverNotReady); });
  EXPECT_EQ(capture.take(), (Records{got("b", frame("a", "b"), "efa-rnr")}));
}

TEST_F(EfaCaptureTest, CongestionThatWasMarkedIsInTheReceiversRecord) {
  Captured capture(fabric, {"b"});
  EfaSighting marked = packet("a", "b");
  marked.congested = true;
  with_gate([&](const EfaGate& gate) { gate.observe_received(marked, EfaEnd::kPassed); });
  EXPECT_EQ(capture.take(), (Records{got("b", frame("a", "b", 3))}));
}

TEST_F(EfaCaptureTest, ALongPacketIsCutWhereTheCaptureCuts) {
  payload.assign(8928, std::byte{9});
  Captured capture(fabric, {"a"}, {.snap_length = 100});
  with_gate([&](const EfaGate& gate) { gate.observe_sent(packet("a", "b"), EfaEnd::kPassed, 0); });
  Frame whole = frame("a", "b");
  whole.resize(100);
  EXPECT_EQ(capture.take(), (Records{sent("a", whole)}));
}

TEST_F(EfaCaptureTest, WhatIsSentToNobodyHasTheAddressThatItWasSentTo) {
  Captured capture(fabric, {"a"});
  EfaSighting lost = packet("a", "b");
  lost.destination = kNoEni;
  with_gate([&](const EfaGate& gate) { gate.observe_sent(lost, EfaEnd::kUnreachable, 0); });
  Frame expected = frame("a", "b");
  std::fill_n(expected.begin(), 6, std::uint8_t{0});
  EXPECT_EQ(capture.take(), (Records{sent("a", expected, "efa-unreachable")}));
}

TEST_F(EfaCaptureTest, NobodyWhoIsCapturedPassesTheEngineByAndTheEpochTellsOfBeginningAndEnd) {
  EXPECT_TRUE(may_bypass("a", "b"));
  const std::uint64_t before = epoch();
  EXPECT_EQ(epoch(), before);
  std::uint64_t during = 0;
  {
    Captured capture(fabric, {"a"});
    during = epoch();
    EXPECT_NE(during, before);
    EXPECT_FALSE(may_bypass("a", "b"));
    EXPECT_FALSE(may_bypass("b", "a"));
    EXPECT_TRUE(may_bypass("b", "c"));
    with_gate([&](const EfaGate& gate) {
      EXPECT_TRUE(gate.observed(slot("a"), kNoEni));
      EXPECT_FALSE(gate.observed(slot("b"), slot("c")));
    });
  }
  EXPECT_TRUE(may_bypass("a", "b"));
  EXPECT_NE(epoch(), during);
  EXPECT_NE(epoch(), before);
}

}  // namespace
}  // namespace weft::test
