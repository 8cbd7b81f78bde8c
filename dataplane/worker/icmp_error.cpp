#include "dataplane/worker/icmp_error.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/net/ipv6_headers.hpp"

namespace weft {

namespace {

bool is_ipv6_frame(const rte_mbuf* packet) noexcept {
  return rte_pktmbuf_mtod(packet, const EthernetHeader*)->ether_type == Be16(kEtherTypeIpv6);
}

std::span<const std::byte> ip_packet(const rte_mbuf* packet) noexcept {
  return {rte_pktmbuf_mtod_offset(packet, const std::byte*, kIpOffset), packet->data_len - kIpOffset};
}

/// RFC 4443 2.4 e. Neighbour discovery never comes here.
bool may_be_answered6(const rte_mbuf* packet) noexcept {
  const std::span<const std::byte> bytes = ip_packet(packet);
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(bytes.data());
  if (ip.source.is_unspecified_v6() || ip.source.is_multicast_v6() || ip.destination.is_multicast_v6()) return false;
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(bytes);
  if (!layers || layers->fragment_offset != 0) return false;
  if (layers->protocol != kProtocolIcmpv6) return true;
  if (bytes.size() < layers->l4_offset + sizeof(Icmpv6Header)) return false;
  return !reinterpret_cast<const Icmpv6Header*>(bytes.data() + layers->l4_offset)->is_error();
}

/// Ethernet header, `header_bytes` that the caller fills, and as much of the offending packet as fits.
rte_mbuf* quote(const rte_mbuf* about, std::size_t packet_bytes, std::size_t header_bytes, std::size_t most,
                const MacAddress& router_mac, rte_mempool* pool) noexcept {
  rte_mbuf* const made = rte_pktmbuf_alloc(pool);
  if (made == nullptr) return nullptr;
  const std::span<const std::byte> offending = ip_packet(about);
  const std::size_t quoted = std::min({packet_bytes, offending.size(), most - header_bytes});
  const std::size_t bytes = sizeof(EthernetHeader) + header_bytes + quoted;
  auto* const frame = reinterpret_cast<std::byte*>(rte_pktmbuf_append(made, static_cast<std::uint16_t>(bytes)));
  const auto& ethernet = *rte_pktmbuf_mtod(about, const EthernetHeader*);
  *reinterpret_cast<EthernetHeader*>(frame) = {ethernet.source, router_mac, ethernet.ether_type};
  std::memcpy(frame + sizeof(EthernetHeader) + header_bytes, offending.data(), quoted);
  return made;
}

rte_mbuf* make_error4(const rte_mbuf* about, const IcmpError& error, Ipv4Address router, const MacAddress& router_mac,
                      rte_mempool* pool) noexcept {
  const auto& offending = *reinterpret_cast<const Ipv4Header*>(ip_packet(about).data());
  rte_mbuf* const made = quote(about, offending.total_length.host(), sizeof(Ipv4Header) + sizeof(IcmpHeader),
                               kIcmpErrorBytes, router_mac, pool);
  if (made == nullptr) return nullptr;
  auto* const frame = rte_pktmbuf_mtod(made, std::byte*);
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame + kIpOffset);
  ip = Ipv4Header{};
  ip.type_of_service = 0xc0;  // internetwork control (RFC 1812 4.3.2.5)
  ip.total_length = Be16(static_cast<std::uint16_t>(made->pkt_len - kIpOffset));
  ip.protocol = kProtocolIcmp;
  ip.source = Be32(router.value);
  ip.destination = offending.source;
  ip.checksum = checksum_finish(checksum_add({frame + kIpOffset, sizeof ip}));

  auto& icmp = *reinterpret_cast<IcmpHeader*>(frame + kIpv4L4Offset);
  icmp = IcmpHeader{};
  icmp.type = error.type;
  icmp.code = error.code;
  icmp.sequence = Be16(error.mtu);
  icmp.checksum = checksum_finish(checksum_add({frame + kIpv4L4Offset, made->pkt_len - kIpv4L4Offset}));
  return made;
}

rte_mbuf* make_error6(const rte_mbuf* about, const IcmpError& error, const IpAddress& router,
                      const MacAddress& router_mac, rte_mempool* pool) noexcept {
  const auto& offending = *reinterpret_cast<const Ipv6Header*>(ip_packet(about).data());
  rte_mbuf* const made = quote(about, sizeof offending + offending.payload_length.host(),
                               sizeof(Ipv6Header) + sizeof(Icmpv6Header), kIcmpv6ErrorBytes, router_mac, pool);
  if (made == nullptr) return nullptr;
  auto* const frame = rte_pktmbuf_mtod(made, std::byte*);
  const auto bytes = static_cast<std::uint16_t>(made->pkt_len - kIpv6L4Offset);
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame + kIpOffset);
  ip = Ipv6Header{};
  ip.payload_length = Be16(bytes);
  ip.next_header = kProtocolIcmpv6;
  ip.source = router;
  ip.destination = offending.source;

  auto& icmp = *reinterpret_cast<Icmpv6Header*>(frame + kIpv6L4Offset);
  icmp = Icmpv6Header{};
  icmp.type = error.type;
  icmp.code = error.code;
  icmp.sequence = Be16(error.mtu);
  icmp.checksum = transport_checksum(router, ip.destination, kProtocolIcmpv6, {frame + kIpv6L4Offset, bytes});
  return made;
}

}  // namespace

bool may_be_answered_by_error(const rte_mbuf* packet) noexcept {
  if (is_ipv6_frame(packet)) return may_be_answered6(packet);
  const auto& ip = *rte_pktmbuf_mtod_offset(packet, const Ipv4Header*, kIpOffset);
  if ((ip.fragment.host() & Ipv4Header::kOffsetMask) != 0) return false;
  if (ip.source.host() == 0 || ip.source.host() >= 0xe0000000U || ip.destination.host() >= 0xe0000000U) return false;
  if (ip.protocol != kProtocolIcmp) return true;
  const std::size_t l4 = kIpOffset + ip.header_bytes();
  if (packet->data_len < l4 + sizeof(IcmpHeader)) return false;
  return !rte_pktmbuf_mtod_offset(packet, const IcmpHeader*, l4)->is_error();
}

rte_mbuf* make_icmp_error(const rte_mbuf* about, const IcmpError& error, const IpAddress& router,
                          const MacAddress& router_mac, rte_mempool* pool) noexcept {
  return router.is_v4() ? make_error4(about, error, router.v4(), router_mac, pool)
                        : make_error6(about, error, router, router_mac, pool);
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
