// What may be at the path of a socket before a server is made there, and of what length a path may be.
#pragma once

#include <string>

#include "dataplane/model/result.hpp"

namespace weft {

/// Absolute, and short enough for sockaddr_un.
Result<void> check_socket_path(const std::string& path);

/// Makes room for a server at `path`: a socket that nobody listens at any more, of a daemon that died, is removed.
/// Anything else that is there is an error, and stays.
Result<void> clear_socket_path(const std::string& path);

}  // namespace weft
