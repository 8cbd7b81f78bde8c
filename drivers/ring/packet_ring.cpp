#include "drivers/ring/packet_ring.hpp"

#include <unistd.h>

#include <cstdlib>
#include <new>

#include <rte_common.h>

namespace weft {

void PacketRing::Free::operator()(rte_ring* ring) const noexcept { std::free(ring); }

PacketRing::PacketRing(std::uint32_t depth) {
  const std::uint32_t size = rte_align32pow2(depth + 1);  // a ring holds one less than its size
  const auto bytes = static_cast<std::size_t>(rte_ring_get_memsize(size));
  auto* memory = static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes));
  if (memory == nullptr) throw std::bad_alloc();
  ring_.reset(memory);
  // Not in EAL's list of named rings: it ends with this object.
  if (rte_ring_init(memory, "weft", size, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) throw std::bad_alloc();
}

PacketRing::~PacketRing() {
  rte_mbuf* packet = nullptr;
  while (pop({&packet, 1}) == 1) rte_pktmbuf_free(packet);
}

bool PacketRing::arm(int eventfd) noexcept {
  sleeper_.store(eventfd, std::memory_order_relaxed);
  // Pairs with the fence in wake_sleeper(): either the producer sees the sleeper or we see what it pushed.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return empty();
}

void PacketRing::wake_sleeper() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeper_.load(std::memory_order_relaxed) < 0) return;
  const int eventfd = sleeper_.exchange(-1, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  // A failed write means the counter is full, and then the consumer is woken anyway.
  if (eventfd >= 0 && ::write(eventfd, &one, sizeof one) < 0) return;
}

}  // namespace weft
