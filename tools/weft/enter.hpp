// Becoming a command inside an instance.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::cli {

/// Enters the instance (name, or id where the daemon can be asked) and prepares the environment: WEFT_INSTANCE, and
/// what Open MPI wants of uid 0, which inside a rootless deployment is the user. Only for single-threaded processes.
Result<void> become_guest(const std::string& instance);

/// execvp; returns only when that failed, with 126 or 127 after saying why.
int execute(const std::vector<std::string>& command);

}  // namespace weft::cli
