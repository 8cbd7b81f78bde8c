// Posting, completing and receiving, and what each of them says when there is no room.
#include "tests/fabric/device/device_test.hpp"

namespace weft::device::test {
namespace {

TEST_F(DeviceTest, lists_the_functions_of_its_own_instance) {
  daemon.enter("node-1");
  const FunctionList list = list_functions();
  ASSERT_EQ(list.error, 0);
  ASSERT_EQ(list.functions.size(), 1U);
  EXPECT_STREQ(list.functions[0].eni_id, "eni-2");
  EXPECT_STREQ(list.functions[0].instance, "node-1");
  EXPECT_EQ(list.functions[0].address[15], 2);
  EXPECT_EQ(list.functions[0].mtu, efa::kMtu);
  EXPECT_NE(list.daemon_epoch, 0U);
}

TEST_F(DeviceTest, says_no_device_without_a_daemon) {
  daemon.enter("node-7");
  EXPECT_EQ(list_functions().error, ENODEV);
  int error = 0;
  EXPECT_EQ(QueuePair::open({}, &error), nullptr);
  EXPECT_EQ(error, ENODEV);
}

TEST_F(DeviceTest, carries_packets_of_every_size_unchanged) {
  auto a = open("node-0"), b = open("node-1");
  ASSERT_TRUE(a && b);
  for (const std::size_t size : {0, 1, 24, 25, 87, 88, 89, 4096, 8927, 8928}) {
    const auto payload = pattern(size, static_cast<unsigned>(size));
    ASSERT_TRUE(send(*a, *b, payload));
    bool arrived = false;
    ASSERT_TRUE(eventually([&] {
      b->poll_receives(16, [&](const Arrival& arrival) {
        EXPECT_TRUE(std::equal(payload.begin(), payload.end(), arrival.payload.begin(), arrival.payload.end()));
        EXPECT_EQ(arrival.source, a->address());
        EXPECT_EQ(arrival.source_qkey, a->qkey());
        arrived = true;
      });
      return arrived;
    })) << size;
    bool done = false;
    ASSERT_TRUE(eventually([&] {
      a->poll_sends([&](std::uint64_t, SendStatus status) { done = status == SendStatus::kOk; });
      return done;
    }));
  }
  EXPECT_EQ(a->sends_in_flight(), 0U);
}

TEST_F(DeviceTest, a_queue_pair_number_that_is_taken_is_refused) {
  QueuePairOptions numbered;
  numbered.qpn = 1234;
  auto first = open("node-0", numbered);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->address().qpn, 1234U);
  int error = 0;
  EXPECT_EQ(QueuePair::open(numbered, &error), nullptr);
  EXPECT_EQ(error, EADDRINUSE);
  numbered.eni_id = "eni-2";  // of the other instance
  EXPECT_EQ(QueuePair::open(numbered, &error), nullptr);
  EXPECT_EQ(error, ENODEV);
}

TEST_F(DeviceTest, a_failed_packet_is_reported_in_order_with_its_payload) {
  auto a = open("node-0"), b = open("node-1");
  daemon.set_gate([](EniSlot source, EniSlot) { return source == 1 ? EfaVerdict::kAllow : EfaVerdict::kGroupEgress; });
  const auto small = pattern(50, 1), large = pattern(5000, 2);
  std::vector<std::vector<std::byte>> sent;
  daemon.pause();
  for (int i = 0; i < 6; ++i) {
    const auto& payload = i % 2 == 0 ? small : large;
    const SendSlot slot = a->begin_send(static_cast<std::uint32_t>(payload.size()));
    ASSERT_NE(slot.data, nullptr);
    std::memcpy(slot.data, payload.data(), payload.size());
    EXPECT_EQ(a->commit_send(slot, static_cast<std::uint32_t>(payload.size()), b->address(),
                             i < 4 ? b->qkey() : b->qkey() + 1),
              static_cast<std::uint64_t>(i));
    sent.push_back(payload);
  }
  a->wake_daemon();
  daemon.resume();
  std::vector<SendStatus> statuses;
  ASSERT_TRUE(eventually([&] {
    a->poll_sends([&](std::uint64_t ticket, SendStatus status, std::span<const std::byte> payload) {
      EXPECT_EQ(ticket, statuses.size());
      EXPECT_TRUE(std::equal(payload.begin(), payload.end(), sent[ticket].begin(), sent[ticket].end()));
      statuses.push_back(status);
    });
    return statuses.size() == 6;
  }));
  const std::vector<SendStatus> expected(4, SendStatus::kOk);
  EXPECT_EQ(std::vector(statuses.begin(), statuses.begin() + 4), expected);
  EXPECT_EQ(statuses[4], SendStatus::kRemoteBadDestQpn);
  EXPECT_EQ(statuses[5], SendStatus::kRemoteBadDestQpn);

  ASSERT_TRUE(send(*b, *a, small));  // the gate is asked by direction
  SendStatus back{};
  ASSERT_TRUE(eventually([&] {
    b->poll_sends([&](std::uint64_t, SendStatus status) { back = status; });
    return b->sends_in_flight() == 0;
  }));
  EXPECT_EQ(back, SendStatus::kLocalUnreachRemote);
}

TEST_F(DeviceTest, a_full_queue_says_so_and_goes_on_when_polled) {
  QueuePairOptions small;
  small.sq_depth = 8, small.tx_buffers = 4;
  auto a = open("node-0", small), b = open("node-1");
  daemon.pause();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(send(*a, *b, pattern(1000, 0)));
  EXPECT_FALSE(send(*a, *b, pattern(1000, 0))) << "no transmit buffer is left";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(send(*a, *b, pattern(10, 0)));
  EXPECT_FALSE(send(*a, *b, pattern(10, 0))) << "no entry is left";
  EXPECT_EQ(a->begin_send(efa::kMtu + 1).data, nullptr);
  EXPECT_EQ(a->sends_in_flight(), 8U);
  EXPECT_EQ(daemon.run_once(), 8U);
  EXPECT_FALSE(send(*a, *b, pattern(10, 0))) << "until polled";
  int again = 0;
  a->poll_sends([&](std::uint64_t, SendStatus) { again += send(*a, *b, pattern(10, 0)) ? 1 : 0; });
  EXPECT_EQ(again, 7) << "done may send, all but into the entry it is told about";
  EXPECT_TRUE(send(*a, *b, pattern(1000, 0)));
}

TEST_F(DeviceTest, a_receiver_that_does_not_poll_gives_rnr_and_recovers_every_buffer) {
  QueuePairOptions small;
  small.cq_depth = 16, small.rx_buffers = 8;
  auto a = open("node-0"), b = open("node-1", small);
  daemon.pause();
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(send(*a, *b, pattern(2000, static_cast<unsigned>(i))));
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(send(*a, *b, pattern(20, static_cast<unsigned>(i))));
    daemon.run_once();
    int ok = 0, rnr = 0;
    a->poll_sends([&](std::uint64_t, SendStatus status) {
      ok += status == SendStatus::kOk ? 1 : 0;
      rnr += status == SendStatus::kRemoteRnr ? 1 : 0;
    });
    EXPECT_EQ(ok, 16) << "8 buffers, then 8 more entries; round " << round;
    EXPECT_EQ(rnr, 8);
    unsigned sum = 0;
    EXPECT_EQ(b->poll_receives(100, [&](const Arrival& arrival) { sum += arrival.payload.size() == 2000 ? 1 : 0; }), 16U);
    EXPECT_EQ(sum, 8U);
  }
}

TEST_F(DeviceTest, an_abandoned_slot_costs_nothing) {
  auto a = open("node-0"), b = open("node-1");
  const SendSlot first = a->begin_send(500);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(a->begin_send(500).data, first.data);
}

TEST_F(DeviceTest, indices_wrap_around) {
  QueuePairOptions small;
  small.sq_depth = 4, small.cq_depth = 4, small.rx_buffers = 2, small.tx_buffers = 2;
  auto a = open("node-0", small), b = open("node-1", small);
  daemon.pause();
  for (unsigned i = 0; i < 5000; ++i) {
    const auto payload = pattern(i % 2 == 0 ? 16 : 600, i);
    ASSERT_TRUE(send(*a, *b, payload));
    ASSERT_EQ(daemon.run_once(), 1U);
    a->poll_sends([](std::uint64_t, SendStatus status) { ASSERT_EQ(status, SendStatus::kOk); });
    ASSERT_EQ(b->poll_receives(5, [&](const Arrival& arrival) {
      EXPECT_TRUE(std::equal(payload.begin(), payload.end(), arrival.payload.begin(), arrival.payload.end()));
    }), 1U);
  }
}

}  // namespace
}  // namespace weft::device::test
