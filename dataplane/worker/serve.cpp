// Stage 3: ARP, which the fabric answers itself from its tables (facts ec2 1.7). The request's mbuf becomes the answer: one
// frame is consumed and one originated.
#include <bit>
#include <utility>

#include "dataplane/net/headers.hpp"
#include "dataplane/services/answer.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// The MAC address the fabric gives for `target`, an address of the asker's subnet; false when it has none.
bool resolve_mac(EniSlot slot_of_asker, std::uint32_t target, const Snapshot& snapshot, MacAddress& mac) noexcept {
  const EniRecord& asker = snapshot.eni(slot_of_asker);
  const SubnetRecord& subnet = snapshot.subnets[asker.subnet];
  // From the internet everything public is behind the gateway.
  const bool behind_router =
      asker.kind == EndKind::kGateway
          ? target == asker.router || snapshot.public_addresses.private_of.find(target).has_value()
          : services::is_behind_router_mac(snapshot.services.of(slot_of_asker), IpAddress::from({target}));
  if (behind_router) {
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
  if (eni.spoof_check && !eni.trust && arp.sender_mac != eni.mac) return burst.drop(i, DropReason::kSpoofedMac);
  // An address probe asks before it has an address (RFC 5227 2.1.1).
  const std::uint32_t sender = arp.sender_ip.host();
  const auto own = [&](std::uint32_t address) {
    return address == eni.address ||
           (eni.more_addresses && worker.snapshot->owns(burst.source[i], IpAddress::from({address})));
  };
  if (eni.address_check && sender != 0 && !own(sender)) return burst.drop(i, DropReason::kSpoofedIp);

  const std::uint32_t target = arp.target_ip.host();
  if (arp.operation.host() != ArpHeader::kRequest || own(target) || target == sender) {
    burst.fate[i] = Fate::kConsumed;
    return;
  }
  MacAddress mac;
  if (!resolve_mac(burst.source[i], target, *worker.snapshot, mac)) {
    // A probe asks whether it may have the address (RFC 5227): nobody has it.
    if (!worker.snapshot->parameters.router_answers_arp || sender == 0 || eni.kind == EndKind::kGateway)
      return burst.drop(i, DropReason::kArpUnanswered);
    mac = worker.snapshot->subnets[eni.subnet].router_mac;  // which has nobody to deliver to, and drops what comes
  }
  ethernet = {ethernet.source, mac, ethernet.ether_type};
  arp.operation = Be16(ArpHeader::kReply);
  arp.target_mac = arp.sender_mac;
  arp.sender_mac = mac;
  std::swap(arp.sender_ip, arp.target_ip);
  answered(burst, i, worker);
}

}  // namespace

/// Only ARP: a request by IP has no flow, so judge() meets it and the established path need not ask (serve_request()).
void serve(Burst& burst, WorkerContext& worker) noexcept {
  for (std::uint32_t rest = burst.pending_rest(); rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    if (burst.kind[i] == FlowKind::kArp) serve_arp(burst, i, worker.snapshot->eni(burst.source[i]), worker);
  }
}

}  // namespace weft
