// What a subnet's route table and network ACL say: the seam between the engine and dataplane/route and dataplane/policy.
// Asked for the first packet of a flow in each direction, and again after every publication; built once per snapshot.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"
#include "drivers/port.hpp"

namespace weft {

struct RouteTarget {
  RouteTargetKind kind = RouteTargetKind::kBlackhole;
  EniSlot eni = kNoEni;  // of kInterface
};

using SlotsById = std::unordered_map<std::string, EniSlot>;

class SubnetPolicy {
 public:
  SubnetPolicy(const Deployment& deployment, const Subnet& subnet, const SlotsById& slots);

  /// The route with the longest prefix; nothing when no route has the destination.
  std::optional<RouteTarget> route(const IpAddress& destination) const noexcept;

  /// The network ACL, for a packet that leaves (egress) or enters (ingress) the subnet (facts ec2 2.6).
  bool acl_allows(Direction direction, const PacketTuple& packet) const noexcept;
  /// It allows everything of this family both ways, so that nobody need ask.
  bool acl_open(bool ipv6) const noexcept { return open_[ipv6 ? 1 : 0]; }

 private:
  struct CompiledRoute {
    IpPrefix destination;
    RouteTarget target;
  };
  std::vector<CompiledRoute> routes_;         // longest prefix first
  std::vector<AclEntryDeclaration> acl_[2];  // by Direction, lowest number first
  bool open_[2] = {true, true};
  bool has_acl_ = false;
};

}  // namespace weft
