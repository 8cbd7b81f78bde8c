// Address translation of one IPv4 packet, in place: the address, and every checksum that covers it (RFC 1624), for a
// packet whose headers parse() has checked. DESIGN D15: where the checksum is partial, its pseudo-header's sum is patched.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

namespace weft {

/// An ICMP error takes its quoted packet along, whose destination was the source that is replaced (RFC 5508 4.2).
void translate_source(rte_mbuf* packet, std::uint32_t address) noexcept;
/// The same with the quoted packet's source.
void translate_destination(rte_mbuf* packet, std::uint32_t address) noexcept;

/// One less, with the header's checksum.
void decrement_time_to_live(rte_mbuf* packet) noexcept;

}  // namespace weft
