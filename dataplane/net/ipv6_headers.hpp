// Walks the chain of extension headers between an IPv6 header and what it carries (RFC 8200 4).
//
// The chain is the sender's to write, so it is bounded in number and in bytes: a packet with a longer one costs the
// engine time and means nothing to an honest guest (RFC 8504 5.3 lets a node set such limits, RFC 9098 says why).
// Options are not looked into: the fabric is no destination of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/headers.hpp"

namespace weft {

inline constexpr unsigned kMostExtensionHeaders = 8;
inline constexpr std::size_t kMostExtensionBytes = 256;

struct Ipv6Layers {
  std::uint8_t protocol = kNoNextHeader;  // of what follows the chain; of a later fragment, what its first part begins with
  std::uint16_t l4_offset = 0;            // from the first byte of the IPv6 header
  std::uint16_t fragment_header = 0;      // its offset, likewise; 0: there is none
  std::uint16_t fragment_offset = 0;      // in bytes
  std::uint32_t identification = 0;
  bool more_fragments = false;

  /// False of an "atomic" fragment, which is a whole packet (RFC 6946).
  constexpr bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

/// `packet` begins with an IPv6 header and is cut where the packet ends or where its first buffer does: a chain that is
/// not inside is malformed (and of a first fragment must be, RFC 7112). So is hop-by-hop anywhere but first, a second
/// fragment header, and a routing header of type 0 that still has somewhere to go (RFC 5095).
std::optional<Ipv6Layers> walk_ipv6_headers(std::span<const std::byte> packet) noexcept;

/// The same, and nearly every packet has no chain.
inline std::optional<Ipv6Layers> parse_ipv6_headers(std::span<const std::byte> packet) noexcept {
  if (packet.size() >= sizeof(Ipv6Header)) [[likely]] {
    const std::uint8_t next = reinterpret_cast<const Ipv6Header*>(packet.data())->next_header;
    if (next == kProtocolTcp || next == kProtocolUdp) [[likely]]
      return Ipv6Layers{.protocol = next, .l4_offset = sizeof(Ipv6Header)};
  }
  return walk_ipv6_headers(packet);
}

}  // namespace weft
