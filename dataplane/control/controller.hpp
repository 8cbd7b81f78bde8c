// The controller: owns the running Deployment and takes it from one to the next. DESIGN D3, D12.
//
// apply is parse, resolve, plan, then steps of which each knows its undo: create what is new, hosts, state, publish.
// Publication is the commit point: a failure before it undoes the steps made so far and the running deployment never
// notices; what is left to do after it (ending removed instances) can only produce warnings, and is tried again at the
// next apply. The state is saved *before* publication, so that a daemon killed in between leaves a holder whose
// instances are a superset of the state, which restore() trims.
//
// Thread: any thread may call anything. One change at a time, a second one is refused; reads never wait for a change
// except, for the milliseconds of a publication, those that ask the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "dataplane/control/environment.hpp"
#include "dataplane/control/flow_log_service.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/model/vf.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

struct Progress {
  std::string what;  // "create instance node-17"
  unsigned done = 0;
  unsigned total = 0;
};

struct Outcome {
  std::vector<Change> changes;
  std::vector<std::string> warnings;  // what could not be cleaned up after the commit
};

/// StopInstances, StartInstances, RebootInstances, TerminateInstances.
enum class LifeChange : std::uint8_t { kStop, kStart, kReboot, kTerminate };

struct LifeOutcome {
  std::string name, id;
  std::string previous_state, state;  // EC2's words: running, stopped, terminated
  Outcome outcome;
};

class Controller {
 public:
  Controller(Engine& engine, Environment& environment) : engine_(engine), environment_(environment) {}

  /// What apply would do. `file` is the name used in errors.
  Result<Outcome> plan(const std::string& file, const std::string& text) const;
  Result<Outcome> apply(const std::string& file, const std::string& text);
  /// The same from a deployment that is resolved already, by resolve() over deployment() or a change of its own.
  Result<Outcome> apply(Deployment wanted);

  /// `instance`: name or id. What stays and what changes is the model's to say (model/lifecycle.hpp); here the instance
  /// ends, comes, or both. IncorrectInstanceState, InvalidInstanceID.NotFound.
  Result<LifeOutcome> change_life(LifeChange change, const std::string& instance);

  /// Set and cleared while it runs (model/faults.hpp); those of the file are apply()'s. IncorrectState: nothing runs.
  Result<Outcome> set_fault(underlay::Fault fault);
  Result<Outcome> clear_faults(const std::string& name);  // empty: all that were set

  /// Of one virtual function, until the file says otherwise (model/vf.hpp). IncorrectState: nothing runs.
  Result<Outcome> set_vf(const VfChange& change);

  /// After a rejoin: takes the instances of the saved state back and publishes them. Call it first of all.
  Result<Outcome> restore();

  /// Breaks off an apply that is under way, removes every instance, and refuses every change from then on. Returns how
  /// many instances there were; a second call finds none.
  unsigned remove_all();
  bool stopping() const { return stopping_; }  // remove_all() was called

  std::shared_ptr<const Deployment> deployment() const;  // null: nothing applied yet
  std::optional<Progress> progress() const;              // none: nothing under way

  /// Ends the intervals of flow logs as they are due, until it is told to stop. For a thread of its own.
  void run_flow_logs(const std::stop_token& stop);
  /// `name`: name or id, empty for all. The lines are in the file when it returns, or the view says why not.
  Result<void> flush_flow_logs(const std::string& name);
  std::vector<FlowLogView> flow_logs() const { return flow_logs_.views(); }

  /// The engine's methods belong to one thread at a time: this is the only way to it while weftd runs.
  template <typename Function>
  auto with_engine(Function&& function) {
    std::lock_guard lock(engine_mutex_);
    return function(engine_);
  }

 private:
  class Transition;  // one apply: its steps and their undo (transition.hpp)
  friend class Transition;

  /// A transition, and what the log says about it. `what` names it there.
  Result<Outcome> carry_out(const std::shared_ptr<const Deployment>& running, Deployment wanted,
                            const std::vector<std::string>& rebooted, const std::string& what);
  /// The engine's apply(), and what the flow logs have to do with it.
  Result<void> publish(const std::shared_ptr<const Deployment>& deployment, Environment::Attachments attachments);
  void report(std::string what, unsigned done, unsigned total);
  void report_done();
  void set_deployment(std::shared_ptr<const Deployment> deployment);
  Error refusal() const;

  Engine& engine_;
  Environment& environment_;
  std::mutex engine_mutex_;
  FlowLogService flow_logs_;
  std::mutex change_mutex_;  // held by the one change under way
  std::atomic<bool> stopping_{false};

  mutable std::mutex state_mutex_;  // the two below
  std::shared_ptr<const Deployment> deployment_;
  std::optional<Progress> progress_;
};

}  // namespace weft
