// One worker: a run-to-completion loop over its home ports, the hand-over rings, and (worker 0) the message switch.
//
// Thread: everything private belongs to the thread in run(), or to the caller of turn() where there is none.
#pragma once

#include <atomic>
#include <functional>

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/idle.hpp"
#include "dataplane/worker/publication.hpp"
#include "dataplane/worker/wake.hpp"

namespace weft {

struct WorkerOptions {
  bool poll = false;  // never sleep
  std::uint64_t (*now_ns)() = nullptr;
  bool related_icmp_errors = true;
  std::uint32_t flow_capacity = 1;
  std::uint32_t flow_capacity6 = 1;
  services::TokenKeys token_keys;  // one for all workers of an engine
};

class Worker {
 public:
  Worker(unsigned index, const WorkerOptions& options, Publication<Snapshot>& publication, Handover& handover,
         rte_mempool* pool);

  /// Before the first turn; worker 0 only.
  void set_message_switch(MessageSwitch* messages) noexcept { messages_ = messages; }

  void run() noexcept;   // returns after stop()
  void stop() noexcept;  // any thread
  /// Looks at everything once. Returns packets and messages handled.
  unsigned turn() noexcept;

  /// Thread: control, before it first publishes allowances: no worker looks at them earlier.
  void make_limit_tables() {
    if (context_.limits == nullptr)
      context_.limits = std::make_unique<LimitTables>(context_.flows.capacity(), context_.flows6.capacity());
  }

  void make_flow_log_tables(std::size_t records) {
    if (context_.flow_log != nullptr) return;
    context_.flow_log = std::make_unique<FlowLogTables>(records, context_.flows.capacity(), context_.flows6.capacity());
  }
  void make_lanes() {
    if (context_.lanes == nullptr) context_.lanes = std::make_unique<underlay::Underlay>();
  }
  /// Null: none was made.
  FlowLogTable* flow_log_table() noexcept {
    return context_.flow_log == nullptr ? nullptr : &context_.flow_log->records;
  }

  WakeSet& wake_set() noexcept { return wake_; }
  const WorkerContext& context() const noexcept { return context_; }
  CaptureTap& capture_tap() noexcept { return context_.capture; }

  /// Runs `job` in the worker, between two bursts, and returns when it is done. Thread: control. `running`: false when
  /// the worker has no thread, and then the caller's does it. A job that takes long makes packets wait.
  using Job = std::function<void(WorkerContext&)>;
  void run_job(const Job& job, bool running);

  /// Up to now, by CLOCK_MONOTONIC; a sleep that lasts counts. Any thread.
  std::uint64_t asleep_ns() const noexcept;

 private:
  unsigned poll_ports() noexcept;
  unsigned poll_ready_ports() noexcept;
  unsigned poll_port(EniSlot slot, Port& port) noexcept;
  unsigned take_handed_over() noexcept;
  unsigned poll_messages() noexcept;
  /// The clock hand of one flow table.
  struct Ageing {
    std::uint64_t until_ns = 0;
  };
  void age_flows(bool everything) noexcept;
  template <typename Table>
  void age_table(Table& flows, Ageing& ageing, std::uint64_t most_buckets) noexcept;
  bool has_flows() const noexcept { return context_.flows.size() != 0 || context_.flows6.size() != 0; }
  void drop_overdue_fragments() noexcept;
  void serve_job() noexcept;
  void sleep() noexcept;
  std::uint64_t next_arrival_ns() const noexcept;
  std::uint64_t longest_sleep_ns() const noexcept;
  bool arm_everything() noexcept;
  void disarm_everything() noexcept;
  void read_clock() noexcept;
  void read_snapshot() noexcept;

  const WorkerOptions options_;
  Publication<Snapshot>& publication_;
  Handover& handover_;
  MessageSwitch* messages_ = nullptr;
  WorkerContext context_;
  WakeSet wake_;
  IdlePolicy idle_;
  Ageing ageing_, ageing6_;
  std::uint64_t busy_until_ns_ = 0;    // polled sources had something lately
  std::uint64_t asked_kernel_ns_ = 0;  // when poll_ready_ports() last did
  Burst burst_;
  std::atomic<bool> stopping_{false};
  std::atomic<const Job*> job_{nullptr};
  Counter asleep_ns_;                         // sleeps that are over
  std::atomic<std::uint64_t> asleep_since_ns_{0};  // 0: awake
};

}  // namespace weft
