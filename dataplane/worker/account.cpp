// What flow logs are told (observe/flow_log_table.hpp). The pipeline leaves this stage out where nothing is logged.
//
// A packet is egress at the ENI that sends it and ingress at the one that gets it, each with what its own group and its
// subnet's ACL said. REJECT is theirs alone: what they let pass and was dropped for another reason, as without a route or
// over an allowance, is the sender's ACCEPT, and the receiver's nothing. Services answer without a gate, so what is for
// them never comes here (facts ec2 1.9). It runs before depart() and after arrive(): addresses are those the guest sees.
#include <array>

#include "dataplane/limit/wire_size.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/parse_fragment.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

constexpr std::uint8_t kAccepted = static_cast<std::uint8_t>(FlowLogAction::kAccept);
constexpr std::uint8_t kRejected = static_cast<std::uint8_t>(FlowLogAction::kReject);

/// What the two ends say of a packet, as bits of FlowLogAction; 0: nothing.
struct Said {
  std::uint8_t by_sender = 0, by_receiver = 0;
};

Said said_of_drop(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::kGroupEgress:
    case DropReason::kAclEgress: return {kRejected, 0};
    case DropReason::kGroupIngress:
    case DropReason::kAclIngress: return {kAccepted, kRejected};
    case DropReason::kNoRoute:
    case DropReason::kBlackhole:
    case DropReason::kNoSuchAddress:
    case DropReason::kNotForEni:
    case DropReason::kFlowBandwidth:
    case DropReason::kBwOutAllowance:
    case DropReason::kBwInAllowance:
    case DropReason::kPpsAllowance: return {kAccepted, 0};
    default: return {};
  }
}

/// What this burst's end says and somebody logs.
std::uint8_t logged_of(EniSlot slot, std::uint8_t said, const Snapshot& snapshot) noexcept {
  return slot == kNoEni ? 0 : static_cast<std::uint8_t>(snapshot.logged_actions[slot] & said);
}

/// Bytes of IP: AWS's own example has 336 for four pings of 84.
WireSize ip_size_of(const rte_mbuf* packet, bool ipv6) noexcept {
  constexpr std::uint32_t kEthernet = sizeof(EthernetHeader);
  if (wants_segmentation(packet)) {
    const WireSize wire =
        wire_size(packet->pkt_len, packet->l2_len + packet->l3_len + packet->l4_len, packet->tso_segsz);
    return {wire.bytes - wire.packets * kEthernet, wire.packets};
  }
  // By the header: a short frame may be padded.
  const auto* const ip = rte_pktmbuf_mtod_offset(packet, const std::byte*, kIpOffset);
  if (ipv6) {
    const std::uint32_t payload = reinterpret_cast<const Ipv6Header*>(ip)->payload_length.host();
    return {payload + static_cast<std::uint32_t>(sizeof(Ipv6Header)), 1};
  }
  return {reinterpret_cast<const Ipv4Header*>(ip)->total_length.host(), 1};
}

FlowLogKey record_key(const Burst& burst, unsigned i) noexcept {
  PacketTuple tuple = tuple_of(burst.packet[i]);
  if (burst.is_fragment(i) && is_later_fragment(burst.packet[i])) FragmentPorts::read(burst.packet[i]).complete(tuple);
  FlowLogKey key;
  key.source = tuple.source;
  key.destination = tuple.destination;
  key.protocol = static_cast<std::uint8_t>(tuple.protocol);
  if (tuple.protocol == kProtocolTcp || tuple.protocol == kProtocolUdp) {  // AWS's examples have 0 for ICMP
    key.source_port = tuple.source_port;
    key.destination_port = tuple.destination_port;
  }
  return key;
}

/// The link itself is no matter for a flow log.
bool is_of_link(const Burst& burst, unsigned i) noexcept {
  return burst.is_ipv6(i) &&
         (burst.destination_address6(i).is_link_local_v6() || burst.destination_address6(i).is_multicast_v6());
}

void add_record(FlowLogKey& key, EniSlot slot, std::uint8_t action, FlowLogDirection direction, const WireSize& size,
         std::uint8_t tcp_flags, WorkerContext& worker) noexcept {
  key.slot = slot;
  key.born = worker.snapshot->eni(slot).born;
  key.action = static_cast<FlowLogAction>(action);
  key.direction = direction;
  worker.flow_log->account(key, size.bytes, size.packets, tcp_flags, worker.now_ns);
}

}  // namespace

void account(const Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  for (unsigned i = 0; i < burst.count; ++i) {
    Said said;
    if (burst.fate[i] == Fate::kForward)
      said = {kAccepted, snapshot.eni(burst.destination[i]).link_up ? kAccepted : std::uint8_t{0}};
    else if (burst.fate[i] == Fate::kDropped)
      said = said_of_drop(burst.reason[i]);
    const std::uint8_t at_sender = logged_of(burst.source[i], said.by_sender, snapshot);
    const std::uint8_t at_receiver = logged_of(burst.destination[i], said.by_receiver, snapshot);
    if ((at_sender | at_receiver) == 0 || is_of_link(burst, i)) continue;
    FlowLogKey key = record_key(burst, i);
    const WireSize size = ip_size_of(burst.packet[i], burst.is_ipv6(i));
    const std::uint8_t flags = key.protocol == kProtocolTcp ? burst.tcp_flags[i] : std::uint8_t{0};
    if (at_receiver != 0)
      add_record(key, burst.destination[i], at_receiver, FlowLogDirection::kIngress, size, flags, worker);
    if (at_sender == 0) continue;
    key.internet = burst.destination[i] == snapshot.gateway && snapshot.gateway != kNoEni;
    add_record(key, burst.source[i], at_sender, FlowLogDirection::kEgress, size, flags, worker);
  }
}

}  // namespace weft
