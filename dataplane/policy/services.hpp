// What a rule says about traffic, without its peer, as one range of numbers: protocol << 16 | port. "all" is every
// number, "tcp 80-443" is a range, ICMP's type << 8 | code takes the place of the port, and a protocol without ports is
// all 65,536 of its numbers. Unions of rules are unions of ranges, and a lookup is a binary search.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/model/topology.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

using Service = std::uint32_t;

struct ServiceRange {
  Service first = 0;
  Service last = 0;
  bool operator==(const ServiceRange&) const = default;
};
inline constexpr ServiceRange kAllServices = {0, 0xffffff};

constexpr ServiceRange all_ports(std::uint8_t protocol) {
  return {Service{protocol} << 16, Service{protocol} << 16 | 0xffff};
}

/// Protocols without ports carry 0 there, whatever the caller left in the tuple.
Service service_of(const PacketTuple& packet) noexcept;

/// Nothing when no packet can match. The model refuses such a rule; here it must not spill into another protocol.
std::optional<ServiceRange> service_range(const RuleDeclaration& rule);

/// Sorted, disjoint, immutable once built.
class ServiceSet {
 public:
  ServiceSet() = default;
  explicit ServiceSet(std::vector<ServiceRange> ranges);

  bool contains(Service service) const noexcept;
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<ServiceRange>& ranges() const noexcept { return ranges_; }

 private:
  std::vector<ServiceRange> ranges_;
};

}  // namespace weft
