// What /v1/vf answers, and what it is asked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataplane/control/json.hpp"
#include "dataplane/model/vf.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

/// As many as the engine has room for interfaces: what a real card has a few hundred of.
inline constexpr std::uint32_t kVirtualFunctions = 65534;

/// The adapter, its functions in use by index, runs of free ones, and how many interfaces each instance may have.
Json virtual_functions_json(const Deployment& deployment, const std::vector<EniStatistics>& statistics,
                            const std::map<std::string, Engine::PortState>& ports);

/// {"interface", and at least one of "rate", "spoof_check", "trust", "link"}. InvalidRequest, InvalidParameterValue.
Result<VfChange> vf_change_of(const std::string& body);

}  // namespace weft
