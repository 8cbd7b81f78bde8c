// The slow half of stage 5: the first packet of a flow in each direction, and the first after a publication.
//
// The order is EC2's (facts ec2 2.7): the sender's gate, its subnet's ACL when the packet leaves it, the route, the ACL
// of the subnet it enters, the receiver's gate, the receiver's destination check.
//
// A half of the entry that is tracked lets packets pass by state, whatever the rules say now; a half that is not was
// only a remembered verdict and is asked again at once (facts ec2 2.4, DESIGN D3). `untracked` means that the rules of
// both directions allow it, so one answer serves both. Routes and ACLs know no state: they are asked for each direction
// of a flow after every publication, and FlowHalf::judged remembers that they were. So a change of an ACL cuts tracked
// and untracked flows alike.
#include <optional>

#include "dataplane/worker/parse_fragment.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The packet and where it goes.
struct Hop {
  EniSlot source = kNoEni, destination = kNoEni;
  std::uint8_t direction = 0;  // which end of the key sends
  PacketTuple tuple;
};

/// What an end remembers of the flow. It is the end's own: one tuple may be several hops, when the way back is another
/// than the way there or a route has changed, and an end passes by state what it has seen, whoever brings it.
struct Memory {
  bool tracked = false;
  bool untracked = false;  // allowed both ways by the present rules
};

/// The end of the hop is the ENI whose address it is, and not the gateway or a middlebox: only then do rules that name
/// a group match (facts ec2 2.2).
bool has_address(EniSlot slot, const IpAddress& address, const Snapshot& snapshot) noexcept {
  return slot != kNoEni && snapshot.eni(slot).kind == EndKind::kInterface && snapshot.owns(slot, address);
}

/// What one gate says of this packet: by state where the end has it, else by the rules. The gateway has none.
GateVerdict gate(const Memory& memory, const Hop& hop, Direction direction, const Snapshot& snapshot) noexcept {
  const bool leaving = direction == Direction::kEgress;
  const EniRecord& eni = snapshot.eni(leaving ? hop.source : hop.destination);
  if (eni.kind == EndKind::kGateway) return {.allowed = true, .tracked = false};
  if (memory.tracked || memory.untracked) return {.allowed = true, .tracked = memory.tracked};
  const bool owner = leaving ? has_address(hop.destination, hop.tuple.destination, snapshot)
                             : has_address(hop.source, hop.tuple.source, snapshot);
  return snapshot.policy->evaluate(eni.policy, direction, hop.tuple, owner ? HopPeer::kOwner : HopPeer::kOther);
}

/// Network ACLs look at what leaves or enters a subnet and at nothing inside one (facts ec2 2.6). A packet without a
/// next hop leaves when its destination is not of the subnet.
bool leaves_subnet(const Hop& hop, const Snapshot& snapshot) noexcept {
  const EniRecord& from = snapshot.eni(hop.source);
  if (from.kind == EndKind::kGateway) return false;
  if (hop.destination == kNoEni) return !snapshot.subnets[from.subnet].contains(hop.tuple.destination);
  const EniRecord& to = snapshot.eni(hop.destination);
  return to.kind == EndKind::kGateway || to.subnet != from.subnet;
}
bool enters_subnet(const Hop& hop, const Snapshot& snapshot) noexcept {
  const EniRecord& from = snapshot.eni(hop.source);
  const EniRecord& to = snapshot.eni(hop.destination);
  return to.kind == EndKind::kInterface && (from.kind == EndKind::kGateway || from.subnet != to.subnet);
}

bool acl_allows(EniSlot slot, Direction direction, const PacketTuple& tuple, const Snapshot& snapshot) noexcept {
  return snapshot.acl_allows(snapshot.eni(slot), direction, tuple);
}

/// What the receiver sends back goes to the sender, and no ACL has a say: then both directions are judged at once.
bool is_symmetric(const Hop& hop, const Snapshot& snapshot) noexcept {
  const bool ipv6 = !hop.tuple.source.is_v4();
  const auto open = [&](EniSlot slot) {
    return snapshot.eni(slot).kind == EndKind::kGateway || snapshot.acl_open(snapshot.eni(slot), ipv6);
  };
  if (snapshot.route(hop.destination, hop.tuple.source).eni != hop.source) return false;
  return !(leaves_subnet(hop, snapshot) || enters_subnet(hop, snapshot)) || (open(hop.source) && open(hop.destination));
}

/// A route may lead to an ENI that has not the address; it takes the packet only with its check off (facts ec2 1.10).
bool takes_foreign(const Hop& hop, const Snapshot& snapshot) noexcept {
  const EniRecord& to = snapshot.eni(hop.destination);
  return to.kind == EndKind::kGateway || !to.source_dest_check || snapshot.owns(hop.destination, hop.tuple.destination);
}

template <typename Entry>
void record(Entry& entry, const Burst& burst, unsigned i) noexcept {
  ++entry.packets[burst.direction[i]];
  entry.bytes[burst.direction[i]] += burst.packet[i]->pkt_len;
}

/// An entry that was judged again.
template <typename Entry>
void refresh(Entry& entry, Burst& burst, unsigned i, const Hop& hop, GateVerdict egress, GateVerdict ingress,
             WorkerContext& worker) noexcept {
  FlowHalf& sender = entry.half[hop.direction];
  FlowHalf& receiver = entry.half[1 - hop.direction];
  const std::uint32_t epoch = worker.snapshot->epoch;
  const bool was_current = sender.epoch == epoch && receiver.epoch == epoch;
  const bool tracked_now = (egress.tracked && !sender.tracked) || (ingress.tracked && !receiver.tracked);
  if (worker.limits != nullptr) {
    worker.limits->connections.rejudged(sender, egress.tracked);
    worker.limits->connections.rejudged(receiver, ingress.tracked);
  }
  sender.tracked = egress.tracked;
  receiver.tracked = ingress.tracked;
  sender.judged = 1;
  receiver.judged = is_symmetric(hop, *worker.snapshot) || (was_current && receiver.judged);
  sender.epoch = receiver.epoch = epoch;
  mark_own_timeouts(entry, worker.flows_of<Entry>().timeouts());
  if (tracked_now)
    begin(entry, hop.direction, burst.tcp_flags[i], worker.now);
  else
    track(entry, hop.direction, burst.tcp_flags[i], worker.now);
  record(entry, burst, i);
  burst.entry[i] = worker.flows_of<Entry>().index_of(entry);
}

/// What the two ends' instances let be tracked (facts ec2 2.4); the reason when one of them does not. An end that does
/// not track the flow needs nothing.
std::optional<DropReason> count_connection(const Hop& hop, GateVerdict egress, GateVerdict ingress,
                                           WorkerContext& worker) noexcept {
  if (worker.limits == nullptr) return std::nullopt;
  ConnectionCounts& counts = worker.limits->connections;
  const auto exceeded = [&](EniSlot slot) {
    worker.counters[slot].of(EnaCounter::kConntrackAllowanceExceeded).add();
    return DropReason::kConntrackAllowance;
  };
  if (egress.tracked && !counts.take(hop.source)) return exceeded(hop.source);
  if (ingress.tracked && !counts.take(hop.destination)) {
    if (egress.tracked) counts.give_back(hop.source);
    return exceeded(hop.destination);
  }
  return std::nullopt;
}

void give_back_connection(const Hop& hop, GateVerdict egress, GateVerdict ingress, WorkerContext& worker) noexcept {
  if (worker.limits == nullptr) return;
  if (egress.tracked) worker.limits->connections.give_back(hop.source);
  if (ingress.tracked) worker.limits->connections.give_back(hop.destination);
}

/// The reason when a connection that must be tracked finds no room, in the table or in an allowance.
template <typename Entry>
std::optional<DropReason> remember(Burst& burst, unsigned i, const Hop& hop, GateVerdict egress,
                                   GateVerdict ingress, WorkerContext& worker) noexcept {
  if (const std::optional<DropReason> full = count_connection(hop, egress, ingress, worker)) return full;
  Entry* const entry = worker.flows_of<Entry>().insert(burst.key_of<Entry>(i), burst.hash[i], worker.now);
  if (entry == nullptr) {
    give_back_connection(hop, egress, ingress, worker);
    if (egress.tracked || ingress.tracked) return DropReason::kFlowTableFull;
    return std::nullopt;
  }
  const std::uint32_t epoch = worker.snapshot->epoch;
  FlowHalf& sender = entry->half[hop.direction];
  FlowHalf& receiver = entry->half[1 - hop.direction];
  sender.eni = hop.source;
  receiver.eni = hop.destination;
  sender.tracked = egress.tracked;
  receiver.tracked = ingress.tracked;
  sender.counted = worker.limits != nullptr && egress.tracked;
  receiver.counted = worker.limits != nullptr && ingress.tracked;
  sender.judged = 1;
  receiver.judged = is_symmetric(hop, *worker.snapshot);
  sender.epoch = receiver.epoch = epoch;
  begin(*entry, hop.direction, burst.tcp_flags[i], worker.now);
  mark_own_timeouts(*entry, worker.flows_of<Entry>().timeouts());
  record(*entry, burst, i);
  burst.entry[i] = worker.flows_of<Entry>().index_of(*entry);
  if (worker.flow_log != nullptr) worker.flow_log->places_of<Entry>().forget(burst.entry[i]);
  return std::nullopt;
}

/// Nobody passes by this entry any more: an end of it has gone, or the packet begins the next connection.
template <typename Entry>
bool is_over(const Entry& entry, const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept {
  return !ends_live(entry, snapshot) || starts_anew(entry, burst.tcp_flags[i]);
}

/// All that the table knows of a packet's tuple.
template <typename Entry>
struct Known {
  Entry* hop = nullptr;  // the entry between these two ends
  Memory sender, receiver;
};

template <typename Entry>
void merge(Memory& memory, const Entry& entry, unsigned end, const WorkerContext& worker) noexcept {
  const FlowHalf& half = entry.half[end];
  if (!half.tracked)
    memory.untracked |= half.epoch == worker.snapshot->epoch;
  else
    memory.tracked |= !lapsed(entry, end, worker.now, worker.flows_of<Entry>().timeouts());
}

/// Sweeps what is over on its way.
template <typename Entry>
Known<Entry> look_up(const Burst& burst, unsigned i, const Hop& hop, WorkerContext& worker) noexcept {
  constexpr unsigned kMost = 2 * FlowBucket::kSlots;
  FlowTable<Entry>& flows = worker.flows_of<Entry>();
  Known<Entry> known;
  Entry* over[kMost];
  unsigned count = 0;
  flows.for_each_hop(burst.key_of<Entry>(i), burst.hash[i], worker.now, [&](Entry& entry) {
    if (is_over(entry, burst, i, *worker.snapshot)) {
      over[count++] = &entry;
      return;
    }
    const bool sends = entry.half[hop.direction].eni == hop.source;
    const bool takes = entry.half[1 - hop.direction].eni == hop.destination;
    if (sends) merge(known.sender, entry, hop.direction, worker);
    if (takes) merge(known.receiver, entry, 1U - hop.direction, worker);
    if (sends && takes) known.hop = &entry;
  });
  for (unsigned n = 0; n < count; ++n) {
    if (worker.limits != nullptr) worker.limits->connections.gone(*over[n]);
    flows.erase(over[n]);
  }
  return known;
}

}  // namespace

template <typename Entry>
void judge(Burst& burst, unsigned i, Entry* entry, WorkerContext& worker) noexcept {
  if (entry == nullptr && serve_request(burst, i, worker)) return;
  const Snapshot& snapshot = *worker.snapshot;
  const std::uint8_t direction = burst.direction[i];
  if constexpr (std::is_same_v<Entry, FlowEntry6>) {
    // What serve_request() has left of it, which is no matter for a gate.
    const IpAddress& to = burst.destination_address6(i);
    if (to.is_multicast_v6()) return burst.drop(i, DropReason::kMulticast);
    if (to.is_link_local_v6()) return burst.drop(i, DropReason::kNoSuchAddress);
  }
  const bool related = burst.kind[i] == FlowKind::kRelated;

  // 1. Where it goes, and what each end remembers of it. An error passes by the state of a tracked flow, where the
  //    switch says so, and by no other memory (facts ec2 1.8).
  Hop hop{.source = burst.source[i], .direction = direction, .tuple = tuple_of(burst.packet[i])};
  if (burst.is_fragment(i) && is_later_fragment(burst.packet[i])) FragmentPorts::read(burst.packet[i]).complete(hop.tuple);
  const NextHop route = snapshot.route(hop.source, hop.tuple.destination);
  hop.destination = burst.destination[i] = route.eni;
  Known<Entry> known = look_up<Entry>(burst, i, hop, worker);
  if (related) known.sender.untracked = known.receiver.untracked = false;
  if (related && !worker.passes_related_errors()) known.sender.tracked = known.receiver.tracked = false;

  // 2. The way, in EC2's order.
  const GateVerdict egress = gate(known.sender, hop, Direction::kEgress, snapshot);
  if (!egress.allowed) return burst.drop(i, DropReason::kGroupEgress);
  if (leaves_subnet(hop, snapshot) && !acl_allows(hop.source, Direction::kEgress, hop.tuple, snapshot))
    return burst.drop(i, DropReason::kAclEgress);
  if (route.eni == kNoEni) return burst.drop(i, route.reason);
  if (enters_subnet(hop, snapshot) && !acl_allows(route.eni, Direction::kIngress, hop.tuple, snapshot))
    return burst.drop(i, DropReason::kAclIngress);
  const GateVerdict ingress = gate(known.receiver, hop, Direction::kIngress, snapshot);
  if (!ingress.allowed) return burst.drop(i, DropReason::kGroupIngress);
  if (!takes_foreign(hop, snapshot)) return burst.drop(i, DropReason::kNotForEni);

  // 3. Remembered, unless it is a message that makes no flow.
  if (known.hop != nullptr && !related) {
    refresh(*known.hop, burst, i, hop, egress, ingress, worker);
  } else if (burst.kind[i] == FlowKind::kFlow) {
    if (const auto full = remember<Entry>(burst, i, hop, egress, ingress, worker)) return burst.drop(i, *full);
  }
  burst.forward(i, route.eni);
}

template void judge(Burst& burst, unsigned i, FlowEntry4* entry, WorkerContext& worker) noexcept;
template void judge(Burst& burst, unsigned i, FlowEntry6* entry, WorkerContext& worker) noexcept;

}  // namespace weft
