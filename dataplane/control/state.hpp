// What the holder keeps of a deployment for the next daemon: its JSON (json.hpp) and the version of that. A daemon reads
// what older ones have saved, so that an upgrade keeps the instances; its own version it reads strictly.
#pragma once

#include <string>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"

namespace weft {

/// Raise it with each field that deployment_from_json() begins to ask for, and give older states its default (state.cpp).
inline constexpr int kStateVersion = 5;

std::string state_of(const Deployment& deployment);

/// "InternalError": damaged, or saved by a later weftd.
Result<Deployment> deployment_of_state(const std::string& state);

}  // namespace weft
