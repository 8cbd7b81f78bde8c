#include <utility>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"

namespace weft {

Result<Deployment> resolve(const Topology& topology, const Deployment* running) {
  try {
    return Resolver(topology, running).run();
  } catch (const Refused& refused) {
    return refused.error;
  }
}

Deployment Resolver::run() {
  if (running_ != nullptr)
    for (const Instance& instance : running_->instances) {
      ids_.insert(instance.id);
      for (const Eni& eni : instance.enis) ids_.insert(eni.id);
    }
  resolve_vpc();
  resolve_subnets();
  resolve_placement_groups();
  resolve_security_groups();
  expand_instances();
  check_placement();
  for (Wanted& wanted : wanted_) match_running(wanted);
  reserve_addresses();
  build_instances();
  return std::move(result_);
}

// What is replaced needs an id of its own, or the engine would take the new one for the old.
std::string Resolver::unused_id(const std::string& prefix, const std::string& seed) {
  std::string id = make_id(prefix, seed);
  for (int salt = 1; ids_.contains(id); ++salt) id = make_id(prefix, seed + "#" + std::to_string(salt));
  ids_.insert(id);
  return id;
}

void Resolver::refuse(const std::string& key, std::string code, std::string message) const {
  throw Refused{{std::move(code), std::move(message), topology_.where(key)}};
}

}  // namespace weft
