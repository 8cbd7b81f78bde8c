// The machines of a zone, and which of them an instance may stand on (facts ec2 4.1). What runs stays where it is; of
// the places that an instance may have when it is launched or started it gets the emptiest.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/instance_types.hpp"

namespace weft {

/// The hosts of one zone, and how many vCPUs of each are taken.
class Zone {
 public:
  explicit Zone(const Hosts& hosts)
      : racks_(static_cast<std::size_t>(std::max(hosts.racks_per_zone, 1)),
               Rack{std::vector<int>(static_cast<std::size_t>(std::max(hosts.hosts_per_rack, 1)))}) {}

  bool has(const Placement& place) const {
    return place.rack >= 0 && static_cast<std::size_t>(place.rack) < racks_.size() && place.host >= 0 &&
           static_cast<std::size_t>(place.host) < racks_.front().hosts.size();
  }

  void take(const Placement& place, int vcpus) {
    Rack& rack = racks_[static_cast<std::size_t>(place.rack)];
    rack.taken += vcpus;
    rack.hosts[static_cast<std::size_t>(place.host)] += vcpus;
  }

  /// The emptiest host with room on the emptiest rack that is allowed; the first of equals.
  template <typename Allowed>
  std::optional<Placement> emptiest(int vcpus, Allowed allowed) const {
    std::optional<Placement> best;
    for (std::size_t r = 0; r < racks_.size(); ++r) {
      if (!allowed(static_cast<int>(r))) continue;
      if (best && racks_[r].taken >= racks_[static_cast<std::size_t>(best->rack)].taken) continue;
      const auto host = std::min_element(racks_[r].hosts.begin(), racks_[r].hosts.end());
      if (*host + vcpus > kVcpusPerHost) continue;
      best = Placement{static_cast<int>(r), static_cast<int>(host - racks_[r].hosts.begin()), 0};
    }
    return best;
  }

 private:
  struct Rack {
    std::vector<int> hosts;
    int taken = 0;
  };
  std::vector<Rack> racks_;
};

/// The members that a placement group has in one zone.
struct GroupMembers {
  std::set<int> racks;  // of those that run
  std::map<int, int> in_partition;
};

/// Of a type that is not known: one.
int vcpus_of(const std::string& type);

/// `group` may be null: anywhere.
bool may_stand_on(const PlacementGroup* group, const GroupMembers& members, int partition, int rack);

/// Why may_stand_on() and the room left found no place.
std::string no_room(const PlacementGroup* group, const std::string& zone, int partition);

/// Where a stopped instance would start: it gave its host up when it stopped, but it is still of its partition.
/// InsufficientInstanceCapacity.
Result<Placement> place_at_start(const Deployment& deployment, const Instance& starting);

}  // namespace weft
