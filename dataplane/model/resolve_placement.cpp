// Which rack and host of its zone each instance stands on (facts ec2 4.1). What exists stays where it is; of the places
// a new one may have it gets the emptiest. A stopped instance has no host: it shows the last one, which others may take,
// and gets another when it starts (placement.hpp).
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/placement.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kSpreadPerZone = 7;  // running (facts ec2 4.1)

int emptiest_partition(GroupMembers& members, int count) {
  int best = 1;
  for (int partition = 2; partition <= count; ++partition)
    if (members.in_partition[partition] < members.in_partition[best]) best = partition;
  return best;
}

template <typename Groups>
const PlacementGroup* find_group(const Groups& groups, const std::string& name) {
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const PlacementGroup& group) { return group.name == name; });
  return found == groups.end() ? nullptr : &*found;
}

}  // namespace

/// What the placement groups have where, so far.
struct Resolver::Places {
  using InZone = std::pair<std::string, std::string>;  // group, zone
  std::map<std::string, Zone> zones;
  std::map<InZone, GroupMembers> members;
  std::map<InZone, std::size_t> running;
  std::map<std::string, std::string> cluster_zone;  // group -> its one zone
};

const std::string* Resolver::zone_of(const WantedInstance& wanted) const {
  const Subnet* subnet = wanted.interfaces.empty() ? nullptr : result_.find_subnet(primary(wanted).subnet);
  return subnet == nullptr ? nullptr : &subnet->az;
}

void Resolver::place_instances() {
  Places places;
  std::vector<WantedInstance*> to_place;
  for (WantedInstance& wanted : instances_) {
    const std::string* zone = zone_of(wanted);
    if (zone == nullptr) continue;
    places.zones.try_emplace(*zone, Hosts{std::clamp(topology_.hosts.racks_per_zone, 1, 256),
                                          std::clamp(topology_.hosts.hosts_per_rack, 1, 256)});
    check_group(wanted, *zone, places);
    if (!keeps_its_place(wanted))
      to_place.push_back(&wanted);
    else if (places.zones.at(*zone).has(wanted.kept->placement))
      settle(wanted, *zone, wanted.kept->placement, places);
    else if (wanted.kept->state == InstanceState::kStopped)
      to_place.push_back(&wanted);
    else
      refuse("hosts", "InsufficientInstanceCapacity",
             fmt::format("{} runs on host {} of rack {} in {}, which would be gone; `weft stop {}` first",
                         in_quotes(wanted.name), wanted.kept->placement.host, wanted.kept->placement.rack, *zone,
                         wanted.name));
  }
  for (WantedInstance* wanted : to_place) place(*wanted, *zone_of(*wanted), places);
}

void Resolver::check_group(const WantedInstance& wanted, const std::string& zone, Places& places) {
  const InstanceDeclaration& now = declared(wanted);
  const PlacementGroup* group = find_group(result_.placement_groups, now.placement_group);
  if (group == nullptr) return;
  const std::string where = key(wanted) + ".placement_group";
  if (group->strategy == PlacementStrategy::kCluster) {
    if (!now.type.empty() && !may_join_cluster(now.type))
      refuse(where, "InvalidParameterCombination",
             fmt::format("Placement groups may not be used with instances of type '{}'; a cluster needs a type that "
                         "is not burstable",
                         now.type));
    auto [other, is_new] = places.cluster_zone.emplace(group->name, zone);
    if (!is_new && other->second != zone)
      refuse(where, "InvalidPlacementGroup.InUse",
             fmt::format("{} would be in {}, but the cluster placement group {} is in {} already; a cluster lies in "
                         "one availability zone",
                         in_quotes(wanted.name), zone, in_quotes(group->name), other->second));
  }
  if (is_stopped(wanted)) return;
  if (group->strategy == PlacementStrategy::kSpread && ++places.running[{group->name, zone}] > kSpreadPerZone)
    refuse(where, "InsufficientInstanceCapacity",
           fmt::format("{} would be instance {} of the spread placement group {} in {}; it has at most {} in a zone",
                       in_quotes(wanted.name), kSpreadPerZone + 1, in_quotes(group->name), zone, kSpreadPerZone));
}

bool Resolver::is_stopped(const WantedInstance& wanted) {
  const Instance* before = wanted.kept != nullptr ? wanted.kept : wanted.replaced;
  return before != nullptr && before->state == InstanceState::kStopped;
}

bool Resolver::keeps_its_place(const WantedInstance& wanted) const {
  if (wanted.kept == nullptr) return false;
  const InstanceDeclaration& now = declared(wanted);
  const PlacementGroup* before = find_group(running_.placement_groups, wanted.kept->placement_group);
  const PlacementGroup* group = find_group(result_.placement_groups, now.placement_group);
  return wanted.kept->placement_group == now.placement_group &&
         (before == nullptr ? "" : before->id) == (group == nullptr ? "" : group->id) &&
         now.partition.value_or(wanted.kept->placement.partition) == wanted.kept->placement.partition;
}

void Resolver::place(WantedInstance& wanted, const std::string& zone, Places& places) {
  const InstanceDeclaration& now = declared(wanted);
  const PlacementGroup* group = find_group(result_.placement_groups, now.placement_group);
  GroupMembers& members = places.members[{now.placement_group, zone}];
  int partition = 0;
  if (group != nullptr && group->strategy == PlacementStrategy::kPartition) {
    partition = now.partition ? *now.partition : emptiest_partition(members, std::min(group->partition_count, 7));
    if (partition < 1 || partition > group->partition_count) return;  // refused already
  }
  std::optional<Placement> found = places.zones.at(zone).emptiest(
      vcpus_of(now.type), [&](int rack) { return may_stand_on(group, members, partition, rack); });
  if (!found)
    return refuse(key(wanted) + (group == nullptr ? "" : ".placement_group"), "InsufficientInstanceCapacity",
                  fmt::format("{} cannot be placed: {}", in_quotes(wanted.name), no_room(group, zone, partition)));
  found->partition = partition;
  settle(wanted, zone, *found, places);
}

void Resolver::settle(WantedInstance& wanted, const std::string& zone, const Placement& placement, Places& places) {
  wanted.placement = placement;
  if (is_stopped(wanted)) return;
  places.zones.at(zone).take(placement, vcpus_of(declared(wanted).type));
  GroupMembers& members = places.members[{declared(wanted).placement_group, zone}];
  members.racks.insert(placement.rack);
  ++members.in_partition[placement.partition];
}

}  // namespace weft
