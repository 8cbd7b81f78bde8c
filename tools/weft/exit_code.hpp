// What `weft` ends with. exec, ssh, run and mpirun end with their command's own code instead.
#pragma once

#include "dataplane/model/result.hpp"

namespace weft::cli {

inline constexpr int kOk = 0;
inline constexpr int kRefused = 1;          // explain: would be dropped; the daemon may not or cannot do it now
inline constexpr int kUsage = 2;            // the command line or the topology file is wrong
inline constexpr int kNotRunning = 3;       // no weftd
inline constexpr int kInternal = 4;         // weft's own fault, or the machine's
inline constexpr int kCannotExecute = 126;  // as shells have it
inline constexpr int kNotFound = 127;

inline constexpr const char* kNotRunningCode = "Weft.DaemonNotRunning";

int exit_code(const Error& error);

/// "weft: " and the error, on stderr; returns its exit code.
int report(const Error& error);

}  // namespace weft::cli
