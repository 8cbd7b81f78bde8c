// Packets that change workers (DESIGN D3): once to the worker that owns the flow, once to the worker that polls the
// destination's port. A ring for each ordered pair of workers, one producer and one consumer each.
//
// Slots are numbers at an epoch; the receiver compares with EniRecord::born, for the ENI may have gone meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include "dataplane/net/symmetric_rss.hpp"
#include "dataplane/worker/wake.hpp"
#include "drivers/port.hpp"

namespace weft {

struct HandedOver {
  rte_mbuf* packet;
  EniSlot source;
  EniSlot destination;  // kNoEni: not decided yet, the receiver owns the flow; else it polls the port
  std::uint32_t epoch;
};
static_assert(sizeof(HandedOver) == 16);

class Handover {
 public:
  static constexpr std::uint32_t kDepth = 2048;

  explicit Handover(unsigned workers);  // throws std::bad_alloc
  ~Handover();                          // frees what is in the rings

  unsigned workers() const noexcept { return workers_; }
  /// The worker that has the flows of this hash (net/symmetric_rss.hpp): it polls the queue where a card puts them.
  unsigned owner(std::uint16_t rss) const noexcept { return queue_of(rss, workers_); }

  /// Before the workers start: how to wake worker `to`.
  void set_sleeper(unsigned to, WakeSet* sleeper) noexcept { sleepers_[to] = sleeper; }

  /// Takes from the front and returns how many. Wakes worker `to` if it sleeps. Thread: worker `from`.
  unsigned send(unsigned from, unsigned to, std::span<const HandedOver> packets) noexcept;
  /// Thread: worker `to`.
  unsigned receive(unsigned from, unsigned to, std::span<HandedOver> packets) noexcept;
  bool empty(unsigned to) const noexcept;
  std::uint64_t held() const noexcept;

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept;
  };
  rte_ring* ring(unsigned from, unsigned to) const noexcept { return rings_[from * workers_ + to].get(); }

  unsigned workers_;
  std::vector<WakeSet*> sleepers_;
  std::vector<std::unique_ptr<rte_ring, Free>> rings_;  // null where from == to
};

}  // namespace weft
