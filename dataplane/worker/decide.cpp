// Stage 5: one flow entry decides a hop (DESIGN D2).
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The entry's verdicts are of the present rules, so nothing need be asked again.
bool is_current(const FlowEntry4& entry, std::uint32_t epoch) noexcept {
  return entry.half[0].epoch == epoch && entry.half[1].epoch == epoch;
}

}  // namespace

void decide(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i)) continue;
    const std::uint8_t direction = burst.direction[i];
    FlowEntry4* const entry =
        worker.flows.find(burst.key[i], burst.hash[i], direction, burst.source[i], worker.now);
    if (entry == nullptr || burst.kind[i] == FlowKind::kRelated || !is_current(*entry, snapshot.epoch) ||
        starts_anew(*entry, burst.tcp_flags[i])) {
      judge(burst, i, entry, worker);
      continue;
    }
    const EniSlot destination = entry->half[1 - direction].eni;
    if (snapshot.eni(destination).address != burst.destination_address(i)) {
      judge(burst, i, entry, worker);  // the other end spoke with an address that is not its own: ask the route
      continue;
    }
    track(*entry, direction, burst.tcp_flags[i], worker.now);
    ++entry->packets[direction];
    entry->bytes[direction] += burst.packet[i]->pkt_len;
    burst.forward(i, destination);
  }
}

}  // namespace weft
