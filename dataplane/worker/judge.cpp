// The slow half of stage 5: the first packet of a flow, and the first after the rules have changed.
//
// A half of the entry that is tracked lets packets pass by state, whatever the rules say now; a half that is not was
// only a remembered verdict and is asked again at once (facts ec2 2.4, DESIGN D3). `untracked` means that the rules of
// both directions allow it, so one answer serves both.
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// What one gate says of this packet: by state where the half has it, else by the rules.
GateVerdict gate(const FlowHalf* half, bool related, EniSlot eni, Direction direction, const PacketTuple& tuple,
                 const Snapshot& snapshot) noexcept {
  if (half != nullptr && half->tracked) return {.allowed = true, .tracked = true};
  if (half != nullptr && !related && half->epoch == snapshot.epoch) return {.allowed = true, .tracked = false};
  return snapshot.policy->evaluate(snapshot.eni(eni).policy, direction, tuple);
}

/// The entry of the hop that ends at `destination`. Nearly always the one that was found; not when the other end spoke
/// with a foreign address (source_dest_check off) and the route of that address leads to somebody else.
FlowEntry4* hop_entry(FlowEntry4* found, const Burst& burst, unsigned i, EniSlot destination,
                      WorkerContext& worker) noexcept {
  const std::uint8_t direction = burst.direction[i];
  if (found == nullptr || found->half[1 - direction].eni == destination) return found;
  FlowEntry4* const other = worker.flows.find(burst.key[i], burst.hash[i], static_cast<std::uint8_t>(1 - direction),
                                              destination, worker.now);
  if (other == nullptr || other->half[direction].eni != burst.source[i]) return nullptr;
  if (ends_live(*other, *worker.snapshot)) return other;
  worker.flows.erase(other);
  return nullptr;
}

void record(FlowEntry4& entry, const Burst& burst, unsigned i) noexcept {
  ++entry.packets[burst.direction[i]];
  entry.bytes[burst.direction[i]] += burst.packet[i]->pkt_len;
}

/// An entry that was judged again.
void refresh(FlowEntry4& entry, const Burst& burst, unsigned i, GateVerdict egress, GateVerdict ingress,
             const WorkerContext& worker) noexcept {
  const std::uint8_t direction = burst.direction[i];
  FlowHalf& sender = entry.half[direction];
  FlowHalf& receiver = entry.half[1 - direction];
  const bool tracked_now = (egress.tracked && !sender.tracked) || (ingress.tracked && !receiver.tracked);
  sender.tracked = egress.tracked;
  receiver.tracked = ingress.tracked;
  sender.epoch = receiver.epoch = worker.snapshot->epoch;
  if (tracked_now) begin(entry, direction, burst.tcp_flags[i], worker.now);
  else track(entry, direction, burst.tcp_flags[i], worker.now);
  record(entry, burst, i);
}

/// False when a connection that must be tracked finds no room.
bool remember(const Burst& burst, unsigned i, EniSlot destination, GateVerdict egress, GateVerdict ingress,
              WorkerContext& worker) noexcept {
  FlowEntry4* const entry = worker.flows.insert(burst.key[i], burst.hash[i], worker.now);
  if (entry == nullptr) return !egress.tracked && !ingress.tracked;
  const std::uint8_t direction = burst.direction[i];
  const std::uint32_t epoch = worker.snapshot->epoch;
  FlowHalf& sender = entry->half[direction];
  FlowHalf& receiver = entry->half[1 - direction];
  sender.eni = burst.source[i];
  receiver.eni = destination;
  sender.tracked = egress.tracked;
  receiver.tracked = ingress.tracked;
  sender.epoch = receiver.epoch = epoch;
  begin(*entry, direction, burst.tcp_flags[i], worker.now);
  record(*entry, burst, i);
  return true;
}

}  // namespace

void judge(Burst& burst, unsigned i, FlowEntry4* entry, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const bool related = burst.kind[i] == FlowKind::kRelated;
  while (entry != nullptr && (!ends_live(*entry, snapshot) || starts_anew(*entry, burst.tcp_flags[i]))) {
    worker.flows.erase(entry);
    entry = worker.flows.find(burst.key[i], burst.hash[i], burst.direction[i], burst.source[i], worker.now);
  }
  if (related && !worker.related_icmp_errors) entry = nullptr;

  const PacketTuple tuple = tuple_of(burst.packet[i]);
  const NextHop route = snapshot.route(snapshot.eni(burst.source[i]).vpc, burst.destination_address(i));
  burst.destination[i] = route.eni;

  const std::uint8_t direction = burst.direction[i];
  const GateVerdict egress = gate(entry == nullptr ? nullptr : &entry->half[direction], related, burst.source[i],
                                  Direction::kEgress, tuple, snapshot);
  if (!egress.allowed) return burst.drop(i, DropReason::kGroupEgress);
  if (route.eni == kNoEni) return burst.drop(i, route.reason);
  FlowEntry4* const hop = hop_entry(entry, burst, i, route.eni, worker);
  const GateVerdict ingress = gate(hop == nullptr ? nullptr : &hop->half[1 - direction], related, route.eni,
                                   Direction::kIngress, tuple, snapshot);
  if (!ingress.allowed) return burst.drop(i, DropReason::kGroupIngress);

  if (hop != nullptr && !related) {
    refresh(*hop, burst, i, egress, ingress, worker);
  } else if (burst.kind[i] == FlowKind::kFlow && !remember(burst, i, route.eni, egress, ingress, worker)) {
    return burst.drop(i, DropReason::kFlowTableFull);
  }
  burst.forward(i, route.eni);
}

}  // namespace weft
