// Stage 5: one flow entry decides a hop (DESIGN D2).
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The entry's verdicts are of the present rules and routes, and so nothing need be asked again for what this end sends.
bool is_current(const FlowEntry4& entry, std::uint8_t direction, std::uint32_t epoch) noexcept {
  return entry.half[0].epoch == epoch && entry.half[1].epoch == epoch && entry.half[direction].judged;
}

}  // namespace

void decide(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const EniSlot gateway = snapshot.gateway;
  bool leaves = false;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i)) continue;
    const std::uint8_t direction = burst.direction[i];
    FlowEntry4* const entry =
        worker.flows.find(burst.key[i], burst.hash[i], direction, burst.source[i], worker.now);
    if (entry == nullptr || burst.kind[i] == FlowKind::kRelated || !is_current(*entry, direction, snapshot.epoch) ||
        needs_judging(*entry, burst.tcp_flags[i], worker.now, worker.flows.timeouts())) {
      judge(burst, i, entry, worker);
      leaves |= burst.destination[i] == gateway;
      continue;
    }
    const EniSlot destination = entry->half[1 - direction].eni;
    track(*entry, direction, burst.tcp_flags[i], worker.now);
    ++entry->packets[direction];
    entry->bytes[direction] += burst.packet[i]->pkt_len;
    burst.forward(i, destination);
    leaves |= destination == gateway;
  }
  burst.leaves = leaves && gateway != kNoEni;
}

}  // namespace weft
