// What `weft explain --packet` asks about a captured packet.
#pragma once

#include <nlohmann/json.hpp>

#include "dataplane/model/result.hpp"
#include "dataplane/net/frame_summary.hpp"

namespace weft::cli {

/// The body of POST /v1/explain. `interfaces` and `deployment` are the API's: who sent it is found by its MAC address,
/// and behind a router by its IP address. One that came in from the internet was translated on its way; the question is
/// about the public address that it was sent to. Errors: it is no IP packet, or its ports are not there.
Result<nlohmann::json> question_about(const FrameSummary& frame, const nlohmann::json& interfaces,
                                      const nlohmann::json& deployment);

}  // namespace weft::cli
