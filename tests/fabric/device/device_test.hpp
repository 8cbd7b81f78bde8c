// Queue pairs of this process through a real daemon in the same process.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"
#include "fabric/device/queue_pair.hpp"

namespace weft::device::test {

using efa::SendStatus;
using namespace std::chrono_literals;

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/weft-device-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
};

inline std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + seed + (i >> 8));
  return bytes;
}

class DeviceTest : public testing::Test {
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
    std::copy(payload.begin(), payload.end(), slot.data);
    from.commit_send(slot, static_cast<std::uint32_t>(payload.size()), to.address(), to.qkey());
    from.wake_daemon();
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

}  // namespace weft::device::test
