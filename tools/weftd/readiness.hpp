// Telling those who wait that weftd is ready, and going to the background.
#pragma once

#include <string>

#include "dataplane/model/result.hpp"
#include "instances/holder.hpp"

namespace weft {

/// Forks; the parent waits until the child is ready and exits 0, or 1 if the child dies first (which has said why on
/// stderr). Returns in the child: the end of a pipe to write a newline to. Call before there are threads.
Result<UniqueFd> fork_to_background();

/// Lets the terminal go: stdin, stdout and stderr become /dev/null.
void leave_terminal();

/// A newline, for --ready-fd and fork_to_background().
void write_newline(int fd);

/// systemd's protocol (sd_notify(3)) without its library: a datagram to $NOTIFY_SOCKET, if there is one.
void notify_service_manager(const std::string& state);

}  // namespace weft
