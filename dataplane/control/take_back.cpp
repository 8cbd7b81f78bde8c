// After a rejoin: what a dead daemon's holder kept, taken over as it is. What cannot be is made anew, or given up, with
// a warning.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/control/transition.hpp"
#include "dataplane/model/lifecycle.hpp"

namespace weft {

Result<std::vector<std::string>> Controller::Transition::take_back() {
  // Nothing runs yet: everything wanted is in difference_.created, everything that exists in unknown_.
  std::erase_if(unknown_, [this](const std::string& name) { return should_exist(wanted_.get(), name); });
  std::vector<std::string> lost;
  for (const Instance* instance : difference_.created) {
    step("take back instance " + instance->name);
    Result<Attachments> ports = environment_.take_back_instance(*wanted_, *instance);
    if (!ports) {
      // What ran in it is gone, perhaps in the midst of a reboot; the instance need not be.
      const std::string why = ports.error().to_string();
      (void)environment_.remove_instance(instance->name);
      ports = environment_.create_instance(*wanted_, *instance);
      warnings_.push_back(ports ? fmt::format("instance {} was lost and is made anew: {}", instance->name, why)
                                : fmt::format("instance {} is lost: {}", instance->name, ports.error().to_string()));
    }
    if (ports)
      std::ranges::move(*ports, std::back_inserter(added_));
    else
      lost.push_back(instance->name);
  }
  auto reduced = std::make_shared<Deployment>(*wanted_);
  for (const std::string& name : lost) {
    // As if terminated: interfaces that outlive their instance stay, attached to none.
    Result<Deployment> without = terminate_instance(*reduced, name);
    if (!without) return without.error();
    *reduced = std::move(*without);
  }
  if (difference_.internet_after && !take_back_internet()) {
    lost.push_back(reduced->internet_gateway->guest);
    reduced->internet_gateway.reset();
  }
  wanted_ = reduced;
  difference_ = compare(nullptr, *wanted_, {});  // its pointers were into the old one
  for (const std::string& name : unknown_)
    if (Result<void> gone = environment_.remove_instance(name); !gone) warnings_.push_back(gone.error().to_string());
  for (const std::string& name : lost) (void)environment_.remove_instance(name);

  if (wanted_->vpc_id.empty()) return std::move(warnings_);  // nothing had been applied
  if (Result<void> published = publish(wanted_, std::move(added_)); !published) return published.error();
  finish();
  if (!lost.empty()) {
    if (Result<void> set = environment_.set_hosts(host_lists(wanted_.get())); !set) return set.error();
    if (Result<void> saved = save(wanted_); !saved) return saved.error();
  }
  return std::move(warnings_);
}

/// It has no state that counts, so a new one is as good as the old one. False, with a warning: there is neither.
bool Controller::Transition::take_back_internet() {
  const InternetGateway& gateway = *difference_.internet_after;
  step("take back " + gateway.guest);
  Result<Attachments> port = environment_.take_back_internet(gateway);
  if (!port) {
    (void)environment_.remove_instance(gateway.guest);
    port = environment_.create_internet(gateway);
  }
  if (!port) {
    warnings_.push_back(fmt::format("{} is lost: {}", gateway.guest, port.error().to_string()));
    return false;
  }
  std::ranges::move(*port, std::back_inserter(added_));
  return true;
}

}  // namespace weft
