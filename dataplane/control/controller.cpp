#include "dataplane/control/controller.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dataplane/control/json.hpp"
#include "dataplane/control/topology_file.hpp"
#include "dataplane/control/transition.hpp"

namespace weft {

namespace {

Result<Deployment> read(const std::string& file, const std::string& text, const Deployment* running) {
  Result<Topology> topology = parse_topology(text, file);
  if (!topology) return topology.error();
  return resolve(*topology, running);
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
  Result<Deployment> wanted = read(file, text, running.get());
  if (!wanted) return wanted.error();

  Outcome outcome{weft::plan(running.get(), *wanted), {}};
  Transition transition(*this, running, std::make_shared<const Deployment>(std::move(*wanted)));
  // An empty plan may still have instances to end that an earlier apply could not.
  if (outcome.changes.empty() && !transition.leftovers()) return outcome;
  Result<std::vector<std::string>> warnings = transition.run();
  report_done();
  if (!warnings) {
    spdlog::error("apply of {} failed and was undone: {}", file, warnings.error().to_string());
    return warnings.error();
  }
  outcome.warnings = std::move(*warnings);
  for (const std::string& warning : outcome.warnings) spdlog::warn("{}", warning);
  spdlog::info("applied {}: {} changes", file, outcome.changes.size());
  return outcome;
}

Result<Outcome> Controller::restore() {
  std::lock_guard change(change_mutex_);
  const std::string state = environment_.saved_state();
  std::shared_ptr<const Deployment> wanted;
  if (state.empty()) {
    wanted = std::make_shared<const Deployment>();  // the last daemon died before its first apply was in force
  } else {
    Result<Deployment> saved = deployment_from_json(state);
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
  const std::vector<std::string> names = environment_.instances();
  report("remove instances", 0, static_cast<unsigned>(names.size()));
  if (std::shared_ptr<const Deployment> running = deployment()) {
    for (const Instance& instance : running->instances) environment_.close_efa(instance);
    Result<void> published =
        with_engine([](Engine& engine) { return engine.apply(std::make_shared<const Deployment>(), {}); });
    if (!published) spdlog::warn("the engine did not let the ports go: {}", published.error().to_string());
  }
  environment_.shutdown();
  set_deployment(nullptr);
  report_done();
  return static_cast<unsigned>(names.size());
}

}  // namespace weft
