#include "drivers/vhost/connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace weft {
namespace {

constexpr timeval kPatience{.tv_sec = 1, .tv_usec = 0};

bool is_at(int fd, const std::string& path, bool server) {
  sockaddr_un address{};
  socklen_t bytes = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if ((server ? ::getsockname(fd, generic, &bytes) : ::getpeername(fd, generic, &bytes)) != 0) return false;
  if (address.sun_family != AF_UNIX) return false;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens != 0) return false;
  return path.compare(0, path.npos, address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)) == 0;
}

}  // namespace

int find_connection(const std::string& path, bool server, const std::map<int, int>& known_by_vid) {
  const auto known = [&](int fd) {
    return std::any_of(known_by_vid.begin(), known_by_vid.end(), [&](const auto& one) { return one.second == fd; });
  };
  std::error_code ignored;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", ignored);
       entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    const int fd = std::atoi(entry->path().filename().c_str());
    if (!known(fd) && is_at(fd, path, server)) return fd;
  }
  return -1;
}

void make_impatient(int fd) {
  if (fd < 0) return;
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) ::setsockopt(fd, SOL_SOCKET, option, &kPatience, sizeof kPatience);
}

bool connection_lives(int fd) {
  pollfd asked{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return fd >= 0 && ::poll(&asked, 1, 0) == 0;
}

}  // namespace weft
