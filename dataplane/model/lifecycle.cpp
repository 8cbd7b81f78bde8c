#include "dataplane/model/lifecycle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weft {
namespace {

Result<Instance*> find(Deployment& deployment, const std::string& name) {
  for (Instance& instance : deployment.instances)
    if (instance.name == name || instance.id == name) return &instance;
  return Error{"InvalidInstanceID.NotFound", fmt::format("The instance ID '{}' does not exist", name), {}};
}

}  // namespace

Result<Deployment> stop_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find(wanted, name);
  if (!instance) return instance.error();
  (*instance)->state = InstanceState::kStopped;
  for (Eni& eni : (*instance)->enis) eni.public_ip.reset();
  return wanted;
}

Result<Deployment> start_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find(wanted, name);
  if (!instance) return instance.error();
  if ((*instance)->state == InstanceState::kRunning) return wanted;
  (*instance)->state = InstanceState::kRunning;
  ++(*instance)->starts;
  return wanted;
}

Result<Deployment> reboot_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find(wanted, name);
  if (!instance) return instance.error();
  if ((*instance)->state != InstanceState::kRunning)
    return Error{"IncorrectInstanceState", fmt::format("the instance '{}' is not running", name), {}};
  return wanted;
}

Result<Deployment> terminate_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find(wanted, name);
  if (!instance) return instance.error();
  for (Eni& eni : (*instance)->enis) {
    if (eni.delete_on_termination) continue;
    eni.instance.clear();
    wanted.available_enis.push_back(eni);
  }
  wanted.instances.erase(wanted.instances.begin() + (*instance - wanted.instances.data()));
  return wanted;
}

}  // namespace weft
