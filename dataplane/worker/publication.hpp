// One pointer that workers read without a lock and the control thread replaces without stopping them.
//
// The idea (quiescent-state based reclamation, rte_rcu_qsbr): a worker promises that between two calls of quiescent() it
// reads the pointer at most once and forgets it at the next call. The control thread swaps the pointer, waits until
// every worker has passed a quiescent state, and may then free the old value. A worker that is about to sleep goes
// offline: nobody waits for it, and it may not hold a value.
//
//   worker                                   control thread
//   online(i)
//   loop: const T* t = read(); ... t ...     old = replace(next)   // returns when nobody can see `old`
//         quiescent(i)
//   offline(i); sleep; online(i)
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include <rte_rcu_qsbr.h>

namespace weft {

template <typename T>
class Publication {
 public:
  explicit Publication(unsigned readers) {
    const unsigned slots = readers == 0 ? 1 : readers;
    const std::size_t bytes = rte_rcu_qsbr_get_memsize(slots);
    auto* memory = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes));
    if (memory == nullptr) throw std::bad_alloc();
    states_.reset(memory);
    rte_rcu_qsbr_init(memory, slots);
    for (unsigned reader = 0; reader < readers; ++reader) rte_rcu_qsbr_thread_register(memory, reader);
  }
  ~Publication() { delete value_.load(std::memory_order_relaxed); }

  // Readers.
  void online(unsigned reader) noexcept { rte_rcu_qsbr_thread_online(states_.get(), reader); }
  void offline(unsigned reader) noexcept { rte_rcu_qsbr_thread_offline(states_.get(), reader); }
  void quiescent(unsigned reader) noexcept { rte_rcu_qsbr_quiescent(states_.get(), reader); }
  const T* read() const noexcept { return value_.load(std::memory_order_acquire); }

  // The one writer.
  std::unique_ptr<const T> replace(std::unique_ptr<const T> next) {
    std::unique_ptr<const T> old(value_.exchange(next.release(), std::memory_order_acq_rel));
    wait();
    return old;
  }
  /// Until every reader has passed a quiescent state: what was taken from them another way may be freed then, too.
  void wait() {
    const std::uint64_t token = rte_rcu_qsbr_start(states_.get());
    // A worker may need this CPU to come to its quiescent state.
    while (rte_rcu_qsbr_check(states_.get(), token, false) == 0) ::sched_yield();
  }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* states) const noexcept { std::free(states); }
  };
  std::unique_ptr<rte_rcu_qsbr, Free> states_;
  std::atomic<const T*> value_{nullptr};
};

}  // namespace weft
