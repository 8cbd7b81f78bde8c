// Every way a packet can end, as a table: what is sent, the sender's status, and the complete change of the counters of
// both functions.
#include <gtest/gtest.h>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

using Change = std::map<std::string, std::uint64_t>;

struct Case {
  std::string description;
  std::function<void(RawClient::Send&)> spoil;
  EfaVerdict verdict;
  SendStatus status;
  Change sender, receiver;
  SendHint hint = SendHint::kNone;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.description; }

void nothing(RawClient::Send&) {}

const Case kCases[] = {
    {"inline", nothing, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"delivered", 1}}, {{"rx_pkts", 1}, {"rx_bytes", 8}}},
    {"empty", [](auto& s) { s.length = 0; }, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"delivered", 1}}, {{"rx_pkts", 1}}},
    {"longest inline", [](auto& s) { s.length = kInlineBytes; }, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"tx_bytes", 88}, {"delivered", 1}}, {{"rx_pkts", 1}, {"rx_bytes", 88}}},
    {"short in a buffer", [](auto& s) { s.buffer = 3; }, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"delivered", 1}}, {{"rx_pkts", 1}, {"rx_bytes", 8}}},
    {"whole MTU", [](auto& s) { s.buffer = 255, s.length = kMtu; }, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"tx_bytes", kMtu}, {"delivered", 1}}, {{"rx_pkts", 1}, {"rx_bytes", kMtu}}},
    {"any incarnation", [](auto& s) { s.qkey = 0; }, EfaVerdict::kAllow, SendStatus::kOk,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"delivered", 1}}, {{"rx_pkts", 1}, {"rx_bytes", 8}}},

    {"inline too long", [](auto& s) { s.length = kInlineBytes + 1; }, EfaVerdict::kAllow, SendStatus::kLocalBadLength,
     {{"tx_pkts", 1}, {"bad_descriptor", 1}}, {}},
    {"longer than the MTU", [](auto& s) { s.buffer = 0, s.length = kMtu + 1; }, EfaVerdict::kAllow,
     SendStatus::kLocalBadLength, {{"tx_pkts", 1}, {"bad_descriptor", 1}}, {}},
    {"length of 4 GiB", [](auto& s) { s.buffer = 0, s.length = 0xffffffff; }, EfaVerdict::kAllow,
     SendStatus::kLocalBadLength, {{"tx_pkts", 1}, {"bad_descriptor", 1}}, {}},
    {"first buffer that is not", [](auto& s) { s.buffer = 256; }, EfaVerdict::kAllow, SendStatus::kLocalInvalidLkey,
     {{"tx_pkts", 1}, {"bad_descriptor", 1}}, {}},
    {"last buffer that is not", [](auto& s) { s.buffer = 0xfffffffe; }, EfaVerdict::kAllow,
     SendStatus::kLocalInvalidLkey, {{"tx_pkts", 1}, {"bad_descriptor", 1}}, {}},

    {"nobody's address", [](auto& s) { s.address[15] = 77; }, EfaVerdict::kAllow, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"unreachable", 1}}, {}, SendHint::kNoSuchAddress},
    {"not an IPv4 address", [](auto& s) { s.address[0] = 0xfe; }, EfaVerdict::kAllow, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"unreachable", 1}}, {}, SendHint::kNoSuchAddress},
    {"another zone", nothing, EfaVerdict::kUnreachable, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"unreachable", 1}}, {}, SendHint::kElsewhere},
    {"refused by its own group", nothing, EfaVerdict::kGroupEgress, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"group_egress", 1}}, {}, SendHint::kGroupEgress},
    {"refused by the peer's group", nothing, EfaVerdict::kGroupIngress, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"group_ingress", 1}}, {}, SendHint::kGroupIngress},
    {"a refused sender does not learn which queue pairs there are", [](auto& s) { s.qpn = 1; },
     EfaVerdict::kGroupIngress, SendStatus::kLocalUnreachRemote,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"group_ingress", 1}}, {}, SendHint::kGroupIngress},

    {"no such queue pair", [](auto& s) { s.qpn += 1; }, EfaVerdict::kAllow, SendStatus::kRemoteBadDestQpn,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"bad_qpn", 1}}, {}, SendHint::kNoSuchQueuePair},
    {"an incarnation that is gone", [](auto& s) { s.qkey ^= 1; }, EfaVerdict::kAllow, SendStatus::kRemoteBadDestQpn,
     {{"tx_pkts", 1}, {"tx_bytes", 8}, {"bad_qpn", 1}}, {}, SendHint::kOtherProcess},
};

class PacketTest : public SwitchTest, public testing::WithParamInterface<Case> {};

TEST_P(PacketTest, ends_with_its_status_and_changes_these_counters_only) {
  const Case& c = GetParam();
  add(function("a", 1));
  add(function("b", 2));
  RawClient sender = open("eni-1"), receiver = open("eni-2");
  receiver.post_all_receives();
  gate.verdicts[{1, 2}] = c.verdict;

  RawClient::Send send = sender.to(receiver);
  c.spoil(send);
  for (std::uint32_t i = 0; i < std::min(send.length, kMtu); ++i) send.payload.push_back(static_cast<std::byte>(i * 7));
  if (send.buffer != kNoBuffer && send.buffer >= 256) send.payload.clear();
  if (send.buffer == kNoBuffer && send.length > kInlineBytes) send.payload.clear();
  now_ns = 0x1'2345'6789;
  sender.post(send);
  EXPECT_EQ(poll(), 1U);

  EXPECT_EQ(sender.completed(), std::vector{c.status});
  EXPECT_EQ(sender.hint, c.hint);
  EXPECT_EQ(sender.header->sq_errors, c.status == SendStatus::kOk ? 0U : 1U);
  const auto changed = [](Change change) {
    Change all = as_map({});
    for (const auto& [name, value] : change) all.at(name) = value;
    return all;
  };
  EXPECT_EQ(as_map(registry.counters(1)), changed(c.sender));
  EXPECT_EQ(as_map(registry.counters(2)), changed(c.receiver));

  const auto received = receiver.take();
  ASSERT_EQ(received.has_value(), c.status == SendStatus::kOk);
  EXPECT_EQ(receiver.header->delivered, received ? 1U : 0U);
  if (!received) return;
  EXPECT_EQ(received->payload, send.payload);
  EXPECT_EQ(received->buffer == kNoBuffer, send.length <= kInlineBytes);
  EXPECT_EQ(received->source, sender.device->function().declared.address.octets);
  EXPECT_EQ(received->qpn, sender.device->qpn());
  EXPECT_EQ(received->qkey, sender.device->qkey());
  EXPECT_EQ(received->delivered_ns, 0x23456789U);
  EXPECT_EQ(received->flags, 0U);
}

INSTANTIATE_TEST_SUITE_P(every_end, PacketTest, testing::ValuesIn(kCases));

TEST_F(SwitchTest, a_packet_to_itself_arrives) {
  add(function("a", 1));
  RawClient self = open("eni-1");
  self.post(self.to(self));
  EXPECT_EQ(poll(), 1U);
  EXPECT_EQ(self.completed(), std::vector{SendStatus::kOk});
  EXPECT_TRUE(self.take().has_value());
  EXPECT_EQ(registry.counters(1).delivered, 1U);
  EXPECT_EQ(registry.counters(1).rx_pkts, 1U);
}

TEST_F(SwitchTest, equal_addresses_of_two_vpcs_do_not_meet) {
  add(function("a", 1, 1));
  EfaFunction twin = function("b", 2, 2);
  add(twin);
  EfaFunction other = function("c", 3, 2);
  other.address = function("a", 1).address;
  add(other);
  RawClient a = open("eni-1"), b = open("eni-2"), c = open("eni-3");
  RawClient::Send to_c = b.to(c);
  b.post(to_c);
  RawClient::Send to_b = a.to(b);  // an address that VPC 1 does not have
  a.post(to_b);
  EXPECT_EQ(poll(), 2U);
  EXPECT_EQ(b.completed(), std::vector{SendStatus::kOk});
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
  EXPECT_TRUE(c.take().has_value());
}

TEST_F(SwitchTest, asks_the_gate_once_for_a_pair_and_turn_and_sees_a_change_in_the_next) {
  add(function("a", 1));
  add(function("b", 2));
  RawClient a = open("eni-1"), b = open("eni-2");
  for (int i = 0; i < 20; ++i) a.post(a.to(b));
  gate.asked = 0;
  EXPECT_EQ(poll(), 20U);
  EXPECT_EQ(gate.asked, 1U);
  a.completed();
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupEgress;
  a.post(a.to(b));
  EXPECT_EQ(poll(), 1U);
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
}

TEST_F(SwitchTest, each_queue_pair_has_at_most_a_burst_in_a_turn) {
  add(function("a", 1));
  add(function("b", 2));
  RawClient greedy = open("eni-1"), modest = open("eni-1"), receiver = open("eni-2");
  for (int i = 0; i < 300; ++i) greedy.post(greedy.to(receiver));
  modest.post(modest.to(receiver));
  EXPECT_EQ(poll(), EfaSwitch::kBurstPackets + 1);
  EXPECT_EQ(modest.completed().size(), 1U);
  EXPECT_EQ(greedy.completed().size(), EfaSwitch::kBurstPackets);
}

TEST_F(SwitchTest, a_burst_is_bounded_in_bytes_too) {
  add(function("a", 1));
  RawClient a = open("eni-1"), b = open("eni-1");
  b.post_all_receives();
  for (int i = 0; i < 40; ++i) a.post(a.to(b, kMtu));
  const std::uint32_t moved = poll();
  EXPECT_EQ(moved, (EfaSwitch::kBurstBytes + kMtu - 1) / kMtu);
  EXPECT_LT(moved, EfaSwitch::kBurstPackets);
}

TEST_F(SwitchTest, senders_share_a_receiver_that_gives_one_buffer_at_a_time) {
  add(function("a", 1));
  std::vector<RawClient> senders;
  for (int i = 0; i < 4; ++i) senders.push_back(open("eni-1"));
  RawClient receiver = open("eni-1");
  std::map<std::uint32_t, int> served;
  for (std::uint32_t turn = 0; turn < 100; ++turn) {
    for (RawClient& sender : senders) sender.post(sender.to(receiver, 1000));
    receiver.post_receive(turn % 256);
    poll();
    while (const auto received = receiver.take()) ++served[received->qpn];
  }
  for (const RawClient& sender : senders) EXPECT_GE(served[sender.device->qpn()], 15) << "of 25 fair ones";
}

TEST_F(SwitchTest, a_stopped_receiver_costs_its_senders_a_status_and_nobody_else_anything) {
  add(function("a", 1));
  add(function("b", 2));
  add(function("c", 3));
  RawClient sender = open("eni-1"), stopped = open("eni-2"), lively = open("eni-3");
  std::uint64_t ok = 0, rnr = 0;
  for (int i = 0; i < 2000; ++i) {
    sender.post(sender.to(stopped));
    sender.post(sender.to(lively));
    poll();
    for (const SendStatus status : sender.completed()) ++(status == SendStatus::kOk ? ok : rnr);
    ASSERT_TRUE(lively.take().has_value()) << "at " << i;
  }
  EXPECT_EQ(ok, 2000U + stopped.header->cq_depth);
  EXPECT_EQ(rnr, 2000U - stopped.header->cq_depth);
  EXPECT_EQ(registry.counters(2).rx_drops, rnr);
  EXPECT_EQ(registry.counters(1).rnr, rnr);
  EXPECT_EQ(registry.counters(3).rx_drops, 0U);

  ASSERT_TRUE(stopped.take().has_value());  // it goes on: one place is free
  sender.post(sender.to(stopped));
  sender.post(sender.to(stopped));
  poll();
  EXPECT_EQ(sender.completed(), (std::vector{SendStatus::kOk, SendStatus::kRemoteRnr}));
}

TEST_F(SwitchTest, without_receive_buffers_small_packets_arrive_and_large_ones_are_rnr) {
  add(function("a", 1));
  RawClient a = open("eni-1"), b = open("eni-1");
  a.post(a.to(b, kInlineBytes));
  a.post(a.to(b, kInlineBytes + 1));
  b.post_receive(7);
  poll();
  a.post(a.to(b, kInlineBytes + 1));
  poll();
  EXPECT_EQ(a.completed(), (std::vector{SendStatus::kOk, SendStatus::kOk, SendStatus::kRemoteRnr}));
  b.take();
  EXPECT_EQ(b.take()->buffer, 7U);
}

TEST_F(SwitchTest, the_buffer_posted_last_is_used_first) {
  add(function("a", 1));
  RawClient a = open("eni-1"), b = open("eni-1");
  b.post_all_receives();
  for (int i = 0; i < 10; ++i) {
    a.post(a.to(b, 500));
    poll();
    const auto received = b.take();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->buffer, 255U);
    b.post_receive(received->buffer);
  }
}

}  // namespace
}  // namespace weft::efa::test
