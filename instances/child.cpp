#include "instances/child.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

using Work = std::function<Result<std::vector<UniqueFd>>()>;

constexpr int kTimeoutMs = 10'000;  // usual: some milliseconds

[[noreturn]] void child(int to_parent, const Work& work) {
  // The holder may be killed hard at any moment; nobody else would end this child.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto made = work();
  Result<void> sent;
  if (!made) {
    sent = send_message(to_parent, error_body(made.error()));
  } else {
    std::vector<int> descriptors;
    for (const UniqueFd& fd : *made) descriptors.push_back(fd.get());
    sent = send_message(to_parent, {{"ok", true}}, descriptors);
  }
  ::_exit(sent ? 0 : 1);
}

}  // namespace

Result<std::vector<UniqueFd>> run_in_child(const Work& work) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return system_error("cannot make a socket pair");
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot fork");
  if (pid == 0) child(theirs.get(), work);
  theirs = UniqueFd();

  pollfd wait{ours.get(), POLLIN, 0};
  int ready;
  do ready = ::poll(&wait, 1, kTimeoutMs);
  while (ready < 0 && errno == EINTR);
  auto message =
      ready > 0 ? receive_message(ours.get())
                : Result<std::optional<Message>>(holder_error("a step inside the instance took over ten seconds"));
  if (ready <= 0) ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  if (!message) return message.error();
  if (!*message) return holder_error("the process that works inside the instance died");
  if (auto error = error_in((*message)->body)) return *error;
  return std::move((*message)->descriptors);
}

Result<std::vector<UniqueFd>> run_inside(int network_namespace, const Work& work) {
  return run_in_child([&]() -> Result<std::vector<UniqueFd>> {
    if (::setns(network_namespace, CLONE_NEWNET) != 0) return system_error("cannot enter the instance's network");
    return work();
  });
}

}  // namespace weft::holder
