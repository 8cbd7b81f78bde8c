// One daemon for each runtime directory.
#pragma once

#include <string>

#include "dataplane/model/result.hpp"
#include "instances/holder.hpp"

namespace weft {

/// A record lock on <runtime>/weftd.lock. Record locks belong to the process, so a forked holder does not inherit it,
/// the kernel lets it go however the daemon ends, and it says who has it. The file stays: removing it would let a third
/// daemon lock a new file while a second one waits at the old.
class DaemonLock {
 public:
  /// The error names the process that has it.
  static Result<DaemonLock> take(const std::string& runtime_directory);

 private:
  explicit DaemonLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;  // closing any descriptor of the file ends the lock
};

}  // namespace weft
