#include "dataplane/policy/prefixes.hpp"

#include <algorithm>

namespace weft {

PrefixServices::PrefixServices(const std::map<IpPrefix, std::vector<ServiceRange>>& rules) {
  first_.reserve(rules.size());
  nodes_.reserve(rules.size());
  // The map orders by address, then length: an enclosing prefix comes before everything inside it.
  std::uint32_t around = kNone;
  for (const auto& [prefix, ranges] : rules) {
    const AddressNumber first = AddressNumber::first_of(prefix);
    while (around != kNone && nodes_[around].last < first) around = nodes_[around].parent;
    first_.push_back(first);
    nodes_.push_back({AddressNumber::last_of(prefix), around, ServiceSet(ranges)});
    around = static_cast<std::uint32_t>(nodes_.size() - 1);
  }
}

bool PrefixServices::allows(const IpAddress& address, Service service) const noexcept {
  const AddressNumber number = AddressNumber::from(address);
  const auto after = std::upper_bound(first_.begin(), first_.end(), number);
  if (after == first_.begin()) return false;
  auto at = static_cast<std::uint32_t>(after - first_.begin() - 1);
  for (; at != kNone; at = nodes_[at].parent)
    if (number <= nodes_[at].last && nodes_[at].services.contains(service)) return true;
  return false;
}

PrefixSet::PrefixSet(std::vector<IpPrefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  for (const IpPrefix& prefix : prefixes) {
    const AddressNumber first = AddressNumber::first_of(prefix), last = AddressNumber::last_of(prefix);
    if (!last_.empty() && (first <= last_.back() || first == last_.back().next())) {
      last_.back() = std::max(last_.back(), last);
    } else {
      first_.push_back(first);
      last_.push_back(last);
    }
  }
}

bool PrefixSet::contains(const IpAddress& address) const noexcept {
  const AddressNumber number = AddressNumber::from(address);
  const auto after = std::upper_bound(first_.begin(), first_.end(), number);
  return after != first_.begin() && number <= last_[static_cast<std::size_t>(after - first_.begin() - 1)];
}

}  // namespace weft
