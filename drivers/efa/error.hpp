// How the EFA server's control path reports errors. drivers/ does not include dataplane/model, so this is not Result<T>.
#pragma once

#include <string>

namespace weft {

/// Why something did not happen. False when it did.
struct EfaError {
  int code = 0;         // errno
  std::string message;  // one sentence: what, where, what would be right
  explicit operator bool() const { return code != 0; }
};

}  // namespace weft
