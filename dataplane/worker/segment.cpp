#include "dataplane/worker/segment.hpp"

#include <algorithm>
#include <cstring>

#include <rte_ip.h>

#include "dataplane/net/checksum.hpp"

namespace weft {
namespace {

constexpr std::uint8_t kCwr = 0x80;

/// The L4 checksum of a frame whose checksum field holds the pseudo-header sum; the field takes the result.
void complete_checksum(rte_mbuf* frame, std::uint32_t l4, std::uint32_t l4_bytes, std::size_t field) noexcept {
  std::uint16_t sum = 0;
  rte_raw_cksum_mbuf(frame, l4, l4_bytes, &sum);
  sum = static_cast<std::uint16_t>(~sum);
  if (sum == 0 && field == kUdpChecksumOffset) sum = 0xffff;  // RFC 768: zero means none; RFC 8200 8.1: and is not allowed
  std::memcpy(rte_pktmbuf_mtod_offset(frame, char*, l4 + field), &sum, sizeof sum);
  frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

bool is_ipv6(const rte_mbuf* packet) noexcept {
  return rte_pktmbuf_mtod(packet, const EthernetHeader*)->ether_type == Be16(kEtherTypeIpv6);
}

std::uint32_t ip_total(const rte_mbuf* packet) noexcept {
  if (is_ipv6(packet))
    return sizeof(Ipv6Header) + rte_pktmbuf_mtod_offset(packet, const Ipv6Header*, kIpOffset)->payload_length.host();
  return rte_pktmbuf_mtod_offset(packet, const Ipv4Header*, kIpOffset)->total_length.host();
}

/// Length, identification and checksum of segment `number`'s IPv4 header. Returns its pseudo-header's sum.
std::uint64_t fix_ipv4(rte_mbuf* frame, unsigned l3, unsigned number, std::uint32_t total) noexcept {
  auto& ip = *rte_pktmbuf_mtod_offset(frame, Ipv4Header*, kIpOffset);
  ip.total_length = Be16(static_cast<std::uint16_t>(total));
  ip.identification = Be16(static_cast<std::uint16_t>(ip.identification.host() + number));
  ip.checksum = {};
  ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), l3}));
  return pseudo_header_sum(IpAddress::from({ip.source.host()}), IpAddress::from({ip.destination.host()}), kProtocolTcp,
                           total - l3);
}

/// IPv6 has only its length; extension headers before the TCP header go with every segment.
std::uint64_t fix_ipv6(rte_mbuf* frame, unsigned l3, std::uint32_t total) noexcept {
  auto& ip = *rte_pktmbuf_mtod_offset(frame, Ipv6Header*, kIpOffset);
  ip.payload_length = Be16(static_cast<std::uint16_t>(total - sizeof ip));
  return pseudo_header_sum(ip.source, ip.destination, kProtocolTcp, total - l3);
}

/// Headers of segment number `number`, whose payload starts `payload_at` bytes into the whole one's.
void fix_headers(rte_mbuf* frame, unsigned l3, unsigned number, std::uint32_t payload_at, bool last) noexcept {
  auto& tcp = *rte_pktmbuf_mtod_offset(frame, TcpHeader*, kIpOffset + l3);
  const std::uint32_t total = frame->pkt_len - kIpOffset;
  const std::uint64_t pseudo = is_ipv6(frame) ? fix_ipv6(frame, l3, total) : fix_ipv4(frame, l3, number, total);
  tcp.sequence = Be32(tcp.sequence.host() + payload_at);
  if (!last) tcp.flags &= static_cast<std::uint8_t>(~(TcpHeader::kFin | TcpHeader::kPsh));
  if (number != 0) tcp.flags &= static_cast<std::uint8_t>(~kCwr);  // RFC 3168 6.1.2: once per window
  tcp.checksum = checksum_fold(pseudo);
  complete_checksum(frame, kIpOffset + l3, total - l3, kTcpChecksumOffset);
}

/// A super-segment as frames of at most tso_segsz bytes of payload each (RFC 9293; Linux tcp_gso_segment()).
FinishResult segment(rte_mbuf* packet, rte_mempool* pool, std::span<rte_mbuf*, kMaxSegments> out) noexcept {
  const unsigned l3 = packet->l3_len;
  const std::uint32_t headers = kIpOffset + l3 + packet->l4_len;
  const std::uint32_t payload = kIpOffset + ip_total(packet) - headers;
  const std::uint32_t size = packet->tso_segsz;
  unsigned count = 0;
  std::uint32_t at = 0;
  do {
    const std::uint32_t piece = std::min(size, payload - at);
    rte_mbuf* const frame = rte_pktmbuf_alloc(pool);
    if (frame == nullptr || !append(frame, packet, 0, headers, pool) ||
        (piece != 0 && !append(frame, packet, headers + at, piece, pool))) {
      if (frame != nullptr) rte_pktmbuf_free(frame);
      rte_pktmbuf_free_bulk(out.data(), count);
      return {0, DropReason::kPortFull};
    }
    fix_headers(frame, l3, count, at, at + piece >= payload);
    out[count++] = frame;
    at += piece;
  } while (at < payload);
  rte_pktmbuf_free(packet);
  return {count, {}};
}

}  // namespace

bool append(rte_mbuf* to, const rte_mbuf* from, std::uint32_t offset, std::uint32_t bytes, rte_mempool* pool) noexcept {
  while (offset >= from->data_len) {
    offset -= from->data_len;
    from = from->next;
  }
  rte_mbuf* last = rte_pktmbuf_lastseg(to);
  while (bytes > 0) {
    if (rte_pktmbuf_tailroom(last) == 0) {
      rte_mbuf* const more = rte_pktmbuf_alloc(pool);
      if (more == nullptr) return false;
      last->next = more;
      last = more;
      ++to->nb_segs;
    }
    const std::uint32_t piece = std::min({bytes, std::uint32_t{rte_pktmbuf_tailroom(last)}, from->data_len - offset});
    std::memcpy(rte_pktmbuf_mtod_offset(last, char*, last->data_len),
                rte_pktmbuf_mtod_offset(from, const char*, offset), piece);
    last->data_len = static_cast<std::uint16_t>(last->data_len + piece);
    to->pkt_len += piece;
    bytes -= piece;
    offset += piece;
    if (offset == from->data_len && bytes > 0) {
      from = from->next;
      offset = 0;
    }
  }
  return true;
}

FinishResult finish(rte_mbuf* packet, const EniRecord& to, rte_mempool* pool,
                    std::span<rte_mbuf*, kMaxSegments> out) noexcept {
  if (wants_segmentation(packet) && !to.takes_tso) {
    const std::uint32_t longest = kIpOffset + packet->l3_len + packet->l4_len + packet->tso_segsz;
    if (!to.takes_chains && longest > rte_pktmbuf_data_room_size(pool) - std::uint32_t{RTE_PKTMBUF_HEADROOM})
      return {0, DropReason::kTooBig};
    return segment(packet, pool, out);
  }
  if (!to.takes_chains && rte_pktmbuf_linearize(packet) != 0) return {0, DropReason::kTooBig};
  if (wants_checksum(packet) && !to.takes_checksum) {
    const bool udp = (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
    complete_checksum(packet, kIpOffset + packet->l3_len, ip_total(packet) - packet->l3_len,
                      udp ? kUdpChecksumOffset : kTcpChecksumOffset);
  }
  out[0] = packet;
  return {1, {}};
}

}  // namespace weft
