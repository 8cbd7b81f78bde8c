#include "instances/holder_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <list>

#include "instances/instance_set.hpp"
#include "instances/process_title.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 256;  // every `weft exec` that is just entering has one

struct Connection {
  UniqueFd socket;
  bool daemon = false;
};

class HolderProcess {
 public:
  HolderProcess(UniqueFd listener, UniqueFd signals, InstanceSet instances, int grace_ms)
      : listener_(std::move(listener)), signals_(std::move(signals)), instances_(std::move(instances)) {
    start_grace(grace_ms);
  }

  /// Returns when everything is to be removed.
  void serve();
  void remove_all() { instances_.remove_all(); }

 private:
  void start_grace(int grace_ms) {
    grace_ms_ = grace_ms;
    alone_since_ = Clock::now();
  }
  bool daemon_present() const {
    return std::any_of(connections_.begin(), connections_.end(), [](const Connection& c) { return c.daemon; });
  }
  int wait_ms() const;
  void accept_connection();
  /// False: close it.
  bool serve_connection(Connection& connection);
  Reply answer(Connection& connection, const nlohmann::json& request);
  Reply hello(Connection& connection, const nlohmann::json& request);
  Reply manage(const std::string& operation, const nlohmann::json& request);

  UniqueFd listener_, signals_;
  InstanceSet instances_;
  std::list<Connection> connections_;
  int grace_ms_ = 0;
  Clock::time_point alone_since_;
  std::string state_;
  bool end_ = false;
};

int HolderProcess::wait_ms() const {
  if (daemon_present()) return -1;
  const auto left = std::chrono::milliseconds(grace_ms_) - (Clock::now() - alone_since_);
  return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

void HolderProcess::serve() {
  while (!end_) {
    std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& c : connections_) polled.push_back({c.socket.get(), POLLIN, 0});
    const int ready = ::poll(polled.data(), polled.size(), wait_ms());
    if (ready < 0 && errno != EINTR) return;
    if (ready == 0 && wait_ms() == 0) return;  // the daemon stayed away
    if (ready <= 0) continue;
    if (polled[0].revents != 0) return;  // told to end

    std::size_t i = 2;
    for (auto c = connections_.begin(); c != connections_.end() && !end_; ++i) {
      const bool keep = polled[i].revents == 0 || serve_connection(*c);
      const bool was_daemon = c->daemon;
      c = keep ? std::next(c) : connections_.erase(c);
      if (!keep && was_daemon) start_grace(grace_ms_);
    }
    if (polled[1].revents != 0) accept_connection();
  }
}

void HolderProcess::accept_connection() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  if (!peer_is_same_user(socket.get())) {
    (void)send_message(socket.get(), error_body({"AuthFailure", "the holder serves only the user who started it", {}}));
    return;
  }
  // The oldest that asks for nothing makes room; the daemon stays.
  if (connections_.size() >= kMaxConnections)
    connections_.erase(std::find_if(connections_.begin(), connections_.end(), [](const auto& c) { return !c.daemon; }));
  connections_.push_back({std::move(socket), false});
}

bool HolderProcess::serve_connection(Connection& connection) {
  auto message = receive_message(connection.socket.get());
  if (!message || !*message) {
    // A last word for whoever debugs a client; then it is cut off.
    if (!message) (void)send_message(connection.socket.get(), error_body(message.error()));
    return false;
  }
  Reply reply;
  try {
    reply = answer(connection, (*message)->body);
  } catch (const std::exception& e) {
    reply = {error_body(holder_error(std::string("the request cannot be read: ") + e.what())), {}};
  }
  if (end_) return true;  // answered by the end of the process
  return static_cast<bool>(send_message(connection.socket.get(), reply.body, reply.descriptors));
}

Reply HolderProcess::answer(Connection& connection, const nlohmann::json& request) {
  const auto operation = request.at("op").get<std::string>();
  if (operation == "enter") return instances_.namespaces(request.at("name").get<std::string>());
  if (operation == "hello") return hello(connection, request);
  if (!connection.daemon)
    return {error_body({"UnauthorizedOperation", "only weftd may ask the holder for '" + operation + "'", {}}), {}};
  return manage(operation, request);
}

Reply HolderProcess::hello(Connection& connection, const nlohmann::json& request) {
  if (request.at("version").get<int>() != kProtocolVersion)
    return {error_body(holder_error("the running holder is of another version of weft; end it with its weftd")), {}};
  if (instances_.is_guest(peer_pid(connection.socket.get())))
    return {error_body({"UnauthorizedOperation", "the holder cannot be managed from inside an instance", {}}), {}};
  if (daemon_present())
    return {error_body({"Weft.DaemonRunning", "a weftd is running already in this runtime directory", {}}), {}};
  grace_ms_ = std::max(0, request.at("grace_ms").get<int>());
  connection.daemon = true;
  Reply reply;
  reply.body["state"] = state_;
  reply.body["pid"] = ::getpid();
  return reply;
}

Reply HolderProcess::manage(const std::string& operation, const nlohmann::json& request) {
  if (operation == "create") return instances_.create(request);
  if (operation == "change") return instances_.change(request);
  if (operation == "handles") return instances_.handles(request.at("name").get<std::string>());
  if (operation == "list") return instances_.names();
  if (operation == "set_hosts") return instances_.set_hosts(request);
  if (operation == "set_resolver") return instances_.set_resolver(request);
  if (operation == "remove") return instances_.remove(request.at("name").get<std::string>());
  if (operation == "save_state") {
    state_ = request.at("state").get<std::string>();
    return {};
  }
  if (operation == "shutdown") {
    end_ = true;
    return {};
  }
  return {error_body(holder_error("the holder knows no operation '" + operation + "'")), {}};
}

Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) return holder_error("the path of the socket is too long: " + path);
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("cannot make a socket");
  ::unlink(path.c_str());  // a dead holder's; start_or_join() has seen that nobody listens there
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    return system_error("cannot listen at " + path);
  return socket;
}

/// Nothing of the parent's stays: no descriptor, terminal, directory, or signal.
void detach(int keep) {
  ::setsid();
  ::prctl(PR_SET_NAME, "weft-holder");
  set_process_title("weft-holder");
  ::umask(077);
  (void)!::chdir("/");
  if (const int null = ::open("/dev/null", O_RDWR); null >= 0)
    for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  if (keep > 3) ::close_range(3, static_cast<unsigned>(keep) - 1, 0);
  ::close_range(static_cast<unsigned>(keep) + 1, ~0U, 0);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};  // seven descriptors an instance
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

Result<UniqueFd> end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return system_error("cannot make a signalfd");
  return signals;
}

Result<HolderProcess> prepare(const std::string& runtime_directory, int grace_ms) {
  auto signals = end_signals();
  if (!signals) return signals.error();
  auto separate = enter_user_namespace();
  if (!separate) return separate.error();
  UniqueFd user_namespace;
  if (*separate) {
    user_namespace = UniqueFd(::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
    if (!user_namespace) return system_error("cannot open the user namespace");
  }
  const std::string no_hosts = *hosts_text({}), no_servers = *resolver_text({});
  std::vector<SharedFile> shared;
  for (const auto& [name, text] : {std::pair("hosts", &no_hosts), {"hosts.outside", &no_hosts},
                                   {"resolv.conf", &no_servers}, {"resolv.conf.outside", &no_servers}}) {
    auto file = SharedFile::create(runtime_directory, name, *text);
    if (!file) return file.error();
    shared.push_back(std::move(*file));
  }
  const SharedFiles files{runtime_directory, shared[0].path(), shared[1].path(), shared[2].path(), shared[3].path()};
  auto listener = listen_at(runtime_directory + "/" + kSocketFile);
  if (!listener) return listener.error();
  InstanceSet instances(files, std::move(shared[0]), std::move(shared[1]), std::move(shared[2]),
                        std::move(user_namespace));
  return HolderProcess(std::move(*listener), std::move(*signals), std::move(instances), grace_ms);
}

}  // namespace

void run_holder(const std::string& runtime_directory, int grace_ms, UniqueFd ready) {
  try {
    detach(ready.get());
    auto holder = prepare(runtime_directory, grace_ms);
    const std::string word = holder ? std::string("{}") : error_body(holder.error()).dump();
    (void)!::write(ready.get(), word.data(), word.size());
    ready = UniqueFd();
    if (!holder) ::_exit(1);
    holder->serve();
    // The socket goes last: whoever starts a new holder waits for it, so two never share a runtime directory.
    holder->remove_all();
    ::unlink((runtime_directory + "/api.sock").c_str());  // a daemon that was killed left it
    ::unlink((runtime_directory + "/" + kSocketFile).c_str());
    ::_exit(0);
  } catch (...) {
    ::_exit(1);
  }
}

}  // namespace weft::holder
