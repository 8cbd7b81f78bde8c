// What of a received mbuf the engine may see: drivers/port.hpp has few words, a PMD leaves many behind.
#pragma once

#include <cstdint>
#include <span>

#include <rte_mbuf.h>

namespace weft::ethdev {

/// Brings each frame's offload fields into the words of drivers/port.hpp: a checksum that the card verified, nothing else.
/// Frames whose IPv4 header checksum the card found wrong are freed and the rest closed up (RFC 1812 5.2.2); a wrong TCP
/// or UDP checksum is the receiver's to find, as on any wire. A VLAN tag that the card took off is put back, so that the
/// engine sees (and refuses) what is not untagged. Returns how many are left.
std::uint16_t clean_received(std::span<rte_mbuf*> burst) noexcept;

/// Frames that come from a kernel of this machine (veth) have their TCP and UDP checksums left to a card that there is not,
/// and neither af_packet nor af_xdp says so. A field that holds the pseudo-header's sum is such a one, and becomes
/// RTE_MBUF_F_TX_*_CKSUM; that a right checksum looks like it happens once in 65536 and does no harm: completing it gives
/// the same again.
void find_partial_checksums(std::span<rte_mbuf* const> burst) noexcept;

}  // namespace weft::ethdev
