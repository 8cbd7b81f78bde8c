// What an instance's allowances come to for one packet: as a flow's, and at the internet gateway (facts ec2 4.3, 5.4).
// The data path (worker/allowance_book.cpp) and explain both ask here, so they cannot differ.
#pragma once

#include "dataplane/model/deployment.hpp"

namespace weft {

inline constexpr double kFlowGbps = 5;            // a single flow to anybody
inline constexpr double kFlowGbpsInCluster = 10;  // to a member of the same cluster placement group

/// Of one interface in any second, to the resolver, the time server and instance metadata together; and, counted for
/// themselves, fragments that it sends (facts ec2 1.8, 1.9). Where the instance has allowances at all.
inline constexpr unsigned kLinkLocalPacketsPerSecond = 1024;

/// Nothing limits an instance without a type and without limits.
bool has_allowances(const Instance& instance);

/// To and from the internet, each direction: half of the bandwidth of a type with 32 vCPUs or more, and 5 Gbit/s of
/// any. 0: no limit but the instance's.
double gateway_gbps(const Instance& instance);

/// The cluster placement group it is in; null: none.
const PlacementGroup* cluster_of(const Deployment& deployment, const Instance& instance);

/// Of one flow of this instance. `member`: it is in a cluster placement group; `together`: so is the other end, in the
/// same one. 0: no limit. A flow between two instances may use the lower of theirs.
double flow_gbps(const Instance& instance, bool member, bool together);

}  // namespace weft
