// Finds what runs in instances, and ends it.
#pragma once

#include <sys/types.h>

#include <set>
#include <utility>

#include "instances/holder.hpp"

namespace weft::holder {

/// A namespace's identity: device and inode of its nsfs file.
using NamespaceId = std::pair<dev_t, ino_t>;

Result<NamespaceId> identify(int namespace_fd);

/// True when the process has any of `namespaces` as its user, network, mount or UTS namespace. False also when it
/// cannot be looked at: it is outside this process's user namespace, a zombie, or another user's.
bool lives_in(pid_t pid, const std::set<NamespaceId>& namespaces);

/// Ends every process that lives in `namespaces`, but this one: SIGTERM (and SIGCONT, for the stopped), after a second
/// SIGKILL. Returns when they are gone, at the latest a second later.
void end_processes_in(const std::set<NamespaceId>& namespaces);

}  // namespace weft::holder
