// rte_vhost's own socket of a connection, which it does not show: found by its address.
#pragma once

#include <map>
#include <string>

namespace weft {

/// The descriptor of this process's connection over the socket at `path` that is none of the known; -1: none is found.
int find_connection(const std::string& path, bool server, const std::map<int, int>& known_by_vid);

/// rte_vhost reads and writes all its sockets by one thread, and waits. A front end that sends half a message may hold that
/// up for so long, not for ever.
void make_impatient(int fd);

/// False: the other end has closed it, whether rte_vhost knows already or not. -1 does not live.
bool connection_lives(int fd);

}  // namespace weft
