// A network ACL in words: the entry that decides, or that none does (facts ec2 2.6).
#include <fmt/format.h>

#include "dataplane/model/describe.hpp"
#include "dataplane/policy/acl_oracle.hpp"
#include "dataplane/policy/explain_path.hpp"

namespace weft {
namespace {

/// "entry 200, all from 0.0.0.0/0, would match too, but a lower number comes first": what a reader of a deny looks for.
std::string shadowed_by(const NetworkAcl& acl, Direction direction, const PacketTuple& packet,
                        const AclEntryDeclaration& deciding) {
  for (const AclEntryDeclaration& entry : direction == Direction::kEgress ? acl.egress : acl.ingress)
    if (entry.allow != deciding.allow && entry.rule_number > deciding.rule_number &&
        acl_entry_matches(entry, direction, packet))
      return fmt::format(", and comes before \"{}\"", describe(entry, direction));
  return "";
}

}  // namespace

void explain_acl(ExplainPath& path, const Subnet& subnet, Direction direction) {
  const NetworkAcl* acl = path.deployment.find_network_acl(subnet.network_acl);
  if (acl == nullptr) return;  // a deployment that resolve() made has one for every subnet
  const bool egress = direction == Direction::kEgress;
  const DropReason refused = egress ? DropReason::kAclEgress : DropReason::kAclIngress;
  ExplainStep step;
  step.stage = egress ? "egress ACL" : "ingress ACL";
  step.subject = fmt::format("network ACL {} ({})", acl->name, acl->id);
  const AclEntryDeclaration* entry = acl_deciding_entry(*acl, direction, path.packet);
  if (entry == nullptr) {
    step.reason = fmt::format("no {} entry of {}, of subnet {}, matches, and the last one, *, denies",
                              direction_name(direction), step.subject, subnet.name);
    return path.drop(std::move(step), refused);
  }
  step.rule = describe(*entry, direction);
  step.rule_line = entry->line;
  step.reason = fmt::format("the first {} entry that matches decides{}", direction_name(direction),
                            shadowed_by(*acl, direction, path.packet, *entry));
  if (!entry->allow) return path.drop(std::move(step), refused);
  path.pass(std::move(step));
}

}  // namespace weft
