// Stage 7: whatever has not gone to somebody else is counted, noted and freed here.
#include <cassert>

#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void note_drop(const rte_mbuf* packet, EniSlot source, EniSlot destination, DropReason reason,
               WorkerContext& worker) noexcept {
  worker.counters[source].drops[static_cast<std::size_t>(reason)].add();
  worker.balance.dropped.add();
  const PacketTuple tuple = tuple_of(packet);
  worker.drops.note({.when_ns = worker.now_ns,
                     .epoch = worker.snapshot->epoch,
                     .source = source,
                     .destination = destination,
                     .source_address = tuple.source,
                     .destination_address = tuple.destination,
                     .source_port = tuple.source_port,
                     .destination_port = tuple.destination_port,
                     .protocol = tuple.protocol,
                     .reason = reason});
}

}  // namespace

void release(Burst& burst, WorkerContext& worker) noexcept {
  if (burst.with_fate(Fate::kDelivered) == burst.all()) [[likely]] return;
  if (burst.captures) [[unlikely]] capture_drops(burst, worker);
  rte_mbuf* done[kBurst];
  unsigned count = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    switch (burst.fate[i]) {
      case Fate::kDelivered:
      case Fate::kAway:
      case Fate::kHeld:
      case Fate::kAgain: continue;
      case Fate::kDropped:
        note_drop(burst.packet[i], burst.source[i], burst.destination[i], burst.reason[i], worker);
        break;
      case Fate::kConsumed:
        worker.counters[burst.source[i]].consumed.add();
        worker.balance.consumed.add();
        break;
      default: assert(!"a stage left a packet without a fate"); continue;
    }
    done[count++] = burst.packet[i];
  }
  if (count != 0) rte_pktmbuf_free_bulk(done, count);
}

void drop_single(rte_mbuf* packet, EniSlot source, EniSlot destination, DropReason reason,
                 WorkerContext& worker) noexcept {
  note_drop(packet, source, destination, reason, worker);
  rte_pktmbuf_free(packet);
}

}  // namespace weft
