// What the services know of the ENI that asks: plain values, made by the caller from its tables for one frame or kept.
// Whatever a span, view or lookup refers to must outlive the call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "dataplane/net/address.hpp"

namespace weft::services {

class NameTable;
struct Metadata;

/// When a request is met.
struct Moment {
  std::uint64_t unix_ns = 0;    // what clients are told
  std::uint64_t steady_ns = 0;  // what connections and tokens are measured by: it never goes back
};

// The link-local services (facts ec2 1.9).
inline constexpr Ipv4Address kResolverV4{0xa9fea9fd};  // 169.254.169.253
inline constexpr Ipv4Address kTimeV4{0xa9fea97b};      // 169.254.169.123
inline constexpr Ipv4Address kMetadataV4{0xa9fea9fe};  // 169.254.169.254
inline constexpr IpAddress kResolverV6{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x53}};
inline constexpr IpAddress kTimeV6{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23}};
inline constexpr IpAddress kMetadataV6{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}};
/// fe80:ec2::1, every subnet's router (facts ec2 1.6).
inline constexpr IpAddress kRouterLinkLocal{{0xfe, 0x80, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

/// Who in the asker's subnet has an address. Refers to the caller's function, as a std::function_ref would; the answer
/// is the MAC of that ENI, and nothing when nobody has the address.
class NeighbourLookup {
 public:
  NeighbourLookup() = default;
  template <typename Find>
  requires std::is_invocable_r_v < std::optional<MacAddress>,
  const Find&,
      const IpAddress& > NeighbourLookup(const Find& find) noexcept  // NOLINT: implicit, like a function pointer
      : find_(&find),
  call_([](const void* self, const IpAddress& target) -> std::optional<MacAddress> {
    return (*static_cast<const Find*>(self))(target);
  }) {}
  template <typename Find>
  requires std::is_invocable_r_v < std::optional<MacAddress>,
  const Find&, const IpAddress& > NeighbourLookup(const Find&&) = delete;  // would be gone before it is called

  std::optional<MacAddress> operator()(const IpAddress& target) const {
    return call_ == nullptr ? std::nullopt : call_(find_, target);
  }

 private:
  const void* find_ = nullptr;
  std::optional<MacAddress> (*call_)(const void*, const IpAddress&) = nullptr;
};

struct ServiceView {
  // The ENI.
  std::uint64_t eni = 0;  // names it for as long as it has its place; connections are kept by it
  MacAddress mac;
  Ipv4Address address;                        // primary private; 0: none, so no DHCPv4
  std::span<const IpAddress> ipv6_addresses;  // in order; the first is what DHCPv6 gives
  std::span<const IpPrefix> ipv6_prefixes;    // delegated to it, /80
  std::uint16_t mtu = 9001;                   // facts ec2 1.8

  // Its subnet.
  MacAddress router_mac;
  Ipv4Address router;                 // the subnet's .1
  std::uint8_t prefix_length = 24;    // IPv4, 16 to 28
  std::optional<IpPrefix> ipv6_cidr;  // none: no router advertisements, no DHCPv6
  NeighbourLookup neighbour;          // IPv6; the router's and the asker's own addresses are never looked up

  // Its VPC.
  Ipv4Address resolver;  // base of the primary CIDR + 2
  bool dns_support = true;
  std::string_view domain_name = "ec2.internal";
  std::span<const Ipv4Address> domain_name_servers;  // empty: the resolver
  std::span<const Ipv4Address> ntp_servers;          // empty: 169.254.169.123
  const NameTable* names = nullptr;                  // null: the resolver knows nobody

  const Metadata* metadata = nullptr;  // of its instance; null: it has none, and nobody answers

  // Leases in seconds. IPv4: facts ec2 1.7. IPv6 is not published; these are what instances show [BK].
  std::uint32_t lease_s = 3600;
  std::uint32_t ipv6_preferred_s = 140;
  std::uint32_t ipv6_valid_s = 450;
};

/// fe80::/64 with the EUI-64 of a MAC (RFC 4291 appendix A): an ENI's own link-local, and the router's second one.
constexpr IpAddress link_local_of(const MacAddress& mac) {
  IpAddress ip;
  ip.octets[0] = 0xfe;
  ip.octets[1] = 0x80;
  ip.octets[8] = static_cast<std::uint8_t>(mac.octets[0] ^ 0x02);
  ip.octets[9] = mac.octets[1];
  ip.octets[10] = mac.octets[2];
  ip.octets[11] = 0xff;
  ip.octets[12] = 0xfe;
  ip.octets[13] = mac.octets[3];
  ip.octets[14] = mac.octets[4];
  ip.octets[15] = mac.octets[5];
  return ip;
}

/// fe80:ec2::1, the EUI-64 of its MAC, or ::1 of the subnet: any of them is the router (facts ec2 1.6).
inline bool is_router(const ServiceView& view, const IpAddress& ip) noexcept {
  if (ip == kRouterLinkLocal || ip == link_local_of(view.router_mac)) return true;
  if (!view.ipv6_cidr) return false;
  IpAddress first = view.ipv6_cidr->address;
  first.octets[15] = static_cast<std::uint8_t>(first.octets[15] | 1);
  return ip == first;
}

inline bool is_own_ipv6(const ServiceView& view, const IpAddress& ip) noexcept {
  for (const IpAddress& own : view.ipv6_addresses)
    if (own == ip) return true;
  for (const IpPrefix& own : view.ipv6_prefixes)
    if (own.contains(ip)) return true;
  return false;
}

}  // namespace weft::services
