// Stage 0: a packet's header lines are asked for early, for all of the burst at once, so that their misses overlap.
#include <rte_prefetch.h>

#include "dataplane/worker/stages.hpp"

namespace weft {

void receive(Burst& burst, WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) rte_prefetch0(burst.packet[i]);
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(burst.packet[i], const void*));
    bytes += burst.packet[i]->pkt_len;
  }
  if (!burst.from_port) return;  // counted by the worker that polls the port
  EniCounters& counters = worker.counters[burst.source[0]];  // a port's burst is one guest's
  counters.tx_packets.add(burst.count);
  counters.tx_bytes.add(bytes);
  worker.balance.received.add(burst.count);
}

}  // namespace weft
