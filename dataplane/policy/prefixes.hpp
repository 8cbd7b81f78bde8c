// From an address to every prefix that contains it, for one address family.
//
// Prefixes nest or are disjoint, so sorted by first address (shorter before longer) they form a forest, and every
// prefix that contains an address is the last one that begins at or before it, or an ancestor of that one. A lookup is
// a binary search and a walk up, one step per prefix around: a thousand rules cost little more than ten do.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/policy/services.hpp"

namespace weft {

/// An address as two numbers that order like its octets.
struct AddressNumber {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr auto operator<=>(const AddressNumber&) const = default;
  static AddressNumber from(const IpAddress& ip) noexcept {
    AddressNumber number;
    std::memcpy(&number.high, ip.octets.data(), 8);
    std::memcpy(&number.low, ip.octets.data() + 8, 8);
    if constexpr (std::endian::native == std::endian::little)
      number = {__builtin_bswap64(number.high), __builtin_bswap64(number.low)};
    return number;
  }
};

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

}  // namespace weft
