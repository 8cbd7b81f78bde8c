// From the words of `weft fault set` to the body of POST /v1/faults.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dataplane/model/result.hpp"

namespace weft::cli {

/// As typed; empty: not given. Quantities are weftd's to read, so that file, API and command line take the same.
struct FaultArguments {
  std::string name, path, from, to, host;
  std::string rate, latency, jitter, queue, ecn, loss, duplicate, corrupt;
  std::string reorder, reorder_by;
  std::string flap_period, flap_down;
  bool down = false;
};

/// The loss is a share, "every:100", or "to_bad:1%,to_good:20%,loss:50%". InvalidParameterCombination: half of what
/// belongs together, or nothing that would be wrong.
Result<nlohmann::json> fault_body(const FaultArguments& arguments);

}  // namespace weft::cli
