// Security groups, compiled: the two gates of an ENI (DESIGN D2, D13). `GroupPolicy` is built once per publication from
// the Deployment and is immutable; a gate is asked for the first packet of a flow only. policy/oracle.hpp is the slow,
// obvious twin; policy/explain.hpp answers the same question in words.
//
// Source of the rules: facts ec2 2.1-2.5 and 6.2.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/net/address.hpp"

namespace weft {

/// What a gate looks at, always seen from the packet: `source` sends it. ICMP: destination_port = type << 8 | code.
struct PacketTuple {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

/// Index of an ENI inside one GroupPolicy: the position at which flatten_enis() lists it.
using PolicyEni = std::uint32_t;

/// Every ENI of the deployment: instances in order, running or not, ENIs by device index; then those attached to none.
std::vector<const Eni*> flatten_enis(const Deployment& deployment);

struct GateVerdict {
  bool allowed = false;
  /// EC2 tracks the flow at this end (facts ec2 2.4). False only when the deciding rule is open to all addresses and
  /// the opposite direction allows all addresses on all ports of that protocol.
  bool tracked = true;
};

/// Who is at the other end of the hop: the ENI that has the remote address, or somebody else, a middlebox that a route
/// leads through or the internet gateway. From somebody else a group as peer does not match, whatever the address, for
/// it stands for what its members' ENIs send and receive themselves (facts ec2 2.2).
enum class HopPeer : std::uint8_t { kOwner, kOther };

class GroupPolicy {
 public:
  static std::shared_ptr<const GroupPolicy> compile(const Deployment& deployment);
  virtual ~GroupPolicy() = default;

  /// The gate of `eni` for a new flow whose first packet is `packet`, leaving (egress) or entering (ingress) it.
  /// Remote groups are found by the remote address: membership means every private address of the members' ENIs,
  /// primary, secondary, IPv6, and those of delegated prefixes.
  virtual GateVerdict evaluate(PolicyEni eni, Direction direction, const PacketTuple& packet,
                               HopPeer peer) const noexcept = 0;
  GateVerdict evaluate(PolicyEni eni, Direction direction, const PacketTuple& packet) const noexcept {
    return evaluate(eni, direction, packet, HopPeer::kOwner);
  }

  /// EFA: only rules of all protocols and ports that name a group match, each direction for itself (facts ec2 6.2).
  virtual bool efa_allowed(PolicyEni eni, Direction direction, PolicyEni remote) const noexcept = 0;
};

}  // namespace weft
