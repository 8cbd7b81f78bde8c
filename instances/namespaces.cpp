#include "instances/namespaces.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instances/child.hpp"
#include "instances/guest_interface.hpp"
#include "instances/guest_network.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

bool may_make_namespaces() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::geteuid() != 0 || ::syscall(SYS_capget, &header, data) != 0) return false;
  constexpr unsigned kNeeded = 1U << CAP_SYS_ADMIN | 1U << CAP_NET_ADMIN;  // both are in the first word
  return (data[0].effective & kNeeded) == kNeeded;
}

Error user_namespace_refused() {
  return holder_error(
      std::string("cannot make a user namespace (") + std::strerror(errno) +
      "); without root weft needs them: allow them with sysctl kernel.unprivileged_userns_clone=1 (Debian), "
      "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces above 0, "
      "or run weftd as root");
}

/// Network, mount and UTS namespace, the TAPs, then the EFA listener.
Result<std::vector<UniqueFd>> make_from_inside(const GuestInstance& instance, const SharedFiles& files) {
  if (::unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS) != 0)
    return system_error("cannot make network, UTS and mount namespaces");
  if (::sethostname(instance.name.data(), instance.name.size()) != 0) return system_error("cannot set the host name");
  if (auto done = make_guest_mounts(files, instance); !done) return done.error();
  auto network = make_guest_network(instance);
  if (!network) return network.error();

  std::vector<UniqueFd> made;
  for (const char* kind : {"net", "mnt", "uts"}) {
    made.emplace_back(::open((std::string("/proc/self/ns/") + kind).c_str(), O_RDONLY | O_CLOEXEC));
    if (!made.back()) return system_error("cannot open the instance's namespaces");
  }
  for (UniqueFd& tap : network->taps) made.push_back(std::move(tap));
  if (instance.efa) made.push_back(std::move(network->efa_listener));
  return made;
}

}  // namespace

Result<bool> enter_user_namespace() {
  if (may_make_namespaces()) return false;
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  // A process that changed its user is not dumpable, and then may not write its own maps.
  ::prctl(PR_SET_DUMPABLE, 1);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return user_namespace_refused();
  // user_namespaces(7): an unprivileged process maps its own ids only, and gives up setgroups first.
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"))
    return user_namespace_refused();
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_error("cannot make the mounts of the user namespace private");
  return true;
}

Result<InstanceNamespaces> make_instance(const GuestInstance& instance, const SharedFiles& files) {
  auto fds = run_in_child([&] { return make_from_inside(instance, files); });
  if (!fds) return fds.error();
  const std::size_t taps = instance.interfaces.size();
  if (fds->size() != 3 + taps + (instance.efa ? 1 : 0)) return holder_error("an instance came without its descriptors");
  InstanceNamespaces made;
  made.network = std::move((*fds)[0]);
  made.mount = std::move((*fds)[1]);
  made.uts = std::move((*fds)[2]);
  for (std::size_t i = 0; i < taps; ++i)
    made.interfaces.push_back({instance.interfaces[i], std::move((*fds)[3 + i])});
  if (instance.efa) made.efa_listener = std::move(fds->back());
  return made;
}

}  // namespace weft::holder
