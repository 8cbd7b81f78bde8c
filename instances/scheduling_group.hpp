// The kernel's automatic scheduling groups (sched(7), autogroup): CPU time is shared between sessions first, by the
// nice value of each, and only then between a session's processes. A shell with nice -15 whose MPI ranks spin leaves a
// daemon in a session of its own, with nice 0, a thirtieth of the CPU, and every message waits for it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace weft {

/// The nice value of the group that the process is in; 0: this one. Nothing where the kernel has no such groups.
std::optional<int> scheduling_group_nice(pid_t pid);

/// A new session, out of reach of the terminal's signals, that weighs as much as the one it leaves. Where that needs a
/// privilege which is not there (a nice value below 0), the process stays in its session, in a process group of its
/// own: a terminal sends its signals to its foreground group alone. Call in a process that leads no group.
void leave_session();

/// What `weft mpirun` warns of: the daemon's group is nicer than the ranks' will be. Empty: it is not.
std::string scheduling_warning(std::optional<int> daemon, std::optional<int> ours);

}  // namespace weft
