#include "instances/scheduling_group.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "instances/holder.hpp"

namespace weft {
namespace {

std::string read_small_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[128];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text) : 0;
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

/// Of this process's group. Who may not administer the machine may write once in a tenth of a second.
bool set_own_nice(int nice) {
  UniqueFd file(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(nice);
  for (int attempt = 0; file && attempt < 20; ++attempt) {
    if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return true;
    if (errno != EAGAIN) return false;
    const timespec pause{0, 50'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return false;
}

/// Tried, in a process that ends, because a session that was left cannot be entered again.
bool may_have(int nice) {
  if (nice >= 0) return true;
  const pid_t trial = ::fork();
  if (trial < 0) return false;
  if (trial == 0) ::_exit(::setsid() > 0 && set_own_nice(nice) ? 0 : 1);
  int status = 0;
  while (::waitpid(trial, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::optional<int> scheduling_group_nice(pid_t pid) {
  if (!read_small_file("/proc/sys/kernel/sched_autogroup_enabled").starts_with('1')) return std::nullopt;
  // "/autogroup-3807 nice 0"
  const std::string line = read_small_file("/proc/" + (pid == 0 ? "self" : std::to_string(pid)) + "/autogroup");
  const std::size_t word = line.find(" nice ");
  int nice = 0;
  if (word == std::string::npos) return std::nullopt;
  const char* const begin = line.data() + word + 6;
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), nice);
  if (error != std::errc{} || end == begin) return std::nullopt;
  return nice;
}

void leave_session() {
  const int nice = scheduling_group_nice(0).value_or(0);
  if (!may_have(nice)) {
    ::setpgid(0, 0);
    return;
  }
  ::setsid();
  if (nice != 0) set_own_nice(nice);
}

std::string scheduling_warning(std::optional<int> daemon, std::optional<int> ours) {
  if (!daemon || !ours || *daemon <= *ours) return "";
  return "weftd's scheduling group has nice " + std::to_string(*daemon) + " and this shell's " + std::to_string(*ours) +
         ": ranks that spin will keep weftd from the CPU, and messages take many times longer; start weftd from this "
         "shell (weft down, weft up). See CPUS AND SESSIONS in weft(1)";
}

}  // namespace weft
