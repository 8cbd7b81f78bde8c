// The question of POST /v1/explain, read from JSON and resolved to a packet.
#pragma once

#include "dataplane/control/json.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/policy/explain.hpp"

namespace weft {

/// Error: `where.key` is the field of the request that is wrong.
Result<Explanation> explain_request(const Json& request, const Deployment& deployment);

}  // namespace weft
