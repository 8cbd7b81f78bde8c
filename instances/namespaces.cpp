#include "instances/namespaces.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instances/guest_network.hpp"
#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr int kMakeTimeoutMs = 10'000;  // usual: some milliseconds

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

Result<InstanceNamespaces> make_from_inside(const GuestInstance& instance, const SharedFiles& files) {
  if (::unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS) != 0)
    return system_error("cannot make network, UTS and mount namespaces");
  if (::sethostname(instance.name.data(), instance.name.size()) != 0) return system_error("cannot set the host name");
  if (auto done = make_guest_mounts(files); !done) return done.error();
  auto handles = make_guest_network(instance);
  if (!handles) return handles.error();

  InstanceNamespaces made;
  made.handles = std::move(*handles);
  const auto open_namespace = [](const char* kind) {
    return UniqueFd(::open((std::string("/proc/self/ns/") + kind).c_str(), O_RDONLY | O_CLOEXEC));
  };
  made.network = open_namespace("net");
  made.mount = open_namespace("mnt");
  made.uts = open_namespace("uts");
  if (!made.network || !made.mount || !made.uts) return system_error("cannot open the instance's namespaces");
  return made;
}

[[noreturn]] void child(int to_parent, const GuestInstance& instance, const SharedFiles& files) {
  // The holder may be killed hard at any moment; nobody else would end this child.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto made = make_from_inside(instance, files);
  Result<void> sent;
  if (!made) {
    sent = send_message(to_parent, error_body(made.error()));
  } else {
    std::vector<int> descriptors{made->network.get(), made->mount.get(), made->uts.get()};
    for (const UniqueFd& tap : made->handles.taps) descriptors.push_back(tap.get());
    if (instance.efa) descriptors.push_back(made->handles.efa_listener.get());
    sent = send_message(to_parent, {{"ok", true}}, descriptors);
  }
  ::_exit(sent ? 0 : 1);
}

Result<InstanceNamespaces> take(Message message, const GuestInstance& instance) {
  if (auto error = error_in(message.body)) return *error;
  auto& fds = message.descriptors;
  const std::size_t taps = instance.interfaces.size();
  if (fds.size() != 3 + taps + (instance.efa ? 1 : 0)) return holder_error("an instance came without its descriptors");
  InstanceNamespaces made;
  made.network = std::move(fds[0]);
  made.mount = std::move(fds[1]);
  made.uts = std::move(fds[2]);
  for (std::size_t i = 0; i < taps; ++i) made.handles.taps.push_back(std::move(fds[3 + i]));
  if (instance.efa) made.handles.efa_listener = std::move(fds.back());
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
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return system_error("cannot make a socket pair");
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot fork");
  if (pid == 0) child(theirs.get(), instance, files);
  theirs = UniqueFd();

  pollfd wait{ours.get(), POLLIN, 0};
  int ready;
  do ready = ::poll(&wait, 1, kMakeTimeoutMs);
  while (ready < 0 && errno == EINTR);
  auto message = ready > 0
                     ? receive_message(ours.get())
                     : Result<std::optional<Message>>(holder_error("making the namespaces took over ten seconds"));
  if (ready <= 0) ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  if (!message) return message.error();
  if (!*message) return holder_error("the process that makes namespaces died");
  return take(std::move(**message), instance);
}

}  // namespace weft::holder
