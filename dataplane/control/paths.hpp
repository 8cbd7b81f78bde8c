// The ways between two instances, what each is like, and what it has done to packets: for GET /v1/paths. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dataplane/control/json.hpp"

namespace weft {

/// Engine::lanes(), wherever the engine is: one view for each way asked. Called once, or not at all after a mistake.
using ReadLanes = std::function<std::vector<LaneView>(const std::vector<underlay::Way>&)>;

/// A round trip to a peer on one of the ways to it, as a process in the instance has measured it: its word.
struct MeasuredRoundTrip {
  IpAddress peer;
  std::uint32_t path = 0;  // modulo how many there are
  std::uint64_t ns = 0;
};
/// Of all processes of the instance of that name.
using ReadRoundTrips = std::function<std::vector<MeasuredRoundTrip>(const std::string& instance)>;

/// `target`: "/v1/paths?from=A&to=B", names or ids of instances. A list with every path of both directions, and
/// the links of their hosts where something is set for those; empty: they share a host.
/// Errors: InvalidRequest, InvalidInstanceID.NotFound.
Result<Json> paths_json(const std::string& target, const Deployment& deployment, const ReadLanes& read_lanes,
                        const ReadRoundTrips& read_round_trips);

}  // namespace weft
