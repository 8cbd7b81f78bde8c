#include "tools/weftd/readiness.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "instances/scheduling_group.hpp"

namespace weft {

Result<UniqueFd> fork_to_background() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{"InternalError", fmt::format("cannot make a pipe: {}", std::strerror(errno)), {}};
  UniqueFd from_child(ends[0]), to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Error{"InternalError", fmt::format("cannot fork: {}", std::strerror(errno)), {}};
  if (child > 0) {
    to_parent = UniqueFd();
    char word = 0;
    ssize_t got;
    do got = ::read(from_child.get(), &word, 1);
    while (got < 0 && errno == EINTR);
    ::_exit(got == 1 ? 0 : 1);
  }
  leave_session();
  return to_parent;
}

void leave_terminal() {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null.get(), fd);
  (void)!::chdir("/");
}

void write_newline(int fd) {
  while (::write(fd, "\n", 1) < 0 && errno == EINTR) {
  }
}

void notify_service_manager(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

}  // namespace weft
