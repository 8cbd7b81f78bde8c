// The door of this folder: what the fabric answers itself for a guest. No security group or network ACL filters it
// (facts ec2 2.5); the 1,024 packets a second of the link-local services are the caller's to count (facts ec2 1.9).
//
// The caller has checked that the source MAC and address are the ENI's own, with the exceptions that
// speaks_before_it_has_an_address() names. An answer goes to nobody but the ENI that asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/services/metadata_token.hpp"
#include "dataplane/services/refusal.hpp"
#include "dataplane/services/tcp_connections.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

/// Room that is enough for every answer but the echo of a larger packet.
inline constexpr std::size_t kAnswerBytes = 9001 + 14;

/// What is remembered between requests: connections over TCP. One for each worker, which meets all segments of a
/// connection.
struct Memory {
  explicit Memory(const TokenKeys& keys, std::size_t connections = TcpConnections::kMost)
      : token_keys(keys), tcp(connections) {}
  const TokenKeys token_keys;  // the same in all workers
  TcpConnections tcp;          // its take_due() is the caller's to ask
};

/// `frame` is a whole Ethernet frame, in one piece, untagged; `out` takes a whole frame, and must not overlap it.
/// Nothing is allocated.
Answer answer(const ServiceView& view, std::span<const std::byte> frame, const Moment& now, Memory& memory,
              std::span<std::byte> out) noexcept;

/// Which of the addresses kept for services have one: DNS, NTP, instance metadata.
bool is_one_of_the_services(const IpAddress& destination) noexcept;

/// DNS, NTP and instance metadata, whose packets count against one allowance of 1,024 a second and ENI
/// (`linklocal_allowance_exceeded`, facts ec2 1.9). Asked for every packet of an ENI that has allowances.
inline bool is_link_local_service(const ServiceView& view, const IpAddress& destination) noexcept {
  if (!destination.is_for_services()) [[likely]] return destination.is_v4() && destination.v4() == view.resolver;
  return is_one_of_the_services(destination);
}

/// Addresses of the fabric itself, which ARP and neighbour discovery resolve to the router's MAC: the router, the
/// resolver at base + 2 where that lies in the subnet, and the link-local services, for which guests have routes "on
/// the link".
bool is_behind_router_mac(const ServiceView& view, const IpAddress& ip) noexcept;

/// A frame that rightly has 0.0.0.0 or :: as its source: DHCPv4, duplicate address detection, a router solicitation, a
/// multicast listener's report. A spoof check must let it through to answer().
bool speaks_before_it_has_an_address(std::span<const std::byte> frame) noexcept;

}  // namespace weft::services
