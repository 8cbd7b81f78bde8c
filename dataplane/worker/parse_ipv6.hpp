// IPv6's part of stage 1: a chain of extension headers, then the transport header as of IPv4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// Packet i, whose EtherType is IPv6: key6, hash, direction, kind and the bit in Burst::ipv6; or a drop. What goes to a
/// multicast or link-local address stays pending, for the fabric answers some of it.
void parse_ipv6(Burst& burst, unsigned i, const EniRecord& sender, WorkerContext& worker) noexcept;

/// What tuple_of() is for a frame whose IPv6 header is at the beginning of `packet`.
PacketTuple tuple_of_ipv6(std::span<const std::byte> packet) noexcept;

}  // namespace weft
