// Stage 1 for IP fragments of either family: the first one has the ports, and the later ones go where it went
// (dataplane/flow/fragments.hpp). The gates therefore see each fragment as what it is a part of (facts ec2 1.8).
#pragma once

#include <optional>

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"

namespace weft {

/// Packet i, which parse() has found to be a fragment of a packet whose IP header is sound.
void parse_fragment(Burst& burst, unsigned i, const WorkerContext& worker) noexcept;

/// What tuple_of() is for a whole packet: of a later fragment, with what its first one said. Nothing when that has been
/// forgotten since parse().
std::optional<PacketTuple> tuple_of_fragment(const Burst& burst, unsigned i, const WorkerContext& worker) noexcept;

}  // namespace weft
