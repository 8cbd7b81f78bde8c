// The daemon's side of the holder.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "instances/holder_process.hpp"
#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft {
namespace holder {
namespace {

// A holder that is just cleaning up ends what runs in its instances first, two seconds at most.
constexpr int kPredecessorTries = 50;
constexpr int kShutdownTimeoutMs = 10'000;

class HolderClient final : public Holder {
 public:
  HolderClient(UniqueFd socket, UniqueFd process, bool joined, std::string state)
      : socket_(std::move(socket)), process_(std::move(process)), joined_(joined), state_(std::move(state)) {}

  bool joined() const override { return joined_; }
  std::string saved_state() const override { return state_; }
  int connection_fd() const override { return socket_.get(); }

  Result<void> save_state(const std::string& state) override {
    auto done = ask({{"op", "save_state"}, {"state", state}});
    if (done) state_ = state;
    return done;
  }

  std::vector<std::string> instances() const override {
    auto reply = request(socket_.get(), {{"op", "list"}});
    if (!reply) return {};
    return reply->body.value("instances", std::vector<std::string>());
  }

  Result<InstanceHandles> create_instance(const GuestInstance& instance) override {
    // Checked on both sides: here for a good sentence, there because it is the side that acts.
    return take_handles(request(socket_.get(), {{"op", "create"}, {"instance", encode(instance)}}));
  }

  Result<InstanceHandles> change_interfaces(const GuestInstance& instance) override {
    return take_handles(request(socket_.get(), {{"op", "change"}, {"instance", encode(instance)}}));
  }

  Result<InstanceHandles> handles(const std::string& instance) override {
    return take_handles(request(socket_.get(), {{"op", "handles"}, {"name", instance}}));
  }

  Result<void> set_hosts(const HostList& hosts, const HostList& outside) override {
    return ask({{"op", "set_hosts"}, {"hosts", hosts}, {"outside", outside}});
  }
  Result<void> set_resolver(const ResolverSettings& resolver) override {
    return ask({{"op", "set_resolver"}, {"servers", resolver.servers}, {"search", resolver.search}});
  }

  Result<void> remove_instance(const std::string& name) override { return ask({{"op", "remove"}, {"name", name}}); }

  void shutdown() override {
    if (!socket_ || !send_message(socket_.get(), {{"op", "shutdown"}})) return;
    if (process_) {
      pollfd gone{process_.get(), POLLIN, 0};
      ::poll(&gone, 1, kShutdownTimeoutMs);
      // Ours, unless it was joined: then its parent is long dead.
      ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), nullptr, WEXITED | WNOHANG);
    }
    socket_ = UniqueFd();
  }

 private:
  Result<void> ask(const nlohmann::json& body) {
    auto reply = request(socket_.get(), body);
    if (!reply) return reply.error();
    return {};
  }

  static Result<InstanceHandles> take_handles(Result<Message> reply) {
    if (!reply) return reply.error();
    InstanceHandles handles;
    std::vector<UniqueFd>& fds = reply->descriptors;
    if (reply->body.value("efa", false)) {
      if (fds.empty()) return holder_error("the holder sent no EFA listener");
      handles.efa_listener = std::move(fds.back());
      fds.pop_back();
    }
    const auto owners = reply->body.value("interfaces", std::vector<std::string>());
    if (owners.size() != fds.size()) return holder_error("the holder does not say whose TAPs it sent");
    for (std::size_t i = 0; i < fds.size(); ++i) handles.taps.push_back({owners[i], std::move(fds[i])});
    return handles;
  }

  UniqueFd socket_;
  UniqueFd process_;  // pidfd
  bool joined_;
  std::string state_;
};

/// Forks the holder and waits until it listens. It stays this process's child, to be waited for in shutdown(): in a
/// container whose init reaps nobody it would else remain as a zombie.
Result<void> launch(const std::string& runtime_directory, int grace_ms) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  UniqueFd from_holder(ends[0]), ready(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot fork the holder");
  if (pid == 0) run_holder(runtime_directory, grace_ms, std::move(ready));
  ready = UniqueFd();

  std::string word;
  char buffer[PIPE_BUF];
  for (;;) {
    const ssize_t n = ::read(from_holder.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    word.append(buffer, static_cast<std::size_t>(n));
  }
  const auto body = nlohmann::json::parse(word, nullptr, false);
  auto error = body.is_object() ? error_in(body) : holder_error("the holder died before it was ready");
  if (!error) return {};
  ::waitpid(pid, nullptr, 0);
  return *error;
}

Result<std::unique_ptr<Holder>> say_hello(UniqueFd socket, int grace_ms, bool joined) {
  auto reply = request(socket.get(), {{"op", "hello"}, {"version", kProtocolVersion}, {"grace_ms", grace_ms}});
  if (!reply) return reply.error();
  const int pid = reply->body.value("pid", -1);
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return std::unique_ptr<Holder>(std::make_unique<HolderClient>(std::move(socket), std::move(process), joined,
                                                                reply->body.value("state", std::string())));
}

Result<std::unique_ptr<Holder>> start_or_join_locked(const std::string& runtime_directory, int grace_ms) {
  bool launched = false;
  for (int tries = 0; tries < kPredecessorTries; ++tries) {
    bool no_holder = false;
    auto socket = connect_to_holder(runtime_directory, &no_holder);
    if (!socket && (!no_holder || launched)) return socket.error();
    if (!socket) {
      if (auto done = launch(runtime_directory, grace_ms); !done) return done.error();
      launched = true;
      continue;
    }
    auto greeted = say_hello(std::move(*socket), grace_ms, !launched);
    if (greeted || greeted.error().code != "Weft.HolderGone") return greeted;
    // It was cleaning up and is gone now, or is about to be.
    const timespec pause{0, 100'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return holder_error("the former holder in " + runtime_directory + " does not come to its end");
}

}  // namespace
}  // namespace holder

Result<std::unique_ptr<Holder>> Holder::start_or_join(const std::string& runtime_directory, int grace_ms) {
  char absolute[PATH_MAX];
  if (::realpath(runtime_directory.c_str(), absolute) == nullptr)
    return system_error("cannot use the runtime directory " + runtime_directory);
  // One at a time; the lock lies on the directory, so no file is left behind.
  UniqueFd directory(::open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::flock(directory.get(), LOCK_EX) != 0)
    return system_error("cannot lock the runtime directory " + runtime_directory);
  auto holder = holder::start_or_join_locked(absolute, grace_ms);
  ::flock(directory.get(), LOCK_UN);  // a forked holder may share the lock's file description for a moment
  return holder;
}

}  // namespace weft
