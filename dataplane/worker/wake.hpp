// How a worker sleeps and is woken: an epoll set with one eventfd and the readiness descriptors of its ports.
//
// Thread: the worker waits; anybody may wake; the control thread adds and removes descriptors at any time.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/model/result.hpp"

namespace weft {

class WakeSet {
 public:
  static constexpr unsigned kEvents = 64;

  WakeSet();  // throws std::system_error
  ~WakeSet();
  WakeSet(const WakeSet&) = delete;
  WakeSet& operator=(const WakeSet&) = delete;

  enum class Trigger { kLevel, kEdge };
  Result<void> add(int fd, std::uint64_t tag, Trigger trigger = Trigger::kLevel);
  void remove(int fd) noexcept;

  struct Ready {
    std::uint64_t tag;
    bool broken;  // the device behind the descriptor has gone, and epoll will say so for ever
  };
  /// The descriptors that are ready now; returns how many. The eventfd's own count is taken off.
  unsigned ready(std::span<Ready, kEvents> found) noexcept;
  /// Sleeps until something is ready or somebody wakes, up to `timeout_ns`. False: the time is over.
  static constexpr std::uint64_t kForever = ~std::uint64_t{0};
  bool wait(std::uint64_t timeout_ns) noexcept;

  int event_fd() const noexcept { return event_fd_; }
  void wake() noexcept;

  /// For senders that share memory with the worker: publish(), then this. Costs a fence while the worker is awake.
  void wake_if_asleep() noexcept;
  /// The worker: announce sleep, look once more at everything others may have published, then wait.
  void announce_sleep() noexcept;
  void awake() noexcept { asleep_.store(false, std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kWoken = ~std::uint64_t{0};  // the tag of the eventfd itself
  void take_wakes() noexcept;

  int epoll_fd_ = -1;
  int event_fd_ = -1;
  alignas(64) std::atomic<bool> asleep_{false};
};

}  // namespace weft
