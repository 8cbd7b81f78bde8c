#include "dataplane/control/controller.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dataplane/control/json.hpp"
#include "dataplane/control/state.hpp"
#include "dataplane/control/topology_file.hpp"
#include "dataplane/control/transition.hpp"
#include "dataplane/model/faults.hpp"
#include "dataplane/model/lifecycle.hpp"

namespace weft {

namespace {

Result<Deployment> read(const std::string& file, const std::string& text, const Deployment* running,
                        Topology* declared = nullptr) {
  Result<Topology> topology = parse_topology(text, file);
  if (!topology) return topology.error();
  Result<Deployment> wanted = resolve(*topology, running);
  if (declared != nullptr) *declared = std::move(*topology);
  return wanted;
}

struct LifeStep {
  const char* verb;
  Result<Deployment> (*model)(const Deployment& running, const std::string& name);
};

const LifeStep& step_of(LifeChange change) {
  static constexpr LifeStep kSteps[] = {
      {"stop", stop_instance}, {"start", start_instance}, {"reboot", reboot_instance}, {"terminate", terminate_instance}};
  return kSteps[static_cast<int>(change)];
}

std::string state_name(const Instance* instance) {
  if (!instance) return "terminated";
  return instance->state == InstanceState::kRunning ? "running" : "stopped";
}

}  // namespace

std::shared_ptr<const Deployment> Controller::deployment() const {
  std::lock_guard lock(state_mutex_);
  return deployment_;
}

std::optional<Progress> Controller::progress() const {
  std::lock_guard lock(state_mutex_);
  return progress_;
}

void Controller::set_deployment(std::shared_ptr<const Deployment> deployment) {
  std::lock_guard lock(state_mutex_);
  deployment_ = std::move(deployment);
}

void Controller::report(std::string what, unsigned done, unsigned total) {
  std::lock_guard lock(state_mutex_);
  progress_ = Progress{std::move(what), done, total};
}

void Controller::report_done() {
  std::lock_guard lock(state_mutex_);
  progress_.reset();
}

Error Controller::refusal() const {
  if (stopping_) return {"IncorrectState", "weftd is stopping and takes no more changes", {}};
  std::optional<Progress> now = progress();
  std::string doing = now ? fmt::format(" ({}, {} of {})", now->what, now->done, now->total) : "";
  return {"IncorrectState", fmt::format("another change is under way{}; try again when it is done", doing), {}};
}

Result<Outcome> Controller::plan(const std::string& file, const std::string& text) const {
  std::shared_ptr<const Deployment> running = deployment();
  Result<Deployment> wanted = read(file, text, running.get());
  if (!wanted) return wanted.error();
  return Outcome{weft::plan(running.get(), *wanted), {}};
}

Result<Outcome> Controller::apply(const std::string& file, const std::string& text) {
  std::unique_lock change(change_mutex_, std::try_to_lock);
  if (!change || stopping_) return refusal();
  std::shared_ptr<const Deployment> running = deployment();
  Topology declared;
  Result<Deployment> wanted = read(file, text, running.get(), &declared);
  if (!wanted) return wanted.error();
  if (Result<void> writable = flow_logs_.check(*wanted, &declared); !writable) return writable.error();

  return carry_out(running, std::move(*wanted), {}, file);
}

Result<Outcome> Controller::apply(Deployment wanted) {
  std::unique_lock change(change_mutex_, std::try_to_lock);
  if (!change || stopping_) return refusal();
  return carry_out(deployment(), std::move(wanted), {}, "a deployment");
}

Result<LifeOutcome> Controller::change_life(LifeChange change, const std::string& name) {
  std::unique_lock lock(change_mutex_, std::try_to_lock);
  if (!lock || stopping_) return refusal();
  std::shared_ptr<const Deployment> running = deployment();
  const Instance* instance = running ? running->find_instance(name) : nullptr;
  if (!instance)
    return Error{"InvalidInstanceID.NotFound",
                 fmt::format("The instance ID '{}' does not exist; `weft ps` lists the instances", name), {}};
  const LifeStep& step = step_of(change);
  Result<Deployment> wanted = step.model(*running, instance->name);
  if (!wanted) return wanted.error();

  LifeOutcome life{instance->name, instance->id, state_name(instance), "", {}};
  const Instance* after = wanted->find_instance(instance->id);
  life.state = state_name(after);
  std::vector<std::string> rebooted;
  if (change == LifeChange::kReboot) rebooted.push_back(instance->name);
  Result<Outcome> outcome = carry_out(running, std::move(*wanted), rebooted, fmt::format("{} {}", step.verb, life.name));
  if (!outcome) return outcome.error();
  life.outcome = std::move(*outcome);
  return life;
}

Result<Outcome> Controller::set_fault(underlay::Fault fault) {
  std::unique_lock lock(change_mutex_, std::try_to_lock);
  if (!lock || stopping_) return refusal();
  std::shared_ptr<const Deployment> running = deployment();
  if (!running) return Error{"IncorrectState", "nothing is deployed", {}};
  Result<Deployment> wanted = weft::set_fault(*running, std::move(fault));
  if (!wanted) return wanted.error();
  return carry_out(running, std::move(*wanted), {}, "set a fault");
}

Result<Outcome> Controller::clear_faults(const std::string& name) {
  std::unique_lock lock(change_mutex_, std::try_to_lock);
  if (!lock || stopping_) return refusal();
  std::shared_ptr<const Deployment> running = deployment();
  if (!running) return Error{"IncorrectState", "nothing is deployed", {}};
  Result<Deployment> wanted = name.empty() ? weft::clear_faults(*running) : weft::clear_fault(*running, name);
  if (!wanted) return wanted.error();
  return carry_out(running, std::move(*wanted), {}, "clear faults");
}

Result<Outcome> Controller::set_vf(const VfChange& change) {
  std::unique_lock lock(change_mutex_, std::try_to_lock);
  if (!lock || stopping_) return refusal();
  std::shared_ptr<const Deployment> running = deployment();
  if (!running) return Error{"IncorrectState", "nothing is deployed", {}};
  Result<Deployment> wanted = weft::set_vf(*running, change);
  if (!wanted) return wanted.error();
  return carry_out(running, std::move(*wanted), {}, "set a virtual function");
}

Result<Outcome> Controller::carry_out(const std::shared_ptr<const Deployment>& running, Deployment wanted,
                                      const std::vector<std::string>& rebooted, const std::string& what) {
  Outcome outcome{weft::plan(running.get(), wanted), {}};
  // An empty plan may still have instances to make anew, or to end that an earlier change could not, or know the file's
  // lines of now, which explain names.
  const bool same = outcome.changes.empty() && running && to_json(*running) == to_json(wanted);
  Transition transition(*this, running, std::make_shared<const Deployment>(std::move(wanted)), rebooted);
  if (same && !transition.has_work()) return outcome;
  Result<std::vector<std::string>> warnings = transition.run();
  report_done();
  if (!warnings) {
    spdlog::error("{} failed and was undone: {}", what, warnings.error().to_string());
    return warnings.error();
  }
  outcome.warnings = std::move(*warnings);
  for (const std::string& warning : outcome.warnings) spdlog::warn("{}", warning);
  spdlog::info("{}: {} changes", what, outcome.changes.size());
  return outcome;
}

Result<void> Controller::publish(const std::shared_ptr<const Deployment>& deployment,
                                 Environment::Attachments attachments) {
  Result<void> applied = with_engine([&](Engine& engine) {
    engine.set_underlay({deployment->layout, all_faults(*deployment)});
    Result<void> done = engine.apply(deployment, std::move(attachments));
    if (done) flow_logs_.publish(engine, *deployment);
    return done;
  });
  flow_logs_.write();
  return applied;
}

void Controller::run_flow_logs(const std::stop_token& stop) {
  while (flow_logs_.wait_until_due(stop)) {
    with_engine([&](Engine& engine) { flow_logs_.end_due(engine); });
    flow_logs_.write();
  }
}

Result<void> Controller::flush_flow_logs(const std::string& name) {
  Result<void> flushed = with_engine([&](Engine& engine) { return flow_logs_.flush(engine, name); });
  flow_logs_.write();
  return flushed;
}

Result<Outcome> Controller::restore() {
  std::lock_guard change(change_mutex_);
  const std::string state = environment_.saved_state();
  std::shared_ptr<const Deployment> wanted;
  if (state.empty()) {
    wanted = std::make_shared<const Deployment>();  // the last daemon died before its first apply was in force
  } else {
    Result<Deployment> saved = deployment_of_state(state);
    if (!saved) return saved.error();
    wanted = std::make_shared<const Deployment>(std::move(*saved));
  }
  Transition transition(*this, nullptr, wanted);
  Result<std::vector<std::string>> warnings = transition.take_back();
  report_done();
  if (!warnings) return warnings.error();
  for (const std::string& warning : *warnings) spdlog::warn("{}", warning);
  return Outcome{{}, std::move(*warnings)};
}

unsigned Controller::remove_all() {
  if (stopping_.exchange(true)) {
    std::lock_guard wait(change_mutex_);  // until the first caller is done
    return 0;
  }
  std::lock_guard change(change_mutex_);
  std::vector<std::string> names = environment_.instances();
  report("remove instances", 0, static_cast<unsigned>(names.size()));
  if (std::shared_ptr<const Deployment> running = deployment()) {
    if (running->internet_gateway) std::erase(names, running->internet_gateway->guest);  // no instance
    for (const Instance& instance : running->instances) environment_.close_efa(instance);
    Result<void> published = publish(std::make_shared<const Deployment>(), {});
    if (!published) spdlog::warn("the engine did not let the ports go: {}", published.error().to_string());
  }
  environment_.shutdown();
  set_deployment(nullptr);
  report_done();
  return static_cast<unsigned>(names.size());
}

}  // namespace weft
