#include "dataplane/worker/parse_fragment.hpp"

#include <algorithm>
#include <optional>

#include "dataplane/net/ipv6_headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/stages.hpp"
#include "dataplane/worker/transport.hpp"

namespace weft {
namespace {

/// One fragment, whichever family.
struct Fragment {
  FragmentId id;
  std::uint32_t offset = 0;  // of its bytes in the packet that was cut
  std::uint32_t bytes = 0;   // of that packet in this frame
  bool more = false;
  std::uint8_t protocol = 0;          // of a first fragment: of `l4`
  std::uint8_t icmp = kProtocolIcmp;  // the family's
  std::span<const std::byte> l4;      // of a first fragment: as far as the first buffer goes
  std::uint32_t l4_bytes = 0;
};

std::span<const std::byte> ip_bytes_here(const rte_mbuf* packet, std::size_t total) noexcept {
  return {rte_pktmbuf_mtod_offset(packet, const std::byte*, kIpOffset),
          std::min<std::size_t>(total, packet->data_len - kIpOffset)};
}

Fragment read_fragment4(const rte_mbuf* packet, EniSlot eni) noexcept {
  const auto& ip = *rte_pktmbuf_mtod_offset(packet, const Ipv4Header*, kIpOffset);
  const unsigned l3 = ip.header_bytes();
  Fragment out;
  out.id.source = IpAddress::from({ip.source.host()});
  out.id.destination = IpAddress::from({ip.destination.host()});
  out.id.identification = ip.identification.host();
  out.id.eni = eni;
  out.id.protocol = out.protocol = ip.protocol;
  out.offset = (ip.fragment.host() & Ipv4Header::kOffsetMask) * 8U;
  out.more = (ip.fragment.host() & Ipv4Header::kMoreFragments) != 0;
  out.bytes = out.l4_bytes = ip.total_length.host() - l3;
  out.l4 = ip_bytes_here(packet, ip.total_length.host()).subspan(l3);
  return out;
}

Fragment read_fragment6(const rte_mbuf* packet, EniSlot eni) noexcept {
  const auto& ip = *rte_pktmbuf_mtod_offset(packet, const Ipv6Header*, kIpOffset);
  const std::uint32_t total = sizeof ip + ip.payload_length.host();
  const std::span<const std::byte> here = ip_bytes_here(packet, total);
  const Ipv6Layers layers = *parse_ipv6_headers(here);  // parse_ipv6() has found it well-formed
  Fragment out;
  out.id.source = ip.source;
  out.id.destination = ip.destination;
  out.id.identification = layers.identification;
  out.id.eni = eni;
  out.offset = layers.fragment_offset;
  out.more = layers.more_fragments;
  out.bytes = total - layers.fragment_header - static_cast<std::uint32_t>(sizeof(Ipv6FragmentHeader));
  out.protocol = layers.protocol;
  out.icmp = kProtocolIcmpv6;
  out.l4 = here.subspan(layers.l4_offset);
  out.l4_bytes = total - layers.l4_offset;
  return out;
}

Fragment read_fragment(const Burst& burst, unsigned i) noexcept {
  return burst.is_ipv6(i) ? read_fragment6(burst.packet[i], burst.source[i])
                          : read_fragment4(burst.packet[i], burst.source[i]);
}

/// Ports, flags and kind of a first fragment, which others are to find; false when it is malformed.
bool begin_fragments(Burst& burst, unsigned i, const Fragment& fragment, FirstFragment& first,
                     const WorkerContext& worker) noexcept {
  Transport transport;
  if (!read_transport(fragment.protocol, fragment.icmp, fragment.l4, fragment.l4_bytes, transport, true)) return false;
  first = {.source_port = transport.ports.source,
           .destination_port = transport.ports.destination,
           .service = tuple_of(burst.packet[i]).destination_port,
           .bytes = static_cast<std::uint16_t>(fragment.bytes),
           .protocol = fragment.protocol,
           .kind = static_cast<std::uint8_t>(transport.ports.kind)};
  burst.tcp_flags[i] = transport.tcp_flags;
  worker.fragments->remember(fragment.id, first, worker.now);
  return true;
}

template <typename Normalised, typename Key>
void set_key(Burst& burst, unsigned i, const Normalised& normal, Key& key) noexcept {
  key = normal.key;
  burst.direction[i] = normal.direction;
  burst.hash[i] = hash(normal.key);
}

}  // namespace

void parse_fragment(Burst& burst, unsigned i, const WorkerContext& worker) noexcept {
  const Fragment fragment = read_fragment(burst, i);
  // All but the last are whole units of eight bytes, and together they are no more than a packet can be.
  const bool impossible = fragment.bytes == 0 || (fragment.more && fragment.bytes % 8 != 0) ||
                          fragment.offset + fragment.bytes > 0xffff || fragment.id.source == fragment.id.destination;
  if (impossible || has_offloads(burst.packet[i])) return burst.drop(i, DropReason::kMalformed);

  FirstFragment first;
  burst.tcp_flags[i] = 0;
  if (fragment.offset == 0) {
    if (!begin_fragments(burst, i, fragment, first, worker)) return burst.drop(i, DropReason::kMalformed);
  } else {
    const FirstFragment* const known = worker.fragments->find(fragment.id, fragment.offset, worker.now);
    if (known == nullptr) return burst.drop(i, DropReason::kFragment);
    first = *known;
  }
  const std::uint16_t vpc = worker.snapshot->eni(burst.source[i]).vpc;
  const FragmentId& id = fragment.id;
  burst.kind[i] = static_cast<FlowKind>(first.kind);
  if (burst.is_ipv6(i)) {
    set_key(burst, i, normalise(vpc, id.source, id.destination, first.protocol, first.source_port, first.destination_port),
            burst.key6[i]);
  } else {
    set_key(burst, i, normalise(vpc, id.source.v4().value, id.destination.v4().value, first.protocol,
                                first.source_port, first.destination_port), burst.key[i]);
  }
}

std::optional<PacketTuple> tuple_of_fragment(const Burst& burst, unsigned i, const WorkerContext& worker) noexcept {
  PacketTuple tuple = tuple_of(burst.packet[i]);
  const Fragment fragment = read_fragment(burst, i);
  if (fragment.offset == 0) return tuple;
  const FirstFragment* const first = worker.fragments->find(fragment.id, fragment.offset, worker.now);
  if (first == nullptr) return std::nullopt;
  tuple.protocol = first->protocol;
  tuple.source_port = first->source_port;
  tuple.destination_port = first->service;
  return tuple;
}

}  // namespace weft
