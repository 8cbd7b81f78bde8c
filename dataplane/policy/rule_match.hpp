// One rule held against one packet, in words: every way in which it does not match, and how far off it is, so that
// explain can name the nearest of many.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

/// What a gate is asked. `remote` is the ENI that has the remote address, null when there is none.
struct GateQuestion {
  const Deployment& deployment;
  Direction direction = Direction::kIngress;
  PacketTuple packet;
  const Eni* remote = nullptr;
  bool efa = false;
  HopPeer peer = HopPeer::kOwner;

  const IpAddress& remote_address() const {
    return direction == Direction::kEgress ? packet.destination : packet.source;
  }
};

struct RuleMatch {
  std::vector<std::string> mismatches;  // "port 22 is outside 80-443"; empty: the rule matches
  /// Comparable between rules. A wrong peer is nearer than a wrong port, that than a wrong protocol, and any one of
  /// them than two: who asks about ssh wants to read about the ssh rule.
  std::uint32_t distance = 0;

  bool matches() const { return mismatches.empty(); }
};

/// The ENI that has the private address, of its own or in a delegated prefix; null when there is none.
const Eni* eni_at(const Deployment& deployment, const IpAddress& address);

RuleMatch match(const GateQuestion& question, const RuleDeclaration& rule);

/// 0.0.0.0/0 for an IPv4 packet, ::/0 for an IPv6 one.
bool is_open_to_all(const RuleDeclaration& rule, const IpAddress& remote);

/// "tcp 22", "icmp type 8 code 0", "protocol 47": a packet in the words of a rule.
std::string describe_packet(const PacketTuple& packet);

}  // namespace weft
