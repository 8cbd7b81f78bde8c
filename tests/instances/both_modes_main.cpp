// Runs the tests as root, as an ordinary user and as the root of a foreign user namespace, in one go: root executes
// this program once more as a uid that owns nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/instances/fixture.hpp"

namespace {

constexpr uid_t kNobodyInParticular = 64'321;  // needs no entry in /etc/passwd
constexpr int kMesonSkip = 77;
constexpr const char* kModeVariable = "WEFT_TEST_MODE";

using weft::test::become_root_of_a_user_namespace;

bool become_ordinary_user();

/// Null, or why an ordinary user cannot make user namespaces.
const char* user_namespaces_forbidden() {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int error = become_ordinary_user() && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;
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

bool become_ordinary_user() {
  return ::geteuid() != 0 || (::setresgid(kNobodyInParticular, kNobodyInParticular, kNobodyInParticular) == 0 &&
                              ::setresuid(kNobodyInParticular, kNobodyInParticular, kNobodyInParticular) == 0);
}

/// This program once more, as `become` makes it.
int run_as(const char* mode, bool (*become)(), char** arguments) {
  // By descriptor: the build tree may lie where that user cannot look.
  const int self = ::open("/proc/self/exe", O_RDONLY);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv(kModeVariable, mode, 1);
    if (!become() || ::chdir("/tmp") != 0) {
      std::printf("cannot run %s: %s\n", mode, std::strerror(errno));
      std::fflush(nullptr);
      ::_exit(1);
    }
    ::fexecve(self, arguments, environ);
    std::perror("cannot execute the tests once more");
    ::_exit(1);
  }
  ::close(self);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int run_rootless(char** arguments) {
  if (const char* reason = user_namespaces_forbidden()) {
    std::printf("skipped: this machine forbids user namespaces to ordinary users (%s)\n", reason);
    return kMesonSkip;
  }
  const int ordinary = run_as("as an ordinary user, in a user namespace", become_ordinary_user, arguments);
  const int foreign = run_as(
      "as root of a foreign user namespace", [] { return become_ordinary_user() && become_root_of_a_user_namespace(); },
      arguments);
  return ordinary != 0 ? ordinary : foreign;
}

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  if (const char* mode = std::getenv(kModeVariable)) {
    std::printf("--- %s, uid %u\n", mode, ::geteuid());
    return RUN_ALL_TESTS();
  }
  if (::geteuid() != 0) {
    std::printf("not as root: started by an ordinary user\n");
    return run_rootless(arguments);
  }
  std::printf("--- as root\n");
  const int as_root = RUN_ALL_TESTS();
  const int rootless = run_rootless(arguments);
  return as_root != 0 ? as_root : rootless == kMesonSkip ? 0 : rootless;
}
