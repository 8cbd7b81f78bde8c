#include "dataplane/policy/address_index.hpp"

#include <algorithm>

namespace weft {

AddressIndex::AddressIndex(const std::vector<const Eni*>& enis) {
  std::size_t addresses = 0;
  for (const Eni* eni : enis) addresses += 1 + eni->secondary_private_ips.size() + eni->ipv6_addresses.size();
  addresses_.reserve(addresses);
  std::vector<std::pair<IpPrefix, PolicyEni>> prefixes;
  for (PolicyEni number = 0; number < enis.size(); ++number) {
    const Eni& eni = *enis[number];
    if (eni.private_ip != IpAddress{}) addresses_.emplace(eni.private_ip, number);  // an EFA-only one has none
    for (const IpAddress& address : eni.secondary_private_ips) addresses_.emplace(address, number);
    for (const IpAddress& address : eni.ipv6_addresses) addresses_.emplace(address, number);
    for (const IpPrefix& prefix : eni.prefixes) prefixes.emplace_back(prefix, number);
  }
  std::sort(prefixes.begin(), prefixes.end());
  first_.reserve(prefixes.size());
  delegated_.reserve(prefixes.size());
  for (const auto& [prefix, eni] : prefixes) {
    first_.push_back(AddressNumber::first_of(prefix));
    delegated_.push_back({AddressNumber::last_of(prefix), eni});
  }
}

PolicyEni AddressIndex::find(const IpAddress& address) const noexcept {
  if (const auto found = addresses_.find(address); found != addresses_.end()) return found->second;
  if (first_.empty()) return kNobody;
  const AddressNumber number = AddressNumber::from(address);
  const auto after = std::upper_bound(first_.begin(), first_.end(), number);
  if (after == first_.begin()) return kNobody;
  const Delegated& prefix = delegated_[static_cast<std::size_t>(after - first_.begin() - 1)];
  return number <= prefix.last ? prefix.eni : kNobody;
}

}  // namespace weft
