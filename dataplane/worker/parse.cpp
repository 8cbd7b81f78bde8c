// Stage 1: headers to key, hash and kind.
#include <algorithm>
#include <bit>
#include <optional>

#include "dataplane/net/headers.hpp"
#include "dataplane/services/dhcp4.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/parse_fragment.hpp"
#include "dataplane/worker/parse_ipv6.hpp"
#include "dataplane/worker/parse_plain.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

struct Ports {
  std::uint16_t source = 0, destination = 0;
  FlowKind kind = FlowKind::kFlow;
};

/// ICMP queries are flows: the identifier stands for the requester's port and the request's type for the other, so that
/// request and answer have one key, and an answer nobody asked for finds nothing (RFC 792, RFC 950 for 17 and 18).
Ports icmp_query(const IcmpHeader& icmp) noexcept {
  const auto request = [](unsigned type) { return static_cast<std::uint16_t>(type << 8); };
  switch (icmp.type) {
    case 8: case 13: case 15: case 17: return {icmp.identifier.host(), request(icmp.type), FlowKind::kFlow};
    case 0: return {request(8), icmp.identifier.host(), FlowKind::kAnswer};
    case 14: case 16: case 18: return {request(icmp.type - 1U), icmp.identifier.host(), FlowKind::kAnswer};
    default: return {0, static_cast<std::uint16_t>(icmp.type << 8 | icmp.code), FlowKind::kAlone};
  }
}

/// An ICMP error carries the head of the packet it is about: its IP header and eight bytes (RFC 792). When that packet
/// went from this one's destination to this one's source, the error belongs to its flow.
bool related_key(Burst& burst, unsigned i, const std::byte* quoted, std::size_t bytes, const Ipv4Header& outer,
                 const EniRecord& sender) noexcept {
  if (bytes < sizeof(Ipv4Header)) return false;
  const auto& inner = *reinterpret_cast<const Ipv4Header*>(quoted);
  const unsigned l3 = inner.header_bytes();
  if (inner.version() != 4 || l3 < sizeof(Ipv4Header) || bytes < l3 + 8 || inner.is_fragment()) return false;
  if (!(inner.source == outer.destination)) return false;
  // Any router on the way out there may send it; inside the VPC only the other end has something to say.
  if (sender.kind != EndKind::kGateway && !(inner.destination == outer.source)) return false;

  Ports ports;
  if (inner.protocol == kProtocolTcp || inner.protocol == kProtocolUdp) {
    const auto& l4 = *reinterpret_cast<const UdpHeader*>(quoted + l3);  // TCP has its ports in the same place
    ports = {l4.source_port.host(), l4.destination_port.host(), FlowKind::kFlow};
  } else if (inner.protocol == kProtocolIcmp) {
    ports = icmp_query(*reinterpret_cast<const IcmpHeader*>(quoted + l3));
    if (ports.kind == FlowKind::kAlone) return false;
  }
  const NormalisedKey4 about = normalise(sender.vpc, inner.source.host(), inner.destination.host(), inner.protocol,
                                         ports.source, ports.destination);
  burst.key[i] = about.key;
  burst.direction[i] = 1 - about.direction;
  burst.kind[i] = FlowKind::kRelated;
  return true;
}

/// Addresses and lengths have been checked.
void parse_fragment4(Burst& burst, unsigned i, const Ipv4Header& ip, std::size_t l4_here, WorkerContext& worker) noexcept {
  const unsigned l3 = ip.header_bytes();
  const std::uint16_t word = ip.fragment.host();
  Fragment fragment;
  fragment.key = {IpAddress::from({ip.source.host()}), IpAddress::from({ip.destination.host()}),
                  ip.identification.host(), burst.source[i], ip.protocol};
  fragment.protocol = ip.protocol;
  fragment.offset = (word & Ipv4Header::kOffsetMask) * 8U;
  fragment.more = (word & Ipv4Header::kMoreFragments) != 0;
  fragment.bytes = ip.total_length.host() - l3;
  fragment.l4 = {reinterpret_cast<const std::byte*>(&ip) + l3, std::min(l4_here, fragment.bytes)};
  burst.tcp_flags[i] = 0;
  const std::optional<FragmentPorts> ports = fragment_ports(burst, i, fragment, burst.fragments_known, worker);
  if (!ports) return;
  const NormalisedKey4 normal = normalise(worker.snapshot->eni(burst.source[i]).vpc, ip.source.host(),
                                          ip.destination.host(), ip.protocol, ports->source, ports->destination);
  burst.key[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.kind[i] = ports->kind;
  burst.hash[i] = hash(normal.key);
}

void parse_ipv4(Burst& burst, unsigned i, const rte_mbuf* packet, const std::byte* frame, const EniRecord& sender,
                WorkerContext& worker) noexcept {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kIpOffset);
  if (packet->data_len < kIpv4L4Offset || ip.version() != 4) return burst.drop(i, DropReason::kMalformed);
  const unsigned l3 = ip.header_bytes();
  const unsigned total = ip.total_length.host();
  const std::size_t here = packet->data_len - kIpOffset;  // bytes of IP that are in the first mbuf
  if (l3 < sizeof(Ipv4Header) || total < l3 || total > packet->pkt_len - kIpOffset || l3 > here)
    return burst.drop(i, DropReason::kMalformed);
  // A frame to oneself never leaves a host; this is a LAND packet.
  if (ip.source == ip.destination) return burst.drop(i, DropReason::kMalformed);
  if (ip.is_fragment()) [[unlikely]] return parse_fragment4(burst, i, ip, here - l3, worker);

  const std::byte* const l4 = frame + kIpOffset + l3;
  const std::size_t l4_here = here - l3;
  const unsigned l4_bytes = total - l3;
  unsigned l4_header = 0;
  Ports ports;
  burst.tcp_flags[i] = 0;
  switch (ip.protocol) {
    case kProtocolTcp: {
      const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4);
      if (l4_here < sizeof tcp || tcp.header_bytes() < sizeof tcp || tcp.header_bytes() > l4_bytes)
        return burst.drop(i, DropReason::kMalformed);
      ports = {tcp.source_port.host(), tcp.destination_port.host(), FlowKind::kFlow};
      burst.tcp_flags[i] = tcp.flags;
      l4_header = tcp.header_bytes();
      break;
    }
    case kProtocolUdp: {
      const auto& udp = *reinterpret_cast<const UdpHeader*>(l4);
      if (l4_here < sizeof udp || udp.length.host() < sizeof udp || udp.length.host() > l4_bytes)
        return burst.drop(i, DropReason::kMalformed);
      ports = {udp.source_port.host(), udp.destination_port.host(), FlowKind::kFlow};
      l4_header = sizeof udp;
      break;
    }
    case kProtocolIcmp: {
      const auto& icmp = *reinterpret_cast<const IcmpHeader*>(l4);
      if (l4_here < sizeof icmp || l4_bytes < sizeof icmp) return burst.drop(i, DropReason::kMalformed);
      if (icmp.is_error() &&
          related_key(burst, i, l4 + sizeof icmp, std::min<std::size_t>(l4_here, l4_bytes) - sizeof icmp, ip, sender)) {
        burst.hash[i] = hash(burst.key[i]);
        if (has_offloads(packet)) burst.drop(i, DropReason::kMalformed);
        return;
      }
      ports = icmp_query(icmp);
      break;
    }
    default: break;  // tracked by addresses and protocol (facts ec2 2.4)
  }

  if (has_offloads(packet)) [[unlikely]] {
    if (!offloads_fit(packet, l3, l4_header, ip.protocol)) return burst.drop(i, DropReason::kMalformed);
    burst.offloads = true;
  }
  const NormalisedKey4 normal =
      normalise(sender.vpc, ip.source.host(), ip.destination.host(), ip.protocol, ports.source, ports.destination);
  burst.key[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.kind[i] = ports.kind;
  burst.hash[i] = hash(normal.key);
}

void parse_arp(Burst& burst, unsigned i, const rte_mbuf* packet, const std::byte* frame) noexcept {
  const auto& arp = *reinterpret_cast<const ArpHeader*>(frame + sizeof(EthernetHeader));
  if (packet->data_len < sizeof(EthernetHeader) + sizeof arp ||
      arp.hardware_type.host() != ArpHeader::kHardwareEthernet || arp.protocol_type.host() != kEtherTypeIpv4 ||
      arp.hardware_length != 6 || arp.protocol_length != 4)
    return burst.drop(i, DropReason::kMalformed);
  burst.kind[i] = FlowKind::kArp;
}

/// To 255.255.255.255: DHCP comes so. What else does is dropped when judge() finds no service in it. To the subnet's
/// broadcast address only DHCP goes further, from a client that knows its subnet (statement 7).
bool is_broadcast(const rte_mbuf* packet, const std::byte* frame, const EniRecord& sender,
                  const Snapshot& snapshot) noexcept {
  if (packet->data_len < kIpv4L4Offset) return false;
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kIpOffset);
  if (ip.destination == Be32(0xffffffff)) return true;
  const std::size_t l4 = kIpOffset + ip.header_bytes();
  return sender.present && ip.destination == Be32(snapshot.subnets[sender.subnet].last) && ip.protocol == kProtocolUdp && !ip.is_fragment() &&
         packet->data_len >= l4 + sizeof(UdpHeader) &&
         reinterpret_cast<const UdpHeader*>(frame + l4)->destination_port == Be16(services::kDhcp4ServerPort);
}

void parse_frame(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const rte_mbuf* const packet = burst.packet[i];
  if (packet->data_len < sizeof(EthernetHeader)) return burst.drop(i, DropReason::kMalformed);
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::byte*);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame);
  if (packet->nb_segs > 1) burst.offloads = true;

  if (ethernet.ether_type == Be16(kEtherTypeIpv4)) [[likely]] {
    const EniRecord& sender = snapshot.eni(burst.source[i]);
    if (ethernet.destination.is_multicast() && !is_broadcast(packet, frame, sender, snapshot))
      return burst.drop(i, DropReason::kMulticast);
    parse_ipv4(burst, i, packet, frame, sender, worker);
  } else if (ethernet.ether_type == Be16(kEtherTypeIpv6)) {
    parse_ipv6(burst, i, snapshot.eni(burst.source[i]), worker);
  } else if (ethernet.ether_type == Be16(kEtherTypeArp)) {
    parse_arp(burst, i, packet, frame);
  } else {
    burst.drop(i, DropReason::kUnknownEtherType);
  }
}

}  // namespace

void parse(Burst& burst, WorkerContext& worker) noexcept {
  parse_plain(burst, worker);
  for (std::uint32_t rest = burst.pending_rest(); rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    parse_frame(burst, i, worker);
    if (!burst.pending(i)) continue;
    if (burst.is_ipv6(i)) worker.flows6.prefetch(burst.hash[i]);
    else worker.flows.prefetch(burst.hash[i]);
  }
}

void parse_again(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  burst.fragments_known = true;
  parse_frame(burst, i, worker);
  burst.fragments_known = false;  // of the others
  worker.flows.prefetch(burst.hash[i]);
}

PacketTuple tuple_of(const rte_mbuf* packet) noexcept {
  PacketTuple tuple;
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::byte*);
  if (packet->data_len < kIpv4L4Offset) return tuple;
  const Be16 ether_type = reinterpret_cast<const EthernetHeader*>(frame)->ether_type;
  if (ether_type == Be16(kEtherTypeIpv6)) return tuple_of_ipv6({frame + kIpOffset, packet->data_len - kIpOffset});
  if (!(ether_type == Be16(kEtherTypeIpv4))) return tuple;
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kIpOffset);
  tuple.source = IpAddress::from({ip.source.host()});
  tuple.destination = IpAddress::from({ip.destination.host()});
  tuple.protocol = ip.protocol;
  const std::size_t l4 = kIpOffset + ip.header_bytes();
  if ((ip.fragment.host() & Ipv4Header::kOffsetMask) != 0 || packet->data_len < l4 + 4) return tuple;
  const auto& head = *reinterpret_cast<const UdpHeader*>(frame + l4);
  if (ip.protocol == kProtocolTcp || ip.protocol == kProtocolUdp) {
    tuple.source_port = head.source_port.host();
    tuple.destination_port = head.destination_port.host();
  } else if (ip.protocol == kProtocolIcmp) {
    tuple.destination_port = head.source_port.host();  // type and code are the first two bytes
  }
  return tuple;
}

}  // namespace weft
