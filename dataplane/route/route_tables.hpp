// Route tables, compiled: where a packet of a subnet goes by its destination, longest prefix first (facts ec2 1.10).
// route/oracle.hpp is the slow, obvious twin.
//
// Immutable once compiled; any thread; find() neither allocates nor locks.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/address_number.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

/// The position in Deployment::subnets.
using SubnetIndex = std::uint32_t;

enum class RouteKind : std::uint8_t {
  kNone,   // no route has the destination
  kLocal,  // to whoever in the VPC has the address
  kInternetGateway,
  kEni,        // to RouteDecision::eni, which takes it only with its source/destination check off
  kBlackhole,  // dropped: the target does not exist (any more)
};

struct RouteDecision {
  /// The local routes that every table has, when the deployment's table does not list them.
  static constexpr std::uint32_t kImplied = 0xffffffff;

  RouteKind kind = RouteKind::kNone;
  PolicyEni eni = 0;               // of kEni
  std::uint32_t route = kImplied;  // the position in RouteTable::routes of the subnet's table
  bool operator==(const RouteDecision&) const = default;
};

class RouteTables {
 public:
  RouteTables() = default;
  static RouteTables compile(const Deployment& deployment);

  /// The services' addresses are forwarded by no table (IpAddress::is_for_services()).
  RouteDecision find(SubnetIndex source, const IpAddress& destination) const noexcept;

 private:
  /// One table and family: the address space cut at every first address of a route and after every last one. Between
  /// two cuts the longest prefix is the same, so a lookup is one binary search over starts and walks nothing.
  template <typename Number>
  struct Cuts {
    std::vector<Number> starts;          // sorted; the first is 0
    std::vector<RouteDecision> answers;  // by start
    const RouteDecision& find(Number number) const noexcept;
  };
  struct Table {
    Cuts<std::uint32_t> v4;
    Cuts<AddressNumber> v6;
  };
  using EniNumbers = std::unordered_map<std::string, PolicyEni>;  // by id
  static Table compile_table(const Deployment& deployment, const RouteTable* declared, const EniNumbers& enis);

  std::vector<Table> tables_;
  std::vector<std::uint32_t> of_subnet_;
};

}  // namespace weft
