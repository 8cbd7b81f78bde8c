#include "drivers/tap/virtio_header.hpp"

#include <cstring>

#include <rte_ip.h>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

struct Layers {
  bool known = false;  // IPv4 with TCP or UDP, whole headers in the first segment
  unsigned l3_bytes = 0;
  unsigned l4_bytes = 0;
  std::uint8_t protocol = 0;
};

template <typename Header>
bool read(const rte_mbuf* frame, unsigned offset, Header& header) noexcept {
  if (offset + sizeof(Header) > frame->data_len) return false;
  std::memcpy(&header, rte_pktmbuf_mtod_offset(frame, const char*, offset), sizeof header);
  return true;
}

Layers layers_of(const rte_mbuf* frame) noexcept {
  EthernetHeader ethernet;
  Ipv4Header ip;
  if (!read(frame, 0, ethernet) || ethernet.ether_type.host() != kEtherTypeIpv4) return {};
  if (!read(frame, kIpOffset, ip) || ip.version() != 4 || ip.header_bytes() < sizeof ip) return {};
  const unsigned l4 = kIpOffset + ip.header_bytes();
  if (ip.protocol == kProtocolUdp) return {l4 + sizeof(UdpHeader) <= frame->data_len, ip.header_bytes(), 8, ip.protocol};
  TcpHeader tcp;
  if (ip.protocol != kProtocolTcp || !read(frame, l4, tcp)) return {};
  return {l4 + tcp.header_bytes() <= frame->data_len, ip.header_bytes(), tcp.header_bytes(), ip.protocol};
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
  if (gso == VirtioNetHeader::kGsoTcpv4 && outermost && layers.protocol == kProtocolTcp &&
      header.checksum_offset == kTcpChecksumOffset && header.gso_size != 0) {
    frame->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    frame->tso_segsz = header.gso_size;
  } else if (gso != VirtioNetHeader::kGsoNone) {
    frame->ol_flags = RTE_MBUF_F_TX_UDP_SEG;  // never offered to the guest: the engine calls it malformed
  } else if (outermost && layers.protocol == kProtocolTcp && header.checksum_offset == kTcpChecksumOffset) {
    frame->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
  } else if (outermost && layers.protocol == kProtocolUdp && header.checksum_offset == kUdpChecksumOffset) {
    frame->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
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
    header.gso_type = VirtioNetHeader::kGsoTcpv4;
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
