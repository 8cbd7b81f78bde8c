// How a holder begins, comes back to a daemon, and ends: nothing is left behind.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

#include "instances/protocol.hpp"
#include "tests/instances/fixture.hpp"

namespace weft::test {
namespace {

void sleep_for_ever() {
  for (;;) ::pause();
}

void ignore_sigterm() { ::signal(SIGTERM, SIG_IGN); }

/// The network namespace of a process inside an instance, kept open: else the kernel may give its number to the next
/// namespace, another test's, as soon as it is gone.
class Network {
 public:
  explicit Network(pid_t pid) : kept_(::open(path(pid).c_str(), O_RDONLY | O_CLOEXEC)) {
    EXPECT_TRUE(kept_) << std::strerror(errno);
    ::fstat(kept_.get(), &identity_);
  }

  int processes() const {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      struct stat other {};
      if (::stat((entry.path() / "ns/net").c_str(), &other) == 0 && other.st_ino == identity_.st_ino &&
          other.st_dev == identity_.st_dev)
        ++found;
    }
    return found;
  }

 private:
  static std::string path(pid_t pid) { return "/proc/" + std::to_string(pid) + "/ns/net"; }
  UniqueFd kept_;
  struct stat identity_ {};
};

bool nothing_left(const std::string& directory, pid_t holder) {
  return !running(holder) && !exists(directory + "/holder.sock") && !exists(directory + "/hosts") &&
         !exists(directory + "/hosts.outside") && !exists(directory + "/resolv.conf") &&
         !exists(directory + "/resolv.conf.outside");
}

TEST_F(HolderTest, the_socket_is_private_and_the_process_has_its_own_name_and_session) {
  struct stat status {};
  ASSERT_EQ(::stat((directory_.path() + "/holder.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const pid_t holder = holder_pid(directory_.path());
  const std::string proc = "/proc/" + std::to_string(holder);
  EXPECT_EQ(read_text(proc + "/comm"), "weft-holder");
  EXPECT_EQ(read_text(proc + "/cmdline").substr(0, 12), std::string("weft-holder") + '\0');
  EXPECT_EQ(::getsid(holder), holder);
  EXPECT_FALSE(holder_->joined());
}

TEST_F(HolderTest, shutdown_ends_everything_before_it_returns) {
  create(guest("a", 4, true));
  const pid_t process = start_inside(directory_.path(), "a", sleep_for_ever);
  const Network network(process);
  const pid_t holder = holder_pid(directory_.path());
  ASSERT_EQ(network.processes(), 1);
  holder_->shutdown();
  EXPECT_TRUE(nothing_left(directory_.path(), holder));
  EXPECT_FALSE(running(process));
  EXPECT_EQ(network.processes(), 0);
  EXPECT_FALSE(enter_instance(directory_.path(), "a"));
}

TEST_F(HolderTest, removing_an_instance_ends_what_runs_in_it_even_if_it_does_not_want_to) {
  create(guest("a", 4));
  create(guest("b", 5));
  const pid_t stubborn = start_inside(directory_.path(), "a", sleep_for_ever, ignore_sigterm);
  const pid_t stopped = start_inside(directory_.path(), "a", [] {
    ::raise(SIGSTOP);
    sleep_for_ever();
  });
  const pid_t detached = start_inside(directory_.path(), "a", [] {
    if (::fork() != 0) ::_exit(0);
    ::setsid();
    sleep_for_ever();
  });
  const pid_t bystander = start_inside(directory_.path(), "b", sleep_for_ever);
  const Network network(stubborn);
  ::waitpid(detached, nullptr, 0);
  ASSERT_EQ(network.processes(), 3);

  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(holder_->remove_instance("a"));
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(network.processes(), 0);
  EXPECT_FALSE(running(stubborn));
  EXPECT_FALSE(running(stopped));
  EXPECT_TRUE(running(bystander));
  EXPECT_GE(took, std::chrono::milliseconds(900)) << "SIGTERM is given a second";
  EXPECT_LT(took, std::chrono::milliseconds(5000));
  EXPECT_EQ(holder_->instances(), std::vector<std::string>{"b"});
  EXPECT_FALSE(holder_->remove_instance("a"));
  create(guest("a", 4));  // the name is free again
}

TEST_F(HolderTest, an_instance_whose_processes_obey_is_gone_at_once) {
  create(guest("a", 4));
  const pid_t process = start_inside(directory_.path(), "a", sleep_for_ever);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(holder_->remove_instance("a"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(800));
  EXPECT_FALSE(running(process));
}

TEST_F(HolderTest, a_daemon_that_comes_back_finds_the_same_instances) {
  auto before = create(guest("a", 4, true));
  ASSERT_TRUE(holder_->save_state("{\"generation\": 7}"));
  const pid_t process = start_inside(directory_.path(), "a", sleep_for_ever);
  const pid_t holder = holder_pid(directory_.path());
  holder_.reset();  // as when weftd dies: the connection closes

  auto again = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(again) << again.error().message;
  holder_ = std::move(*again);
  EXPECT_TRUE(holder_->joined());
  EXPECT_EQ(holder_->saved_state(), "{\"generation\": 7}");
  EXPECT_EQ(holder_->instances(), std::vector<std::string>{"a"});
  EXPECT_EQ(holder_pid(directory_.path()), holder);
  auto after = holder_->handles("a");
  ASSERT_TRUE(after) << after.error().message;
  ASSERT_EQ(after->taps.size(), 1u);
  EXPECT_TRUE(after->efa_listener);
  struct stat listener[2]{};
  ASSERT_EQ(::fstat(before.efa_listener.get(), &listener[0]), 0);
  ASSERT_EQ(::fstat(after->efa_listener.get(), &listener[1]), 0);
  EXPECT_EQ(listener[0].st_ino, listener[1].st_ino) << "the very same listener";
  ifreq interface {};
  ASSERT_EQ(::ioctl(after->taps[0].fd.get(), TUNGETIFF, &interface), 0);
  EXPECT_STREQ(interface.ifr_name, "eth0");

  // The grace period is over only for who stays away.
  ::usleep((kGraceMs + 200) * 1000);
  EXPECT_TRUE(running(process));
  EXPECT_FALSE(holder_->handles("b"));
  ASSERT_TRUE(holder_->remove_instance("a"));
}

TEST_F(HolderTest, a_state_of_megabytes_is_kept) {
  const std::string state(5'000'000, 'x');
  ASSERT_TRUE(holder_->save_state(state));
  holder_.reset();
  auto again = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(again) << again.error().message;
  holder_ = std::move(*again);
  EXPECT_EQ(holder_->saved_state(), state);
  EXPECT_FALSE(holder_->save_state("\xff\xfe")) << "text only";
}

TEST_F(HolderTest, a_second_daemon_is_refused_while_the_first_lives) {
  auto second = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "Weft.DaemonRunning");
}

TEST_F(HolderTest, after_the_grace_period_nothing_is_left) {
  create(guest("a", 4, true));
  const pid_t process = start_inside(directory_.path(), "a", sleep_for_ever);
  const Network network(process);
  const pid_t holder = holder_pid(directory_.path());
  const auto begin = std::chrono::steady_clock::now();
  holder_.reset();
  EXPECT_TRUE(eventually([&] { return nothing_left(directory_.path(), holder); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(kGraceMs - 50));
  EXPECT_FALSE(running(process));
  EXPECT_EQ(network.processes(), 0);
}

TEST_F(HolderTest, a_daemon_that_starts_during_the_clean_up_waits_and_gets_a_new_holder) {
  create(guest("a", 4));
  start_inside(directory_.path(), "a", sleep_for_ever, ignore_sigterm);  // keeps the old holder busy for a second
  const pid_t old = holder_pid(directory_.path());
  ASSERT_EQ(::kill(old, SIGTERM), 0);
  ::usleep(100'000);
  ASSERT_TRUE(running(old));
  auto again = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(again) << again.error().message;
  holder_ = std::move(*again);
  EXPECT_FALSE(holder_->joined());
  EXPECT_TRUE(holder_->instances().empty());
  EXPECT_NE(holder_pid(directory_.path()), old);
  EXPECT_TRUE(exists(directory_.path() + "/hosts"));
}

TEST_F(HolderTest, signals_end_the_holder_cleanly) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    create(guest("a", 4));
    const pid_t process = start_inside(directory_.path(), "a", sleep_for_ever);
    const pid_t holder = holder_pid(directory_.path());
    ASSERT_EQ(::kill(holder, signal), 0);
    EXPECT_TRUE(eventually([&] { return nothing_left(directory_.path(), holder); })) << signal;
    EXPECT_FALSE(running(process));
    auto again = Holder::start_or_join(directory_.path(), kGraceMs);
    ASSERT_TRUE(again) << again.error().message;
    holder_ = std::move(*again);
  }
}

TEST_F(HolderTest, a_holder_killed_hard_leaves_a_socket_that_a_new_one_replaces) {
  const pid_t holder = holder_pid(directory_.path());
  ASSERT_EQ(::kill(holder, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return !running(holder); }));
  EXPECT_FALSE(holder_->create_instance(guest("a", 4)));
  auto again = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(again) << again.error().message;
  holder_ = std::move(*again);
  EXPECT_FALSE(holder_->joined());
  create(guest("a", 4));
}

TEST(HolderStart, who_reads_the_daemons_output_sees_its_end_when_the_daemon_dies) {
  TemporaryDirectory directory;
  constexpr int kLongGraceMs = 60'000;
  // in_child() reads a pipe to its end, which the holder must not hold open.
  const auto begin = std::chrono::steady_clock::now();
  const std::string said = in_child([&]() -> std::string {
    auto holder = Holder::start_or_join(directory.path(), kLongGraceMs);
    return holder ? "started" : holder.error().message;
  });
  EXPECT_EQ(said, "started");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  const pid_t holder = holder_pid(directory.path());
  ASSERT_GT(holder, 0) << "it outlives its daemon";
  for (int fd = 0; fd <= 2; ++fd) {
    char target[64] = {};
    (void)!::readlink(("/proc/" + std::to_string(holder) + "/fd/" + std::to_string(fd)).c_str(), target, 63);
    EXPECT_STREQ(target, "/dev/null");
  }
  ::kill(holder, SIGTERM);
  EXPECT_TRUE(eventually([&] { return nothing_left(directory.path(), holder); }));
}

TEST(HolderStart, a_directory_that_cannot_be_used_is_a_sentence) {
  auto missing = Holder::start_or_join("/tmp/weft-no-such-directory", kGraceMs);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/tmp/weft-no-such-directory"), std::string::npos);
}

}  // namespace
}  // namespace weft::test
