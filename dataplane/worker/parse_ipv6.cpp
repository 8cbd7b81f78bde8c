#include "dataplane/worker/parse_ipv6.hpp"

#include <algorithm>

#include "dataplane/net/ipv6_headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/parse_fragment.hpp"

namespace weft {
namespace {

struct Transport {
  std::uint16_t source_port = 0, destination_port = 0;
  FlowKind kind = FlowKind::kFlow;
  unsigned header_bytes = 0;
  std::uint8_t tcp_flags = 0;
};

/// As of ICMP: the identifier stands for the asker's port and the request's type for the other (RFC 4443 4). Everything
/// else that is no error is judged for itself.
Transport echo(const Icmpv6Header& icmp) noexcept {
  constexpr std::uint16_t kRequest = Icmpv6Header::kEchoRequest << 8;
  switch (icmp.type) {
    case Icmpv6Header::kEchoRequest: return {.source_port = icmp.identifier.host(), .destination_port = kRequest};
    case Icmpv6Header::kEchoReply:
      return {.source_port = kRequest, .destination_port = icmp.identifier.host(), .kind = FlowKind::kAnswer};
    default:
      return {.destination_port = static_cast<std::uint16_t>(icmp.type << 8 | icmp.code), .kind = FlowKind::kAlone};
  }
}

/// The transport header in `l4`, which is cut where the first buffer ends; `bytes` is how long the packet says it is.
/// False when it contradicts itself.
bool read_transport(std::uint8_t protocol, std::span<const std::byte> l4, std::size_t bytes, Transport& out) noexcept {
  switch (protocol) {
    case kProtocolTcp: {
      if (l4.size() < sizeof(TcpHeader)) return false;
      const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4.data());
      if (tcp.header_bytes() < sizeof tcp || tcp.header_bytes() > bytes) return false;
      out = {.source_port = tcp.source_port.host(),
             .destination_port = tcp.destination_port.host(),
             .header_bytes = tcp.header_bytes(),
             .tcp_flags = tcp.flags};
      return true;
    }
    case kProtocolUdp: {
      if (l4.size() < sizeof(UdpHeader)) return false;
      const auto& udp = *reinterpret_cast<const UdpHeader*>(l4.data());
      if (udp.length.host() < sizeof udp || udp.length.host() > bytes) return false;
      out = {.source_port = udp.source_port.host(),
             .destination_port = udp.destination_port.host(),
             .header_bytes = sizeof udp};
      return true;
    }
    case kProtocolIcmpv6:
      if (l4.size() < sizeof(Icmpv6Header)) return false;
      out = echo(*reinterpret_cast<const Icmpv6Header*>(l4.data()));
      return true;
    default: return true;  // tracked by addresses and protocol (facts ec2 2.4)
  }
}

/// An ICMPv6 error quotes the packet it is about, as much of it as fits (RFC 4443 3). When that one went from this
/// one's destination to this one's source, the error belongs to its flow.
bool related_key6(Burst& burst, unsigned i, std::span<const std::byte> quoted, const Ipv6Header& outer,
                  const EniRecord& sender) noexcept {
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(quoted);
  if (!layers || layers->is_fragment() || quoted.size() < layers->l4_offset + 8U) return false;
  const auto& inner = *reinterpret_cast<const Ipv6Header*>(quoted.data());
  if (inner.version() != 6 || inner.source != outer.destination) return false;
  if (sender.kind != EndKind::kGateway && inner.destination != outer.source) return false;  // as of IPv4

  const std::byte* const l4 = quoted.data() + layers->l4_offset;
  Transport ports;
  if (layers->protocol == kProtocolTcp || layers->protocol == kProtocolUdp) {
    const auto& head = *reinterpret_cast<const UdpHeader*>(l4);  // TCP has its ports in the same place
    ports = {.source_port = head.source_port.host(), .destination_port = head.destination_port.host()};
  } else if (layers->protocol == kProtocolIcmpv6) {
    ports = echo(*reinterpret_cast<const Icmpv6Header*>(l4));
    if (ports.kind == FlowKind::kAlone) return false;
  }
  const NormalisedKey6 about =
      normalise(sender.vpc, inner.source, inner.destination, layers->protocol, ports.source_port, ports.destination_port);
  burst.key6[i] = about.key;
  burst.direction[i] = 1 - about.direction;
  burst.kind[i] = FlowKind::kRelated;
  return true;
}

/// What the datagram is made of begins behind the fragment header, perhaps with more extension headers.
void parse_fragment6(Burst& burst, unsigned i, const Ipv6Header& ip, const Ipv6Layers& layers,
                     std::span<const std::byte> here, std::size_t total, WorkerContext& worker) noexcept {
  const std::size_t begin = layers.fragment_header + sizeof(Ipv6FragmentHeader);
  Fragment fragment;
  fragment.key = {ip.source, ip.destination, layers.identification, burst.source[i], 0};
  fragment.protocol = layers.protocol;
  fragment.offset = layers.fragment_offset;
  fragment.more = layers.more_fragments;
  fragment.bytes = total - begin;
  fragment.l4 = here.subspan(std::min<std::size_t>(layers.l4_offset, here.size()));
  const std::optional<FragmentPorts> ports = fragment_ports(burst, i, fragment, burst.fragments_known, worker);
  if (!ports) return;
  const NormalisedKey6 normal = normalise(worker.snapshot->eni(burst.source[i]).vpc, ip.source, ip.destination,
                                          ports->protocol, ports->source, ports->destination);
  burst.key6[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.kind[i] = ports->kind;
  burst.hash[i] = hash(normal.key);
}

}  // namespace

void parse_ipv6(Burst& burst, unsigned i, const EniRecord& sender, WorkerContext& worker) noexcept {
  burst.ipv6 |= 1U << i;
  burst.key[i] = kNobodysKey;
  burst.tcp_flags[i] = 0;
  const rte_mbuf* const packet = burst.packet[i];
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::byte*);
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(frame + kIpOffset);
  if (packet->data_len < kIpv6L4Offset || ip.version() != 6) return burst.drop(i, DropReason::kMalformed);
  const std::size_t total = sizeof ip + ip.payload_length.host();
  if (total > packet->pkt_len - kIpOffset || is_impossible(ip)) return burst.drop(i, DropReason::kMalformed);
  const bool multicast_frame = reinterpret_cast<const EthernetHeader*>(frame)->destination.is_multicast();
  if (multicast_frame && !ip.destination.is_multicast_v6()) return burst.drop(i, DropReason::kMulticast);

  const std::span<const std::byte> here(frame + kIpOffset, std::min<std::size_t>(total, packet->data_len - kIpOffset));
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(here);
  if (!layers) return burst.drop(i, DropReason::kMalformed);
  if (layers->is_fragment()) return parse_fragment6(burst, i, ip, *layers, here, total, worker);

  const std::span<const std::byte> l4 = here.subspan(layers->l4_offset);
  Transport transport;
  if (!read_transport(layers->protocol, l4, total - layers->l4_offset, transport))
    return burst.drop(i, DropReason::kMalformed);
  if (layers->protocol == kProtocolIcmpv6 && reinterpret_cast<const Icmpv6Header*>(l4.data())->is_error() &&
      related_key6(burst, i, l4.subspan(sizeof(Icmpv6Header)), ip, sender)) {
    burst.hash[i] = hash(burst.key6[i]);
    if (has_offloads(packet)) burst.drop(i, DropReason::kMalformed);
    return;
  }
  if (has_offloads(packet)) [[unlikely]] {
    if (!offloads_fit(packet, layers->l4_offset, transport.header_bytes, layers->protocol, RTE_MBUF_F_TX_IPV6))
      return burst.drop(i, DropReason::kMalformed);
    burst.offloads = true;
  }
  const NormalisedKey6 normal = normalise(sender.vpc, ip.source, ip.destination, layers->protocol, transport.source_port,
                                          transport.destination_port);
  burst.key6[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.kind[i] = transport.kind;
  burst.tcp_flags[i] = transport.tcp_flags;
  burst.hash[i] = hash(normal.key);
}

PacketTuple tuple_of_ipv6(std::span<const std::byte> packet) noexcept {
  PacketTuple tuple;
  if (packet.size() < sizeof(Ipv6Header)) return tuple;
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(packet.data());
  tuple.source = ip.source;
  tuple.destination = ip.destination;
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(packet);
  if (!layers) {
    tuple.protocol = ip.next_header;
    return tuple;
  }
  tuple.protocol = layers->protocol;
  if (layers->fragment_offset != 0 || packet.size() < layers->l4_offset + 4U) return tuple;
  const auto& head = *reinterpret_cast<const UdpHeader*>(packet.data() + layers->l4_offset);
  if (layers->protocol == kProtocolTcp || layers->protocol == kProtocolUdp) {
    tuple.source_port = head.source_port.host();
    tuple.destination_port = head.destination_port.host();
  } else if (layers->protocol == kProtocolIcmpv6) {
    tuple.destination_port = head.source_port.host();  // type and code are the first two bytes
  }
  return tuple;
}

}  // namespace weft
