#include "tools/weft/exit_code.hpp"

#include <cstdio>

namespace weft::cli {

int exit_code(const Error& error) {
  if (error.code == kNotRunningCode) return kNotRunning;
  if (error.code == "Weft.DaemonRunning") return kRefused;
  if (error.code == "Weft.FileNotReadable" || error.code == "Weft.FileNotWritable" || error.code == "Weft.InvalidYaml") return kUsage;
  // Weft's other codes are about this machine (the holder, a namespace, the daemon's start), as InternalError is.
  if (error.code == "InternalError" || error.code.starts_with("Weft.")) return kInternal;
  if (error.code == "UnauthorizedOperation" || error.code == "IncorrectState" || error.code == "RequestLimitExceeded" ||
      error.code == "IncorrectInstanceState" || error.code == "OperationNotPermitted")
    return kRefused;
  return kUsage;
}

int report(const Error& error) {
  std::fprintf(stderr, "weft: %s\n", error.line().c_str());
  for (const Error& other : error.others) std::fprintf(stderr, "weft: %s\n", other.line().c_str());
  return exit_code(error);
}

}  // namespace weft::cli
