// The offload fields of an mbuf (drivers/port.hpp): what a frame asks for and whether it may.
#pragma once

#include <algorithm>

#include <rte_mbuf.h>

#include "dataplane/limit/wire_size.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {

/// TCP_MIN_SND_MSS of Linux: a smaller segment size only serves to make the fabric work.
inline constexpr unsigned kSmallestSegment = 48;

inline bool has_offloads(const rte_mbuf* packet) noexcept {
  return (packet->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) != 0;
}
inline bool wants_segmentation(const rte_mbuf* packet) noexcept {
  return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
}
inline bool wants_checksum(const rte_mbuf* packet) noexcept {
  return (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0 || wants_segmentation(packet);
}

/// The size that MTU limits, without the Ethernet header: of a super-segment, one segment's (DESIGN D15).
inline std::uint32_t ip_bytes(const rte_mbuf* packet) noexcept {
  if (!wants_segmentation(packet)) return packet->pkt_len - sizeof(EthernetHeader);
  return std::min<std::uint32_t>(packet->l3_len + packet->l4_len + packet->tso_segsz,
                                 packet->pkt_len - sizeof(EthernetHeader));
}

/// What it will be on the wire, cut and finished.
inline WireSize wire_size_of(const rte_mbuf* packet) noexcept {
  if (!wants_segmentation(packet)) [[likely]]
    return {packet->pkt_len, 1};
  return wire_size(packet->pkt_len, packet->l2_len + packet->l3_len + packet->l4_len, packet->tso_segsz);
}

/// What the port says about a frame agrees with the frame's own headers.
/// `family` is RTE_MBUF_F_TX_IPV4 or RTE_MBUF_F_TX_IPV6; `l3_bytes` counts IPv6's extension headers.
inline bool offloads_fit(const rte_mbuf* packet, unsigned l3_bytes, unsigned l4_bytes, std::uint8_t protocol,
                         std::uint64_t family = RTE_MBUF_F_TX_IPV4) noexcept {
  const std::uint64_t known = family | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_L4_MASK;
  const std::uint64_t flags = packet->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
  const std::uint64_t l4 = flags & RTE_MBUF_F_TX_L4_MASK;
  if ((flags & ~known) != 0) return false;
  if (wants_checksum(packet) && (packet->l2_len != kIpOffset || packet->l3_len != l3_bytes)) return false;
  if (wants_segmentation(packet))
    return protocol == kProtocolTcp && (l4 == 0 || l4 == RTE_MBUF_F_TX_TCP_CKSUM) && packet->l4_len == l4_bytes &&
           packet->tso_segsz >= kSmallestSegment;
  return l4 == 0 || (l4 == RTE_MBUF_F_TX_TCP_CKSUM && protocol == kProtocolTcp) ||
         (l4 == RTE_MBUF_F_TX_UDP_CKSUM && protocol == kProtocolUdp);
}

}  // namespace weft
