// The slow, obvious twin of AclPolicy (DESIGN D13): walks the Deployment's entries in the words of facts ec2 2.6.
// Explain asks the same question of one entry, to name the one that decides.
#pragma once

#include "dataplane/policy/acl.hpp"

namespace weft {

/// Whether the entry is about this packet, which leaves (egress) or enters (ingress) the subnet.
bool acl_entry_matches(const AclEntryDeclaration& entry, Direction direction, const PacketTuple& packet);

/// The entry of the direction that decides; null: none matches, and the implicit `*` denies.
const AclEntryDeclaration* acl_deciding_entry(const NetworkAcl& acl, Direction direction, const PacketTuple& packet);

/// Same answer as AclPolicy::decide() for the ACL of this subnet.
AclVerdict oracle_acl(const Deployment& deployment, const Subnet& subnet, Direction direction,
                      const PacketTuple& packet);

}  // namespace weft
