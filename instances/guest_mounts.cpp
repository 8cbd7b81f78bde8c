#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instances/guest_counters.hpp"
#include "instances/namespaces.hpp"
#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

std::string by_descriptor(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

bool bind_mount(const std::string& from, const std::string& over, unsigned long flags = 0) {
  return ::mount(from.c_str(), over.c_str(), nullptr, MS_BIND | flags, nullptr) == 0;
}

/// Shows the instance's own interfaces in /sys/class/net. Some containers forbid it (a masked /sys must stay masked);
/// then the old view stays, which only tools that read /sys instead of netlink notice.
void mount_own_sysfs() {
  UniqueFd cgroups(::open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return;
  // hwloc, and so Open MPI, reads the cpus it may use there.
  if (cgroups) bind_mount(by_descriptor(cgroups), "/sys/fs/cgroup", MS_REC);
}

/// Two instances are two machines: no POSIX shared memory between them, and none left behind after them.
void mount_own_shared_memory() { ::mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"); }

/// The control API cannot be reached from inside (DESIGN D12); the holder can, for `weft ssh` between instances.
Result<void> hide_runtime_directory(const std::string& directory) {
  const std::string socket_path = directory + "/" + kSocketFile;
  UniqueFd socket(::open(socket_path.c_str(), O_PATH | O_CLOEXEC));
  if (!socket) return system_error("cannot find " + socket_path);
  if (::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=64k") != 0)
    return system_error("cannot hide " + directory + " from the instance");
  UniqueFd mount_point(::open(socket_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!mount_point || !bind_mount(by_descriptor(socket), socket_path))
    return system_error("cannot show the holder's socket to the instance");
  return {};
}

}  // namespace

Result<void> make_guest_mounts(const SharedFiles& files, const GuestInstance& instance) {
  const bool outside = instance.outside;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_error("cannot make the instance's mounts private");
  // A minimal Debian has no /etc/hosts, and nothing can be mounted over what is not there: names are the VPC's resolver's
  // then. Without /etc/resolv.conf there is no resolver to hide, and libc asks nobody.
  for (const auto& [file, over] :
       {std::pair(outside ? files.outside_hosts : files.hosts, "/etc/hosts"),
        std::pair(outside ? files.outside_resolver : files.resolver, "/etc/resolv.conf")})
    if (::access(over, F_OK) == 0 && !bind_mount(file, over))
      return system_error(std::string("cannot mount the instance's ") + over);
  mount_own_sysfs();
  mount_own_shared_memory();
  GuestCounters counters;
  if (instance.efa) counters = open_guest_counters(files.runtime_directory, instance.name);
  mount_as_class(counters);
  if (auto hidden = hide_runtime_directory(files.runtime_directory); !hidden) return hidden;
  show_in_runtime_directory(counters);
  return {};
}

}  // namespace weft::holder
