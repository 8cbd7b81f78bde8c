// The ways between two instances and what each is like, for GET /v1/paths. Pure.
#pragma once

#include <string>

#include "dataplane/control/json.hpp"

namespace weft {

/// `target`: "/v1/paths?from=A&to=B", names or ids of instances. A list with every path of both directions; empty: they
/// share a host. Errors: InvalidRequest, InvalidInstanceID.NotFound.
Result<Json> paths_json(const std::string& target, const Deployment& deployment);

}  // namespace weft
