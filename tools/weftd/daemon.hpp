// The daemon from start to end: what is made in which order, and what ends it.
#pragma once

#include "tools/weftd/options.hpp"

namespace weft {

/// The exit code: 0 stopped as asked, 1 not started or ended by a fault (the reason is on stderr or in the log).
int run_daemon(const DaemonOptions& options);

}  // namespace weft
