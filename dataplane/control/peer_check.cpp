#include "dataplane/control/peer_check.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5; older kernels answer ENOPROTOOPT
#endif

namespace weft {

namespace {

bool same_namespace(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

/// True while the process that connected lives, so that its number has not gone to another one. True also where the
/// kernel cannot say.
bool still_the_peer(int connected_socket) {
  int pidfd = -1;
  socklen_t length = sizeof(pidfd);
  if (::getsockopt(connected_socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) != 0) return errno == ENOPROTOOPT;
  pollfd ended{pidfd, POLLIN, 0};
  const bool alive = ::poll(&ended, 1, 0) == 0;
  ::close(pidfd);
  return alive;
}

}  // namespace

Result<void> check_peer(int connected_socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(connected_socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return Error{"UnauthorizedOperation", "the peer's credentials cannot be read", {}};
  const uid_t own = ::geteuid();
  if (peer.uid != own && peer.uid != 0)
    return Error{
        "UnauthorizedOperation", fmt::format("this weftd belongs to user {}, and you are user {}", own, peer.uid), {}};

  struct stat theirs {
  }, ours{};
  const std::string path = fmt::format("/proc/{}/ns/net", peer.pid);
  if (::stat("/proc/self/ns/net", &ours) != 0)
    return Error{"UnauthorizedOperation", "weftd's own network namespace cannot be read", {}};
  if (::stat(path.c_str(), &theirs) != 0) {
    // The machine's root asks a user's daemon, which may not look at root's processes. Root inside an instance of that
    // daemon is no other than the daemon's user, so this is nobody from inside.
    if (peer.uid == 0 && own != 0 && errno == EACCES) return {};
    return Error{"UnauthorizedOperation", "the asking process's network namespace cannot be read", {}};
  }
  if (!same_namespace(theirs, ours) || !still_the_peer(connected_socket))
    return Error{
        "UnauthorizedOperation",
        "the control API does not answer from another network namespace than weftd's own, such as an instance's",
        {}};
  return {};
}

}  // namespace weft
