// Rules, protocols and interfaces in the words every tool prints: plan, explain, drops, ps. One place, so that the rule
// a plan announced and the rule explain names are the same text.
#pragma once

#include <string>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// "tcp", "udp", "icmp", "icmpv6", "all", or the number.
std::string protocol_name(IpProtocol protocol);

/// "tcp 80-443", "icmp type 8 code 0", "all": what the rule is about, without the peer.
std::string describe_traffic(const RuleDeclaration& rule);

/// "0.0.0.0/0", "group efa", "prefix list offices"
std::string describe(const RulePeer& peer);

/// "tcp 22 from 0.0.0.0/0" (ingress), "all to group efa" (egress).
std::string describe(const RuleDeclaration& rule, Direction direction);

/// "100 allow tcp 80 from 0.0.0.0/0" (ingress)
std::string describe(const AclEntryDeclaration& entry, Direction direction);

/// "ingress" or "egress".
std::string direction_name(Direction direction);

/// "eth0 10.0.1.4 efa vf 0 groups efa, ssh"
std::string describe(const Eni& eni);

}  // namespace weft
