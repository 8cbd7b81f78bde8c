// What up, down and run share: applying a topology and taking everything away.
#pragma once

#include <cstdio>
#include <string>

#include "dataplane/model/result.hpp"
#include "tools/weft/api_client.hpp"

namespace weft::cli {

struct TopologyText {
  std::string name;  // for messages
  std::string text;
};

/// Reads the file ("-" is stdin). Whether it makes a network only weftd can say while it runs: an edit may be right or
/// wrong because of what there is. When none runs, plan_from_nothing() says it before one is started.
Result<TopologyText> read_topology(const std::string& path);

/// What `weft up` would do when nothing runs, worked out here: {"changes": [...]}.
Result<nlohmann::json> plan_from_nothing(const TopologyText& topology);

/// Shows the plan, applies it, says how long it took; progress on a terminal when it takes over a second.
Result<void> apply(const ApiClient& client, const TopologyText& topology, std::FILE* out);

/// Removes everything and waits until weftd has ended. Returns how many instances there were.
Result<int> remove_everything(const ApiClient& client);

}  // namespace weft::cli
