// Packets of a pair that something is wrong with on the emulated fabric: what the sender hears, what arrives and when, and the
// complete change of both functions' counters.
#include <algorithm>
#include <random>
#include <tuple>

#include "tests/drivers/efa/impaired.hpp"

namespace weft::efa::test {
namespace {

TEST_F(FabricTest, a_lost_packet_is_on_the_wire_for_its_sender_and_never_comes) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  loses_everything();
  send_on_wire(a, b);
  EXPECT_FALSE(b.take());
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", 1}, {"on_wire", 1}, {"wire_drops", 1}});
  expect_counters(2, {});
  EXPECT_EQ(messages.next_ns(), MessageSwitch::kNever);
}

TEST_F(FabricTest, a_packet_that_takes_no_time_arrives_in_its_turn_and_says_how_it_came) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(0);
  send_on_wire(a, b, 7);
  const auto received = b.take();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->flags, kOverFabric);
  EXPECT_EQ(received->payload, std::vector{std::byte{7}});
  EXPECT_EQ(received->source, a.device->function().declared.address.octets);
  EXPECT_EQ(received->qpn, a.device->qpn());
  EXPECT_EQ(received->qkey, a.device->qkey());
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", 1}, {"on_wire", 1}});
  expect_counters(2, {{"rx_pkts", 1}, {"rx_bytes", 1}});
}

TEST_F(FabricTest, a_delayed_packet_is_the_one_that_was_sent_whatever_its_sender_writes_meanwhile) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  b.post_all_receives();
  takes(5000);
  RawClient::Send send = a.to(b, kMtu);
  for (std::uint32_t i = 0; i < kMtu; ++i) send.payload.push_back(static_cast<std::byte>(i * 7));
  a.post(send);
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kOk});
  std::memset(a.tx(send.buffer), 0xee, kMtu);
  EXPECT_EQ(next_in_ns(), 5000U);
  now_ns += 4999;
  EXPECT_EQ(poll(), 0U);
  EXPECT_FALSE(b.take());
  now_ns += 1;
  EXPECT_EQ(poll(), 1U);
  const auto received = b.take();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->payload, send.payload);
  EXPECT_EQ(received->flags, kOverFabric);
  EXPECT_EQ(received->source, a.device->function().declared.address.octets);
  EXPECT_EQ(received->qpn, a.device->qpn());
  EXPECT_EQ(received->qkey, a.device->qkey());
  EXPECT_EQ(received->delivered_ns, static_cast<std::uint32_t>(now_ns));
  EXPECT_EQ(b.header->delivered, 1U);
  EXPECT_EQ(messages.next_ns(), MessageSwitch::kNever);
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", kMtu}, {"on_wire", 1}});
  expect_counters(2, {{"rx_pkts", 1}, {"rx_bytes", kMtu}});
}

TEST_F(FabricTest, the_fabric_is_asked_with_the_packets_path_and_bytes) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  std::vector<std::tuple<std::uint8_t, std::uint64_t, std::uint32_t>> asked;
  way() = [&](std::uint8_t path, std::uint64_t now, std::uint32_t bytes) {
    asked.emplace_back(path, now, bytes);
    return EfaPassage{.at_ns = now};
  };
  RawClient::Send send = a.to(b, 33);
  send.path = 201;
  a.post(send);
  poll();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0], std::tuple(201, now_ns, 33U));
}

TEST_F(FabricTest, packets_arrive_in_the_order_of_their_times_and_equal_ones_as_they_were_sent) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  std::mt19937 random(1);
  std::vector<std::pair<std::uint64_t, int>> expected;
  way() = [&](auto...) { return EfaPassage{.at_ns = expected.back().first}; };
  for (int i = 0; i < 200; ++i) {
    expected.emplace_back(now_ns + 10 + random() % 50, i);
    send_on_wire(a, b, static_cast<std::uint8_t>(i));
  }
  std::stable_sort(expected.begin(), expected.end(), [](auto& one, auto& other) { return one.first < other.first; });
  std::vector<int> wanted, received;
  for (const auto& [at_ns, mark] : expected) wanted.push_back(mark);
  for (int i = 0; i < 70; ++i, ++now_ns) {
    poll();
    for (const int mark : marks(b)) received.push_back(mark);
    const auto due = std::count_if(expected.begin(), expected.end(), [&](auto& one) { return one.first <= now_ns; });
    ASSERT_EQ(received.size(), static_cast<std::size_t>(due)) << "at " << now_ns;
  }
  EXPECT_EQ(received, wanted);
}

TEST_F(FabricTest, more_than_a_turns_arrivals_come_in_the_next_turns_and_nothing_overtakes_them) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(1000);
  const int many = static_cast<int>(EfaSwitch::kArrivalsInTurn) + 20;
  for (int i = 0; i < many; ++i) send_on_wire(a, b, 1);
  now_ns += 1000;
  takes(0);
  RawClient::Send last = a.to(b, 1);
  last.payload = {std::byte{2}};
  a.post(last);
  EXPECT_EQ(poll(), EfaSwitch::kArrivalsInTurn + 1) << "and the one that is sent";
  EXPECT_EQ(marks(b), std::vector<int>(EfaSwitch::kArrivalsInTurn, 1));
  EXPECT_LE(messages.next_ns(), now_ns);
  EXPECT_EQ(poll(), 21U);
  std::vector<int> rest(20, 1);
  rest.push_back(2);
  EXPECT_EQ(marks(b), rest);
}

TEST_F(FabricTest, a_doubled_packet_comes_twice_also_when_the_first_is_lost) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  bool lost = false;
  way() = [&](std::uint8_t, std::uint64_t now, std::uint32_t) {
    return EfaPassage{.lost = lost, .at_ns = now, .copy_at_ns = now + 100};
  };
  send_on_wire(a, b, 1);
  EXPECT_EQ(marks(b), std::vector{1});
  now_ns += 100;
  poll();
  EXPECT_EQ(marks(b), std::vector{1});
  lost = true;
  send_on_wire(a, b, 2);
  EXPECT_EQ(marks(b), std::vector<int>{});
  now_ns += 100;
  poll();
  EXPECT_EQ(marks(b), std::vector{2});
  expect_counters(1, {{"tx_pkts", 2}, {"tx_bytes", 2}, {"on_wire", 2}, {"wire_drops", 1}});
  expect_counters(2, {{"rx_pkts", 3}, {"rx_bytes", 3}});
}

TEST_F(FabricTest, a_mark_of_congestion_arrives_with_its_packet) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  std::uint64_t delay_ns = 0;
  way() = [&](std::uint8_t, std::uint64_t now, std::uint32_t) {
    return EfaPassage{.congested = true, .at_ns = now + delay_ns};
  };
  send_on_wire(a, b);
  EXPECT_EQ(b.take()->flags, kOverFabric | kCongested);
  delay_ns = 10;
  send_on_wire(a, b);
  now_ns += 10;
  poll();
  EXPECT_EQ(b.take()->flags, kOverFabric | kCongested);
}

TEST_F(FabricTest, what_lands_is_held_again_until_it_is_through_its_destinations_link) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  std::uint64_t delay = 3000;
  way() = [&](std::uint8_t, std::uint64_t now, std::uint32_t) {
    delay -= 1000;  // the second one comes there first
    return EfaPassage{.at_ns = now + delay, .lands = true};
  };
  std::vector<std::uint64_t> landed;
  gate.link = [&](EniSlot source, std::uint64_t now, std::uint32_t bytes) {
    EXPECT_EQ(source, 1);
    EXPECT_EQ(bytes, 1U);
    landed.push_back(now);
    return EfaPassage{.congested = landed.size() == 2, .at_ns = now + 5000 * landed.size()};
  };
  const std::uint64_t begin = now_ns;
  send_on_wire(a, b, 1);
  send_on_wire(a, b, 2);
  now_ns = begin + 2500;  // later than both came there
  poll();
  EXPECT_EQ(landed, (std::vector{begin + 1000, begin + 2000})) << "when they came, not when the worker looked";
  EXPECT_FALSE(b.take());
  now_ns = begin + 6000;
  poll();
  const auto first = b.take();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->payload[0], std::byte{2});
  EXPECT_EQ(first->flags, kOverFabric);
  EXPECT_EQ(next_in_ns(), 6000U);
  now_ns = begin + 12'000;
  poll();
  const auto second = b.take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->flags, kOverFabric | kCongested);
  EXPECT_EQ(landed.size(), 2U);
  expect_counters(1, {{"tx_pkts", 2}, {"tx_bytes", 2}, {"on_wire", 2}});
}

TEST_F(FabricTest, what_its_destinations_link_loses_is_a_wire_drop) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  way() = [](std::uint8_t, std::uint64_t now, std::uint32_t) { return EfaPassage{.at_ns = now, .lands = true}; };
  gate.link = [](EniSlot, std::uint64_t, std::uint32_t) { return EfaPassage{.lost = true}; };
  send_on_wire(a, b);
  EXPECT_EQ(next_in_ns(), 0U) << "it waits for its turn there";
  poll();
  EXPECT_FALSE(b.take());
  EXPECT_EQ(messages.next_ns(), MessageSwitch::kNever);
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", 1}, {"on_wire", 1}, {"wire_drops", 1}});
}

TEST_F(FabricTest, each_direction_and_pair_is_impaired_for_itself) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  loses_everything();
  b.post(b.to(a));
  a.post(a.to(a));
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kOk});
  EXPECT_EQ(b.completed(), std::vector{SendStatus::kOk});
  EXPECT_EQ(a.header->sq_errors + b.header->sq_errors, 0U);
  EXPECT_EQ(a.take()->flags, 0U);
  EXPECT_EQ(a.take()->flags, 0U);
}

TEST_F(FabricTest, a_client_that_would_not_notice_a_loss_never_crosses) {
  RawClient a = recovering("eni-1"), old_a = open("eni-1"), b = recovering("eni-2"), old_b = open("eni-2");
  loses_everything();
  a.post(a.to(old_b));
  old_a.post(old_a.to(b));
  old_a.post(old_a.to(old_b));
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kOk});
  EXPECT_EQ(old_a.completed(), (std::vector{SendStatus::kOk, SendStatus::kOk}));
  EXPECT_EQ(a.header->sq_errors + old_a.header->sq_errors, 0U);
  EXPECT_EQ(old_b.take()->flags, 0U);
  EXPECT_EQ(old_b.take()->flags, 0U);
  EXPECT_EQ(b.take()->flags, 0U);
  expect_counters(1, {{"tx_pkts", 3}, {"tx_bytes", 24}, {"delivered", 3}});
}

TEST_F(FabricTest, what_fails_before_the_wire_fails_as_ever) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  loses_everything();
  RawClient::Send other = a.to(b);
  other.qkey ^= 1;
  a.post(other);
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kRemoteBadDestQpn});
  EXPECT_EQ(a.hint, SendHint::kOtherProcess);
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupIngress;
  a.post(a.to(b));
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
  EXPECT_EQ(a.hint, SendHint::kGroupIngress);
}

TEST_F(FabricTest, what_is_on_its_way_arrives_though_the_fault_is_gone) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b, 1);
  gate.fabric.clear();
  a.post(a.to(b));
  poll();
  EXPECT_EQ(b.take()->flags, 0U);
  now_ns += 100;
  poll();
  EXPECT_EQ(marks(b), std::vector{1});
}

TEST_F(FabricTest, a_dead_senders_packets_arrive_and_say_who_it_was) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b, 1);
  const std::uint32_t qpn = a.device->qpn(), qkey = a.device->qkey();
  registry.drain(a.device);
  EXPECT_EQ(settle().gone, std::vector{a.device});
  now_ns += 100;
  poll();
  const auto received = b.take();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->qpn, qpn);
  EXPECT_EQ(received->qkey, qkey);
}

TEST_F(FabricTest, packets_to_who_has_gone_or_was_replaced_are_lost) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b);
  CreateQp same;
  same.qpn = b.device->qpn();
  registry.drain(b.device);
  settle();
  RawClient heir = recovering("eni-2", same);
  ASSERT_EQ(heir.device->qpn(), same.qpn);
  RawClient::Send to_anybody = a.to(heir);
  to_anybody.qkey = 0;  // means the one that has the number now
  a.post(to_anybody);
  poll();
  registry.drain(heir.device);
  settle();
  RawClient last = recovering("eni-2", same);
  now_ns += 100;
  EXPECT_EQ(poll(), 2U);
  EXPECT_FALSE(last.take());
  expect_counters(1, {{"tx_pkts", 2}, {"tx_bytes", 9}, {"on_wire", 2}, {"wire_drops", 2}});
  expect_counters(2, {});
}

TEST_F(FabricTest, functions_that_have_gone_leave_their_packets_to_nobody) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b);
  registry.remove_function("eni-2");
  settle();
  now_ns += 100;
  EXPECT_EQ(poll(), 1U);
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", 1}, {"on_wire", 1}, {"wire_drops", 1}});

  add(function("b", 2));
  RawClient again = recovering("eni-2");
  send_on_wire(a, again);
  registry.remove_function("eni-1");
  EfaFunction other = function("a", 3);  // the address is another interface's now: nobody has asked the gates for that
  other.address = function("a", 1).address;
  add(other);
  settle();
  now_ns += 100;
  EXPECT_EQ(poll(), 1U);
  EXPECT_FALSE(again.take());
}

TEST_F(FabricTest, the_last_client_takes_no_reason_to_wake_with_it) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b);
  registry.close_all();
  settle();
  now_ns += 100;
  EXPECT_EQ(poll(), 1U);
  EXPECT_EQ(messages.next_ns(), MessageSwitch::kNever);
  EXPECT_EQ(poll(), 0U);
}

TEST_F(FabricTest, a_gate_that_closes_meanwhile_keeps_out_what_is_on_its_way) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  send_on_wire(a, b);
  gate.verdicts[{1, 2}] = EfaVerdict::kGroupIngress;
  now_ns += 100;
  EXPECT_EQ(poll(), 1U);
  EXPECT_FALSE(b.take());
  expect_counters(1, {{"tx_pkts", 1}, {"tx_bytes", 1}, {"on_wire", 1}, {"wire_drops", 1}});
}

TEST_F(FabricTest, a_full_receiver_loses_what_arrives_and_its_sender_never_hears_of_it) {
  CreateQp tiny;
  tiny.cq_depth = 1;
  RawClient a = recovering("eni-1"), b = recovering("eni-2", tiny);
  takes(0);
  send_on_wire(a, b, 1);
  send_on_wire(a, b, 2);
  takes(10);
  send_on_wire(a, b, 3);
  now_ns += 10;
  EXPECT_EQ(poll(), 1U);
  EXPECT_EQ(marks(b), std::vector{1});
  expect_counters(1, {{"tx_pkts", 3}, {"tx_bytes", 3}, {"on_wire", 3}, {"wire_drops", 2}});
  expect_counters(2, {{"rx_pkts", 1}, {"rx_bytes", 1}, {"rx_drops", 2}});
}

TEST_F(FabricTest, what_no_longer_fits_on_the_wire_is_lost_and_room_comes_back) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(100);
  for (std::uint32_t i = 0; i < HeldPackets::kMost; ++i) send_on_wire(a, b, 1);
  EXPECT_TRUE(gate.overflows.empty());
  send_on_wire(a, b, 2);
  EXPECT_EQ(gate.overflows, (std::vector<std::pair<EniSlot, EniSlot>>{{1, 2}}));
  takes(0);
  send_on_wire(a, b, 3);  // needs no room
  EXPECT_EQ(marks(b), std::vector{3});
  takes(100);
  now_ns += 100;
  std::size_t arrived = 0;
  while (poll() != 0) arrived += marks(b).size();
  EXPECT_EQ(arrived, HeldPackets::kMost);
  EXPECT_EQ(registry.counters(1).wire_drops, 1U);
  for (std::uint32_t i = 0; i < HeldPackets::kMost; ++i) send_on_wire(a, b, 4);
  EXPECT_EQ(registry.counters(1).wire_drops, 1U);
}

}  // namespace
}  // namespace weft::efa::test
