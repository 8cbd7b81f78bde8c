#include "dataplane/underlay/plan.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

bool same_rack(const Host& one, const Host& other) noexcept { return one.zone == other.zone && one.rack == other.rack; }

}  // namespace

std::uint32_t Plan::paths(const Host& from, const Host& to) const noexcept {
  if (from == to) return 0;
  return same_rack(from, to) ? 1 : std::max(layout.spines, 1U);
}

bool Plan::concerns(const Host& from, const Host& to) const noexcept {
  if (from == to) return false;
  if ((same_rack(from, to) ? layout.rack : layout.spine) != Impairment{}) return true;
  return std::ranges::any_of(faults, [&](const PlacedFault& fault) { return fault.concerns(from, to); });
}

Impairment Plan::impairment(const Host& from, const Host& to, std::uint32_t path) const noexcept {
  Impairment all = same_rack(from, to) ? layout.rack : layout.spine;
  for (const PlacedFault& fault : faults)
    if (fault.concerns(from, to) && fault.path.value_or(path) == path) all = combine(all, fault.impairment);
  return all;
}

}  // namespace weft::underlay
