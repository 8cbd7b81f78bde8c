#include "dataplane/model/lifecycle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/faults.hpp"
#include "dataplane/model/placement.hpp"
#include "dataplane/model/public_addresses.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::ptrdiff_t kRunningSpreadPerZone = 7;  // running (facts ec2 4.1)

Result<Instance*> find_to_change(Deployment& deployment, const std::string& name) {
  for (Instance& instance : deployment.instances)
    if (instance.name == name || instance.id == name) return &instance;
  return Error{"InvalidInstanceID.NotFound", fmt::format("The instance ID {} does not exist", in_quotes(name)), {}};
}

std::string zone_of(const Deployment& deployment, const Instance& instance) {
  const Subnet* subnet = instance.enis.empty() ? nullptr : deployment.find_subnet(instance.enis.front().subnet);
  return subnet == nullptr ? "" : subnet->az;
}

/// While it was stopped others may have been started in its place (facts ec2 4.1).
Result<void> check_spread(const Deployment& deployment, const Instance& starting) {
  const auto group = std::find_if(deployment.placement_groups.begin(), deployment.placement_groups.end(),
                                  [&](const PlacementGroup& one) { return one.name == starting.placement_group; });
  if (group == deployment.placement_groups.end() || group->strategy != PlacementStrategy::kSpread) return {};
  const std::string zone = zone_of(deployment, starting);
  const auto running =
      std::count_if(deployment.instances.begin(), deployment.instances.end(), [&](const Instance& one) {
        return one.state == InstanceState::kRunning && one.placement_group == group->name &&
               zone_of(deployment, one) == zone;
      });
  if (running < kRunningSpreadPerZone) return {};
  return Error{"InsufficientInstanceCapacity",
               fmt::format("{} of the spread placement group {} run in {} already; at most {} do in a zone", running,
                           in_quotes(group->name), zone, kRunningSpreadPerZone),
               {}};
}

std::set<IpAddress> taken_public_addresses(const Deployment& deployment) {
  std::set<IpAddress> taken;
  for (const ElasticIp& elastic : deployment.elastic_ips) taken.insert(elastic.address);
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis)
      if (eni.public_ip) taken.insert(*eni.public_ip);
  return taken;
}

void forget(Deployment& deployment, const std::string& eni_id) {
  for (ElasticIp& elastic : deployment.elastic_ips)
    if (elastic.eni_id == eni_id) {
      elastic.eni_id.clear();
      elastic.association_id.clear();
      elastic.private_ip = {};
    }
  for (RouteTable& table : deployment.route_tables)
    for (Route& route : table.routes)
      if (route.eni_id == eni_id) route.eni_id.clear();
  std::erase_if(deployment.flow_logs, [&](const FlowLog& log) { return log.resource_id == eni_id; });
}

}  // namespace

Result<Deployment> stop_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find_to_change(wanted, name);
  if (!instance) return instance.error();
  (*instance)->state = InstanceState::kStopped;
  for (Eni& eni : (*instance)->enis) eni.public_ip.reset();
  return wanted;
}

Result<Deployment> start_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> found = find_to_change(wanted, name);
  if (!found) return found.error();
  Instance& instance = **found;
  if (instance.state == InstanceState::kRunning) return wanted;
  if (Result<void> possible = check_spread(wanted, instance); !possible) return possible.error();
  const Result<Placement> place = place_at_start(wanted, instance);
  if (!place) return place.error();
  instance.placement = *place;
  instance.state = InstanceState::kRunning;
  ++instance.starts;
  if (!gets_public_address(instance, wanted.elastic_ips)) return wanted;
  Eni& primary = instance.enis.front();
  primary.public_ip =
      public_address_of_start(public_pool(wanted), taken_public_addresses(wanted), primary.id, instance.starts);
  if (!primary.public_ip)
    return Error{"InsufficientAddressCapacity",
                 fmt::format("the pool of public addresses, {}, has none left for {}", public_pool(wanted).to_string(),
                             in_quotes(instance.name)),
                 {}};
  return wanted;
}

Result<Deployment> reboot_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> instance = find_to_change(wanted, name);
  if (!instance) return instance.error();
  if ((*instance)->state != InstanceState::kRunning)
    return Error{"IncorrectInstanceState",
                 fmt::format("The instance '{}' is not in the 'running' state; `weft start {}` first", (*instance)->id,
                             (*instance)->name),
                 {}};
  return wanted;
}

Result<Deployment> terminate_instance(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  Result<Instance*> found = find_to_change(wanted, name);
  if (!found) return found.error();
  const Instance instance = std::move(**found);
  wanted.instances.erase(wanted.instances.begin() + (*found - wanted.instances.data()));
  forget_faults_of(wanted, instance.name);
  for (Eni eni : instance.enis) {
    if (eni.delete_on_termination) {
      forget(wanted, eni.id);
      continue;
    }
    // Under the name by which `up` gives it back to an instance of the same name.
    if (eni.name.empty()) eni.name = fmt::format("{}/eth{}", instance.name, eni.device_index);
    eni.instance.clear();
    eni.device_index = 0;
    eni.network_card = 0;
    eni.vf = {};
    eni.public_ip.reset();
    wanted.available_enis.push_back(std::move(eni));
  }
  return wanted;
}

}  // namespace weft
