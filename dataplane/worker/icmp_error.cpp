#include "dataplane/worker/icmp_error.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {

bool may_be_answered_by_error(const rte_mbuf* packet) noexcept {
  const auto& ip = *rte_pktmbuf_mtod_offset(packet, const Ipv4Header*, kIpOffset);
  if ((ip.fragment.host() & Ipv4Header::kOffsetMask) != 0) return false;
  if (ip.source.host() == 0 || ip.source.host() >= 0xe0000000U || ip.destination.host() >= 0xe0000000U) return false;
  if (ip.protocol != kProtocolIcmp) return true;
  const std::size_t l4 = kIpOffset + ip.header_bytes();
  if (packet->data_len < l4 + sizeof(IcmpHeader)) return false;
  return !rte_pktmbuf_mtod_offset(packet, const IcmpHeader*, l4)->is_error();
}

rte_mbuf* make_icmp_error(const rte_mbuf* about, const IcmpError& error, Ipv4Address router,
                          const MacAddress& router_mac, rte_mempool* pool) noexcept {
  rte_mbuf* const made = rte_pktmbuf_alloc(pool);
  if (made == nullptr) return nullptr;
  const auto& offending = *rte_pktmbuf_mtod_offset(about, const Ipv4Header*, kIpOffset);
  const std::size_t quoted = std::min<std::size_t>({offending.total_length.host(), about->data_len - kIpOffset,
                                                    kIcmpErrorBytes - sizeof(Ipv4Header) - sizeof(IcmpHeader)});
  const std::size_t bytes = kIpv4L4Offset + sizeof(IcmpHeader) + quoted;
  auto* const frame = reinterpret_cast<std::byte*>(rte_pktmbuf_append(made, static_cast<std::uint16_t>(bytes)));

  auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame);
  ethernet = {rte_pktmbuf_mtod(about, const EthernetHeader*)->source, router_mac, Be16(kEtherTypeIpv4)};
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame + kIpOffset);
  ip = Ipv4Header{};
  ip.type_of_service = 0xc0;  // internetwork control (RFC 1812 4.3.2.5)
  ip.total_length = Be16(static_cast<std::uint16_t>(bytes - kIpOffset));
  ip.protocol = kProtocolIcmp;
  ip.source = Be32(router.value);
  ip.destination = offending.source;
  ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), sizeof ip}));

  auto& icmp = *reinterpret_cast<IcmpHeader*>(frame + kIpv4L4Offset);
  icmp = IcmpHeader{};
  icmp.type = error.type;
  icmp.code = error.code;
  icmp.sequence = Be16(error.mtu);
  std::memcpy(frame + kIpv4L4Offset + sizeof icmp, &offending, quoted);
  icmp.checksum = checksum_finish(checksum_add({frame + kIpv4L4Offset, sizeof icmp + quoted}));
  return made;
}

bool IcmpErrorBudget::take(EniSlot eni, std::uint64_t now_ns) noexcept {
  std::uint64_t& used = used_until_ns_[eni % used_until_ns_.size()];
  const std::uint64_t full = now_ns > kFullNs ? now_ns - kFullNs : 0;
  const std::uint64_t next = std::max(used, full) + kCostNs;
  if (next > now_ns) return false;
  used = next;
  return true;
}

}  // namespace weft
