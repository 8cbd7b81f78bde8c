// What has to happen to the world of instances, between two deployments. Pure; Transition carries it out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dataplane/control/environment.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {

/// Pointers into the two deployments that were compared.
struct Difference {
  using Pair = std::pair<const Instance*, const Instance*>;  // running, wanted

  std::vector<const Instance*> created;  // new, or started
  std::vector<Pair> made_anew;           // another one of the same name, or rebooted
  std::vector<Pair> changed;             // lives on with other interfaces
  std::vector<const Instance*> ended;    // removed, or stopped (of the running deployment)
  std::vector<std::string> unplugged;    // ENIs that stay and lose their port, as of an instance that stops

  /// Running ENIs that get another port than they have open, or whose socket or device another ENI is to have: they let go first.
  std::vector<const Eni*> released;
  bool gateway_released = false;  // and the running internet gateway, too

  const InternetGateway* internet_before = nullptr;  // both or one: the namespace goes, comes or is made anew
  const InternetGateway* internet_after = nullptr;

  std::size_t steps() const;
};

/// `running` may be null. `rebooted`: names of instances that are made anew though nothing about them differs.
Difference compare(const Deployment* running, const Deployment& wanted, const std::vector<std::string>& rebooted);

/// The instance of that name, if it is running.
const Instance* find_running(const Deployment* deployment, const std::string& name);

/// There should be a namespace of that name: a running instance's, or the internet's.
bool should_exist(const Deployment* deployment, const std::string& name);

/// Those of `existing` that should not.
std::vector<std::string> unexpected(const std::vector<std::string>& existing, const Deployment* deployment);

/// What /etc/hosts and /etc/resolv.conf say. Inside a stopped instance keeps its address; outside are those that have a
/// public one now.
HostLists host_lists(const Deployment* deployment);

/// Has a function of its own in the instance, whose clients use the instance's one listener.
bool is_efa(const Eni& eni);

}  // namespace weft
