// Stage 5: one flow entry decides a hop (DESIGN D2).
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The entry's verdicts are of the present rules and routes, and so nothing need be asked again for what this end sends.
template <typename Entry>
bool is_current(const Entry& entry, std::uint8_t direction, std::uint32_t epoch) noexcept {
  return entry.half[0].epoch == epoch && entry.half[1].epoch == epoch && entry.half[direction].judged;
}

/// The packets of one family. `mixed`: the burst has the other family's too, and each packet is asked.
template <typename Entry, bool mixed>
void decide_family(Burst& burst, WorkerContext& worker) noexcept {
  constexpr bool ipv6 = std::is_same_v<Entry, FlowEntry6>;
  const Snapshot& snapshot = *worker.snapshot;
  const EniSlot gateway = snapshot.gateway;
  bool leaves = false;
  FlowTable<Entry>& flows = worker.flows_of<Entry>();
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i) || (mixed && burst.is_ipv6(i) != ipv6)) continue;
    const std::uint8_t direction = burst.direction[i];
    Entry* const entry = flows.find(burst.key_of<Entry>(i), burst.hash[i], direction, burst.source[i], worker.now);
    if (entry == nullptr || burst.kind[i] == FlowKind::kRelated || !is_current(*entry, direction, snapshot.epoch) ||
        needs_judging(*entry, burst.tcp_flags[i], worker.now, flows.timeouts())) {
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
  burst.leaves |= leaves && gateway != kNoEni;
}

}  // namespace

void decide(Burst& burst, WorkerContext& worker) noexcept {
  if (burst.ipv6 == 0) [[likely]] return decide_family<FlowEntry4, false>(burst, worker);
  decide_family<FlowEntry4, true>(burst, worker);
  decide_family<FlowEntry6, true>(burst, worker);
}

}  // namespace weft
