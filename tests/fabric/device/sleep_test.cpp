// Nobody sleeps through a message: clients and worker go to sleep at the worst moments, thousands of times.
#include <poll.h>

#include <atomic>

#include "tests/fabric/device/device_test.hpp"

namespace weft::device::test {
namespace {

class SleepTest : public DeviceTest {
 protected:
  // Sleeps until something came; false after ten seconds without, which is a lost wake-up.
  static bool sleep(QueuePair& queue_pair) {
    if (!queue_pair.arm()) return true;
    pollfd arrival{queue_pair.arrival_fd(), POLLIN, 0};
    const bool woken = ::poll(&arrival, 1, 10'000) == 1;
    queue_pair.disarm();
    return woken;
  }
  static void ignore(std::uint64_t, SendStatus) {}
};

TEST_F(SleepTest, arm_refuses_while_there_is_something_to_do) {
  auto a = open("node-0"), b = open("node-1");
  EXPECT_TRUE(b->arm());
  b->disarm();
  daemon.pause();
  ASSERT_TRUE(send(*a, *b, pattern(8, 0)));
  daemon.run_once();
  EXPECT_FALSE(a->arm()) << "a completion";
  EXPECT_FALSE(b->arm()) << "an arrival";
  a->poll_sends(ignore);
  b->poll_receives(1, [](const Arrival&) {});
  EXPECT_TRUE(a->arm());
  EXPECT_TRUE(b->arm());
  pollfd quiet{b->arrival_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&quiet, 1, 0), 0);
  ASSERT_TRUE(send(*a, *b, pattern(8, 0)));
  daemon.run_once();
  EXPECT_EQ(::poll(&quiet, 1, 0), 1);
  b->disarm();
  EXPECT_EQ(::poll(&quiet, 1, 0), 0) << "disarm empties it";
}

TEST_F(SleepTest, two_clients_that_sleep_for_every_message_lose_none) {
  auto a = open("node-0"), b = open("node-1");
  constexpr int kRounds = 3000;
  std::atomic<bool> lost{false};
  std::thread echo([&] {
    for (int i = 0; i < kRounds && !lost;) {
      if (!sleep(*b)) lost = true;
      b->poll_sends(ignore);
      b->poll_receives(1, [&](const Arrival&) {
        ASSERT_TRUE(send(*b, *a, pattern(8, 0)));
        ++i;
      });
      // At times the daemon falls asleep too (after a millisecond without work): the doorbell must wake it.
      if (i % 300 == 0) std::this_thread::sleep_for(3ms);
    }
  });
  for (int i = 0; i < kRounds && !lost;) {
    ASSERT_TRUE(send(*a, *b, pattern(8, 0)));
    bool answered = false;
    while (!answered && !lost) {
      if (!sleep(*a)) lost = true;
      a->poll_sends(ignore);
      answered = a->poll_receives(1, [](const Arrival&) {}) == 1;
    }
    ++i;
  }
  echo.join();
  EXPECT_FALSE(lost);
}

// The daemon's half alone: it arms between any two turns, as often as it can.
TEST_F(SleepTest, a_worker_that_sleeps_after_every_turn_loses_no_doorbell) {
  auto a = open("node-0");
  for (int i = 0; i < 300; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(900 + i));  // about when the loopback daemon falls asleep
    ASSERT_TRUE(send(*a, *a, pattern(8, 0)));
    ASSERT_TRUE(eventually([&] { return a->poll_receives(1, [](const Arrival&) {}) == 1; })) << "message " << i;
    a->poll_sends(ignore);
  }
}

TEST_F(SleepTest, a_stream_to_a_receiver_that_sleeps_whenever_it_can_arrives_complete) {
  auto a = open("node-0"), b = open("node-1");
  constexpr unsigned kMessages = 20'000, kWindow = 500;  // less than the receive queue: no RNR, so the order stays
  std::atomic<unsigned> received{0};
  std::atomic<bool> lost{false};
  std::thread receiver([&] {
    while (received < kMessages && !lost) {
      if (!sleep(*b)) lost = true;
      while (b->poll_receives(8, [&](const Arrival& arrival) {
        unsigned number = 0;
        std::memcpy(&number, arrival.payload.data(), sizeof number);
        EXPECT_EQ(number, received);
        ++received;
      }) != 0) {
      }
    }
  });
  for (unsigned i = 0; i < kMessages && !lost; ++i) {
    SendSlot slot;
    while ((slot = a->begin_send(sizeof i)).data == nullptr) a->poll_sends(ignore);
    std::memcpy(slot.data, &i, sizeof i);
    a->commit_send(slot, sizeof i, b->address(), b->qkey());
    a->wake_daemon();
    while (i + 1 - received > kWindow && !lost) std::this_thread::yield();
    if (i % 200 == 199) std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  receiver.join();
  EXPECT_FALSE(lost) << "slept through message " << received;
}

}  // namespace
}  // namespace weft::device::test
