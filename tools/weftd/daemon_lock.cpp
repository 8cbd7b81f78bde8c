#include "tools/weftd/daemon_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft {

Result<DaemonLock> DaemonLock::take(const std::string& runtime_directory) {
  const std::string path = runtime_directory + "/weftd.lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error{"Weft.RuntimeDirectory", fmt::format("cannot open {}: {}", path, std::strerror(errno)), {}};
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_SETLK, &whole) == 0) return DaemonLock(std::move(file));
  if (errno != EACCES && errno != EAGAIN)
    return Error{"Weft.RuntimeDirectory", fmt::format("cannot lock {}: {}", path, std::strerror(errno)), {}};
  struct flock owner = whole;
  const bool known = ::fcntl(file.get(), F_GETLK, &owner) == 0 && owner.l_type != F_UNLCK;
  return Error{
      "Weft.DaemonRunning",
      fmt::format("weftd{} is running already in {}; use it, stop it with `weft down`, or choose another --runtime-dir",
                  known ? fmt::format(" (process {})", owner.l_pid) : "", runtime_directory),
      {}};
}

}  // namespace weft
