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

std::uint32_t add_record(FlowLogKey& key, EniSlot slot, std::uint8_t action, FlowLogDirection direction,
                         const FlowLogAmount& amount, std::uint32_t flow, WorkerContext& worker) noexcept {
  key.slot = slot;
  key.born = worker.snapshot->eni(slot).born;
  key.action = static_cast<FlowLogAction>(action);
  key.direction = direction;
  return worker.flow_log->records.account(key, amount, flow);
}

/// The ends that log what became of the packet, as bits of FlowLogAction.
struct Logged {
  std::uint8_t at_sender = 0, at_receiver = 0;
};

/// By where the flow's packets went before. False: not all of it is known, and `logged` is what is left to do.
template <typename Entry>
bool add_by_place(const Burst& burst, unsigned i, Logged& logged, const FlowLogAmount& amount,
                  WorkerContext& worker) noexcept {
  FlowLogPlaces& places = worker.flow_log->places_of<Entry>();
  const FlowLogPlace& place = places.of(burst.entry[i], burst.direction[i]);
  const std::uint32_t flow = places.name_of(burst.entry[i], burst.direction[i]);
  if (logged.at_sender != 0 && worker.flow_log->records.add(place.at_sender, flow, amount)) logged.at_sender = 0;
  if (logged.at_receiver != 0 && worker.flow_log->records.add(place.at_receiver, flow, amount)) logged.at_receiver = 0;
  return (logged.at_sender | logged.at_receiver) == 0;
}

/// By its key. The entry may be another flow's by now, if a later packet of the burst has pushed this one's out.
template <typename Entry>
void add_by_key(const Burst& burst, unsigned i, const Logged& logged, const FlowLogAmount& amount,
                WorkerContext& worker) noexcept {
  FlowLogPlace* place = nullptr;
  std::uint32_t flow = 0;
  const std::uint8_t direction = burst.direction[i];
  if (burst.fate[i] == Fate::kForward && burst.entry[i] != kNoFlowEntry &&
      worker.flows_of<Entry>().confirm(burst.entry[i], burst.key_of<Entry>(i), direction, burst.source[i], worker.now)) {
    FlowLogPlaces& places = worker.flow_log->places_of<Entry>();
    place = &places.of(burst.entry[i], direction);
    flow = places.name_of(burst.entry[i], direction);
  }
  FlowLogKey key = record_key(burst, i);
  if (logged.at_receiver != 0) {
    const std::uint32_t at = add_record(key, burst.destination[i], logged.at_receiver, FlowLogDirection::kIngress, amount,
                                        flow, worker);
    if (place != nullptr) place->at_receiver = at;
  }
  if (logged.at_sender == 0) return;
  const EniSlot gateway = worker.snapshot->gateway;
  key.internet = burst.destination[i] == gateway && gateway != kNoEni;
  const std::uint32_t at =
      add_record(key, burst.source[i], logged.at_sender, FlowLogDirection::kEgress, amount, flow, worker);
  if (place != nullptr) place->at_sender = at;
}

template <typename Entry>
void account_one(const Burst& burst, unsigned i, Logged logged, WorkerContext& worker) noexcept {
  constexpr bool ipv6 = std::is_same_v<Entry, FlowEntry6>;
  const WireSize size = ip_size_of(burst.packet[i], ipv6);
  const FlowLogAmount amount{size.packets, size.bytes, burst.tcp_flags[i], worker.now_ns};
  if (burst.fate[i] == Fate::kForward && burst.entry[i] != kNoFlowEntry &&
      add_by_place<Entry>(burst, i, logged, amount, worker)) [[likely]]
    return;
  if (!is_of_link(burst, i)) add_by_key<Entry>(burst, i, logged, amount, worker);
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
    const Logged logged{logged_of(burst.source[i], said.by_sender, snapshot),
                        logged_of(burst.destination[i], said.by_receiver, snapshot)};
    if ((logged.at_sender | logged.at_receiver) == 0) continue;
    if (burst.is_ipv6(i)) account_one<FlowEntry6>(burst, i, logged, worker);
    else account_one<FlowEntry4>(burst, i, logged, worker);
  }
}

}  // namespace weft
