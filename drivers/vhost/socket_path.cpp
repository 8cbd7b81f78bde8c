#include "drivers/vhost/socket_path.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft {
namespace {

Error refused(const std::string& path, const std::string& why) {
  return {"Weft.SocketPath", "vhost-user socket " + path + ": " + why, {}};
}

/// ECONNREFUSED: the file is a socket whose server is no more. Zero: there is one.
int connect_error(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

Result<void> check_socket_path(const std::string& path) {
  if (path.empty() || path.front() != '/') return refused(path, "the path must be absolute, beginning with /");
  if (path.find('\0') != std::string::npos) return refused(path, "the path must not contain a zero byte");
  constexpr std::size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMost)
    return refused(path, "the path has " + std::to_string(path.size()) + " bytes, and the kernel's sockets take at most " +
                             std::to_string(kMost));
  return {};
}

Result<void> clear_socket_path(const std::string& path) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT && ::access(path.substr(0, path.rfind('/') + 1).c_str(), W_OK | X_OK) == 0) return {};
    return refused(path, "cannot be made: " + std::string(std::strerror(errno)));
  }
  if (!S_ISSOCK(file.st_mode))
    return refused(path, "there is a file that is not a socket; it stays, and another path or its removal is needed");
  switch (const int error = connect_error(path)) {
    case ECONNREFUSED: break;
    case 0:
    case EAGAIN: return refused(path, "another program listens there");
    default: return refused(path, "there is a socket, of which cannot be told whether it is in use: " +
                                      std::string(std::strerror(error)));
  }
  if (::unlink(path.c_str()) != 0)
    return refused(path, "a dead server's socket cannot be removed: " + std::string(std::strerror(errno)));
  return {};
}

}  // namespace weft
