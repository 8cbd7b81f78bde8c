#include "dataplane/worker/handover.hpp"

#include <cstdlib>
#include <new>

namespace weft {
namespace {

/// What rte_ring_count() says, which reads the ends without order: a race by the language's rules, if not by x86's.
std::uint32_t packets_in(const rte_ring& ring) noexcept {
  return (__atomic_load_n(&ring.prod.tail, __ATOMIC_ACQUIRE) - __atomic_load_n(&ring.cons.tail, __ATOMIC_ACQUIRE)) & ring.mask;
}

}  // namespace

void Handover::Free::operator()(rte_ring* ring) const noexcept { std::free(ring); }

Handover::Handover(unsigned workers) : workers_(workers), sleepers_(workers), rings_(std::size_t{workers} * workers) {
  const auto bytes = static_cast<std::size_t>(rte_ring_get_memsize_elem(sizeof(HandedOver), kDepth));
  for (unsigned i = 0; i < rings_.size(); ++i) {
    if (i / workers_ == i % workers_) continue;
    auto* memory = static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes));
    if (memory == nullptr) throw std::bad_alloc();
    rings_[i].reset(memory);
    if (rte_ring_init(memory, "hand-over", kDepth, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) throw std::bad_alloc();
  }
}

Handover::~Handover() {
  HandedOver packet;
  for (unsigned from = 0; from < workers_; ++from)
    for (unsigned to = 0; to < workers_; ++to)
      while (from != to && receive(from, to, {&packet, 1}) == 1) rte_pktmbuf_free(packet.packet);
}

unsigned Handover::send(unsigned from, unsigned to, std::span<const HandedOver> packets) noexcept {
  const unsigned taken = rte_ring_sp_enqueue_burst_elem(ring(from, to), packets.data(), sizeof(HandedOver),
                                                        static_cast<unsigned>(packets.size()), nullptr);
  if (taken != 0 && sleepers_[to] != nullptr) sleepers_[to]->wake_if_asleep();
  return taken;
}

unsigned Handover::receive(unsigned from, unsigned to, std::span<HandedOver> packets) noexcept {
  return rte_ring_sc_dequeue_burst_elem(ring(from, to), packets.data(), sizeof(HandedOver),
                                        static_cast<unsigned>(packets.size()), nullptr);
}

bool Handover::empty(unsigned to) const noexcept {
  for (unsigned from = 0; from < workers_; ++from)
    if (from != to && packets_in(*ring(from, to)) != 0) return false;
  return true;
}

std::uint64_t Handover::held() const noexcept {
  std::uint64_t packets = 0;
  for (const auto& ring : rings_)
    if (ring != nullptr) packets += packets_in(*ring);
  return packets;
}

}  // namespace weft
