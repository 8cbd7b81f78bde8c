// Stage 5: one flow entry decides a hop (DESIGN D2).
#include <bit>

#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The entry's verdicts are of the present rules and routes, and so nothing need be asked again for what this end sends.
template <typename Entry>
bool is_current(const Entry& entry, std::uint8_t direction, std::uint32_t epoch) noexcept {
  return entry.half[0].epoch == epoch && entry.half[1].epoch == epoch && entry.half[direction].judged;
}

/// Where the route goes is the internet gateway.
void note_leaving(Burst& burst, unsigned i, EniSlot gateway) noexcept {
  if (burst.destination[i] == gateway && gateway != kNoEni) burst.leaves = true;
}

/// The packets of one family. A packet that changes the table makes a guess wrong at worst.
template <typename Entry>
void decide_family(Burst& burst, std::uint32_t packets, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  FlowTable<Entry>& flows = worker.flows_of<Entry>();
  for (std::uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    burst.entry[i] = flows.guess(burst.hash[i]);
  }
  for (std::uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    const std::uint8_t direction = burst.direction[i];
    Entry* const entry = flows.find_guessed(burst.entry[i], burst.key_of<Entry>(i), burst.hash[i], direction,
                                            burst.source[i], worker.now);
    if (entry == nullptr || burst.kind[i] == FlowKind::kRelated || !is_current(*entry, direction, snapshot.epoch) ||
        needs_judging(*entry, burst.tcp_flags[i], worker.now, flows.timeouts())) [[unlikely]] {
      burst.entry[i] = kNoFlowEntry;
      judge(burst, i, entry, worker);
      note_leaving(burst, i, snapshot.gateway);
      continue;
    }
    track(*entry, direction, burst.tcp_flags[i], worker.now);
    ++entry->packets[direction];
    entry->bytes[direction] += burst.packet[i]->pkt_len;
    burst.entry[i] = flows.index_of(*entry);
    burst.forward(i, entry->half[1 - direction].eni);
    note_leaving(burst, i, snapshot.gateway);
  }
}

}  // namespace

void decide(Burst& burst, WorkerContext& worker) noexcept {
  const std::uint32_t pending = burst.with_fate(Fate::kPending);
  decide_family<FlowEntry4>(burst, pending & ~burst.ipv6, worker);
  if (burst.ipv6 != 0) decide_family<FlowEntry6>(burst, pending & burst.ipv6, worker);
}

}  // namespace weft
