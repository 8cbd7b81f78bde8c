// Address translation of one IPv4 packet, in place: the address, and every checksum that covers it (RFC 1624), for a
// packet whose headers parse() has checked. DESIGN D15: where the checksum is partial, its pseudo-header's sum is patched.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {

/// An ICMP error takes its quoted packet along, whose destination was the source that is replaced (RFC 5508 4.2).
void translate_source(rte_mbuf* packet, std::uint32_t address) noexcept;
/// The same with the quoted packet's source.
void translate_destination(rte_mbuf* packet, std::uint32_t address) noexcept;

/// One less, with the header's checksum.
void decrement_time_to_live(rte_mbuf* packet) noexcept;

/// A router's whole work on a plain IPv4 packet (worker/parse_plain.hpp) that has more than one hop to live: one address is
/// another, the time to live one less, and both checksums are right.
template <Be32 Ipv4Header::* which>
inline void translate_plain(rte_mbuf* packet, std::uint32_t address) noexcept {
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset);
  const std::uint32_t change = detail::two_words(~(ip.*which).raw) + detail::two_words(Be32(address).raw);
  ip.*which = Be32(address);
  --ip.time_to_live;
  // The time to live is the upper byte of its word, so that word is 0x0100 less.
  ip.checksum = detail::finish_few(detail::without(ip.checksum) + change + detail::without(Be16(0x0100)));

  const bool is_udp = ip.protocol == kProtocolUdp;
  auto& field = *rte_pktmbuf_mtod_offset(packet, Be16*, kIpv4L4Offset + (is_udp ? kUdpChecksumOffset : kTcpChecksumOffset));
  if (is_udp && field.raw == 0) return;  // RFC 768: zero means none
  field = detail::finish_few(detail::without(field) + change);
  if (is_udp && field.raw == 0) field.raw = 0xffff;
}

}  // namespace weft
