// What `weft paths` prints of the answer of /v1/paths, as text for people. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace weft::cli {

/// One table for each direction. "they share a host ..." when there is no path.
std::string format_paths(const nlohmann::json& paths);

/// What came on each path between two answers to the same question, in the shape of an answer: counters are differences,
/// and `share` and `loss_ratio` theirs; what is now, such as `state` and `queued_bytes`, is the later one's. A path that was
/// not there before, and a counter that began anew, has all of its own.
nlohmann::json paths_since(const nlohmann::json& before, const nlohmann::json& now);

}  // namespace weft::cli
