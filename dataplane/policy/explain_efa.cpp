// EFA traffic in words: one VPC, one zone, and both gates by their groups alone (facts ec2 6.2).
#include <fmt/format.h>

#include "dataplane/policy/explain_path.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

bool speaks_efa(const Eni* eni) {
  return eni != nullptr && (eni->type == InterfaceType::kEfa || eni->type == InterfaceType::kEfaOnly);
}

std::string zone_of(const Deployment& deployment, const Eni& eni) {
  const Subnet* subnet = subnet_of(deployment, eni);
  return subnet == nullptr ? "" : subnet->az;
}

}  // namespace

Explanation explain_efa(const Deployment& deployment, const ExplainQuestion& question) {
  ExplainPath path(deployment, question);
  path.target = question.destination_eni.empty() ? eni_at(deployment, question.packet.destination)
                                                 : deployment.find_eni(question.destination_eni);
  ExplainStep step;
  step.stage = "EFA";
  for (const bool sends : {true, false}) {
    const Eni* end = sends ? path.source : path.target;
    if (speaks_efa(end)) continue;
    const IpAddress& address = sends ? question.packet.source : question.packet.destination;
    step.reason = fmt::format("{} is no EFA interface", end == nullptr ? address.to_string() : eni_name(*end));
    path.drop(step, DropReason::kEfaUnreachable);
    return path.finish();
  }
  const std::string sender_zone = zone_of(deployment, *path.source), zone = zone_of(deployment, *path.target);
  step.subject = fmt::format("zone {}", sender_zone);
  if (sender_zone != zone) {
    step.reason = fmt::format("{} is not {}, and EFA stays in one zone", zone, sender_zone);
    path.drop(step, DropReason::kEfaUnreachable);
    return path.finish();
  }
  step.reason = "both interfaces are EFA interfaces of one VPC and zone";
  path.pass(step);
  path.gate(explain_efa_gate(deployment, *path.source, Direction::kEgress, *path.target), DropReason::kEfaGroupEgress);
  path.gate(explain_efa_gate(deployment, *path.target, Direction::kIngress, *path.source),
            DropReason::kEfaGroupIngress);
  return path.finish();
}

}  // namespace weft
