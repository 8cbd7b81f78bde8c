#include "dataplane/worker/ena_express.hpp"

#include "dataplane/limit/wire_size.hpp"
#include "dataplane/model/allowances.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// A packet for others, or from others, has come or goes through a middlebox.
bool direct(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept {
  const EniSlot from = burst.source[i], to = burst.destination[i];
  if (burst.is_ipv6(i))
    return snapshot.owns(from, burst.source_address6(i)) && snapshot.owns(to, burst.destination_address6(i));
  return snapshot.owns(from, IpAddress::from({burst.source_address(i)})) &&
         snapshot.owns(to, IpAddress::from({burst.destination_address(i)}));
}

std::uint64_t packets_of(const rte_mbuf* packet) noexcept {
  if (!wants_segmentation(packet)) return 1;
  return wire_size(packet->pkt_len, packet->l2_len + packet->l3_len + packet->l4_len, packet->tso_segsz).packets;
}

}  // namespace

bool eligible_for_srd(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept {
  const EniRecord &from = snapshot.eni(burst.source[i]), &to = snapshot.eni(burst.destination[i]);
  if (!from.ena_srd || !to.ena_srd) return false;
  if (burst.kind[i] == FlowKind::kRelated) return false;  // its key is another packet's
  const std::uint8_t protocol = burst.is_ipv6(i) ? burst.key6[i].protocol : burst.key[i].protocol;
  const bool carried = protocol == kProtocolTcp || (protocol == kProtocolUdp && from.ena_srd_udp && to.ena_srd_udp);
  return carried && snapshot.subnets[from.subnet].zone == snapshot.subnets[to.subnet].zone &&
         direct(burst, i, snapshot);
}

bool goes_by_srd(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept {
  return ip_bytes(burst.packet[i]) <= kLargestSrdPacket && eligible_for_srd(burst, i, snapshot);
}

void count_express(Burst& burst, WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.fate[i] != Fate::kForward || !eligible_for_srd(burst, i, *worker.snapshot)) continue;
    const std::uint64_t packets = packets_of(burst.packet[i]);
    worker.counters[burst.source[i]].of(EnaCounter::kSrdEligibleTxPkts).add(packets);
    if (ip_bytes(burst.packet[i]) > kLargestSrdPacket) continue;
    worker.counters[burst.source[i]].of(EnaCounter::kSrdTxPkts).add(packets);
    worker.counters[burst.destination[i]].of(EnaCounter::kSrdRxPkts).add(packets);
  }
}

}  // namespace weft
