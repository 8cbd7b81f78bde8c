// Between two hosts: a packet of a pair that something is wrong with is lost, or waits until it arrives. Where its
// destination's link is impaired it waits twice: until it comes there (cross_underlay), and until it is through (land). A
// super-segment is one packet here, as long as all its segments: it is lost, held or doubled whole.
#include <optional>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kEcnMask = 3;  // RFC 3168 5; also CE itself: both bits
constexpr unsigned kIpv6EcnShift = 20;

Ipv4Header& ipv4_of(rte_mbuf* packet) noexcept { return *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset); }
Ipv6Header& ipv6_of(rte_mbuf* packet) noexcept { return *rte_pktmbuf_mtod_offset(packet, Ipv6Header*, kIpOffset); }

bool understands_marks(rte_mbuf* packet, bool ipv6) noexcept {
  return ipv6 ? (ipv6_of(packet).version_class_flow.host() >> kIpv6EcnShift & kEcnMask) != 0
              : (ipv4_of(packet).type_of_service & kEcnMask) != 0;
}

void mark(rte_mbuf* packet, bool ipv6) noexcept {
  if (ipv6) {
    Be32& word = ipv6_of(packet).version_class_flow;
    word = Be32(word.host() | kEcnMask << kIpv6EcnShift);
    return;
  }
  Ipv4Header& ip = ipv4_of(packet);
  const auto word = [&ip] { return Be16(static_cast<std::uint16_t>(ip.version_length << 8 | ip.type_of_service)); };
  const Be16 before = word();
  ip.type_of_service |= kEcnMask;
  ip.checksum = checksum_update(ip.checksum, before, word());
}

/// `bit` counts over the frame; it is brought into what a transport's checksum covers. Nothing where there is nothing.
void flip(rte_mbuf* packet, bool ipv6, std::uint32_t bit) noexcept {
  const std::uint32_t headers = static_cast<std::uint32_t>(kIpOffset) +
                                (ipv6 ? static_cast<std::uint32_t>(sizeof(Ipv6Header)) : ipv4_of(packet).header_bytes());
  const std::uint32_t end = ipv6 ? headers + ipv6_of(packet).payload_length.host()
                                 : static_cast<std::uint32_t>(kIpOffset) + ipv4_of(packet).total_length.host();
  if (end <= headers || end > packet->pkt_len) return;
  std::uint32_t at = headers + bit / 8 % (end - headers);
  rte_mbuf* segment = packet;
  for (; at >= segment->data_len; segment = segment->next) at -= segment->data_len;
  *rte_pktmbuf_mtod_offset(segment, std::uint8_t*, at) ^= static_cast<std::uint8_t>(1U << bit % 8);
}

/// A checksum that is still to be computed would be computed of the damage, and nobody would find it. A real sender's is there
/// before the wire, so the receiver's card would find it and drop the packet.
bool survives_flip(rte_mbuf* packet, bool ipv6, std::uint32_t bit) noexcept {
  if (wants_checksum(packet)) return false;
  flip(packet, ipv6, bit);
  return true;
}

/// Not in the air: it goes out with this burst.
bool arrives_now(std::uint64_t at_ns, const WorkerContext& worker) noexcept {
  return at_ns <= worker.now_ns && !worker.in_flight.due(worker.now_ns);
}

bool lands(EniSlot destination, const Snapshot& snapshot) noexcept {
  return snapshot.underlay->links(snapshot.hosts[destination]);
}

bool hold(const Burst& burst, unsigned i, rte_mbuf* packet, std::uint64_t at_ns, WorkerContext& worker) noexcept {
  if (!worker.in_flight.hold({.at_ns = at_ns,
                              .packet = packet,
                              .source = burst.source[i],
                              .destination = burst.destination[i],
                              .epoch = worker.snapshot->epoch,
                              .lands = lands(burst.destination[i], *worker.snapshot)}))
    return false;
  worker.balance.stored.add();
  return true;
}

/// A second packet. When there is no buffer or no room for it, the wire does not double this one.
void duplicate(const Burst& burst, unsigned i, std::uint64_t at_ns, WorkerContext& worker) noexcept {
  rte_mbuf* const copy = rte_pktmbuf_copy(burst.packet[i], worker.pool, 0, UINT32_MAX);
  if (copy == nullptr) return;
  if (hold(burst, i, copy, at_ns, worker)) worker.balance.copies.add();
  else rte_pktmbuf_free(copy);
}

void carry(Burst& burst, unsigned i, const underlay::Outcome& outcome, WorkerContext& worker) noexcept {
  if (outcome.dropped) return burst.drop(i, reason_of_loss(*outcome.dropped));
  rte_mbuf* const packet = burst.packet[i];
  if (outcome.marked) mark(packet, burst.is_ipv6(i));
  // Before its own copy is in the air. What has a link before it always waits for its turn there.
  const bool now = arrives_now(outcome.at_ns, worker) && !lands(burst.destination[i], *worker.snapshot);
  if (outcome.copy_at_ns) duplicate(burst, i, *outcome.copy_at_ns, worker);
  if (outcome.flipped_bit && !survives_flip(packet, burst.is_ipv6(i), *outcome.flipped_bit))
    return burst.drop(i, DropReason::kFabricLoss);
  if (now) return;
  if (hold(burst, i, packet, outcome.at_ns, worker)) burst.fate[i] = Fate::kHeld;
  else burst.drop(i, DropReason::kFabricQueue);
}

}  // namespace

DropReason reason_of_loss(underlay::Cause cause) noexcept {
  switch (cause) {
    case underlay::Cause::kDown: return DropReason::kFabricDown;
    case underlay::Cause::kLoss: return DropReason::kFabricLoss;
    case underlay::Cause::kQueue: break;
  }
  return DropReason::kFabricQueue;
}

Landing land(InFlight::Held& held, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  if (!held.lands || snapshot.underlay == nullptr || !lands(held.destination, snapshot)) return {};
  const bool ipv6 = rte_pktmbuf_mtod(held.packet, const EthernetHeader*)->ether_type.host() == kEtherTypeIpv6;
  const underlay::Outcome outcome =
      worker.lanes->land(*snapshot.underlay, snapshot.hosts[held.destination], held.at_ns, wire_size_of(held.packet).bytes,
                         understands_marks(held.packet, ipv6));
  if (outcome.dropped) return {.dropped = reason_of_loss(*outcome.dropped)};
  if (outcome.marked) mark(held.packet, ipv6);
  if (outcome.flipped_bit && !survives_flip(held.packet, ipv6, *outcome.flipped_bit))
    return {.dropped = DropReason::kFabricLoss};
  held.lands = false;
  if (outcome.at_ns == held.at_ns) return {};
  held.at_ns = outcome.at_ns;
  return {.waits = true};
}

void cross_underlay(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.fate[i] != Fate::kForward) continue;
    const EniSlot from = burst.source[i], to = burst.destination[i];
    if (snapshot.eni(from).kind == EndKind::kGateway || snapshot.eni(to).kind == EndKind::kGateway) continue;
    rte_mbuf* const packet = burst.packet[i];
    const std::optional<underlay::Outcome> outcome =
        worker.lanes->offer(*snapshot.underlay, snapshot.hosts[from], snapshot.hosts[to], burst.hash[i], worker.now_ns,
                            wire_size_of(packet).bytes, understands_marks(packet, burst.is_ipv6(i)));
    if (outcome) carry(burst, i, *outcome, worker);
  }
}

}  // namespace weft
