// A bounded FIFO of packets between two threads: DPDK's SPSC ring in memory of its own, with wake-up suppression for a
// consumer that sleeps (DESIGN D10).
//
// Thread: one producer calls push(), one consumer calls everything else. Neither blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include <rte_mbuf.h>
#include <rte_ring.h>

namespace weft {

class PacketRing {
 public:
  /// Room for at least `depth` packets. Throws std::bad_alloc.
  explicit PacketRing(std::uint32_t depth);
  ~PacketRing();  // frees the packets that are still in it
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  /// Takes packets from the front of `burst` and returns how many; the rest stay the caller's.
  std::uint16_t push(std::span<rte_mbuf* const> burst) noexcept {
    const unsigned taken = rte_ring_sp_enqueue_burst(ring_.get(), reinterpret_cast<void* const*>(burst.data()),
                                                     static_cast<unsigned>(burst.size()), nullptr);
    if (taken != 0) wake_sleeper();
    return static_cast<std::uint16_t>(taken);
  }

  std::uint16_t pop(std::span<rte_mbuf*> burst) noexcept {
    return static_cast<std::uint16_t>(rte_ring_sc_dequeue_burst(
        ring_.get(), reinterpret_cast<void**>(burst.data()), static_cast<unsigned>(burst.size()), nullptr));
  }

  bool empty() const noexcept { return size() == 0; }
  /// rte_ring_count() reads the ends without order: a race by the language's rules, if not by x86's.
  std::uint32_t size() const noexcept {
    return (__atomic_load_n(&ring_->prod.tail, __ATOMIC_ACQUIRE) - __atomic_load_n(&ring_->cons.tail, __ATOMIC_ACQUIRE)) &
           ring_->mask;
  }

  /// From now on a push writes `eventfd`, once. False when something is in the ring already.
  bool arm(int eventfd) noexcept;
  void disarm() noexcept { sleeper_.store(-1, std::memory_order_relaxed); }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept;
  };
  void wake_sleeper() noexcept;

  std::unique_ptr<rte_ring, Free> ring_;
  alignas(64) std::atomic<int> sleeper_{-1};  // the consumer's eventfd while it sleeps
};

}  // namespace weft
