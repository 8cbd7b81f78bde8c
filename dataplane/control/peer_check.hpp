// Who is at the other end of the API socket. DESIGN D12: the control API checks the peer's uid and cannot be reached
// from inside an instance.
//
// A socket with a path is reachable for every process of the file system, and what runs in an instance is often the
// daemon's own user. What tells it apart is its network namespace: only the daemon's own may ask. (Refusing the
// instances' namespaces instead would be escaped by `unshare -n`.)
#pragma once

#include "dataplane/model/result.hpp"

namespace weft {

/// Checks a connected unix socket. The error is what the peer should be told.
Result<void> check_peer(int connected_socket);

}  // namespace weft
