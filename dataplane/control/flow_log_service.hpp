// The flow logs of the running deployment: fed from the engine, written to their files.
//
// What needs the engine (publish, end_due, flush) only moves records and makes lines; write() is what meets the disk, and
// is called without the engine, so that a slow disk makes nobody wait but the next write(). Lines that could not be
// written are kept, up to a limit, and tried again with the next ones.
//
// Thread: any. Calls with an Engine belong inside Controller::with_engine().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "dataplane/control/flow_log_file.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/observe/flow_log_aggregator.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

struct FlowLogView {
  FlowLog log;
  std::string file;
  std::uint64_t lines = 0;    // written
  std::uint64_t skipped = 0;  // SKIPDATA lines: intervals of an ENI that lost records
  std::uint64_t lost = 0;     // lines that could not be written and were given up
  std::string error;          // of the last write; empty: it went well
};

class FlowLogService {
 public:
  struct Clock {
    std::uint64_t (*now_ns)() = nullptr;   // the engine's; null: CLOCK_MONOTONIC
    std::uint64_t (*unix_ns)() = nullptr;  // null: CLOCK_REALTIME
  };
  FlowLogService() : FlowLogService(Clock{}) {}
  explicit FlowLogService(const Clock& clock);

  /// Before a deployment is applied: the destinations of flow logs that are new can be written. `topology`, may be null:
  /// where they were declared.
  Result<void> check(const Deployment& wanted, const Topology* topology) const;

  /// The engine has just taken over this deployment. Flow logs that have gone end their last interval.
  void publish(Engine& engine, const Deployment& deployment);
  void end_due(Engine& engine);
  /// Ends the interval now; `name`: name or id, empty for all. InvalidFlowLogId.NotFound.
  Result<void> flush(Engine& engine, const std::string& name);

  /// What is to be written, to its files.
  void write();

  /// Returns true when an interval is over, false when it is told to stop.
  bool wait_until_due(const std::stop_token& stop);
  std::vector<FlowLogView> views() const;

 private:
  struct Entry {
    FlowLog log;
    FlowLogFile file;
    FlowLogAggregator aggregator;
    std::vector<std::string> unwritten = {};
    std::uint64_t lines = 0, lost = 0;
    std::string error = {};
  };
  using Entries = std::vector<std::shared_ptr<Entry>>;

  std::shared_ptr<Entry> make_entry(const FlowLog& log, const Deployment& deployment) const;
  static void add_enis(Entry& entry, const Engine& engine, const Deployment& deployment);
  static void remove_enis(Entry& entry, const Engine& engine, const Deployment& deployment);
  static void close(Entry& entry, std::uint64_t now_ns);
  void collect(Engine& engine);
  void note(Entry& entry, const std::vector<std::string>& lines, const Result<void>& written);

  const Clock clock_;
  std::mutex write_mutex_;  // before the other one: one write() at a time
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Entries entries_;  // in the deployment's order
  Entries ended_;    // gone, with lines to write
};

}  // namespace weft
