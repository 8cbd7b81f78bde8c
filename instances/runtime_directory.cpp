#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "instances/holder.hpp"
#include "instances/system_error.hpp"

namespace weft {
namespace {

std::string chosen_path() {
  if (const char* given = std::getenv("WEFT_RUNTIME_DIR"); given != nullptr && *given != '\0') return given;
  if (::geteuid() == 0) return "/run/weft";
  if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user != '\0')
    return std::string(user) + "/weft";
  return "/tmp/weft-" + std::to_string(::geteuid());
}

}  // namespace

Result<std::string> runtime_directory() {
  const std::string path = chosen_path();
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("cannot make the runtime directory " + path);

  // O_NOFOLLOW: in /tmp anybody may have put a link there first.
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return system_error("cannot use " + path + " as the runtime directory, it must be a directory");
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return system_error("cannot look at the runtime directory " + path);
  if (status.st_uid != ::geteuid())
    return holder_error("the runtime directory " + path + " belongs to uid " + std::to_string(status.st_uid) +
                        ", not to you (uid " + std::to_string(::geteuid()) + "); set WEFT_RUNTIME_DIR to your own");
  if ((status.st_mode & 022) != 0)
    return holder_error("the runtime directory " + path +
                        " may be written by others; make it 0700 or set WEFT_RUNTIME_DIR to a directory of your own");

  char absolute[PATH_MAX];
  if (::realpath(path.c_str(), absolute) == nullptr) return system_error("cannot resolve " + path);
  return std::string(absolute);
}

}  // namespace weft
