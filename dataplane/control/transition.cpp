#include "dataplane/control/transition.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "dataplane/control/state.hpp"

namespace weft {

namespace {

bool has_efa(const Instance& instance) { return std::ranges::any_of(instance.enis, is_efa); }

/// An EFA interface is neither attached to nor detached from a running instance (facts ec2 1.2).
Result<void> check_efa_stays(const Instance& old, const Instance& instance) {
  const auto ids = [](const Instance& of) {
    std::vector<std::string> all;
    for (const Eni& eni : of.enis)
      if (is_efa(eni)) all.push_back(eni.id);
    std::ranges::sort(all);
    return all;
  };
  if (ids(old) == ids(instance)) return {};
  return Error{"OperationNotPermitted",
               fmt::format("an EFA interface can be attached to or detached from {} only while it is stopped; "
                           "`weft stop {}` first",
                           instance.name, instance.name),
               {}};
}

}  // namespace

Controller::Transition::Transition(Controller& controller, std::shared_ptr<const Deployment> running,
                                   std::shared_ptr<const Deployment> wanted, const std::vector<std::string>& rebooted)
    : controller_(controller),
      environment_(controller.environment_),
      running_(std::move(running)),
      wanted_(std::move(wanted)),
      difference_(compare(running_.get(), *wanted_, rebooted)),
      unknown_(unexpected(environment_.instances(), running_.get())) {
  total_ = static_cast<unsigned>(unknown_.size() + difference_.steps()) + 1;
}

bool Controller::Transition::has_work() const { return !unknown_.empty() || difference_.steps() > 0; }

Result<std::vector<std::string>> Controller::Transition::run() {
  if (Result<void> prepared = prepare(); !prepared) {
    undo();
    return prepared.error();
  }
  finish();
  return std::move(warnings_);
}

Result<void> Controller::Transition::prepare() {
  for (auto [old, instance] : difference_.changed)  // before anything is touched
    if (Result<void> allowed = check_efa_stays(*old, *instance); !allowed) return allowed;
  if (Result<void> removed = remove_leftovers(); !removed) return removed;
  if (Result<void> released = release_ports(); !released) return released;
  for (const Instance* instance : difference_.created)
    if (Result<void> made = create(*instance); !made) return made;
  for (auto [old, instance] : difference_.made_anew)
    if (Result<void> made = replace(*old, *instance); !made) return made;
  for (auto [old, instance] : difference_.changed)
    if (Result<void> changed = change(*old, *instance); !changed) return changed;
  if (difference_.internet_after)
    if (Result<void> made = create_internet(); !made) return made;

  step("publish");
  undo_.push_back([this] { (void)environment_.set_hosts(host_lists(running_.get())); });
  if (Result<void> set = environment_.set_hosts(host_lists(wanted_.get())); !set) return set;
  undo_.push_back([this] { (void)save(running_); });
  if (Result<void> saved = save(wanted_); !saved) return saved;
  if (controller_.stopping_) return controller_.refusal();

  // Slots of removed ENIs may be given away by the very publication that removes them, so their functions go first.
  for (const Instance* instance : difference_.ended) close_efa(*instance);
  for (const std::string& eni : difference_.unplugged) added_.push_back({eni, nullptr});
  return publish(wanted_, std::move(added_));
}

Result<void> Controller::Transition::remove_leftovers() {
  for (const std::string& name : unknown_) {
    step("remove instance " + name);
    // Only one that stands in the way is a reason to fail.
    if (Result<void> gone = environment_.remove_instance(name); !gone) {
      if (should_exist(wanted_.get(), name)) return gone.error();
      warnings_.push_back(gone.error().to_string());
    }
  }
  return {};
}

/// Closes them, so that their sockets and devices can be opened again.
Result<void> Controller::Transition::release_ports() {
  if (difference_.released.empty() && !difference_.gateway_released) return {};
  Attachments closed;
  for (const Eni* eni : difference_.released) closed.push_back({eni->id, nullptr});
  if (difference_.gateway_released) closed.push_back({running_->internet_gateway->id, nullptr});
  undo_.push_back([this] {
    for (const Eni* eni : difference_.released) {
      const Instance& instance = *find_running(running_.get(), eni->instance);
      restore(environment_.change_interfaces(*running_, instance), instance.name);
    }
    if (!difference_.gateway_released) return;
    const InternetGateway& gateway = *running_->internet_gateway;
    restore(environment_.take_back_internet(gateway), gateway.guest);
  });
  return publish(running_, std::move(closed));
}

Result<void> Controller::Transition::create(const Instance& instance) {
  step("create instance " + instance.name);
  if (controller_.stopping_) return controller_.refusal();
  Result<Attachments> ports = environment_.create_instance(*wanted_, instance);
  if (!ports) return ports.error();
  std::ranges::move(*ports, std::back_inserter(added_));
  undo_by_removing(instance.name);
  return {};
}

Result<void> Controller::Transition::replace(const Instance& old, const Instance& instance) {
  if (controller_.stopping_) return controller_.refusal();
  close_efa(old);
  if (Result<void> gone = environment_.remove_instance(old.name); !gone) return gone;
  undo_.push_back([this, &old] {
    restore(environment_.create_instance(*running_, old), old.name);
  });
  return create(instance);
}

Result<void> Controller::Transition::change(const Instance& old, const Instance& instance) {
  step("change interfaces of " + instance.name);
  if (controller_.stopping_) return controller_.refusal();
  // First the undo: a failure may leave it part of the way.
  undo_.push_back([this, &old] { restore(environment_.change_interfaces(*running_, old), old.name); });
  Result<Attachments> ports = environment_.change_interfaces(*wanted_, instance);
  if (!ports) return ports.error();
  std::ranges::move(*ports, std::back_inserter(added_));
  return {};
}

Result<void> Controller::Transition::create_internet() {
  const InternetGateway* const old = difference_.internet_before;
  const InternetGateway& gateway = *difference_.internet_after;
  step("create " + gateway.guest);
  if (controller_.stopping_) return controller_.refusal();
  if (old && old->guest == gateway.guest) {
    if (Result<void> gone = environment_.remove_instance(old->guest); !gone) return gone;
    undo_.push_back([this, old] { restore(environment_.create_internet(*old), old->guest); });
  }
  Result<Attachments> port = environment_.create_internet(gateway);
  if (!port) return port.error();
  std::ranges::move(*port, std::back_inserter(added_));
  undo_by_removing(gateway.guest);
  return {};
}

Result<void> Controller::Transition::save(const std::shared_ptr<const Deployment>& deployment) {
  return environment_.save_state(deployment ? state_of(*deployment) : "");
}

Result<void> Controller::Transition::publish(const std::shared_ptr<const Deployment>& deployment,
                                             Attachments attachments) {
  return controller_.publish(deployment, std::move(attachments));
}

Result<void> Controller::Transition::open_efa(const Deployment& deployment, const Instance& instance) {
  std::vector<Environment::EfaFunction> functions;
  for (const Eni& eni : instance.enis) {
    if (!is_efa(eni)) continue;
    std::optional<EniSlot> slot = controller_.with_engine([&](Engine& engine) { return engine.slot_of(eni.id); });
    if (!slot)
      return Error{"InternalError", fmt::format("the engine has no slot for {} of {}", eni.id, instance.name), {}};
    functions.push_back({&eni, *slot});
  }
  if (functions.empty()) return {};
  return environment_.open_efa(deployment, instance, functions);
}

void Controller::Transition::close_efa(const Instance& instance) {
  if (!has_efa(instance)) return;
  environment_.close_efa(instance);
  reopen_.push_back(&instance);
}

void Controller::Transition::finish() {
  controller_.set_deployment(wanted_);
  auto warn = [this](const Result<void>& result) {
    if (!result) warnings_.push_back(result.error().to_string());
  };
  for (const Instance* instance : difference_.created) warn(open_efa(*wanted_, *instance));
  for (auto [old, instance] : difference_.made_anew) warn(open_efa(*wanted_, *instance));
  for (const Instance* instance : difference_.ended) {
    step("end instance " + instance->name);
    warn(environment_.remove_instance(instance->name));
  }
  if (const InternetGateway* old = difference_.internet_before; old && !should_exist(wanted_.get(), old->guest)) {
    step("end " + old->guest);
    warn(environment_.remove_instance(old->guest));
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

void Controller::Transition::undo_by_removing(const std::string& name) {
  undo_.push_back([this, name] {
    if (Result<void> gone = environment_.remove_instance(name); !gone)
      spdlog::error("undo: {}", gone.error().to_string());
  });
}

void Controller::Transition::restore(Result<Attachments> ports, const std::string& name) {
  if (!ports) {
    spdlog::error("undo: {} is lost: {}", name, ports.error().to_string());
    std::erase_if(reopen_, [&](const Instance* instance) { return instance->name == name; });
    return;
  }
  std::ranges::move(*ports, std::back_inserter(restored_));
}

}  // namespace weft
