// Only groups of sessions that these tests make are touched.
#include "instances/scheduling_group.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

namespace weft {
namespace {

/// In a process with a session of its own, so that its group is nobody else's; whether `body` said yes.
bool in_own_session(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setsid() > 0 && body() ? 0 : 1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
/// The same in a child that stays in the session, as a daemon that is being started.
bool in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The kernel takes one write in a tenth of a second from who is not privileged.
bool write_nice(const char* text) {
  const int file = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  bool written = false;
  for (int i = 0; i < 40 && !written; ++i) {
    written = ::write(file, text, std::strlen(text)) > 0;
    if (!written && errno != EAGAIN) break;
    if (!written) ::usleep(50'000);
  }
  ::close(file);
  return written;
}

TEST(SchedulingGroup, a_new_session_weighs_as_much_as_the_one_it_leaves) {
  if (!scheduling_group_nice(0)) GTEST_SKIP() << "this kernel has no automatic groups, or they are off";
  EXPECT_TRUE(in_own_session([] {
    if (!write_nice("7") || scheduling_group_nice(0) != 7) return false;
    const pid_t session = ::getsid(0);
    return in_child([&] {
             leave_session();
             return ::getsid(0) != session && ::getsid(0) == ::getpid() && scheduling_group_nice(0) == 7;
           }) &&
           scheduling_group_nice(0) == 7;
  }));
}

TEST(SchedulingGroup, without_the_privilege_for_its_weight_a_process_stays_in_its_session_in_a_group_of_its_own) {
  if (!scheduling_group_nice(0)) GTEST_SKIP() << "this kernel has no automatic groups, or they are off";
  if (::geteuid() != 0 || !in_own_session([] { return write_nice("-3"); }))
    GTEST_SKIP() << "nobody here may make the heavier session that this is about";
  const auto leaves = [](bool privileged, bool new_session) {
    return in_own_session([=] {
      if (!write_nice("-3")) return false;
      const pid_t session = ::getsid(0);
      return in_child([=] {
        if (!privileged && ::setuid(65534) != 0) return false;
        leave_session();
        return scheduling_group_nice(0) == -3 && ::getpgid(0) == ::getpid() && (::getsid(0) != session) == new_session;
      });
    });
  };
  EXPECT_TRUE(leaves(true, true));
  EXPECT_TRUE(leaves(false, false));
}

TEST(SchedulingGroup, the_weight_of_another_process_can_be_read_and_nobodys_cannot) {
  if (!scheduling_group_nice(0)) GTEST_SKIP() << "this kernel has no automatic groups, or they are off";
  EXPECT_EQ(scheduling_group_nice(::getpid()), scheduling_group_nice(0));
  EXPECT_EQ(scheduling_group_nice(0x7fffffff), std::nullopt);
}

TEST(SchedulingGroup, a_warning_is_due_where_the_daemon_weighs_less) {
  EXPECT_NE(scheduling_warning(0, -15).find("nice 0 and this shell's -15"), std::string::npos);
  EXPECT_EQ(scheduling_warning(-15, 0), "");
  EXPECT_EQ(scheduling_warning(3, 3), "");
  EXPECT_EQ(scheduling_warning(std::nullopt, -15), "");
  EXPECT_EQ(scheduling_warning(0, std::nullopt), "");
}

}  // namespace
}  // namespace weft
