#include "instances/guest_counters.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "instances/protocol.hpp"

namespace weft::holder {
namespace {

constexpr char kClass[] = "/sys/class";
constexpr char kNet[] = "/sys/class/net";
constexpr char kInfiniband[] = "/sys/class/infiniband";

std::string path_of(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

bool bind_read_only(const std::string& from, const std::string& over) {
  return ::mount(from.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
         ::mount(nullptr, over.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

}  // namespace

std::string counter_directory(const std::string& runtime_directory, const std::string& instance) {
  return runtime_directory + "/" + kCounterDirectory + "/" + instance;
}

GuestCounters open_guest_counters(const std::string& runtime_directory, const std::string& instance) {
  GuestCounters counters;
  counters.path = counter_directory(runtime_directory, instance);
  std::error_code ignored;
  std::filesystem::create_directories(counters.path + "/infiniband", ignored);
  counters.directory = UniqueFd(::open(counters.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return counters;
}

void mount_as_class(const GuestCounters& counters) {
  if (!counters.directory) return;
  const std::string directory = path_of(counters.directory);
  // The kernel has this class only where there are such devices, and nobody can make a directory in sysfs. An overlay
  // does not follow changes below it, so what changes is mounted over it as it is: our files, and interfaces.
  if (::access(kInfiniband, F_OK) != 0) {
    const UniqueFd interfaces(::open(kNet, O_PATH | O_DIRECTORY | O_CLOEXEC));
    ::mount("overlay", kClass, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
            ("lowerdir=" + directory + ":" + kClass).c_str());
    if (interfaces) ::mount(path_of(interfaces).c_str(), kNet, nullptr, MS_BIND, nullptr);
  }
  bind_read_only(directory + "/infiniband", kInfiniband);
}

void show_in_runtime_directory(const GuestCounters& counters) {
  if (!counters.directory) return;
  std::error_code ignored;
  std::filesystem::create_directories(counters.path, ignored);
  bind_read_only(path_of(counters.directory), counters.path);
}

void forget_guest_counters(const std::string& runtime_directory, const std::string& instance) {
  std::error_code ignored;
  std::filesystem::remove_all(counter_directory(runtime_directory, instance), ignored);
  std::filesystem::remove(runtime_directory + "/" + kCounterDirectory, ignored);  // when it was the last
}

}  // namespace weft::holder
