// Opens a TAP the way TapPort wants it, in the network namespace of the caller. For tests; the instances' TAPs are
// opened by the holder (instances/), inside their namespaces.
#pragma once

#include <string>

namespace weft {

/// A descriptor (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, non-blocking, checksum and TSO4 offered), or -errno.
int open_tap(const std::string& name);

}  // namespace weft
