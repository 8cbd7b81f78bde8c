#include "drivers/ethdev/receive_offload.hpp"

#include <rte_ether.h>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::ethdev {
namespace {

/// How the buffer is attached is not an offload.
constexpr std::uint64_t kKept = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;

struct Transport {
  std::uint8_t protocol = 0;
  std::uint16_t l3_bytes = 0;
  std::uint32_t bytes = 0;  // transport header and payload
  std::uint64_t family = 0;
  std::uint64_t pseudo = 0;
};

/// Of IPv4 without fragments and IPv6 without extension headers; protocol 0: something else. Lengths are the frame's own
/// word and are checked by the engine.
Transport transport_of(const rte_mbuf* frame) noexcept {
  const auto* const ethernet = rte_pktmbuf_mtod(frame, const EthernetHeader*);
  if (frame->data_len < sizeof(EthernetHeader) + sizeof(Ipv4Header)) return {};
  if (ethernet->ether_type == Be16(kEtherTypeIpv4)) {
    const auto& ip = *rte_pktmbuf_mtod_offset(frame, const Ipv4Header*, sizeof(EthernetHeader));
    const unsigned header = ip.header_bytes(), total = ip.total_length.host();
    if (ip.version() != 4 || header < sizeof ip || total < header || ip.is_fragment()) return {};
    return {ip.protocol, static_cast<std::uint16_t>(header), total - header, RTE_MBUF_F_TX_IPV4,
            pseudo_header_sum(IpAddress::from({ip.source.host()}), IpAddress::from({ip.destination.host()}), ip.protocol,
                              total - header)};
  }
  if (ethernet->ether_type == Be16(kEtherTypeIpv6) && frame->data_len >= sizeof(EthernetHeader) + sizeof(Ipv6Header)) {
    const auto& ip = *rte_pktmbuf_mtod_offset(frame, const Ipv6Header*, sizeof(EthernetHeader));
    return {ip.next_header, sizeof ip, ip.payload_length.host(), RTE_MBUF_F_TX_IPV6,
            pseudo_header_sum(ip.source, ip.destination, ip.next_header, ip.payload_length.host())};
  }
  return {};
}

void find_partial_checksum(rte_mbuf* frame) noexcept {
  const Transport transport = transport_of(frame);
  const bool tcp = transport.protocol == kProtocolTcp;
  if (!tcp && transport.protocol != kProtocolUdp) return;
  const unsigned l4 = sizeof(EthernetHeader) + transport.l3_bytes;
  const unsigned header = tcp ? sizeof(TcpHeader) : sizeof(UdpHeader);
  if (frame->data_len < l4 + header || transport.bytes < header) return;
  const Be16 field = tcp ? rte_pktmbuf_mtod_offset(frame, const TcpHeader*, l4)->checksum
                         : rte_pktmbuf_mtod_offset(frame, const UdpHeader*, l4)->checksum;
  if (!(field == checksum_fold(transport.pseudo))) return;
  frame->ol_flags |= transport.family | (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
  frame->l2_len = sizeof(EthernetHeader);
  frame->l3_len = transport.l3_bytes;
}

}  // namespace

std::uint16_t clean_received(std::span<rte_mbuf*> burst) noexcept {
  std::uint16_t left = 0;
  for (rte_mbuf* frame : burst) {
    const std::uint64_t flags = frame->ol_flags;
    if ((flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD) [[unlikely]] {
      rte_pktmbuf_free(frame);
      continue;
    }
    const bool good = (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    frame->ol_flags = (flags & kKept) | (good ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0);
    if ((flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) [[unlikely]] {
      if (rte_vlan_insert(&frame) != 0) {  // no room before the frame
        rte_pktmbuf_free(frame);
        continue;
      }
    }
    frame->tx_offload = 0;
    burst[left++] = frame;
  }
  return left;
}

void find_partial_checksums(std::span<rte_mbuf* const> burst) noexcept {
  for (rte_mbuf* const frame : burst) find_partial_checksum(frame);
}

}  // namespace weft::ethdev
