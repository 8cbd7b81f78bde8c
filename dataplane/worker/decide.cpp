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

template <typename Entry>
[[gnu::always_inline]] inline void pass_by(Entry& entry, Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const std::uint8_t direction = burst.direction[i];
  track(entry, direction, burst.tcp_flags[i], worker.now);
  ++entry.packets[direction];
  entry.bytes[direction] += burst.packet[i]->pkt_len;
  burst.entry[i] = worker.flows_of<Entry>().index_of(entry);
  burst.forward(i, entry.half[1 - direction].eni);
}

/// Not by the entry that was guessed, or not simply by it. Out of line, so that the loop keeps its registers.
template <typename Entry>
[[gnu::noinline]] void decide_otherwise(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  FlowTable<Entry>& flows = worker.flows_of<Entry>();
  const std::uint8_t direction = burst.direction[i];
  Entry* const entry = flows.find(burst.key_of<Entry>(i), burst.hash[i], direction, burst.source[i], worker.now);
  if (entry != nullptr && burst.kind[i] != FlowKind::kRelated && is_current(*entry, direction, worker.snapshot->epoch) &&
      !needs_judging(*entry, burst.tcp_flags[i], worker.now, flows.timeouts()))
    return pass_by(*entry, burst, i, worker);
  burst.entry[i] = kNoFlowEntry;
  judge(burst, i, entry, worker);
}

/// The packets of one family. One that changes the table makes the guesses of those behind it wrong at worst.
template <typename Entry>
void decide_family(Burst& burst, std::uint32_t packets, WorkerContext& worker) noexcept {
  const std::uint32_t epoch = worker.snapshot->epoch;
  FlowTable<Entry>& flows = worker.flows_of<Entry>();
  for (std::uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    burst.entry[i] = flows.guess(burst.hash[i]);
  }
  for (std::uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    const std::uint8_t direction = burst.direction[i];
    Entry* const entry =
        flows.confirm(burst.entry[i], burst.key_of<Entry>(i), direction, burst.source[i], worker.now);
    if (entry != nullptr && burst.kind[i] != FlowKind::kRelated && is_current(*entry, direction, epoch) &&
        !entry->state.unusual()) [[likely]]
      pass_by(*entry, burst, i, worker);
    else
      decide_otherwise<Entry>(burst, i, worker);
  }
}

}  // namespace

void decide(Burst& burst, WorkerContext& worker) noexcept {
  const std::uint32_t pending = burst.with_fate(Fate::kPending);
  decide_family<FlowEntry4>(burst, pending & ~burst.ipv6, worker);
  if (burst.ipv6 != 0) decide_family<FlowEntry6>(burst, pending & burst.ipv6, worker);
  const EniSlot gateway = worker.snapshot->gateway;
  burst.leaves = gateway != kNoEni && (lanes_equal(burst.destination, gateway) & burst.all()) != 0;
}

}  // namespace weft
