#include "drivers/tap/virtio_header.hpp"

#include <cstring>
#include <optional>

#include <rte_ip.h>

#include "dataplane/net/headers.hpp"
#include "dataplane/net/ipv6_headers.hpp"

namespace weft {
namespace {

struct Layers {
  bool known = false;  // IPv4 or IPv6 with TCP or UDP, whole headers in the first segment
  bool ipv6 = false;
  unsigned l3_bytes = 0;  // IPv6's extension headers included
  unsigned l4_bytes = 0;
  std::uint8_t protocol = 0;

  std::uint64_t family_flag() const { return ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4; }
};

template <typename Header>
bool read(const rte_mbuf* frame, unsigned offset, Header& header) noexcept {
  if (offset + sizeof(Header) > frame->data_len) return false;
  std::memcpy(&header, rte_pktmbuf_mtod_offset(frame, const char*, offset), sizeof header);
  return true;
}

/// Fills in what follows the IP header of `l3_bytes`.
Layers with_transport(const rte_mbuf* frame, Layers layers) noexcept {
  const unsigned l4 = kIpOffset + layers.l3_bytes;
  if (layers.protocol == kProtocolUdp) {
    layers.l4_bytes = sizeof(UdpHeader);
  } else if (TcpHeader tcp; layers.protocol == kProtocolTcp && read(frame, l4, tcp)) {
    layers.l4_bytes = tcp.header_bytes();
  }
  layers.known = layers.l4_bytes != 0 && l4 + layers.l4_bytes <= frame->data_len;
  return layers;
}

Layers layers_of(const rte_mbuf* frame) noexcept {
  EthernetHeader ethernet;
  if (!read(frame, 0, ethernet)) return {};
  if (ethernet.ether_type.host() == kEtherTypeIpv6) {
    const auto* const ip = rte_pktmbuf_mtod_offset(frame, const std::byte*, kIpOffset);
    const std::optional<Ipv6Layers> chain = parse_ipv6_headers({ip, frame->data_len - kIpOffset});
    if (!chain || chain->is_fragment()) return {};
    return with_transport(frame, {.ipv6 = true, .l3_bytes = chain->l4_offset, .protocol = chain->protocol});
  }
  Ipv4Header ip;
  if (ethernet.ether_type.host() != kEtherTypeIpv4 || !read(frame, kIpOffset, ip) || ip.version() != 4 ||
      ip.header_bytes() < sizeof ip)
    return {};
  return with_transport(frame, {.l3_bytes = ip.header_bytes(), .protocol = ip.protocol});
}

/// The checksum that Linux left to the device: from checksum_start to the end of the frame, stored at checksum_offset.
void complete(const VirtioNetHeader& header, rte_mbuf* frame) noexcept {
  const unsigned at = header.checksum_start + header.checksum_offset;
  std::uint16_t sum = 0;
  if (at + sizeof sum > frame->data_len || header.checksum_start >= frame->pkt_len) return;
  if (rte_raw_cksum_mbuf(frame, header.checksum_start, frame->pkt_len - header.checksum_start, &sum) != 0) return;
  sum = static_cast<std::uint16_t>(~sum);
  if (sum == 0) sum = 0xffff;  // equal in one's complement, and UDP must not send zero (RFC 768)
  std::memcpy(rte_pktmbuf_mtod_offset(frame, char*, at), &sum, sizeof sum);
}

}  // namespace

void offload_from_virtio(const VirtioNetHeader& header, rte_mbuf* frame) noexcept {
  frame->ol_flags = 0;
  frame->tx_offload = 0;
  const unsigned gso = header.gso_type & ~VirtioNetHeader::kGsoEcn;
  if (gso == VirtioNetHeader::kGsoNone && (header.flags & VirtioNetHeader::kNeedsChecksum) == 0) {
    if ((header.flags & VirtioNetHeader::kDataValid) != 0) frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return;
  }

  const Layers layers = layers_of(frame);
  frame->l2_len = kIpOffset;
  frame->l3_len = layers.l3_bytes;
  frame->l4_len = layers.l4_bytes;
  const bool outermost = layers.known && (header.flags & VirtioNetHeader::kNeedsChecksum) != 0 &&
                         header.checksum_start == kIpOffset + layers.l3_bytes;
  const unsigned tcp_gso = layers.ipv6 ? VirtioNetHeader::kGsoTcpv6 : VirtioNetHeader::kGsoTcpv4;
  if (gso == tcp_gso && outermost && layers.protocol == kProtocolTcp &&
      header.checksum_offset == kTcpChecksumOffset && header.gso_size != 0) {
    frame->ol_flags = layers.family_flag() | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    frame->tso_segsz = header.gso_size;
  } else if (gso != VirtioNetHeader::kGsoNone) {
    frame->ol_flags = RTE_MBUF_F_TX_UDP_SEG;  // never offered to the guest: the engine calls it malformed
  } else if (outermost && layers.protocol == kProtocolTcp && header.checksum_offset == kTcpChecksumOffset) {
    frame->ol_flags = layers.family_flag() | RTE_MBUF_F_TX_TCP_CKSUM;
  } else if (outermost && layers.protocol == kProtocolUdp && header.checksum_offset == kUdpChecksumOffset) {
    frame->ol_flags = layers.family_flag() | RTE_MBUF_F_TX_UDP_CKSUM;
  } else {
    complete(header, frame);
  }
}

VirtioNetHeader offload_to_virtio(const rte_mbuf* frame) noexcept {
  VirtioNetHeader header{};
  const std::uint64_t l4 = frame->ol_flags & RTE_MBUF_F_TX_L4_MASK;
  const bool segment = (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
  if (segment || l4 == RTE_MBUF_F_TX_TCP_CKSUM || l4 == RTE_MBUF_F_TX_UDP_CKSUM) {
    header.flags = VirtioNetHeader::kNeedsChecksum;
    header.checksum_start = static_cast<std::uint16_t>(frame->l2_len + frame->l3_len);
    header.checksum_offset = !segment && l4 == RTE_MBUF_F_TX_UDP_CKSUM ? kUdpChecksumOffset : kTcpChecksumOffset;
  } else if ((frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
    header.flags = VirtioNetHeader::kDataValid;
  }
  if (segment) {
    header.gso_type = (frame->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? VirtioNetHeader::kGsoTcpv6 : VirtioNetHeader::kGsoTcpv4;
    header.gso_size = frame->tso_segsz;
    header.header_length = static_cast<std::uint16_t>(frame->l2_len + frame->l3_len + frame->l4_len);
    // RFC 3168 6.1.2: CWR goes with the first segment only, and the guest's kernel must know to do so.
    const unsigned flags_at = frame->l2_len + frame->l3_len + 13U;
    if ((*rte_pktmbuf_mtod_offset(frame, const std::uint8_t*, flags_at) & 0x80) != 0)
      header.gso_type |= VirtioNetHeader::kGsoEcn;
  }
  return header;
}

}  // namespace weft
