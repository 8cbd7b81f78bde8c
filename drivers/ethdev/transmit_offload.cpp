#include "drivers/ethdev/transmit_offload.hpp"

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::ethdev {

void prepare_for_card(rte_mbuf* frame) noexcept {
  if ((frame->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) == 0) [[likely]]
    return;
  const bool ipv6 = rte_pktmbuf_mtod(frame, const EthernetHeader*)->ether_type == Be16(kEtherTypeIpv6);
  frame->ol_flags |= ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  if ((frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0) return;

  frame->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
  auto& tcp = *rte_pktmbuf_mtod_offset(frame, TcpHeader*, frame->l2_len + frame->l3_len);
  if (ipv6) {
    const auto& ip = *rte_pktmbuf_mtod_offset(frame, const Ipv6Header*, frame->l2_len);
    tcp.checksum = checksum_fold(pseudo_header_sum(ip.source, ip.destination, kProtocolTcp, 0));
    return;
  }
  auto& ip = *rte_pktmbuf_mtod_offset(frame, Ipv4Header*, frame->l2_len);
  frame->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
  ip.checksum = {};
  tcp.checksum = checksum_fold(pseudo_header_sum(IpAddress::from({ip.source.host()}), IpAddress::from({ip.destination.host()}),
                                                 kProtocolTcp, 0));
}

}  // namespace weft::ethdev
