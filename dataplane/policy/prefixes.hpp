// From an address to the prefixes that contain it, for one address family: which services they allow (PrefixServices),
// or only whether there is one (PrefixSet).
//
// Prefixes nest or are disjoint, so sorted by first address (shorter before longer) they form a forest, and every
// prefix that contains an address is the last one that begins at or before it, or an ancestor of that one. A lookup is
// a binary search and a walk up, one step per prefix around: a thousand rules cost little more than ten do.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/policy/address_number.hpp"
#include "dataplane/policy/services.hpp"

namespace weft {

class PrefixServices {
 public:
  PrefixServices() = default;
  explicit PrefixServices(const std::map<IpPrefix, std::vector<ServiceRange>>& rules);

  /// True when some prefix that contains `address` allows `service`. The family is the caller's business.
  bool allows(const IpAddress& address, Service service) const noexcept;
  bool empty() const noexcept { return first_.empty(); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Node {
    AddressNumber last;
    std::uint32_t parent = kNone;  // the nearest prefix around this one
    ServiceSet services;
  };

  std::vector<AddressNumber> first_;  // apart from the nodes: the binary search reads nothing else
  std::vector<Node> nodes_;
};

/// The addresses of a prefix list. Overlapping and adjacent prefixes are one range, so a lookup is one binary search.
class PrefixSet {
 public:
  PrefixSet() = default;
  explicit PrefixSet(std::vector<IpPrefix> prefixes);

  bool contains(const IpAddress& address) const noexcept;
  bool empty() const noexcept { return first_.empty(); }

 private:
  std::vector<AddressNumber> first_;
  std::vector<AddressNumber> last_;
};

}  // namespace weft
