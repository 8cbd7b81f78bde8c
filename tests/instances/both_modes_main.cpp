// Runs the tests as root and as an ordinary user, in one go: root re-executes this program as a uid that owns nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

constexpr uid_t kNobodyInParticular = 64'321;  // needs no entry in /etc/passwd
constexpr int kMesonSkip = 77;

/// Null, or why this user cannot make user namespaces.
const char* user_namespaces_forbidden() {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int error = ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;
    (void)!::write(ends[1], &error, sizeof(error));
    ::_exit(0);
  }
  int error = 0;
  (void)!::read(ends[0], &error, sizeof(error));
  ::waitpid(pid, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return error == 0 ? nullptr : std::strerror(error);
}

int run_rootless(char** arguments) {
  // By descriptor: the build tree may lie where that user cannot look.
  const int self = ::open("/proc/self/exe", O_RDONLY);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setresgid(kNobodyInParticular, kNobodyInParticular, kNobodyInParticular) != 0 ||
        ::setresuid(kNobodyInParticular, kNobodyInParticular, kNobodyInParticular) != 0 || ::chdir("/tmp") != 0)
      ::_exit(1);
    ::fexecve(self, arguments, environ);
    std::perror("cannot execute the tests as an ordinary user");
    ::_exit(1);
  }
  ::close(self);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  if (::geteuid() != 0) {
    std::printf("--- as uid %u, in a user namespace\n", ::geteuid());
    if (const char* reason = user_namespaces_forbidden()) {
      std::printf("skipped: this machine forbids user namespaces to ordinary users (%s)\n", reason);
      return kMesonSkip;
    }
    return RUN_ALL_TESTS();
  }
  std::printf("--- as root\n");
  const int as_root = RUN_ALL_TESTS();
  const int rootless = run_rootless(arguments);
  return as_root != 0 ? as_root : rootless == kMesonSkip ? 0 : rootless;
}
