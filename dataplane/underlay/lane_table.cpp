#include "dataplane/underlay/lane_table.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

/// No path leads from a host to itself, so the hop of a link may stand for one.
std::uint64_t seed_of(std::uint64_t seed, const Way& way) noexcept {
  return Generator::seed(seed, way.from.key(), way.to.key(), way.path + static_cast<std::uint64_t>(way.hop));
}

Impairment impairment_of(const Plan& plan, const Way& way) noexcept {
  return way.hop == Hop::kPath ? plan.impairment(way.from, way.to, way.path) : plan.link_impairment(way.from, way.hop);
}

}  // namespace

std::size_t LaneTable::set_of(const Way& way) const noexcept {
  return seed_of(0, way) % (places_.size() / kWays) * kWays;
}

const Lane* LaneTable::find(const Way& way) const noexcept {
  const Place* const first = &places_[set_of(way)];
  const Place* const found =
      std::find_if(first, first + kWays, [&](const Place& place) { return place.lane && place.way == way; });
  return found == first + kWays ? nullptr : &*found->lane;
}

Lane& LaneTable::at(const Plan& plan, const Way& way, std::uint64_t now_ns) noexcept {
  Place* const first = &places_[set_of(way)];
  Place* place = std::find_if(first, first + kWays, [&](const Place& one) { return one.lane && one.way == way; });
  if (place == first + kWays) {
    place = std::min_element(first, first + kWays, [](const Place& one, const Place& other) {
      return !one.lane ? other.lane.has_value() : other.lane && one.used_ns < other.used_ns;
    });
    place->way = way;
    place->version = plan.version;
    place->seed = plan.layout.seed;
    place->lane.emplace(impairment_of(plan, way), seed_of(plan.layout.seed, way), now_ns);
  } else if (place->version != plan.version) {
    place->version = plan.version;
    place->lane->change(impairment_of(plan, way), now_ns);
    if (place->seed != plan.layout.seed) place->lane->restart(seed_of(plan.layout.seed, way), now_ns);
    place->seed = plan.layout.seed;
  }
  place->used_ns = now_ns;
  return *place->lane;
}

}  // namespace weft::underlay
