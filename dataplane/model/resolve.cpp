#include <utility>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"

namespace weft {

Result<Deployment> resolve(const Topology& topology, const Deployment* running) {
  Resolver resolver(topology, running);
  Deployment deployment;
  try {
    deployment = resolver.run();
  } catch (const NothingMoreMakesSense&) {
  }
  if (Errors errors = resolver.errors(); !errors.empty()) return std::move(errors).joined();
  return deployment;
}

Deployment Resolver::run() {
  for (const Instance& instance : running_.instances) {
    ids_.insert(instance.id);
    running_by_name_.emplace(instance.name, &instance);
    for (const Eni& eni : instance.enis) ids_.insert(eni.id);
  }
  for (const Eni& eni : running_.available_enis) ids_.insert(eni.id);
  resolve_vpc();
  resolve_prefix_lists();
  resolve_route_tables();  // their routes later: a route may name an interface
  resolve_network_acls();
  resolve_subnets();
  resolve_placement_groups();
  resolve_security_groups();
  resolve_gateway();
  expand_instances();
  expand_network_interfaces();
  check_attachments();
  match_running();
  assign_addresses();
  place_instances();
  build_enis();
  resolve_routes();
  resolve_elastic_ips();
  resolve_flow_logs();
  resolve_faults();
  assign_public_addresses();
  build_instances();
  return std::move(result_);
}

Resolver::WantedInstance* Resolver::find_wanted(const std::string& name) {
  const auto found = wanted_by_name_.find(name);
  return found == wanted_by_name_.end() ? nullptr : &instances_[found->second];
}

const Instance* Resolver::find_running(const std::string& name) const {
  const auto found = running_by_name_.find(name);
  return found == running_by_name_.end() ? nullptr : found->second;
}

// What is replaced needs an id of its own, or the engine would take the new one for the old.
std::string Resolver::unused_id(const std::string& prefix, const std::string& seed) {
  std::string id = make_id(prefix, seed);
  for (int salt = 1; ids_.contains(id); ++salt) id = make_id(prefix, seed + "#" + std::to_string(salt));
  ids_.insert(id);
  return id;
}

void Resolver::refuse(const std::string& key, std::string code, std::string message) {
  if (!refused_.emplace(key, code).second) return;
  errors_.add({std::move(code), std::move(message), topology_.where(key)});
}

}  // namespace weft
