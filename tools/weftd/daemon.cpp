#include "tools/weftd/daemon.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

#include "dataplane/control/api_server.hpp"
#include "dataplane/control/controller.hpp"
#include "dataplane/worker/eal.hpp"
#include "drivers/ethdev/ethdev_device.hpp"
#include "drivers/efa/efa_server.hpp"
#include "instances/holder.hpp"
#include "tools/weftd/daemon_lock.hpp"
#include "tools/weftd/efa_functions.hpp"
#include "tools/weftd/host_environment.hpp"
#include "tools/weftd/readiness.hpp"
#include "tools/weftd/telemetry.hpp"

namespace weft {

namespace {

// 36 bytes of table for each (flow/table.hpp); enough for any laptop, small enough to start in a CI container.
constexpr std::uint32_t kFlowCapacity = 262'144;

// A packet takes 2.4 KiB, so they fill a sixth of it; the rest is for what EAL and rings need, and costs nothing
// unless it is touched.
constexpr std::uint32_t kPacketsPerMegabyte = 64;

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<std::string> find_runtime_directory(const DaemonOptions& options) {
  // The environment carries it to runtime_directory() and to every child.
  if (!options.runtime_directory.empty()) ::setenv("WEFT_RUNTIME_DIR", options.runtime_directory.c_str(), 1);
  return runtime_directory();
}

void set_up_log(const DaemonOptions& options, const std::string& directory) {
  std::shared_ptr<spdlog::logger> log;
  if (options.daemonize)
    log = spdlog::basic_logger_mt("weftd", directory + "/weftd.log");
  else
    log = spdlog::stderr_color_mt("weftd");
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  log->set_level(spdlog::level::from_str(options.log_level));
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(log));
}

/// Blocks them for this thread and all that follow, so that they only come by the descriptor.
UniqueFd signals_by_descriptor(bool daemonized) {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (daemonized) ::sigdelset(&set, SIGHUP);  // stays blocked, which is to say ignored
  ::signal(SIGPIPE, SIG_IGN);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void allow_many_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

enum class End { kSignal, kApi, kHolderGone };

/// `stopping`: the holder ends because somebody asked for it by the API, whose answer comes first.
End wait_for_end(int signals, int api_end, int holder, const std::function<bool()>& stopping) {
  pollfd polled[] = {{signals, POLLIN, 0}, {api_end, POLLIN, 0}, {holder, 0, 0}};  // a hang-up is always reported
  for (;;) {
    if (::poll(polled, 3, -1) < 0) continue;
    if (polled[1].revents != 0) return End::kApi;
    if (polled[0].revents != 0) return End::kSignal;
    if (!stopping()) return End::kHolderGone;
    polled[2].fd = -1;
  }
}

/// Everything between the holder's start and the daemon's end. Members are made top to bottom and end bottom to top.
class Daemon {
 public:
  Daemon(const DaemonOptions& options, std::string directory, std::unique_ptr<Holder> holder)
      : options_(options), directory_(std::move(directory)), holder_(std::move(holder)) {}

  ~Daemon() {
    scrapers_.reset();
    telemetry_.reset();
    api_.reset();
    flow_logs_ = {};  // stops and joins
    if (engine_) engine_->stop();
  }

  Result<void> start() {
    for (auto step : {&Daemon::start_engine, &Daemon::start_control, &Daemon::start_api, &Daemon::start_metrics})
      if (Result<void> done = (this->*step)(); !done) return done;
    return {};
  }

  bool uses_huge_pages() const { return eal_->uses_huge_pages(); }
  int end_event() const { return end_event_.get(); }
  int holder_fd() const { return holder_->connection_fd(); }
  bool stopping() const { return controller_->stopping(); }
  void remove_all() { controller_->remove_all(); }

  /// A start that failed leaves no empty holder behind; one with instances keeps them for the next try.
  void give_up() {
    if (!holder_->joined()) holder_->shutdown();
  }

 private:
  /// Its files, if any, are in our directory: a user cannot make the usual one. A shared one has them where DPDK's tools look.
  Result<std::unique_ptr<Eal>> start_eal() {
    EalOptions eal_options;
    eal_options.memory_mb = options_.memory_mb;
    eal_options.huge_pages = !options_.no_huge;
    eal_options.telemetry = options_.telemetry;
    eal_options.shared = options_.shared;
    eal_options.extra = options_.eal;
    eal_options.pci = !options_.cards.empty();
    for (const std::string& card : options_.cards) {
      if (auto why = why_no_card(card)) return Error{"InvalidParameterValue", "--pci: " + *why, {}};
      eal_options.extra.insert(eal_options.extra.end(), {"-a", card});
    }
    if (options_.shared.empty()) ::setenv("RUNTIME_DIRECTORY", directory_.c_str(), 1);  // see systemd.exec(5)
    return Eal::start(eal_options);
  }

  Result<void> start_engine() {
    Result<std::unique_ptr<Eal>> eal = start_eal();
    if (!eal) return eal.error();
    eal_ = std::move(*eal);
    spdlog::info("{}", eal_->mode());

    EngineOptions engine_options;
    engine_options.workers = options_.workers;
    engine_options.poll = options_.poll;
    engine_options.cpus = options_.cpus;
    engine_options.shared = !options_.shared.empty();
    engine_options.flow_capacity = kFlowCapacity;
    engine_options.packets = options_.memory_mb * kPacketsPerMegabyte - 1;  // a mempool likes 2^n - 1
    Result<std::unique_ptr<Engine>> engine = Engine::create(engine_options);
    if (!engine) return engine.error();
    engine_ = std::move(*engine);

    EfaError failed;
    efa_ = EfaServer::create(engine_->wake_fd(), &failed);
    if (!efa_) return Error{"InternalError", failed.message, {}};
    efa_->set_counter_directory(efa_counter_directory(directory_));
    engine_->set_message_switch(efa_->message_switch(),
                                [efa = efa_.get()](EniSlot slot) { return efa->counters(slot); });
    engine_->start();
    return {};
  }

  Result<void> start_control() {
    environment_ = std::make_unique<HostEnvironment>(*holder_, *efa_, engine_->mempool(),
                                                      engine_->large_mempool());
    controller_ = std::make_unique<Controller>(*engine_, *environment_);
    flow_logs_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "weft-flow-logs");
      controller_->run_flow_logs(stop);
    });
    if (!holder_->joined()) return {};
    Result<Outcome> restored = controller_->restore();
    if (!restored) return restored.error();
    std::shared_ptr<const Deployment> deployment = controller_->deployment();
    spdlog::info("took {} instances back from a weftd that died", deployment ? deployment->instances.size() : 0);
    return {};
  }

  Result<void> start_api() {
    end_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    routes_ = std::make_unique<ApiRoutes>(
        *controller_, DaemonFacts{WEFT_VERSION, options_.workers, ::geteuid() == 0, uses_huge_pages(), &monotonic_ns,
                                  [efa = efa_.get()](const std::string& instance) { return round_trips_of(*efa, instance); }});
    auto end = [fd = end_event_.get()] { (void)!::eventfd_write(fd, 1); };
    Result<std::unique_ptr<ApiServer>> api = ApiServer::listen(directory_ + "/api.sock", *routes_, end);
    if (!api) return api.error();
    api_ = std::move(*api);
    if (options_.telemetry) telemetry_ = Telemetry::start(*controller_);
    return {};
  }

  Result<void> start_metrics() {
    if (!options_.metrics_listen) return {};
    Result<std::unique_ptr<ApiServer>> scrapers = ApiServer::listen_for_scrapers(*options_.metrics_listen, *routes_);
    if (!scrapers) return scrapers.error();
    scrapers_ = std::move(*scrapers);
    spdlog::info("metrics: http://{}/metrics", scrapers_->address());
    return {};
  }

  const DaemonOptions& options_;
  std::string directory_;
  std::unique_ptr<Holder> holder_;
  std::unique_ptr<Eal> eal_;
  std::unique_ptr<EfaServer> efa_;  // outlives the engine, which reads its counters
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<HostEnvironment> environment_;
  std::unique_ptr<Controller> controller_;
  std::jthread flow_logs_;
  UniqueFd end_event_;
  std::unique_ptr<ApiRoutes> routes_;
  std::unique_ptr<ApiServer> api_, scrapers_;
  std::unique_ptr<Telemetry> telemetry_;
};

int fail(const Error& error) {
  fmt::print(stderr, "weftd: {}\n", error.to_string());
  if (spdlog::default_logger()->name() == "weftd") spdlog::critical("{}", error.to_string());
  return 1;
}

int serve(const DaemonOptions& options, Daemon& daemon, UniqueFd background, int signals) {
  notify_service_manager("READY=1\nSTATUS=ready\n");
  if (options.ready_fd >= 0) {
    write_newline(options.ready_fd);
    ::close(options.ready_fd);
  }
  if (background) {
    leave_terminal();
    write_newline(background.get());
    background = UniqueFd();
  }
  spdlog::info("ready, process {}", ::getpid());
  const End end = wait_for_end(signals, daemon.end_event(), daemon.holder_fd(), [&] { return daemon.stopping(); });
  notify_service_manager("STOPPING=1\n");
  if (end == End::kHolderGone) {
    spdlog::critical("the holder process died, and the instances with it; weftd ends");
    return 1;
  }
  spdlog::info("{}", end == End::kApi ? "removed by `weft down`, ending" : "told to stop: removing every instance");
  daemon.remove_all();
  return 0;
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  Result<std::string> directory = find_runtime_directory(options);
  if (!directory) return fail(directory.error());
  UniqueFd background;
  if (options.daemonize) {
    Result<UniqueFd> forked = fork_to_background();
    if (!forked) return fail(forked.error());
    background = std::move(*forked);
  }
  Result<DaemonLock> lock = DaemonLock::take(*directory);
  if (!lock) return fail(lock.error());
  set_up_log(options, *directory);
  allow_many_descriptors();
  UniqueFd signals = signals_by_descriptor(options.daemonize);

  // Before EAL and before any thread: the holder is a fork of this process.
  Result<std::unique_ptr<Holder>> holder = Holder::start_or_join(*directory, options.grace_ms);
  if (!holder) return fail(holder.error());
  Daemon daemon(options, *directory, std::move(*holder));
  if (Result<void> started = daemon.start(); !started) {
    daemon.give_up();
    return fail(started.error());
  }
  return serve(options, daemon, std::move(background), signals.get());
}

}  // namespace weft
