// Express channels between two threads: every packet, in order, and nobody sleeps through one.
#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <random>
#include <utility>

#include "tests/fabric/device/device_test.hpp"

namespace weft::device::test {
namespace {

struct Granted final : ChannelEvents {
  ChannelSender* channel = nullptr;
  int refused = 0, closed = 0;
  void on_granted(ChannelSender& granted) override { channel = &granted; }
  void on_refused(const Address&, std::uint32_t, int error) override { refused = error; }
  void on_closing(ChannelSender&, efa::Revocation) override { channel = nullptr, ++closed; }
};

class ChannelTest : public DeviceTest {
 protected:
  std::unique_ptr<QueuePair> a = open("node-0"), b = open("node-1");
  Granted events, receiver_events;

  static void look(QueuePair& queue_pair, ChannelEvents& channel_events) {
    if (queue_pair.has_notices()) queue_pair.take_notices(channel_events);
  }
  void connect() {
    ASSERT_TRUE(a->request_channel(b->address(), b->qkey()));
    ASSERT_TRUE(eventually([&] {
      look(*a, events);
      look(*b, receiver_events);
      return events.channel != nullptr && b->channel_from(a->address(), a->qkey()) != nullptr;
    }));
    b->poll_receives(1, [](const Arrival&) {});  // nothing is there, so the channel is open from now on
  }
  bool publish(std::span<const std::byte> payload) {
    const SendSlot slot = events.channel->begin(static_cast<std::uint32_t>(payload.size()));
    if (slot.data == nullptr) return false;
    std::copy(payload.begin(), payload.end(), slot.data);
    events.channel->publish(slot, static_cast<std::uint32_t>(payload.size()));
    return true;
  }
};

TEST_F(ChannelTest, packets_of_every_size_cross_and_say_who_they_are_from) {
  connect();
  for (const std::size_t size : {0u, 1u, 56u, 57u, 120u, 121u, 8928u}) {
    ASSERT_TRUE(publish(pattern(size, 3)));
    unsigned seen = 0;
    b->poll_receives(8, [&](const Arrival& arrival) {
      ++seen;
      EXPECT_EQ(arrival.source, a->address());
      EXPECT_EQ(arrival.source_qkey, a->qkey());
      EXPECT_TRUE(std::ranges::equal(arrival.payload, pattern(size, 3))) << size;
    });
    EXPECT_EQ(seen, 1u);
  }
  EXPECT_EQ(events.channel->begin(8929).data, nullptr);
}

TEST_F(ChannelTest, is_full_when_the_receiver_takes_nothing_and_goes_on_when_it_does) {
  connect();
  for (const std::size_t size : {8u, 1000u}) {
    unsigned published = 0, taken = 0;
    while (publish(pattern(size, published))) ++published;
    EXPECT_EQ(published, efa::kChannelSlots);
    while (b->poll_receives(8, [&](const Arrival& arrival) {
      EXPECT_TRUE(std::ranges::equal(arrival.payload, pattern(size, taken)));
      ++taken;
    }) != 0) {
    }
    EXPECT_EQ(taken, published);
    EXPECT_TRUE(publish(pattern(size, 0)));
    b->poll_receives(8, [](const Arrival&) {});
  }
}

TEST_F(ChannelTest, nothing_is_there_for_a_queue_pair_that_is_not) {
  Address nobody = b->address();
  nobody.qpn = 1;
  ASSERT_TRUE(a->request_channel(nobody, 0));
  ASSERT_TRUE(eventually([&] { return look(*a, events), events.refused != 0; }));
  EXPECT_EQ(events.refused, ENOENT);
}

TEST_F(ChannelTest, a_new_receiver_waits_for_what_came_through_the_daemon_before) {
  ASSERT_TRUE(send(*a, *b, pattern(8, 1)));
  ASSERT_TRUE(eventually([&] {
    a->poll_sends([](std::uint64_t, SendStatus) {});
    return a->sends_in_flight() == 0;
  }));
  ASSERT_TRUE(a->request_channel(b->address(), 0));  // whoever has the number: the grant says
  ASSERT_TRUE(eventually([&] { return look(*a, events), events.channel != nullptr; }));
  EXPECT_EQ(events.channel->destination_qkey(), b->qkey());
  ASSERT_TRUE(publish(pattern(8, 2)));
  ASSERT_TRUE(eventually([&] { return look(*b, receiver_events), b->channel_from(a->address(), a->qkey()) != nullptr; }));
  std::vector<std::byte> first;
  ASSERT_TRUE(eventually([&] {
    b->poll_receives(1, [&](const Arrival& arrival) { first.push_back(arrival.payload[0]); });
    return first.size() == 2;
  }));
  EXPECT_EQ(first[0], pattern(8, 1)[0]);
  EXPECT_EQ(first[1], pattern(8, 2)[0]);
}

TEST_F(ChannelTest, what_was_published_is_taken_after_the_channel_was_revoked) {
  connect();
  for (unsigned i = 0; i < 10; ++i) ASSERT_TRUE(publish(pattern(200, i)));
  daemon.server().set_express(false);
  ASSERT_TRUE(eventually([&] { return look(*a, events), events.closed == 1; }));
  ASSERT_TRUE(eventually([&] { return b->has_notices(); }));
  look(*b, receiver_events);
  unsigned taken = 0;
  while (b->channel_from(a->address(), a->qkey()) != nullptr) {
    b->poll_receives(3, [&](const Arrival& arrival) {
      EXPECT_TRUE(std::ranges::equal(arrival.payload, pattern(200, taken)));
      ++taken;
    });
  }
  EXPECT_EQ(taken, 10u) << "and then the receiver has let go";
}

TEST_F(ChannelTest, a_sender_may_close_its_channel_and_have_another) {
  connect();
  ASSERT_TRUE(publish(pattern(8, 1)));
  a->close_channel(*std::exchange(events.channel, nullptr));
  unsigned taken = 0;
  ASSERT_TRUE(eventually([&] {
    look(*b, receiver_events);
    taken += b->poll_receives(8, [](const Arrival&) {});
    return b->channel_from(a->address(), a->qkey()) == nullptr;
  }));
  EXPECT_EQ(taken, 1u);
  connect();
}

TEST_F(ChannelTest, a_forked_child_may_destroy_its_copy_and_the_channel_goes_on) {
  connect();
  const pid_t child = fork();
  if (child == 0) {
    a.reset();
    b.reset();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ASSERT_TRUE(publish(pattern(8, 1)));
  EXPECT_EQ(b->poll_receives(1, [](const Arrival&) {}), 1u);
}

// The barrier is the sleeper's alone (membarrier): here is where it would show if it were not one.
TEST_F(ChannelTest, two_threads_and_a_receiver_that_sleeps_whenever_it_can_lose_nothing) {
  connect();
  constexpr std::uint32_t kPackets = 20'000;
  std::atomic<bool> lost{false};
  std::thread receiver([&] {
    std::uint32_t expected = 0;
    while (expected != kPackets && !lost) {
      b->poll_receives(16, [&](const Arrival& arrival) {
        std::uint32_t number = 0;
        std::memcpy(&number, arrival.payload.data(), sizeof number);
        if (number != expected++) lost = true;
      });
      if (expected == kPackets || !b->arm()) continue;
      pollfd arrival{b->arrival_fd(), POLLIN, 0};
      if (::poll(&arrival, 1, 10'000) != 1) lost = true;
      b->disarm();
    }
  });
  std::mt19937 random(1);
  for (std::uint32_t i = 0; i < kPackets && !lost;) {
    std::vector<std::byte> payload(random() % 8 == 0 ? 4 + random() % 3000 : 4 + random() % 100);
    std::memcpy(payload.data(), &i, sizeof i);
    if (publish(payload)) ++i;
    else std::this_thread::yield();
    // Pauses of all lengths around what it takes to fall asleep.
    for (unsigned spin = random() % 4 == 0 ? random() % 2000 : 0; spin != 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  receiver.join();
  EXPECT_FALSE(lost);
}

}  // namespace
}  // namespace weft::device::test
