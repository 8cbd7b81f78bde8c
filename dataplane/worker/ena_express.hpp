// Which packets go over ENA Express, SRD under TCP and UDP (facts ec2 5.5). Here it is a higher limit of a flow, and
// counters: paths and reordering are the underlay's.
#pragma once

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// By its two ends: both have it, for this protocol, in one zone, and nothing stands between them. Of a packet that is
/// to be forwarded.
bool eligible_for_srd(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept;
/// And by its size.
bool goes_by_srd(const Burst& burst, unsigned i, const Snapshot& snapshot) noexcept;

}  // namespace weft
