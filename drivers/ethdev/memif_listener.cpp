#include "drivers/ethdev/memif_listener.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

namespace weft::ethdev {
namespace {

struct Shares {
  std::mutex mutex;
  std::map<std::string, unsigned> of_path;
};

Shares& shares() {
  static Shares all;
  return all;
}

bool listens_at(int fd, const std::string& path) {
  int listening = 0;
  socklen_t bytes = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) != 0 || listening == 0) return false;
  sockaddr_un name{};
  bytes = sizeof name - 1;  // always ends in zero
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes) == 0 && name.sun_family == AF_UNIX &&
         path == name.sun_path;
}

}  // namespace

ListenerShare::ListenerShare(std::string path) : path_(std::move(path)) {
  Shares& all = shares();
  const std::lock_guard lock(all.mutex);
  ++all.of_path[path_];
}

ListenerShare::~ListenerShare() {
  Shares& all = shares();
  const std::lock_guard lock(all.mutex);
  if (--all.of_path[path_] == 0) all.of_path.erase(path_);
}

bool ListenerShare::only_one() const {
  Shares& all = shares();
  const std::lock_guard lock(all.mutex);
  return all.of_path[path_] == 1;
}

void ListenerShare::device_closes() noexcept {
  Shares& all = shares();
  const std::lock_guard lock(all.mutex);
  if (all.of_path[path_] != 1) return;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    if (!listens_at(fd, path_)) continue;
    const int silent = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (silent < 0) return;
    ::dup3(silent, fd, O_CLOEXEC);
    ::close(silent);
    return;
  }
}

}  // namespace weft::ethdev
