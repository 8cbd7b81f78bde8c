// Cuts an IPv4 packet into fragments (RFC 791 3.2), where the internet gateway carries less than it has and its sender
// lets it (facts ec2 1.8).
#pragma once

#include <cstdint>
#include <span>

#include <rte_mbuf.h>

namespace weft {

/// A 9001-byte packet by 1500 makes seven.
inline constexpr unsigned kMaxFragments = 16;

/// How many frames are in `out`, none with more than `mtu` bytes of IP; then `packet` is freed. 0: there is no buffer, or
/// they would be more than kMaxFragments, and `packet` is still the caller's. `packet` is finished (no offloads), its
/// headers are in its first buffer, and it may be a fragment itself.
unsigned fragment(rte_mbuf* packet, std::uint32_t mtu, rte_mempool* pool,
                  std::span<rte_mbuf*, kMaxFragments> out) noexcept;

}  // namespace weft
