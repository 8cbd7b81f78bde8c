// Stages 2 and 6: what comes from and goes to the internet gateway, which is an end with a slot as an ENI is (DESIGN
// D2). Its translation stands between hops, so every flow key has the private address, and a guest never sees its
// public one (facts ec2 1.10, 3.1).
//
// What an ENI sends to a public address of the VPC comes back from the gateway: it leaves the burst as `again`, goes
// the way of what came from the internet, and no rule that names a group matches it any more (facts ec2 2.2).
//
// The gateway is the one router that counts: it takes one from the time to live, and carries at most 1500 bytes (facts
// ec2 1.8). What it cannot carry is answered in the name of the sender's subnet's router. Towards the internet it
// answers nothing, because it has no address there.
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/fragment.hpp"
#include "dataplane/worker/nat.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/pipeline.hpp"
#include "dataplane/worker/segment.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

Ipv4Header& ip_of(rte_mbuf* packet) noexcept { return *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset); }

/// parse_again(), of a packet that is plain and stays it.
void move_destination(Burst& burst, unsigned i, std::uint32_t destination, WorkerContext& worker) noexcept {
  const FlowKey4 before = burst.key[i];
  const unsigned end = burst.direction[i];
  const NormalisedKey4 normal = normalise(before.vpc, before.address[end], destination, before.protocol,
                                          before.port[end], before.port[1 - end]);
  burst.key[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.hash[i] = hash(normal.key);
  worker.flows.prefetch(burst.hash[i]);
}

void arrive_ipv4(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  rte_mbuf* const packet = burst.packet[i];
  const Ipv4Header& ip = ip_of(packet);
  const std::uint32_t destination = ip.destination.host();
  const EniRecord& gateway = snapshot.eni(burst.source[i]);
  if (!snapshot.public_addresses.is_outside(ip.source.host())) return burst.drop(i, DropReason::kSpoofedIp);
  if (destination == gateway.router) return;  // serve() answers
  const std::optional<std::uint32_t> inside = snapshot.public_addresses.private_of.find(destination);
  if (!inside) return burst.drop(i, DropReason::kUnknownPublicAddress);
  if (ip_bytes(packet) > gateway.mtu) return burst.drop(i, DropReason::kTooBig);
  if (ip.time_to_live <= 1) return burst.drop(i, DropReason::kTimeToLive);
  if (burst.is_plain(i)) [[likely]] {
    translate_plain<&Ipv4Header::destination>(packet, *inside);
    return move_destination(burst, i, *inside, worker);
  }
  decrement_time_to_live(packet);
  translate_destination(packet, *inside);
  parse_again(burst, i, worker);
}

/// What a packet of either family says of itself.
struct Sender {
  IpAddress address;
  IpAddress router;
  std::uint8_t icmp = kProtocolIcmp;
};

Sender sender_of(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept {
  const EniRecord& eni = snapshot.eni(burst.source[i]);
  if (!burst.is_ipv6(i))
    return {IpAddress::from({burst.source_address(i)}), IpAddress::from({eni.router}), kProtocolIcmp};
  return {burst.source_address6(i), snapshot.subnets[eni.subnet].router6(), kProtocolIcmpv6};
}

template <typename Entry>
bool tracked_at_sender(const Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  bool tracked = false;
  worker.flows_of<Entry>().for_each_hop(burst.key_of<Entry>(i), burst.hash[i], worker.now, [&](const Entry& entry) {
    const FlowHalf& half = entry.half[burst.direction[i]];
    tracked |= half.eni == burst.source[i] && half.tracked;
  });
  return tracked;
}

/// The guest is told, as far as its gates and its subnet's ACL let it be: an error that is about a tracked flow of its
/// own passes by that flow's state (facts ec2 1.8).
bool may_be_told(const Burst& burst, unsigned i, const IcmpError& error, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const EniRecord& eni = snapshot.eni(burst.source[i]);
  const Sender sender = sender_of(burst, i, snapshot);
  const PacketTuple tuple{.source = sender.router,
                          .destination = sender.address,
                          .protocol = sender.icmp,
                          .source_port = 0,
                          .destination_port = static_cast<std::uint16_t>(error.type << 8 | error.code)};
  if (!snapshot.acl_allows(eni, Direction::kIngress, tuple)) return false;
  if (worker.passes_related_errors() && (burst.is_ipv6(i) ? tracked_at_sender<FlowEntry6>(burst, i, worker)
                                                      : tracked_at_sender<FlowEntry4>(burst, i, worker)))
    return true;
  return snapshot.policy->evaluate(eni.policy, Direction::kIngress, tuple, HopPeer::kOther).allowed;
}

void tell_sender(const Burst& burst, unsigned i, const IcmpError& error, WorkerContext& worker) noexcept {
  const EniSlot sender = burst.source[i];
  const EniRecord& eni = worker.snapshot->eni(sender);
  if (!may_be_answered_by_error(burst.packet[i]) || !may_be_told(burst, i, error, worker)) return;
  if (!worker.icmp_errors.take(sender, worker.now_ns)) return;
  rte_mbuf* const answer = make_icmp_error(burst.packet[i], error, sender_of(burst, i, *worker.snapshot).router,
                                           worker.snapshot->subnets[eni.subnet].router_mac, worker.pool);
  if (answer == nullptr) return;
  worker.counters[sender].originated.add();
  worker.balance.originated.add();
  worker.originated->take(answer, sender);
}

/// Goes into the VPC again, cut as for the internet where it must be: the way is the same.
void come_back(Burst& burst, unsigned i, std::uint16_t mtu, WorkerContext& worker) noexcept {
  rte_mbuf* frames[kMaxFragments] = {burst.packet[i]};
  unsigned count = 1;
  if (ip_bytes(burst.packet[i]) > mtu) {
    // Its checksum is finished first, for no fragment could be finished alone. A super-segment has DF set, or is
    // refused.
    const FragmentPorts ports = FragmentPorts::of(burst, i, tuple_of(burst.packet[i]).destination_port);
    if (wants_segmentation(burst.packet[i])) return burst.drop(i, DropReason::kTooBig);
    EniRecord plain;
    plain.takes_chains = true;
    rte_mbuf* whole[kMaxSegments];
    if (has_offloads(burst.packet[i]) && finish(burst.packet[i], plain, worker.pool, whole).count != 1)
      return burst.drop(i, DropReason::kTooBig);
    count = fragment(burst.packet[i], mtu, worker.pool, frames);
    if (count == 0) return burst.drop(i, DropReason::kPortFull);
    for (unsigned k = 0; k < count; ++k) ports.write(frames[k]);
    worker.balance.copies.add(count - 1);
  }
  if (worker.again->count + count > kBurst) process_again(worker);
  for (unsigned k = 0; k < count; ++k) {
    worker.again->record[worker.again->count] = burst.captures ? burst.record[i] : nullptr;
    worker.again->take(frames[k], worker.snapshot->gateway);
  }
  burst.fate[i] = Fate::kAgain;
}

void depart_ipv4(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  rte_mbuf* const packet = burst.packet[i];
  const Ipv4Header& ip = ip_of(packet);
  if (ip_bytes(packet) > kFabricMtu) return burst.drop(i, DropReason::kTooBig);
  const std::optional<std::uint32_t> outside = snapshot.public_addresses.public_of.find(ip.source.host());
  if (!outside) return burst.drop(i, DropReason::kNoPublicAddress);
  // The size before the time to live: tracepath hears the MTU from the first hop (facts ec2 1.8).
  const std::uint16_t mtu = snapshot.eni(snapshot.gateway).mtu;
  if (ip_bytes(packet) > mtu && (ip.fragment.host() & Ipv4Header::kDontFragment) != 0) {
    tell_sender(burst, i, {IcmpHeader::kDestinationUnreachable, IcmpHeader::kFragmentationNeeded, mtu}, worker);
    return burst.drop(i, DropReason::kTooBig);
  }
  if (ip.time_to_live <= 1) {
    tell_sender(burst, i, {.type = IcmpHeader::kTimeExceeded}, worker);
    return burst.drop(i, DropReason::kTimeToLive);
  }
  if (burst.is_plain(i)) [[likely]] {
    translate_plain<&Ipv4Header::source>(packet, *outside);
  } else {
    decrement_time_to_live(packet);
    translate_source(packet, *outside);
  }
  const std::optional<std::uint32_t> inside = snapshot.public_addresses.private_of.find(ip.destination.host());
  if (!inside) return;
  translate_destination(packet, *inside);
  come_back(burst, i, mtu, worker);
}

/// IPv6 goes through unchanged but for its hop limit (facts ec2 1.10).
void arrive_ipv6(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  rte_mbuf* const packet = burst.packet[i];
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv6Header*, kIpOffset);
  if (ip.destination.is_multicast_v6() || ip.destination.is_link_local_v6()) return;  // the link's own: serve()
  if (ip.source.is_link_local_v6() || ip.source.is_unspecified_v6() ||
      (snapshot.vpc_ipv6_cidr && snapshot.vpc_ipv6_cidr->contains(ip.source)))
    return burst.drop(i, DropReason::kSpoofedIp);
  if (ip_bytes(packet) > snapshot.eni(burst.source[i]).mtu) return burst.drop(i, DropReason::kTooBig);
  if (ip.hop_limit <= 1) return burst.drop(i, DropReason::kTimeToLive);
  --ip.hop_limit;
}

/// No router cuts an IPv6 packet (RFC 8200 5).
void depart_ipv6(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  rte_mbuf* const packet = burst.packet[i];
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv6Header*, kIpOffset);
  if (ip_bytes(packet) > kFabricMtu) return burst.drop(i, DropReason::kTooBig);
  const std::uint16_t mtu = worker.snapshot->eni(worker.snapshot->gateway).mtu;
  if (ip_bytes(packet) > mtu) {
    tell_sender(burst, i, {.type = Icmpv6Header::kPacketTooBig, .mtu = mtu}, worker);
    return burst.drop(i, DropReason::kTooBig);
  }
  if (ip.hop_limit <= 1) {
    tell_sender(burst, i, {.type = Icmpv6Header::kTimeExceeded}, worker);
    return burst.drop(i, DropReason::kTimeToLive);
  }
  --ip.hop_limit;
}

}  // namespace

void arrive(Burst& burst, WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i)
    if (burst.pending(i) && burst.is_ipv6(i))
      arrive_ipv6(burst, i, worker);
    else if (burst.pending(i) && burst.kind[i] != FlowKind::kArp)
      arrive_ipv4(burst, i, worker);
}

void depart(Burst& burst, WorkerContext& worker) noexcept {
  const EniSlot gateway = worker.snapshot->gateway;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.fate[i] != Fate::kForward || burst.destination[i] != gateway) continue;
    if (burst.is_ipv6(i))
      depart_ipv6(burst, i, worker);
    else
      depart_ipv4(burst, i, worker);
  }
}

}  // namespace weft
