#include "tools/weft/daemon_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "instances/scheduling_group.hpp"
#include "tools/weft/executables.hpp"

namespace weft::cli {
namespace {

constexpr int kStartTimeoutMs = 60'000;  // EAL without huge pages on a busy machine takes a few seconds

Error system_failure(const std::string& what) {
  return {"Weft.Internal", fmt::format("{}: {}", what, std::strerror(errno)), {}};
}

Error no_weftd() {
  return {"Weft.DaemonDidNotStart", "no weftd beside this weft, in its build tree or on PATH; build or install it", {}};
}

/// The last line a daemon wrote, to say why it did not start.
std::string last_line(const std::string& path) {
  std::ifstream log(path);
  std::string line, last = "it said nothing";
  while (std::getline(log, line))
    if (!line.empty()) last = line;
  return last;
}

}  // namespace

Result<void> start_daemon() {
  const std::optional<std::string> weftd = find_weftd();
  if (!weftd) return no_weftd();
  const pid_t child = ::fork();
  if (child < 0) return system_failure("cannot fork");
  if (child == 0) {
    ::execl(weftd->c_str(), "weftd", "--daemonize", static_cast<char*>(nullptr));
    _exit(127);
  }
  // The daemon's first process ends when the daemon is ready, or says on stderr why it never will be.
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{"Weft.DaemonDidNotStart", fmt::format("{} did not start; it says why above or in its log", *weftd), {}};
}

Result<pid_t> start_child_daemon(const std::string& runtime_directory) {
  const std::optional<std::string> weftd = find_weftd();
  if (!weftd) return no_weftd();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  UniqueFd ready(ends[0]), writer(ends[1]);
  const std::string log_path = runtime_directory + "/weftd.log";
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return system_failure("cannot fork");
  if (child == 0) {
    leave_session();  // Ctrl-C is for us: we end it in order
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) _exit(1);
    const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    const int inherited = ::dup(writer.get());  // without close-on-exec
    ::execl(weftd->c_str(), "weftd", "--ready-fd", std::to_string(inherited).c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  writer = UniqueFd();
  pollfd polled{ready.get(), POLLIN, 0};
  char newline = 0;
  if (::poll(&polled, 1, kStartTimeoutMs) == 1 && ::read(ready.get(), &newline, 1) == 1) return child;
  ::kill(child, SIGTERM);
  ::waitpid(child, nullptr, 0);
  return Error{"Weft.DaemonDidNotStart", fmt::format("{} did not start: {}", *weftd, last_line(log_path)), {}};
}

UniqueFd watch_process(pid_t pid) {
  if (pid <= 0) return UniqueFd();
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool wait_for_end(const UniqueFd& process, int timeout_ms) {
  if (!process) return true;
  pollfd polled{process.get(), POLLIN, 0};
  return ::poll(&polled, 1, timeout_ms) == 1;
}

}  // namespace weft::cli
