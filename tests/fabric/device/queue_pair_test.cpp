// Two queue pairs of one process through a real daemon in the same process (LoopbackDaemon).
#include "fabric/device/queue_pair.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <thread>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"

namespace weft::device {
namespace {

using efa::SendStatus;
using namespace std::chrono_literals;

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/weft-device-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() {
    rmdir((path + "/efa").c_str());
    rmdir(path.c_str());
  }
};

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + seed + (i >> 8));
  return bytes;
}

class QueuePairTest : public testing::Test {
 protected:
  Directory directory;
  LoopbackDaemon daemon{directory.path, {LoopbackDaemon::function("node-0", 1), LoopbackDaemon::function("node-1", 2)}};

  std::unique_ptr<QueuePair> open(const std::string& instance, QueuePairOptions options = {}) {
    daemon.enter(instance);
    int error = 0;
    auto queue_pair = QueuePair::open(options, &error);
    EXPECT_EQ(error, 0) << strerror(error);
    return queue_pair;
  }

  static bool send(QueuePair& from, const QueuePair& to, std::span<const std::byte> payload) {
    const SendSlot slot = from.begin_send(static_cast<std::uint32_t>(payload.size()));
    if (slot.data == nullptr) return false;
    std::memcpy(slot.data, payload.data(), payload.size());
    from.commit_send(slot, static_cast<std::uint32_t>(payload.size()), to.address(), to.qkey());
    return true;
  }

  template <typename Condition>
  static bool eventually(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }
};

TEST_F(QueuePairTest, lists_the_functions_of_its_own_instance) {
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

TEST_F(QueuePairTest, says_no_device_without_a_daemon) {
  daemon.enter("node-7");
  EXPECT_EQ(list_functions().error, ENODEV);
  int error = 0;
  EXPECT_EQ(QueuePair::open({}, &error), nullptr);
  EXPECT_EQ(error, ENODEV);
}

TEST_F(QueuePairTest, carries_packets_of_every_size_unchanged) {
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

}  // namespace
}  // namespace weft::device
