// DHCPv6 (RFC 8415): the router is the server. An IA_NA gets the ENI's IPv6 address, an IA_PD its delegated prefixes
// (facts ec2 1.4, 1.7). There is no state: every answer follows from the view, so any IAID is bound.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/services/refusal.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline constexpr std::uint16_t kDhcp6ServerPort = 547;
inline constexpr std::uint16_t kDhcp6ClientPort = 546;
/// ff02::1:2, all relay agents and servers of the link.
inline constexpr IpAddress kDhcp6Servers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}};

/// `request` and `out` are payloads of UDP. `unicast`: it came to an address of the router, not to ff02::1:2.
Answer answer_dhcp6(const ServiceView& view, std::span<const std::byte> request, bool unicast,
                    std::span<std::byte> out) noexcept;

}  // namespace weft::services
