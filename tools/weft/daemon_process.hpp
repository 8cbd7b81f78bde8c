// Starting weftd and waiting for its end.
#pragma once

#include <sys/types.h>

#include <string>

#include "dataplane/model/result.hpp"
#include "instances/holder.hpp"

namespace weft::cli {

/// Starts weftd in the background and returns when it is ready. It outlives us.
Result<void> start_daemon();

/// A weftd that ends when we do, however we end (`weft run`): a child, its log in <runtime>/weftd.log.
Result<pid_t> start_child_daemon(const std::string& runtime_directory);

/// A descriptor that is readable once the process has ended, or none when there is no such process.
UniqueFd watch_process(pid_t pid);

/// Waits until `process` (watch_process) has ended. False: it still runs after the time.
bool wait_for_end(const UniqueFd& process, int timeout_ms);

}  // namespace weft::cli
