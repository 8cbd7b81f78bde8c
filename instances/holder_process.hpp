// The holder's own process: a loop over its socket, its signals and the grace period.
#pragma once

#include <chrono>
#include <string>

#include "instances/holder.hpp"

namespace weft::holder {

/// Becomes the holder: own session, no terminal, the namespaces; writes "ok" or an error as JSON to `ready` and serves
/// until it is told to end, or its daemon stays away. Call in a forked, single-threaded child.
[[noreturn]] void run_holder(const std::string& runtime_directory, int grace_ms, UniqueFd ready);

}  // namespace weft::holder
