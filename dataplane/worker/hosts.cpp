#include "dataplane/worker/hosts.hpp"

namespace weft {

Zones zones_of(const Deployment& deployment) {
  Zones zones;
  for (const Subnet& subnet : deployment.subnets) zones.emplace(subnet.az, static_cast<std::uint16_t>(zones.size()));
  return zones;
}

HostsByInstance hosts_of(const Deployment& deployment) {
  const Zones zones = zones_of(deployment);
  HostsByInstance hosts;
  for (const Instance& instance : deployment.instances) {
    const Subnet* const subnet = instance.enis.empty() ? nullptr : deployment.find_subnet(instance.enis.front().subnet);
    const auto zone = subnet == nullptr ? static_cast<std::uint16_t>(zones.size()) : zones.at(subnet->az);
    hosts[instance.name] = {.zone = zone,
                            .rack = static_cast<std::uint16_t>(instance.placement.rack),
                            .number = static_cast<std::uint16_t>(instance.placement.host)};
  }
  return hosts;
}

underlay::Plan compile_plan(const underlay::Configuration& configuration, const HostsByInstance& hosts) {
  underlay::Plan plan;
  plan.layout = configuration.layout;
  for (const underlay::Fault& fault : configuration.faults) {
    underlay::PlacedFault placed{.path = fault.path, .impairment = fault.impairment};
    const auto place = [&](const std::string& instance, std::optional<underlay::Host>& out) {
      if (instance.empty()) return true;
      const auto found = hosts.find(instance);
      if (found != hosts.end()) out = found->second;
      return out.has_value();
    };
    if (place(fault.from, placed.from) && place(fault.to, placed.to) && place(fault.host, placed.host))
      plan.faults.push_back(placed);
  }
  return plan;
}

}  // namespace weft
