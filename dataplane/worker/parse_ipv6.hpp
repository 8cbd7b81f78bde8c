// IPv6's part of stage 1: a chain of extension headers, then the transport header as of IPv4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/headers.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// Packet i, whose EtherType is IPv6: key6, hash, direction, kind and the bit in Burst::ipv6; or a drop. What goes to a
/// multicast or link-local address stays pending, for the fabric answers some of it.
void parse_ipv6(Burst& burst, unsigned i, const EniRecord& sender, WorkerContext& worker) noexcept;

/// What Burst::key has of an IPv6 packet. Nobody has 255.255.255.255, and so a loop over IPv4 packets that meets this one
/// finds it to be nobody's.
inline constexpr FlowKey4 kNobodysKey = {.address = {0xffffffff, 0xffffffff}};

/// Addresses that no packet on a wire may have: IPv4's own, which the rest of the engine would take for IPv4 (RFC 4291
/// 2.5.5.2), a sender that is a group, a packet to nobody, and one to its own sender (LAND).
inline bool is_impossible(const Ipv6Header& ip) noexcept {
  return ip.source.is_v4() || ip.destination.is_v4() || ip.source.is_multicast_v6() ||
         ip.destination.is_unspecified_v6() || ip.source == ip.destination;
}

/// What tuple_of() is for a frame whose IPv6 header is at the beginning of `packet`.
PacketTuple tuple_of_ipv6(std::span<const std::byte> packet) noexcept;

}  // namespace weft
