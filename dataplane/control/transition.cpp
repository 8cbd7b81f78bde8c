#include "dataplane/control/transition.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "dataplane/control/json.hpp"

namespace weft {

namespace {

std::vector<std::pair<std::string, std::string>> hosts_of(const Deployment* deployment) {
  std::vector<std::pair<std::string, std::string>> hosts;
  if (!deployment) return hosts;
  for (const Instance& instance : deployment->instances)
    if (!instance.enis.empty()) hosts.emplace_back(instance.name, instance.enis.front().private_ip.to_string());
  return hosts;
}

const Instance* by_name(const Deployment* deployment, const std::string& name) {
  if (!deployment) return nullptr;
  auto found = std::ranges::find(deployment->instances, name, &Instance::name);
  return found == deployment->instances.end() ? nullptr : &*found;
}

bool has_efa(const Instance& instance) {
  return std::ranges::any_of(instance.enis, [](const Eni& eni) { return eni.type == InterfaceType::kEfa; });
}

}  // namespace

Controller::Transition::Transition(Controller& controller, std::shared_ptr<const Deployment> running,
                                   std::shared_ptr<const Deployment> wanted)
    : controller_(controller),
      environment_(controller.environment_),
      running_(std::move(running)),
      wanted_(std::move(wanted)) {
  compare();
}

void Controller::Transition::compare() {
  for (const Instance& instance : wanted_->instances) {
    const Instance* old = by_name(running_.get(), instance.name);
    if (!old)
      fresh_.push_back(&instance);
    else if (old->id != instance.id)  // resolve() gives what must be made anew an id of its own
      replaced_.emplace_back(old, &instance);
  }
  if (running_)
    for (const Instance& instance : running_->instances)
      if (!by_name(wanted_.get(), instance.name)) removed_.push_back(&instance);
  for (const std::string& name : environment_.instances())
    if (!by_name(running_.get(), name)) unknown_.push_back(name);
  total_ = static_cast<unsigned>(unknown_.size() + fresh_.size() + replaced_.size() + removed_.size()) + 1;
}

bool Controller::Transition::leftovers() const { return !unknown_.empty(); }

Result<std::vector<std::string>> Controller::Transition::run() {
  if (Result<void> prepared = prepare(); !prepared) {
    undo();
    return prepared.error();
  }
  finish();
  return std::move(warnings_);
}

Result<void> Controller::Transition::prepare() {
  for (const std::string& name : unknown_) {
    step("remove instance " + name);
    // Only one that stands in the way is a reason to fail.
    if (Result<void> gone = environment_.remove_instance(name); !gone) {
      if (by_name(wanted_.get(), name)) return gone.error();
      warnings_.push_back(gone.error().to_string());
    }
  }
  for (const Instance* instance : fresh_)
    if (Result<void> made = create(*instance); !made) return made;
  for (auto [old, instance] : replaced_)
    if (Result<void> made = replace(*old, *instance); !made) return made;

  step("publish");
  undo_.push_back([this] { (void)environment_.set_hosts(hosts_of(running_.get())); });
  if (Result<void> set = environment_.set_hosts(hosts_of(wanted_.get())); !set) return set;
  undo_.push_back([this] { (void)save(running_); });
  if (Result<void> saved = save(wanted_); !saved) return saved;
  if (controller_.stopping_) return controller_.refusal();

  // Slots of removed ENIs may be given away by the very publication that removes them, so their functions go first.
  for (const Instance* instance : removed_) {
    if (!has_efa(*instance)) continue;
    environment_.close_efa(*instance);
    reopen_.push_back(instance);
  }
  return publish(wanted_, std::move(added_));
}

Result<void> Controller::Transition::create(const Instance& instance) {
  step("create instance " + instance.name);
  if (controller_.stopping_) return controller_.refusal();
  Result<Attachments> ports = environment_.create_instance(*wanted_, instance);
  if (!ports) return ports.error();
  std::ranges::move(*ports, std::back_inserter(added_));
  undo_.push_back([this, name = instance.name] {
    if (Result<void> gone = environment_.remove_instance(name); !gone)
      spdlog::error("undo: {}", gone.error().to_string());
  });
  return {};
}

Result<void> Controller::Transition::replace(const Instance& old, const Instance& instance) {
  if (controller_.stopping_) return controller_.refusal();
  environment_.close_efa(old);
  reopen_.push_back(&old);
  if (Result<void> gone = environment_.remove_instance(old.name); !gone) return gone;
  undo_.push_back([this, &old] {
    Result<Attachments> ports = environment_.create_instance(*running_, old);
    if (!ports) {
      spdlog::error("undo: instance {} is lost: {}", old.name, ports.error().to_string());
      std::erase(reopen_, &old);
      return;
    }
    std::ranges::move(*ports, std::back_inserter(restored_));
  });
  return create(instance);
}

Result<void> Controller::Transition::save(const std::shared_ptr<const Deployment>& deployment) {
  return environment_.save_state(deployment ? to_json(*deployment).dump() : "");
}

Result<void> Controller::Transition::publish(const std::shared_ptr<const Deployment>& deployment,
                                             Attachments attachments) {
  return controller_.with_engine([&](Engine& engine) { return engine.apply(deployment, std::move(attachments)); });
}

Result<void> Controller::Transition::open_efa(const Deployment& deployment, const Instance& instance) {
  std::vector<Environment::EfaFunction> functions;
  for (const Eni& eni : instance.enis) {
    if (eni.type != InterfaceType::kEfa) continue;
    std::optional<EniSlot> slot = controller_.with_engine([&](Engine& engine) { return engine.slot_of(eni.id); });
    if (!slot)
      return Error{"InternalError", fmt::format("the engine has no slot for {} of {}", eni.id, instance.name), {}};
    functions.push_back({&eni, *slot});
  }
  if (functions.empty()) return {};
  return environment_.open_efa(deployment, instance, functions);
}

void Controller::Transition::finish() {
  controller_.set_deployment(wanted_);
  auto warn = [this](const Result<void>& result) {
    if (!result) warnings_.push_back(result.error().to_string());
  };
  for (const Instance* instance : fresh_) warn(open_efa(*wanted_, *instance));
  for (auto [old, instance] : replaced_) warn(open_efa(*wanted_, *instance));
  for (const Instance* instance : removed_) {
    step("remove instance " + instance->name);
    warn(environment_.remove_instance(instance->name));
  }
}

void Controller::Transition::undo() {
  added_.clear();  // closes the ports before their instances go
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) (*step)();
  if (!restored_.empty())
    if (Result<void> published = publish(running_, std::move(restored_)); !published)
      spdlog::error("undo: {}", published.error().to_string());
  for (const Instance* instance : reopen_)
    if (Result<void> opened = open_efa(*running_, *instance); !opened)
      spdlog::error("undo: {}", opened.error().to_string());
}

Result<std::vector<std::string>> Controller::Transition::take_back() {
  // Here everything wanted is in fresh_ and everything that exists in unknown_, since nothing runs yet.
  std::erase_if(unknown_, [this](const std::string& name) { return by_name(wanted_.get(), name) != nullptr; });
  auto reduced = std::make_shared<Deployment>(*wanted_);
  std::vector<std::string> lost;
  for (const Instance* instance : fresh_) {
    step("take back instance " + instance->name);
    Result<Attachments> ports = environment_.take_back_instance(*wanted_, *instance);
    if (ports) {
      std::ranges::move(*ports, std::back_inserter(added_));
      continue;
    }
    warnings_.push_back(fmt::format("instance {} is lost: {}", instance->name, ports.error().to_string()));
    lost.push_back(instance->name);
    std::erase_if(reduced->instances, [&](const Instance& i) { return i.name == instance->name; });
  }
  wanted_ = reduced;  // fresh_ pointed into the old one
  fresh_.clear();
  for (const Instance& instance : wanted_->instances) fresh_.push_back(&instance);
  for (const std::string& name : unknown_)
    if (Result<void> gone = environment_.remove_instance(name); !gone) warnings_.push_back(gone.error().to_string());
  for (const std::string& name : lost) (void)environment_.remove_instance(name);

  if (wanted_->vpc_id.empty()) return std::move(warnings_);  // nothing had been applied
  if (Result<void> published = publish(wanted_, std::move(added_)); !published) return published.error();
  finish();
  if (!lost.empty()) {
    if (Result<void> set = environment_.set_hosts(hosts_of(wanted_.get())); !set) return set.error();
    if (Result<void> saved = save(wanted_); !saved) return saved.error();
  }
  return std::move(warnings_);
}

}  // namespace weft
