#include "drivers/efa/testing/loopback_daemon.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "drivers/efa/file_descriptor.hpp"

namespace weft {
namespace {

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

class FunctionGate final : public EfaGate {
 public:
  std::function<EfaVerdict(EniSlot, EniSlot)> ask;
  EfaVerdict verdict(EniSlot source, EniSlot destination) const noexcept override {
    return ask ? ask(source, destination) : EfaVerdict::kAllow;
  }
  bool may_bypass(EniSlot, EniSlot) const noexcept override { return !fabric; }
  bool impaired(EniSlot, EniSlot) const noexcept override { return fabric != nullptr; }
  EfaPassage cross(EniSlot source, EniSlot destination, std::uint8_t path, std::uint64_t at_ns,
                   std::uint32_t bytes) const noexcept override {
    return fabric(source, destination, path, at_ns, bytes);
  }
  std::function<EfaPassage(EniSlot, EniSlot, std::uint8_t, std::uint64_t, std::uint32_t)> fabric;
  std::uint64_t changes = 0;
  std::uint64_t epoch() const noexcept override { return changes; }
};

// The engine's idle policy in small: hot, then yielding, then asleep (DESIGN D10).
constexpr unsigned kEmptyPollsToYield = 20;
constexpr std::uint64_t kIdleToSleepNs = 1'000'000;

}  // namespace

struct LoopbackDaemon::State {
  std::string directory;
  efa::FileDescriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::unique_ptr<EfaServer> server;
  std::unique_ptr<EfaSwitch> messages;
  FunctionGate gate;
  std::uint64_t (*now_ns)() = steady_ns;
  std::mutex turn;  // held by whoever polls, and by the thread while it sleeps
  std::atomic<unsigned> visitors{0};  // who waits for the turn to end; a mutex alone would let the thread sleep again first
  std::atomic<bool> stop{false}, paused{false};
  std::thread thread;

  std::uint32_t poll_once() {
    const std::lock_guard lock(turn);
    return messages->poll(gate, now_ns());
  }

  void sleep() {
    const std::unique_lock lock(turn);
    if (stop || paused || visitors != 0 || !messages->arm(wake.get())) return;
    pollfd readable{wake.get(), POLLIN, 0};
    const std::uint64_t next_ns = messages->next_ns(), before_ns = now_ns();
    const std::uint64_t left_ns = next_ns > before_ns ? next_ns - before_ns : 0;
    const timespec patience{static_cast<time_t>(left_ns / 1'000'000'000), static_cast<long>(left_ns % 1'000'000'000)};
    ppoll(&readable, 1, next_ns == MessageSwitch::kNever ? nullptr : &patience, nullptr);
    eventfd_t ignored;
    eventfd_read(wake.get(), &ignored);
    messages->disarm();
  }

  void run() {
    unsigned empty = 0;
    std::uint64_t busy_at = steady_ns();
    while (!stop) {
      if (paused || visitors != 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      } else if (poll_once() != 0) {
        empty = 0;
        busy_at = steady_ns();
      } else if (++empty > kEmptyPollsToYield) {
        if (steady_ns() - busy_at > kIdleToSleepNs) sleep();
        sched_yield();
      }
    }
  }

  void wake_up() { eventfd_write(wake.get(), 1); }

  /// Does `change` while the thread neither polls nor sleeps.
  void between_turns(const std::function<void()>& change) {
    ++visitors;
    wake_up();
    {
      const std::lock_guard lock(turn);
      change();
    }
    --visitors;
  }
};

LoopbackDaemon::LoopbackDaemon(std::string runtime_directory, const std::vector<EfaFunction>& functions)
    : state_(std::make_unique<State>()) {
  state_->directory = std::move(runtime_directory);
  EfaError error;
  state_->server = EfaServer::create(state_->wake.get(), &error);
  if (!state_->server) throw std::runtime_error(error.message);
  state_->messages = state_->server->message_switch();
  state_->server->set_counter_directory(efa_counter_directory(state_->directory));
  std::set<std::string> instances;
  for (const EfaFunction& function : functions) {
    error = state_->server->add_function(function);
    if (error) throw std::runtime_error(error.message);
    instances.insert(function.instance);
  }
  for (const std::string& instance : instances) {
    error = state_->server->listen_path(efa_socket_path(state_->directory, instance), instance);
    if (error) throw std::runtime_error(error.message);
  }
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

LoopbackDaemon::~LoopbackDaemon() { kill(); }

EfaFunction LoopbackDaemon::function(const std::string& instance, std::uint8_t number) {
  EfaFunction function;
  function.eni_id = "eni-" + std::to_string(number);
  function.instance = instance;
  function.mac = {{0x02, 0x00, 10, 0, 1, number}};
  function.address = IpAddress::from(Ipv4Address{10U << 24 | 1U << 8 | number});
  function.slot = number;
  return function;
}

void LoopbackDaemon::enter(const std::string& instance) const {
  setenv("WEFT_RUNTIME_DIR", state_->directory.c_str(), 1);
  setenv("WEFT_INSTANCE", instance.c_str(), 1);
}

void LoopbackDaemon::set_gate(std::function<EfaVerdict(EniSlot, EniSlot)> verdict) {
  state_->between_turns([&] {
    state_->gate.ask = std::move(verdict);
    ++state_->gate.changes;
  });
}

void LoopbackDaemon::set_fabric(
    std::function<EfaPassage(EniSlot, EniSlot, std::uint8_t, std::uint64_t, std::uint32_t)> fabric) {
  state_->between_turns([&] {
    state_->gate.fabric = std::move(fabric);
    ++state_->gate.changes;
  });
}

void LoopbackDaemon::pause() {
  state_->between_turns([&] { state_->paused = true; });
}

void LoopbackDaemon::resume() { state_->paused = false; }

void LoopbackDaemon::set_clock(std::uint64_t (*now_ns)()) {
  state_->between_turns([&] { state_->now_ns = now_ns; });
}

std::uint32_t LoopbackDaemon::run_once() { return state_->poll_once(); }

void LoopbackDaemon::kill() {
  state_->stop = true;
  state_->wake_up();
  if (state_->thread.joinable()) state_->thread.join();
  state_->server.reset();
  state_->messages.reset();
}

EfaServer& LoopbackDaemon::server() { return *state_->server; }

const std::string& LoopbackDaemon::runtime_directory() const { return state_->directory; }

}  // namespace weft
