// Errors of system calls as Results: the step that failed, then errno's words.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "dataplane/model/result.hpp"

namespace weft {

inline constexpr const char* kHolderErrorCode = "Weft.Holder";

/// `step` reads as "cannot <do what> <to what>"; errno is taken at the call.
inline Error system_error(const std::string& step) {
  return Error{kHolderErrorCode, step + ": " + std::strerror(errno), {}};
}

inline Error holder_error(const std::string& sentence) { return Error{kHolderErrorCode, sentence, {}}; }

}  // namespace weft
