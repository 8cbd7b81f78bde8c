#include "dataplane/underlay/plan.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

bool same_rack(const Host& one, const Host& other) noexcept { return one.zone == other.zone && one.rack == other.rack; }

Impairment in_direction(Impairment link, Hop direction) noexcept {
  if (direction != Hop::kUplink || link.rate_bps == 0) return link;
  link.queue_bytes = kUplinkQueueBytes;
  link.ecn_bytes = 0;
  return link;
}

}  // namespace

std::uint32_t Plan::paths(const Host& from, const Host& to) const noexcept {
  if (from == to) return 0;
  return same_rack(from, to) ? 1 : std::max(layout.spines, 1U);
}

bool Plan::concerns(const Host& from, const Host& to) const noexcept {
  if (from == to) return false;
  const Impairment nothing;
  if (layout.host != nothing || (same_rack(from, to) ? layout.rack : layout.spine) != nothing) return true;
  return std::ranges::any_of(faults, [&](const PlacedFault& fault) { return fault.concerns(from, to); });
}

Impairment Plan::impairment(const Host& from, const Host& to, std::uint32_t path) const noexcept {
  Impairment all = same_rack(from, to) ? layout.rack : layout.spine;
  for (const PlacedFault& fault : faults)
    if (!fault.host && fault.concerns(from, to) && fault.path.value_or(path) == path) all = combine(all, fault.impairment);
  return all;
}

bool Plan::links(const Host& host) const noexcept {
  if (layout.host != Impairment{}) return true;
  return std::ranges::any_of(faults, [&](const PlacedFault& fault) { return fault.host == host; });
}

Impairment Plan::link_impairment(const Host& host, Hop direction) const noexcept {
  Impairment all = layout.host;
  for (const PlacedFault& fault : faults)
    if (fault.host == host) all = combine(all, fault.impairment);
  return in_direction(all, direction);
}

Impairment Plan::usual_link(Hop direction) const noexcept { return in_direction(layout.host, direction); }

}  // namespace weft::underlay
