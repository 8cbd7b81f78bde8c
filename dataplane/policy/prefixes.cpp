#include "dataplane/policy/prefixes.hpp"

namespace weft {
namespace {

AddressNumber last_of(const IpPrefix& prefix) {
  IpAddress ip = prefix.address;
  for (unsigned bit = prefix.length; bit < 128; ++bit)
    ip.octets[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
  return AddressNumber::from(ip);
}

}  // namespace

PrefixServices::PrefixServices(const std::map<IpPrefix, std::vector<ServiceRange>>& rules) {
  // The map orders by address, then length: an enclosing prefix comes before everything inside it.
  std::uint32_t around = kNone;
  for (const auto& [prefix, ranges] : rules) {
    const AddressNumber first = AddressNumber::from(prefix.address);
    while (around != kNone && nodes_[around].last < first) around = nodes_[around].parent;
    first_.push_back(first);
    nodes_.push_back({last_of(prefix), around, ServiceSet(ranges)});
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

}  // namespace weft
