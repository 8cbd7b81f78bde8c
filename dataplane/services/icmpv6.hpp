// ICMPv6 as the fabric speaks it: neighbour discovery and the router's advertisements (RFC 4861), echo of the router
// (RFC 4443), multicast listeners (RFC 2710, 3810). A VPC is no Ethernet: solicitations reach nobody, the fabric
// answers them from its tables, and learns nothing from what a guest says about itself (facts ec2 1.7, statements 2 and
// 3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/address.hpp"
#include "dataplane/services/frame.hpp"
#include "dataplane/services/refusal.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline constexpr std::uint8_t kEchoRequest6 = 128;
inline constexpr std::uint8_t kEchoReply6 = 129;
inline constexpr std::uint8_t kListenerReport = 131;
inline constexpr std::uint8_t kListenerDone = 132;
inline constexpr std::uint8_t kRouterSolicitation = 133;
inline constexpr std::uint8_t kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighbourSolicitation = 135;
inline constexpr std::uint8_t kNeighbourAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
inline constexpr std::uint8_t kListenerReportV2 = 143;

inline constexpr IpAddress kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr IpAddress kAllRouters{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

/// `request` is ICMPv6 and no fragment; `out` takes the frame that answers it.
Answer answer_icmpv6(const ServiceView& view, const Request& request, std::span<std::byte> out) noexcept;

/// The advertisement that a subnet's router sends from time to time, as a frame to all nodes. 0: the subnet has no
/// IPv6, or `out` is too short (kAdvertisementBytes are enough).
std::size_t router_advertisement(const ServiceView& view, std::span<std::byte> out) noexcept;
inline constexpr std::size_t kAdvertisementBytes = 128;

/// ff02::1:ffXX:XXXX, where those ask who want to know an address (RFC 4291 2.7.1).
constexpr IpAddress solicited_node(const IpAddress& ip) {
  IpAddress group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}};
  for (std::size_t i = 13; i < 16; ++i) group.octets[i] = ip.octets[i];
  return group;
}

/// 33:33 and the last four octets (RFC 2464 7).
constexpr MacAddress multicast_mac(const IpAddress& group) {
  return {{0x33, 0x33, group.octets[12], group.octets[13], group.octets[14], group.octets[15]}};
}

}  // namespace weft::services
