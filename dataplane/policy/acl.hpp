// Network ACLs, compiled: what may leave and enter a subnet (facts ec2 2.6). Stateless and ordered: the entries of a
// direction are asked by number, the first that matches decides, and what none matches is denied. Between ENIs of one
// subnet nobody asks. policy/acl_oracle.hpp is the slow, obvious twin.
//
// Immutable once compiled; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/address_number.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/policy/services.hpp"

namespace weft {

/// The position in Deployment::network_acls. One after the last: a stand-in for none at all, which allows everything.
using AclIndex = std::uint32_t;

struct AclVerdict {
  bool allowed = false;
  std::optional<int> rule_number;  // the entry that decided; nothing: the implicit `*`, which denies
  bool operator==(const AclVerdict&) const = default;
};

class AclPolicy {
 public:
  AclPolicy() = default;
  static AclPolicy compile(const Deployment& deployment);

  /// By position in Deployment::subnets. The stand-in for a subnet that names no ACL: resolve() leaves none.
  AclIndex of_subnet(std::size_t subnet) const noexcept { return of_subnet_[subnet]; }

  /// A packet that leaves (egress) or enters (ingress) a subnet, as it is there: ports, or ICMP type << 8 | code.
  AclVerdict decide(AclIndex acl, Direction direction, const PacketTuple& packet) const noexcept;
  bool allows(AclIndex acl, Direction direction, const PacketTuple& packet) const noexcept {
    return decide(acl, direction, packet).allowed;
  }
  /// It allows everything of this family in both directions, so that nobody need ask.
  bool open(AclIndex acl, bool ipv6) const noexcept { return acls_[acl].open[ipv6]; }

 private:
  struct Entry {
    AddressNumber first, last;
    ServiceRange services;
    std::int16_t rule_number = 0;
    bool allow = false;
  };
  struct Acl {
    std::vector<Entry> entries[2][2];  // by Direction and family, IPv4 first; at most forty (facts ec2 2.6)
    bool open[2] = {};                 // by family
  };
  static std::vector<Entry> compile_entries(const std::vector<AclEntryDeclaration>& declared, bool ipv6);
  static bool opens(const std::vector<Entry>& entries);

  std::vector<Acl> acls_;
  std::vector<AclIndex> of_subnet_;
};

}  // namespace weft
