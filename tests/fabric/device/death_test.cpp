// Who notices when somebody dies: the daemon a client, a client the daemon, and what a dead client leaves.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/fabric/device/device_test.hpp"

namespace weft::device::test {
namespace {

class DeathTest : public DeviceTest {
 protected:
  // A process with an instance and nothing of this one's.
  template <typename Body>
  pid_t in_child(const std::string& instance, Body&& body) {
    daemon.enter(instance);
    const pid_t pid = fork();
    if (pid == 0) {
      body();
      _exit(0);
    }
    return pid;
  }
};

TEST_F(DeathTest, the_end_of_the_daemon_is_seen_at_once) {
  auto a = open("node-0");
  EXPECT_FALSE(a->dead());
  daemon.kill();
  EXPECT_TRUE(a->dead());
  pollfd hang_up{a->socket_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&hang_up, 1, 0), 1) << "so that a sleeper wakes";
  int error = 0;
  EXPECT_EQ(QueuePair::open({}, &error), nullptr);
  EXPECT_EQ(error, ENODEV);
}

TEST_F(DeathTest, a_daemon_that_is_killed_is_seen_too) {
  Directory other;
  setenv("WEFT_RUNTIME_DIR", other.path.c_str(), 1);
  setenv("WEFT_INSTANCE", "node-9", 1);
  const pid_t pid = fork();
  if (pid == 0) {
    LoopbackDaemon killed(other.path, {LoopbackDaemon::function("node-9", 9)});
    for (;;) pause();
  }
  std::unique_ptr<QueuePair> client;
  int error = 0;
  ASSERT_TRUE(eventually([&] { return (client = QueuePair::open({}, &error)) != nullptr; })) << strerror(error);
  ASSERT_TRUE(send(*client, *client, pattern(20, 1)));
  ASSERT_TRUE(eventually([&] { return client->poll_receives(1, [](const Arrival&) {}) == 1; }));
  EXPECT_FALSE(client->dead());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_TRUE(client->dead());
  send(*client, *client, pattern(20, 1));  // harmless
  EXPECT_EQ(client->poll_receives(1, [](const Arrival&) {}), 0U);
}

TEST_F(DeathTest, a_removed_function_is_a_dead_device_also_for_a_sleeper) {
  auto a = open("node-0"), b = open("node-1");
  while (!a->arm()) a->poll_sends([](std::uint64_t, SendStatus) {});
  EXPECT_FALSE(daemon.server().remove_function("eni-1"));
  pollfd either[2] = {{a->arrival_fd(), POLLIN, 0}, {a->socket_fd(), POLLIN, 0}};
  EXPECT_GT(::poll(either, 2, 5000), 0);
  a->disarm();
  EXPECT_TRUE(eventually([&] { return a->dead(); }));
  EXPECT_FALSE(b->dead());
}

TEST_F(DeathTest, what_a_client_posted_before_it_was_killed_arrives_whole_and_then_it_is_no_queue_pair) {
  QueuePairOptions deep;
  deep.cq_depth = 4096, deep.rx_buffers = 4096;
  auto receiver = open("node-1", deep);
  const int opened = eventfd(0, EFD_CLOEXEC), go = eventfd(0, EFD_CLOEXEC);
  constexpr int kPosted = 200;
  eventfd_t value;
  const pid_t pid = in_child("node-0", [&] {
    int error = 0;
    QueuePairOptions numbered;
    numbered.qpn = 7;
    auto self = QueuePair::open(numbered, &error);
    if (!self) _exit(1);
    eventfd_write(opened, 1);
    eventfd_read(go, &value);
    for (unsigned i = 0; i < kPosted; ++i) send(*self, *receiver, pattern(3000, i));  // only its address is used
    raise(SIGKILL);  // in the middle: nothing was polled
  });
  ASSERT_EQ(eventfd_read(opened, &value), 0);
  daemon.pause();
  eventfd_write(go, 1);
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  daemon.resume();
  unsigned received = 0;
  ASSERT_TRUE(eventually([&] {
    receiver->poll_receives(64, [&](const Arrival& arrival) {
      const auto expected = pattern(3000, received);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), arrival.payload.begin(), arrival.payload.end()));
      ++received;
    });
    return received == kPosted;
  })) << received;
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().size() == 1; }));

  Address dead;
  std::memcpy(dead.ip, LoopbackDaemon::function("", 1).address.octets.data(), 16);
  dead.qpn = 7;
  const SendSlot slot = receiver->begin_send(8);
  receiver->commit_send(slot, 8, dead, 0);
  receiver->wake_daemon();
  SendStatus answer{};
  ASSERT_TRUE(eventually([&] {
    receiver->poll_sends([&](std::uint64_t, SendStatus s) { answer = s; });
    return receiver->sends_in_flight() == 0;
  }));
  EXPECT_EQ(answer, SendStatus::kRemoteBadDestQpn);
  close(opened);
  close(go);
}

TEST_F(DeathTest, clients_killed_at_random_moments_do_not_disturb_the_others) {
  auto a = open("node-0"), b = open("node-1");
  for (unsigned round = 0; round < 20; ++round) {
    const pid_t pid = in_child("node-0", [&] {
      int error = 0;
      auto self = QueuePair::open({}, &error);
      if (!self) _exit(1);
      for (unsigned i = 0;; ++i) {
        send(*self, *b, pattern(i % 3000, i));
        self->poll_sends([](std::uint64_t, SendStatus) {});
      }
    });
    unsigned mine = 0;
    for (unsigned i = 0; i < 50; ++i) {
      const auto payload = pattern(100, round * 50 + i);
      bool delivered = false;
      while (!delivered) {  // the busy child may fill b's queue: RNR, and again
        ASSERT_TRUE(send(*a, *b, payload));
        ASSERT_TRUE(eventually([&] {
          b->poll_receives(64, [&](const Arrival& arrival) { mine += arrival.source == a->address() ? 1 : 0; });
          a->poll_sends([&](std::uint64_t, SendStatus status) { delivered = status == SendStatus::kOk; });
          return a->sends_in_flight() == 0;
        }));
      }
    }
    usleep(round * 200);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    ASSERT_TRUE(eventually([&] {
      b->poll_receives(64, [&](const Arrival& arrival) { mine += arrival.source == a->address() ? 1 : 0; });
      return mine == 50;
    }));
  }
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().size() == 2; }));
}

TEST_F(DeathTest, a_forked_child_that_goes_away_leaves_the_parent_its_queue_pair) {
  auto a = open("node-0"), b = open("node-1");
  const pid_t pid = fork();
  if (pid == 0) {
    a.reset();  // a well-behaved child cleans up
    _exit(0);
  }
  int status = 1;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(send(*a, *b, pattern(5000, 3)));
  EXPECT_TRUE(eventually([&] { return b->poll_receives(1, [](const Arrival&) {}) == 1; }));
  EXPECT_FALSE(a->dead());
}

}  // namespace
}  // namespace weft::device::test
