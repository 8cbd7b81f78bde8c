#include "dataplane/model/placement.hpp"

#include <fmt/format.h>

#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

const Subnet* primary_subnet(const Deployment& deployment, const Instance& instance) {
  return instance.enis.empty() ? nullptr : deployment.find_subnet(instance.enis.front().subnet);
}

}  // namespace

int vcpus_of(const std::string& type) {
  const InstanceType* known = find_instance_type(type);
  return known != nullptr ? known->vcpus : 1;
}

/// A partition's racks are its own: every count-th one, so that no partition can take another's.
bool may_stand_on(const PlacementGroup* group, const GroupMembers& members, int partition, int rack) {
  if (group == nullptr) return true;
  switch (group->strategy) {
    case PlacementStrategy::kCluster: return members.racks.empty() || members.racks.contains(rack);
    case PlacementStrategy::kSpread: return !members.racks.contains(rack);
    case PlacementStrategy::kPartition: return rack % std::max(group->partition_count, 1) == partition - 1;
  }
  return true;
}

std::string no_room(const PlacementGroup* group, const std::string& zone, int partition) {
  if (group == nullptr) return fmt::format("no host of {} has room for it", zone);
  switch (group->strategy) {
    case PlacementStrategy::kCluster: return fmt::format("the rack of the cluster in {} has no host with room", zone);
    case PlacementStrategy::kSpread: return fmt::format("{} has no further rack of its own for it", zone);
    case PlacementStrategy::kPartition:
      return fmt::format("no rack of partition {} in {} has a host with room", partition, zone);
  }
  return "";
}

Result<Placement> place_at_start(const Deployment& deployment, const Instance& starting) {
  const Subnet* const subnet = primary_subnet(deployment, starting);
  if (subnet == nullptr) return starting.placement;
  const auto group = std::find_if(deployment.placement_groups.begin(), deployment.placement_groups.end(),
                                  [&](const PlacementGroup& one) { return one.name == starting.placement_group; });
  const PlacementGroup* const its_group = group == deployment.placement_groups.end() ? nullptr : &*group;
  Zone zone(deployment.hosts);
  GroupMembers members;
  for (const Instance& other : deployment.instances) {
    const Subnet* const of_other = primary_subnet(deployment, other);
    if (other.state != InstanceState::kRunning || of_other == nullptr || of_other->az != subnet->az) continue;
    if (zone.has(other.placement)) zone.take(other.placement, vcpus_of(other.type));
    if (other.placement_group == starting.placement_group) members.racks.insert(other.placement.rack);
  }
  const int partition = starting.placement.partition;
  std::optional<Placement> found = zone.emptiest(
      vcpus_of(starting.type), [&](int rack) { return may_stand_on(its_group, members, partition, rack); });
  if (!found)
    return Error{
        "InsufficientInstanceCapacity",
        fmt::format("{} cannot be started: {}", in_quotes(starting.name), no_room(its_group, subnet->az, partition)),
        {}};
  found->partition = partition;
  return *found;
}

}  // namespace weft
