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

/// "100 allow tcp 80 from 0.0.0.0/0"
std::string describe(const AclEntryDeclaration& entry, Direction direction);

/// "0.0.0.0/0 to the internet gateway", "10.9.0.0/16 to fw/eth1 (eni-0..)"
std::string describe(const Route& route, const Deployment& deployment);

/// How people name it: "web/eth1", or its own name while it is attached to nothing.
std::string label(const Eni& eni);

/// "10.0.1.4 secondary 10.0.1.5 ipv6 2001:db8::4 prefixes 10.0.1.16/28 public 203.0.113.7", what there is of it.
std::string describe_addresses(const Eni& eni);

/// EC2's InterfaceType: "interface", "efa" or "efa-only".
std::string interface_type_name(InterfaceType type);

/// "ingress" or "egress".
std::string direction_name(Direction direction);

/// "eth0 10.0.1.4 efa vf 0 groups efa, ssh"
std::string describe(const Eni& eni);

}  // namespace weft
