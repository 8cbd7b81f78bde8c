// A daemon in the test's own process: EfaServer, EfaSwitch and a thread that polls it, on path sockets, so that the
// layers above (device, rdm, provider) run on real queue pairs without namespaces, EAL or root.
//
//   LoopbackDaemon daemon(directory, {LoopbackDaemon::function("node-0", 1), LoopbackDaemon::function("node-1", 2)});
//   daemon.enter("node-0");                      // sets WEFT_RUNTIME_DIR and WEFT_INSTANCE for this process
//   auto a = device::QueuePair::open({}, &error);
//
// `directory` must not exist or be ours; it is made 0700. A client that is not in this process needs the two variables.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drivers/efa/efa_server.hpp"

namespace weft {

class LoopbackDaemon {
 public:
  /// Starts it: one listener per instance, everything allowed. Throws std::runtime_error when it cannot.
  LoopbackDaemon(std::string runtime_directory, const std::vector<EfaFunction>& functions);
  ~LoopbackDaemon();
  LoopbackDaemon(const LoopbackDaemon&) = delete;
  LoopbackDaemon& operator=(const LoopbackDaemon&) = delete;

  /// A function of `instance` with address 10.0.1.<number>, slot <number> and "eni-<number>".
  static EfaFunction function(const std::string& instance, std::uint8_t number);

  /// This process's next clients belong to `instance`.
  void enter(const std::string& instance) const;

  /// Asked for every pair of slots from the next turn on. Must be safe to call on the polling thread.
  void set_gate(std::function<EfaVerdict(EniSlot source, EniSlot destination)> verdict);

  /// From the next turn on it goes by this clock instead of the steady one. Read by whoever polls.
  void set_clock(std::uint64_t (*now_ns)());

  /// From the next turn on every pair is impaired, and this is asked for each packet of two clients that have kFeatureFabric.
  /// Empty: nothing is wrong with the fabric. On the polling thread; `now_ns` is its clock's.
  void set_fabric(std::function<EfaPassage(EniSlot source, EniSlot destination, std::uint8_t path, std::uint64_t now_ns,
                                           std::uint32_t bytes)> fabric);

  /// Nothing moves until resume(); returns when the polling thread stands still. Opening and closing queue pairs
  /// waits for resume() too.
  void pause();
  void resume();

  /// Polls one turn on the caller's thread, while paused. Returns packets handled.
  std::uint32_t run_once();

  /// The daemon dies without a word: sockets close, nothing moves again.
  void kill();

  EfaServer& server();
  const std::string& runtime_directory() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft
