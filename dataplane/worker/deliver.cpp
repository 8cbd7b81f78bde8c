// Stage 6: to the ports, one call for all packets of a destination (DESIGN D1), or to the worker that polls the port.
#include <algorithm>

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/fragment.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/segment.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// Packets of the burst, in order, that go to one ENI.
struct Group {
  EniSlot eni;
  std::uint8_t count;
  std::uint8_t member[kBurst];
};

/// The receiver sees its own address, and the router's as the sender's when the packet came through the router.
void rewrite_macs(rte_mbuf* packet, const EniRecord& from, const EniRecord& to, const Snapshot& snapshot) noexcept {
  auto& ethernet = *rte_pktmbuf_mtod(packet, EthernetHeader*);
  ethernet.destination = to.mac;
  if (from.subnet != to.subnet) ethernet.source = snapshot.subnets[to.subnet].router_mac;
}

void count_delivered(WorkerContext& worker, EniSlot eni, std::uint64_t packets, std::uint64_t bytes) noexcept {
  EniCounters& counters = worker.counters[eni];
  counters.rx_packets.add(packets);
  counters.rx_bytes.add(bytes);
  worker.balance.delivered.add(packets);
}

/// Why the port has not taken a packet.
[[gnu::cold]] DropReason refusal(const Port& port) noexcept {
  return port.link_up() ? DropReason::kPortFull : DropReason::kLinkDown;
}

/// A part of packet i that its port has not taken.
void drop_piece(const Burst& burst, unsigned i, rte_mbuf* piece, EniSlot slot, const Port& port,
                WorkerContext& worker) noexcept {
  const DropReason reason = refusal(port);
  if (burst.captures) [[unlikely]] capture_drop(burst, i, piece, slot, reason, worker);
  drop_single(piece, burst.source[i], slot, reason, worker);
}

/// For a port that takes less than the packets of this group ask for: each is finished for itself.
void send_finished(Burst& burst, unsigned i, const EniRecord& to, EniSlot slot, WorkerContext& worker) noexcept {
  rte_mbuf* frames[kMaxSegments];
  const FinishResult result = finish(burst.packet[i], to, worker.pool, frames);
  if (result.count == 0) return burst.drop(i, result.reason);
  worker.balance.copies.add(result.count - 1);
  std::uint64_t bytes = 0;
  for (unsigned k = 0; k < result.count; ++k) bytes += frames[k]->pkt_len;
  const unsigned sent = to.port->transmit({frames, result.count});
  burst.fate[i] = Fate::kDelivered;
  for (unsigned k = sent; k < result.count; ++k) {
    bytes -= frames[k]->pkt_len;
    drop_piece(burst, i, frames[k], slot, *to.port, worker);
  }
  count_delivered(worker, slot, sent, bytes);
}

/// A packet that is larger than the gateway carries, and may be cut (depart() has seen to that).
void send_in_fragments(Burst& burst, unsigned i, const EniRecord& to, EniSlot slot, WorkerContext& worker) noexcept {
  static const EniRecord kTakesNothing = [] {
    EniRecord record;
    record.takes_chains = true;
    return record;
  }();
  rte_mbuf* wholes[kMaxSegments];
  const FinishResult finished = finish(burst.packet[i], kTakesNothing, worker.pool, wholes);
  if (finished.count == 0) return burst.drop(i, finished.reason);
  worker.balance.copies.add(finished.count - 1);
  burst.fate[i] = Fate::kDelivered;
  for (unsigned k = 0; k < finished.count; ++k) {
    rte_mbuf* frames[kMaxFragments];
    const unsigned count = fragment(wholes[k], to.mtu, worker.pool, frames);
    if (count == 0) {
      drop_piece(burst, i, wholes[k], slot, *to.port, worker);
      continue;
    }
    worker.balance.copies.add(count - 1);
    std::uint64_t bytes = 0;
    for (unsigned n = 0; n < count; ++n) bytes += frames[n]->pkt_len;
    const unsigned sent = to.port->transmit({frames, count});
    for (unsigned n = sent; n < count; ++n) bytes -= frames[n]->pkt_len;
    for (unsigned n = sent; n < count; ++n) drop_piece(burst, i, frames[n], slot, *to.port, worker);
    count_delivered(worker, slot, sent, bytes);
  }
}

/// Inline in both its callers: as a call of its own it costs an established flow five instructions a packet.
[[gnu::always_inline]] inline void send_group(Burst& burst, const Group& group, const EniRecord& to,
                                              WorkerContext& worker) noexcept {
  rte_mbuf* frames[kBurst];
  std::uint8_t index[kBurst];
  unsigned count = 0;
  std::uint64_t bytes = 0;
  for (unsigned k = 0; k < group.count; ++k) {
    const unsigned i = group.member[k];
    rte_mbuf* const packet = burst.packet[i];
    if (burst.fate[i] == Fate::kForward) {
      const bool too_big = ip_bytes(packet) > to.mtu;
      if (too_big && to.kind != EndKind::kGateway) {
        burst.drop(i, DropReason::kTooBig);
        continue;
      }
      rewrite_macs(packet, worker.snapshot->eni(burst.source[i]), to, *worker.snapshot);
      if (too_big) {
        send_in_fragments(burst, i, to, group.eni, worker);
        continue;
      }
      if (burst.offloads && !takes_as_it_is(packet, to)) [[unlikely]] {
        send_finished(burst, i, to, group.eni, worker);
        continue;
      }
    }
    bytes += packet->pkt_len;
    index[count] = static_cast<std::uint8_t>(i);
    frames[count++] = packet;
  }
  const unsigned sent = count == 0 ? 0 : to.port->transmit({frames, count});
  for (unsigned k = 0; k < sent; ++k) burst.fate[index[k]] = Fate::kDelivered;
  for (unsigned k = sent; k < count; ++k) {
    bytes -= frames[k]->pkt_len;
    burst.drop(index[k], refusal(*to.port));
  }
  count_delivered(worker, group.eni, sent, bytes);
}

/// All of the burst to one port, as it is. False: it is not so, and nothing has been done.
bool send_whole(Burst& burst, WorkerContext& worker) noexcept {
  if (burst.plain != burst.all() || burst.with_fate(Fate::kForward) != burst.all()) return false;
  const EniSlot slot = burst.destination[0];
  if ((lanes_equal(burst.destination, slot) & burst.all()) != burst.all()) return false;
  if (burst.captures && worker.capture.wants(slot)) return false;
  const EniRecord& to = worker.snapshot->eni(slot);
  if (to.port == nullptr || !to.link_up || to.trust || to.home != worker.index) return false;
  if (burst.longest - sizeof(EthernetHeader) > to.mtu) return false;

  for (unsigned i = 0; i < burst.count; ++i)
    rewrite_macs(burst.packet[i], worker.snapshot->eni(burst.source[i]), to, *worker.snapshot);
  const unsigned sent = to.port->transmit({burst.packet, burst.count});
  std::fill_n(burst.fate, kBurst, Fate::kDelivered);
  std::uint64_t bytes = burst.bytes;
  for (unsigned i = sent; i < burst.count; ++i) {
    bytes -= burst.packet[i]->pkt_len;
    burst.drop(i, refusal(*to.port));
  }
  count_delivered(worker, slot, sent, bytes);
  return true;
}

/// For a port of several queues or of changing capabilities: what it is now, to this worker.
EniRecord as_it_is_now(const EniRecord& to, const WorkerContext& worker) noexcept {
  EniRecord now = to;
  now.port = to.port_of(worker.index);
  if (to.takes_change) now.take(now.port->capabilities());
  return now;
}

[[gnu::noinline]] void send_changing_group(Burst& burst, const Group& group, const EniRecord& to,
                                           WorkerContext& worker) noexcept {
  send_group(burst, group, as_it_is_now(to, worker), worker);
}

[[gnu::noinline, gnu::cold]] void send_captured_group(Burst& burst, const Group& group, const EniRecord& to,
                                                      WorkerContext& worker) noexcept {
  EniRecord captured = as_it_is_now(to, worker);
  CapturedPort port(*captured.port, group.eni, worker);
  captured.port = &port;
  send_group(burst, group, captured, worker);
}

/// A trusted VF is known by the MAC that its guest last sent from.
[[gnu::noinline, gnu::cold]] void send_claimed_group(Burst& burst, const Group& group, const EniRecord& to,
                                                     WorkerContext& worker) noexcept {
  EniRecord claimed = to;
  claimed.mac = worker.snapshot->claimed->of(group.eni, to.mac);
  if (burst.captures && worker.capture.wants(group.eni)) send_captured_group(burst, group, claimed, worker);
  else send_changing_group(burst, group, claimed, worker);
}

void hand_over_group(Burst& burst, const Group& group, unsigned home, WorkerContext& worker) noexcept {
  HandedOver away[kBurst];
  for (unsigned k = 0; k < group.count; ++k) {
    const unsigned i = group.member[k];
    away[k] = {burst.packet[i], burst.source[i], group.eni, worker.snapshot->epoch};
  }
  const unsigned sent = worker.handover.send(worker.index, home, {away, group.count});
  for (unsigned k = 0; k < group.count; ++k) {
    if (k < sent) burst.fate[group.member[k]] = Fate::kAway;
    else burst.drop(group.member[k], DropReason::kHandoverFull);
  }
  worker.balance.handed_out.add(sent);
}

}  // namespace

void deliver(Burst& burst, WorkerContext& worker) noexcept {
  if (send_whole(burst, worker)) [[likely]] return;

  // 1. Groups in order of arrival, so that packets of one flow stay in order.
  Group groups[kBurst];
  unsigned count = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.fate[i] != Fate::kForward && burst.fate[i] != Fate::kReply) continue;
    std::uint8_t& number = worker.group_of_slot[burst.destination[i]];
    if (number == WorkerContext::kNoGroup) {
      number = static_cast<std::uint8_t>(count);
      groups[count].eni = burst.destination[i];
      groups[count++].count = 0;
    }
    Group& group = groups[number];
    group.member[group.count++] = static_cast<std::uint8_t>(i);
  }

  // 2. Each to its port.
  for (unsigned g = 0; g < count; ++g) {
    const Group& group = groups[g];
    worker.group_of_slot[group.eni] = WorkerContext::kNoGroup;
    const EniRecord& to = worker.snapshot->eni(group.eni);
    if (to.port == nullptr || !to.link_up) {
      for (unsigned k = 0; k < group.count; ++k) burst.drop(group.member[k], DropReason::kLinkDown);
    } else if (to.port_of(worker.index) == nullptr) {
      hand_over_group(burst, group, to.home, worker);
    } else if (to.trust) [[unlikely]] {
      send_claimed_group(burst, group, to, worker);
    } else if (burst.captures && worker.capture.wants(group.eni)) [[unlikely]] {
      send_captured_group(burst, group, to, worker);
    } else if (to.home != worker.index || to.takes_change) {
      send_changing_group(burst, group, to, worker);
    } else {
      send_group(burst, group, to, worker);
    }
  }
}

}  // namespace weft
