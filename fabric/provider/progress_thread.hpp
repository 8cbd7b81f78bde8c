// FI_PROGRESS_AUTO for data: peers' reads, writes and atomics complete, and long messages flow, while the application
// computes. One thread per domain, made only when asked for, asleep on the queue pairs' arrival descriptors (DESIGN D7).
//
// A thread that wakes for every packet would take the core, and the packet, from an application that reads its queues
// itself. So it stands back while the application does: it then only looks once in a millisecond whether the
// application still does, and takes over (and may sleep until a packet comes) when it does not.
#pragma once

#include <pthread.h>

#include <memory>

#include "fabric/provider/watcher.hpp"

namespace weft::provider {

class ProgressThread {
 public:
  /// Null when there is no thread to be had. `lock`: the domain's, enabled.
  static std::unique_ptr<ProgressThread> start(Lock& lock) noexcept;
  ~ProgressThread();  // ends the thread

  // Under the domain's lock.
  void add(EndpointBase& endpoint) { watcher_.add(endpoint); }
  void remove(EndpointBase& endpoint) { watcher_.remove(endpoint); }
  /// An endpoint makes progress, in somebody's call.
  void note_call() {
    if (!own_turn_) application_calls();
  }

 private:
  explicit ProgressThread(Lock& lock) : lock_(lock), watcher_(lock, FI_WAIT_FD) {}

  void run();
  void application_calls();

  Lock& lock_;
  Watcher watcher_;
  pthread_t thread_{};
  bool own_turn_ = false;   // the thread is in watcher_.progress()
  bool called_ = false;     // the application made progress since the thread looked
  bool stopping_ = false;
};

}  // namespace weft::provider
