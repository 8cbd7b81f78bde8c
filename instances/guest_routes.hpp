// Where an interface's packets go: its default and subnet routes, and rules that keep what has its address on it.
#pragma once

#include <span>

#include "instances/holder.hpp"
#include "instances/netlink.hpp"

namespace weft::holder {

inline constexpr std::uint8_t kIpv4 = 2;   // AF_INET
inline constexpr std::uint8_t kIpv6 = 10;  // AF_INET6

inline std::uint8_t family_of(const IpAddress& ip) { return ip.is_v4() ? kIpv4 : kIpv6; }
/// As the kernel wants them: 4 or 16.
std::span<const std::byte> octets(const IpAddress& ip);

bool has_ipv6(const GuestInterface& interface);

/// The routes of one family: for device index 0 in the main table, else in one of the interface's own.
Result<void> add_routes(Netlink& netlink, const GuestInterface& interface, unsigned index, std::uint8_t family);

/// What may be the source of its packets: addresses and delegated prefixes. Empty for device index 0, which everything
/// uses that no rule takes elsewhere.
std::vector<IpPrefix> sources_of(const GuestInterface& interface);
std::vector<IpPrefix> without(const std::vector<IpPrefix>& all, const std::vector<IpPrefix>& those);

/// What leaves with a secondary interface's address must leave through it, or its ENI's spoof check drops it.
Result<void> add_source_rules(Netlink& netlink, const GuestInterface& interface, const std::vector<IpPrefix>& sources);
Result<void> remove_source_rules(Netlink& netlink, const GuestInterface& interface,
                                 const std::vector<IpPrefix>& sources);

}  // namespace weft::holder
