// What a capture is shown of EFA packets: each that was sent, by its sender as it was sent and at its receiver as it came, and
// how it ended; nothing of pairs that nobody captures.
#include <utility>

#include "tests/drivers/efa/impaired.hpp"

namespace weft::efa::test {
namespace {

class SightingTest : public FabricTest {
 protected:
  using Sighting = TestGate::Sighting;

  /// What is shown of `send` from a to b.
  static Sighting shown(const RawClient& a, const RawClient::Send& send, bool received, EfaEnd end) {
    return {.source = 1,
            .destination = 2,
            .received = received,
            .end = end,
            .why = 0,
            .path = send.path,
            .congested = false,
            .source_qpn = a.device->qpn(),
            .destination_qpn = send.qpn,
            .destination_qkey = send.qkey,
            .destination_address = send.address,
            .payload = send.payload};
  }
  static RawClient::Send packet(const RawClient& a, const RawClient& b, std::uint32_t length = 5) {
    RawClient::Send send = a.to(b, length);
    send.path = 3;
    for (std::uint32_t i = 0; i < length; ++i) send.payload.push_back(static_cast<std::byte>(i * 7 + 1));
    return send;
  }
  std::vector<Sighting> after(RawClient& a, const RawClient::Send& send) {
    a.post(send);
    poll();
    a.completed();
    return std::exchange(gate.sightings, {});
  }
};

TEST_F(SightingTest, what_is_delivered_is_seen_at_both_ends_whoever_of_the_two_is_captured) {
  RawClient a = open("eni-1"), b = open("eni-2");
  b.post_all_receives();
  for (const EniSlot captured : {1, 2}) {
    gate.captured = {captured};
    for (const std::uint32_t length : {1U, kInlineBytes, kMtu}) {
      const RawClient::Send send = packet(a, b, length);
      EXPECT_EQ(after(a, send),
                (std::vector{shown(a, send, false, EfaEnd::kPassed), shown(a, send, true, EfaEnd::kPassed)}));
    }
  }
}

TEST_F(SightingTest, nothing_is_seen_where_nobody_captures) {
  add(function("c", 3));
  RawClient a = open("eni-1"), b = open("eni-2");
  gate.captured = {3};
  EXPECT_TRUE(after(a, packet(a, b)).empty());
  EXPECT_TRUE(b.take());
}

TEST_F(SightingTest, what_is_refused_is_seen_with_the_reason_and_at_the_receiver_if_its_end_decided) {
  RawClient a = open("eni-1"), b = open("eni-2");
  gate.captured = {1};
  const RawClient::Send send = packet(a, b);
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupEgress;
  EXPECT_EQ(after(a, send), std::vector{shown(a, send, false, EfaEnd::kGroupEgress)});
  gate.verdicts[{1, 2}] = EfaVerdict::kUnreachable;
  EXPECT_EQ(after(a, send), std::vector{shown(a, send, false, EfaEnd::kUnreachable)});
  const auto both = [&](const RawClient::Send& sent, EfaEnd end) {
    return std::vector{shown(a, sent, false, end), shown(a, sent, true, end)};
  };
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupIngress;
  EXPECT_EQ(after(a, send), both(send, EfaEnd::kGroupIngress));
  gate.verdicts.clear();
  RawClient::Send other_process = send;
  ++other_process.qkey;
  EXPECT_EQ(after(a, other_process), both(other_process, EfaEnd::kBadQueuePair));
  const RawClient::Send large = packet(a, b, kMtu);
  EXPECT_EQ(after(a, large), both(large, EfaEnd::kReceiverNotReady)) << "b has posted no buffer";
}

TEST_F(SightingTest, what_is_sent_to_nobody_is_seen_without_a_destination) {
  RawClient a = open("eni-1"), b = open("eni-2");
  RawClient::Send send = packet(a, b);
  send.address[15] = 99;
  EXPECT_TRUE(after(a, send).empty());
  gate.captured = {1};
  Sighting expected = shown(a, send, false, EfaEnd::kUnreachable);
  expected.destination = kNoEni;
  EXPECT_EQ(after(a, send), std::vector{expected});
}

TEST_F(SightingTest, what_crosses_the_fabric_is_seen_as_it_is_sent_and_again_when_it_arrives) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  gate.captured = {2};
  way() = [](std::uint8_t, std::uint64_t now, std::uint32_t) {
    return EfaPassage{.congested = true, .at_ns = now + 100, .copy_at_ns = now + 200};
  };
  const RawClient::Send send = packet(a, b);
  EXPECT_EQ(after(a, send), std::vector{shown(a, send, false, EfaEnd::kPassed)});
  Sighting arrived = shown(a, send, true, EfaEnd::kPassed);
  arrived.congested = true;
  for (int copy = 0; copy < 2; ++copy) {
    now_ns += 100;
    poll();
    EXPECT_EQ(std::exchange(gate.sightings, {}), std::vector{arrived}) << copy;
  }
}

TEST_F(SightingTest, what_the_fabric_loses_is_seen_with_the_reason_of_the_gate) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  gate.captured = {1};
  way() = [](auto...) { return EfaPassage{.lost = true, .why = 42}; };
  const RawClient::Send send = packet(a, b);
  Sighting expected = shown(a, send, false, EfaEnd::kLost);
  expected.why = 42;
  EXPECT_EQ(after(a, send), std::vector{expected});
}

TEST_F(SightingTest, what_is_refused_when_it_arrives_is_seen_at_the_receiver) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  gate.captured = {1};
  takes(100);
  const RawClient::Send send = packet(a, b);
  EXPECT_EQ(after(a, send), std::vector{shown(a, send, false, EfaEnd::kPassed)});
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupIngress;
  now_ns += 100;
  poll();
  EXPECT_EQ(std::exchange(gate.sightings, {}), std::vector{shown(a, send, true, EfaEnd::kGroupIngress)});
}

TEST_F(SightingTest, what_finds_no_room_on_the_fabric_is_seen_so) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  const RawClient::Send send = packet(a, b);
  for (std::uint32_t i = 0; i < HeldPackets::kMost; ++i) after(a, send);
  gate.captured = {1};
  EXPECT_EQ(after(a, send), std::vector{shown(a, send, false, EfaEnd::kOverflow)});
}

}  // namespace
}  // namespace weft::efa::test
