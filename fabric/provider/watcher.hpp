// What a completion queue and a counter have in common: the endpoints that reading it makes progress on, the rule when
// an empty poll gives up the core, and sleeping until one of those endpoints has news.
//
// Everything runs under the domain's lock unless it says otherwise. Sleeping is the usual three steps: arm (ask the
// daemon to write the arrival eventfd), look once more, sleep. Descriptors are made when somebody first sleeps, for
// applications open queues by the thousand (libfabric's cq_test: 32,000).
#pragma once

#include <rdma/fi_eq.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include "fabric/provider/object.hpp"

namespace weft::provider {

class EndpointBase;

class Watcher {
 public:
  Watcher(Lock& lock, fi_wait_obj wait);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Whether weft has this kind of wait object.
  static bool supports(fi_wait_obj wait);

  void add(EndpointBase& endpoint);  // enabled endpoints only; adding twice is once
  void remove(EndpointBase& endpoint);

  /// How many packets were handled.
  unsigned progress();

  /// Something was put into the owner: wakes who sleeps on it.
  void notify();
  /// fi_cq_signal: makes the current or the next sleep_until return.
  void wake();

  /// Not under the lock. Counts an empty poll, and offers the core when there were many in a row.
  void empty_poll() noexcept {
    const unsigned polls = empty_polls_.load(std::memory_order_relaxed) + 1;
    empty_polls_.store(polls, std::memory_order_relaxed);
    if (polls >= patience_.load(std::memory_order_relaxed)) [[unlikely]] offer_core();
  }
  void full_poll() noexcept {
    empty_polls_.store(0, std::memory_order_relaxed);
    count_news();
  }

  /// FI_GETWAIT: 0 or -errno. Makes the descriptors.
  int descriptor(int* descriptor);
  /// fi_trywait: true when it is safe to sleep on the descriptor. The owner must have looked for completions before.
  bool arm();
  void disarm();
  bool armed() const { return armed_; }
  /// Not under the lock. Until something armed has news or the time is over.
  void sleep(std::chrono::milliseconds at_most);

  /// Not under the lock. Calls attempt() under it until that answers something other than -FI_EAGAIN, someone calls
  /// wake(), or the time is over (-FI_EAGAIN). Polls briefly, then sleeps. Negative timeout: for ever.
  template <typename Attempt>
  ssize_t sleep_until(int timeout_ms, Attempt&& attempt);

 private:
  using Clock = std::chrono::steady_clock;

  void offer_core() noexcept;
  static void count_news() noexcept {
    news_.store(news_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  int open_descriptors();
  void watch(EndpointBase& endpoint);
  void drain();

  Lock& lock_;
  const fi_wait_obj wait_;
  std::vector<EndpointBase*> endpoints_;
  std::atomic<unsigned> empty_polls_{0};  // a hint: threads may lose each other's counts
  const unsigned yield_after_;  // never reached when yielding is off
  std::atomic<unsigned> patience_;  // empty polls before the core is offered: more while nobody takes it
  // Of the whole process, for Open MPI polls several queues in turn and most of them are idle. A hint as well.
  static inline std::atomic<unsigned> news_{1};  // not 0: that nobody has seen
  std::atomic<unsigned> news_seen_{0};
  std::atomic<Clock::rep> waiting_since_{0};  // when that was seen
  bool armed_ = false;
  bool woken_ = false;
  int epoll_ = -1;   // what sleepers wait on: the three kinds below
  int signal_ = -1;  // eventfd: notify() and wake()
  int timer_ = -1;   // timerfd: some work goes on without a packet to announce it (rdm::Endpoint::wait_limit_ms)
};

template <typename Attempt>
ssize_t Watcher::sleep_until(int timeout_ms, Attempt&& attempt) {
  // A sleeper costs its peer a wake-up of 20-40 us (facts machine): poll that long before sleeping.
  constexpr std::chrono::microseconds kPoll{20};
  constexpr std::chrono::milliseconds kLongest{100};  // a bound on every sleep: nothing depends on one wake-up
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const Clock::time_point now = Clock::now();
    bool asleep = false;
    {
      std::lock_guard guard(lock_);
      if (armed_) disarm();
      const ssize_t result = attempt();
      if (result != -FI_EAGAIN) return result;
      if (woken_) {
        woken_ = false;
        return -FI_EAGAIN;
      }
      if (timeout_ms >= 0 && now >= end) return -FI_EAGAIN;
      asleep = now - start > kPoll && wait_ != FI_WAIT_NONE && wait_ != FI_WAIT_YIELD && arm();
    }
    if (!asleep) {
      sched_yield();
      continue;
    }
    auto longest = kLongest;
    if (timeout_ms >= 0) longest = std::min(longest, std::chrono::ceil<std::chrono::milliseconds>(end - now));
    sleep(longest);
  }
}

}  // namespace weft::provider
