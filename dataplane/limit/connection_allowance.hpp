// How many connections an instance tracks, and how many it may (facts ec2 2.4). Exact with any number of workers: it is
// asked once in the life of a flow, where one compare-exchange is nothing, so no worker holds a lease that another
// lacks. Thread: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft {

class ConnectionAllowance {
 public:
  explicit ConnectionAllowance(std::uint64_t limit) noexcept : limit_(limit) {}

  /// False: the instance tracks as many as it may. A limit of 0 is none, but what is tracked is counted.
  bool track() noexcept {
    const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (limit != 0 && used >= limit) return false;
    } while (!used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
    return true;
  }
  /// A connection that is there already: one that began before there was a limit, or came with an ENI that moved.
  void track_existing() noexcept { used_.fetch_add(1, std::memory_order_relaxed); }
  /// For each track() that returned true, and each track_existing(), once. Never below zero, whatever the caller believes.
  void untrack() noexcept {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    while (used != 0 && !used_.compare_exchange_weak(used, used - 1, std::memory_order_relaxed)) {
    }
  }

  /// A lower limit cuts no connection: new ones wait until enough have gone.
  void set_limit(std::uint64_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  /// `conntrack_allowance_available` (facts ec2 5.3). 0 as well where there is no limit.
  std::uint64_t available() const noexcept {
    const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
    const std::uint64_t now_used = used();
    return limit > now_used ? limit - now_used : 0;
  }

 private:
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> limit_;
};

}  // namespace weft
