#include "instances/reaper.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr auto kTermTime = std::chrono::seconds(1);  // to end by itself after SIGTERM
constexpr auto kKillTime = std::chrono::seconds(1);  // for the kernel to end it after SIGKILL
constexpr auto kLookAgain = std::chrono::milliseconds(5);

std::vector<pid_t> processes_in(const std::set<NamespaceId>& namespaces) {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return found;
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid > 0 && pid != ::getpid() && lives_in(pid, namespaces)) found.push_back(pid);
  }
  return found;
}

/// By pidfd, and looked at again behind it: the number may have become somebody else's since the scan.
void signal_in(pid_t pid, const std::set<NamespaceId>& namespaces, std::initializer_list<int> signals) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process || !lives_in(pid, namespaces)) return;
  for (const int signal : signals) ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

/// Signals what is there now, and what it forks meanwhile, until nothing is left or the time is over. True: none left.
bool signal_until_gone(const std::set<NamespaceId>& namespaces, std::initializer_list<int> signals, bool repeat,
                       std::chrono::milliseconds time) {
  std::set<pid_t> signalled;
  const auto deadline = std::chrono::steady_clock::now() + time;
  do {
    const auto present = processes_in(namespaces);
    if (present.empty()) return true;
    for (const pid_t pid : present)
      if (signalled.insert(pid).second || repeat) signal_in(pid, namespaces, signals);
    std::this_thread::sleep_for(kLookAgain);
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

}  // namespace

Result<NamespaceId> identify(int namespace_fd) {
  struct stat status {};
  if (::fstat(namespace_fd, &status) != 0) return system_error("cannot identify a namespace");
  return NamespaceId{status.st_dev, status.st_ino};
}

bool lives_in(pid_t pid, const std::set<NamespaceId>& namespaces) {
  for (const char* kind : {"net", "mnt", "uts", "user"}) {
    struct stat status {};
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + kind;
    if (::stat(path.c_str(), &status) != 0) return false;  // a zombie, for one, has only a user namespace
    if (namespaces.contains({status.st_dev, status.st_ino})) return true;
  }
  return false;
}

void end_processes_in(const std::set<NamespaceId>& namespaces) {
  if (namespaces.empty()) return;
  if (signal_until_gone(namespaces, {SIGTERM, SIGCONT}, false, kTermTime)) return;
  signal_until_gone(namespaces, {SIGKILL}, true, kKillTime);
}

}  // namespace weft::holder
