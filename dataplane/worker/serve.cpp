// Stage 3: what the fabric answers itself. No security group filters it (facts ec2 2.5). The request's mbuf becomes the
// answer: one frame is consumed and one originated.
#include <utility>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void answer(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  EniCounters& counters = worker.counters[burst.source[i]];
  counters.consumed.add();
  counters.originated.add();
  worker.balance.consumed.add();
  worker.balance.originated.add();
  burst.fate[i] = Fate::kReply;
  burst.destination[i] = burst.source[i];
}

/// The MAC address the fabric gives for `target`, an address of the asker's subnet; false when it has none.
bool resolve_mac(const EniRecord& asker, std::uint32_t target, const Snapshot& snapshot, MacAddress& mac) noexcept {
  const SubnetRecord& subnet = snapshot.subnets[asker.subnet];
  // From the internet everything public is behind the gateway.
  if (target == asker.router ||
      (asker.kind == EndKind::kGateway && snapshot.public_addresses.private_of.find(target))) {
    mac = subnet.router_mac;
    return true;
  }
  const EniSlot slot = snapshot.owner(asker.vpc, IpAddress::from({target}));
  if (slot == kNoEni || snapshot.eni(slot).subnet != asker.subnet) return false;
  mac = snapshot.eni(slot).mac;
  return true;
}

/// Answered from the tables, and nothing is learned: a gratuitous ARP changes nothing (facts ec2 1.7).
void serve_arp(Burst& burst, unsigned i, const EniRecord& eni, WorkerContext& worker) noexcept {
  auto& ethernet = *rte_pktmbuf_mtod(burst.packet[i], EthernetHeader*);
  auto& arp = *rte_pktmbuf_mtod_offset(burst.packet[i], ArpHeader*, sizeof(EthernetHeader));
  if (eni.spoof_check && arp.sender_mac != eni.mac) return burst.drop(i, DropReason::kSpoofedMac);
  // An address probe asks before it has an address (RFC 5227 2.1.1).
  const std::uint32_t sender = arp.sender_ip.host();
  const auto own = [&](std::uint32_t address) {
    return address == eni.address ||
           (eni.more_addresses && worker.snapshot->owns(burst.source[i], IpAddress::from({address})));
  };
  if (eni.source_dest_check && sender != 0 && !own(sender)) return burst.drop(i, DropReason::kSpoofedIp);

  const std::uint32_t target = arp.target_ip.host();
  if (arp.operation.host() != ArpHeader::kRequest || own(target) || target == sender) {
    burst.fate[i] = Fate::kConsumed;
    return;
  }
  MacAddress mac;
  if (!resolve_mac(eni, target, *worker.snapshot, mac)) return burst.drop(i, DropReason::kArpUnanswered);
  ethernet = {ethernet.source, mac, ethernet.ether_type};
  arp.operation = Be16(ArpHeader::kReply);
  arp.target_mac = arp.sender_mac;
  arp.sender_mac = mac;
  std::swap(arp.sender_ip, arp.target_ip);
  answer(burst, i, worker);
}

void serve_router(Burst& burst, unsigned i, const EniRecord& eni, WorkerContext& worker) noexcept {
  rte_mbuf* const packet = burst.packet[i];
  auto& ethernet = *rte_pktmbuf_mtod(packet, EthernetHeader*);
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset);
  const unsigned l3 = ip.header_bytes();
  auto& icmp = *rte_pktmbuf_mtod_offset(packet, IcmpHeader*, kIpOffset + l3);
  if (ip.protocol != kProtocolIcmp || icmp.type != IcmpHeader::kEchoRequest || icmp.code != 0)
    return burst.drop(i, DropReason::kRouterService);

  ethernet = {ethernet.source, worker.snapshot->subnets[eni.subnet].router_mac, ethernet.ether_type};
  std::swap(ip.source, ip.destination);
  ip.time_to_live = 64;
  ip.checksum = {};
  ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), l3}));
  icmp.type = IcmpHeader::kEchoReply;
  icmp.checksum = checksum_update(icmp.checksum, Be16(IcmpHeader::kEchoRequest << 8), Be16(0));
  answer(burst, i, worker);
}

}  // namespace

void serve(Burst& burst, WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i)) continue;
    const EniRecord& eni = worker.snapshot->eni(burst.source[i]);
    if (burst.kind[i] == FlowKind::kArp) {
      serve_arp(burst, i, eni, worker);
    } else if (burst.destination_address(i) == eni.router) {
      serve_router(burst, i, eni, worker);
    }
  }
}

}  // namespace weft
