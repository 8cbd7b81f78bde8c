#include "dataplane/underlay/underlay.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

std::uint64_t seed_of(const Plan& plan, const Underlay::Way& way) noexcept {
  return Generator::seed(plan.layout.seed, way.from.key(), way.to.key(), way.path);
}

}  // namespace

std::size_t Underlay::set_of(const Way& way) noexcept {
  return Generator::seed(0, way.from.key(), way.to.key(), way.path) % kSets * kWays;
}

const Lane* Underlay::find(const Way& way) const noexcept {
  const Place* const first = &places_[set_of(way)];
  const Place* const found =
      std::find_if(first, first + kWays, [&](const Place& place) { return place.lane && place.way == way; });
  return found == first + kWays ? nullptr : &*found->lane;
}

Lane& Underlay::lane_of(const Plan& plan, const Way& way, std::uint64_t now_ns) noexcept {
  Place* const first = &places_[set_of(way)];
  Place* place = std::find_if(first, first + kWays, [&](const Place& one) { return one.lane && one.way == way; });
  if (place == first + kWays) {
    place = std::min_element(first, first + kWays, [](const Place& one, const Place& other) {
      return !one.lane ? other.lane.has_value() : other.lane && one.used_ns < other.used_ns;
    });
    place->way = way;
    place->version = plan.version;
    place->seed = plan.layout.seed;
    place->lane.emplace(plan.impairment(way.from, way.to, way.path), seed_of(plan, way), now_ns);
  } else if (place->version != plan.version) {
    place->version = plan.version;
    place->lane->change(plan.impairment(way.from, way.to, way.path), now_ns);
    if (place->seed != plan.layout.seed) place->lane->restart(seed_of(plan, way), now_ns);
    place->seed = plan.layout.seed;
  }
  place->used_ns = now_ns;
  return *place->lane;
}

std::optional<Outcome> Underlay::offer(const Plan& plan, const Host& from, const Host& to, std::uint32_t hash,
                                       std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept {
  if (!plan.concerns(from, to)) return std::nullopt;
  const std::uint32_t path = path_of(outer_source_port(hash), plan.paths(from, to));
  return lane_of(plan, {from, to, path}, now_ns).offer(now_ns, bytes, ect);
}

Outcome Underlay::offer_on(std::uint32_t path, const Plan& plan, const Host& from, const Host& to, std::uint64_t now_ns,
                           std::uint32_t bytes, bool ect) noexcept {
  const std::uint32_t paths = std::max(plan.paths(from, to), 1U);
  return lane_of(plan, {from, to, path % paths}, now_ns).offer(now_ns, bytes, ect);
}

}  // namespace weft::underlay
