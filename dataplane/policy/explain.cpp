// A packet's whole way in words, in the order in which the data path decides: source, services, egress gate, route,
// ingress gate (facts ec2 2.7).
#include "dataplane/policy/explain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

bool is_router(const Deployment& deployment, const IpAddress& address) {
  for (const Subnet& subnet : deployment.subnets)
    if (subnet.router() == address) return true;
  return false;
}

/// 224.0.0.0/4, 255.255.255.255 and the last address of a subnet; ff00::/8.
bool is_multicast(const Deployment& deployment, const IpAddress& address) {
  if (!address.is_v4()) return address.octets[0] == 0xff;
  const std::uint32_t value = address.v4().value;
  if (value >> 28 == 0xe || value == 0xffffffff) return true;
  for (const Subnet& subnet : deployment.subnets) {
    if (!subnet.cidr.is_v4()) continue;
    const std::uint32_t hosts = subnet.cidr.v4_length() >= 32 ? 0 : 0xffffffffU >> subnet.cidr.v4_length();
    if (hosts != 0 && subnet.cidr.contains(address) && (value & hosts) == hosts) return true;
  }
  return false;
}

std::string zone_of(const Deployment& deployment, const Eni& eni) {
  const Subnet* subnet = deployment.find_subnet(eni.subnet);
  return subnet == nullptr ? "" : subnet->az;
}

/// "node-0 (10.0.1.4)", or the address alone.
std::string end_name(const Eni* eni, const IpAddress& address) {
  const std::string text = address.to_string();
  return eni == nullptr ? text : fmt::format("{} ({})", eni->instance, text);
}

std::string rule_name(const GateExplanation& gate) {
  std::string text = fmt::format("\"{}\" of group {}", gate.rule.value_or(""), gate.rule_group);
  if (gate.rule_line > 0) text += fmt::format(", line {}", gate.rule_line);
  return text;
}

std::string refusal(const GateExplanation& gate) {
  if (!gate.rule) return gate.reason;
  return fmt::format("the nearest rule is {}, but {}", rule_name(gate), gate.reason);
}

class Answer {
 public:
  Answer(const Eni* source, const Eni* destination, const PacketTuple& packet, bool efa)
      : what_(fmt::format("{} from {} to {}", efa ? "EFA traffic" : describe_packet(packet),
                          end_name(source, packet.source), end_name(destination, packet.destination))) {
    if (source != nullptr) result_.source_eni = source->id;
    if (destination != nullptr) result_.destination_eni = destination->id;
  }

  Answer& gate(GateExplanation gate) {
    result_.gates.push_back(std::move(gate));
    return *this;
  }
  const GateExplanation& last_gate() const { return result_.gates.back(); }
  bool gates_allow() const {
    return std::all_of(result_.gates.begin(), result_.gates.end(), [](const auto& gate) { return gate.allowed; });
  }

  Explanation drop(DropReason reason, const std::string& detail = "") {
    result_.drop_reason = name(reason);
    result_.verdict = fmt::format("{} is dropped ({}): {}{}{}", what_, name(reason), sentence(reason),
                                  detail.empty() ? "" : "; ", detail);
    return std::move(result_);
  }
  Explanation pass(const std::string& how) {
    result_.allowed = true;
    result_.verdict = fmt::format("{} passes: {}", what_, how);
    return std::move(result_);
  }

  /// The end of every packet that comes to both gates.
  Explanation decide(DropReason egress, DropReason ingress) {
    const GateExplanation& out = result_.gates[0];
    const GateExplanation& in = result_.gates[1];
    if (!out.allowed) return drop(egress, refusal(out));
    if (!in.allowed) return drop(ingress, refusal(in));
    return pass(fmt::format("egress of {} by {}, and ingress of {} by {}", out.instance, rule_name(out), in.instance,
                            rule_name(in)));
  }

 private:
  std::string what_;
  Explanation result_;
};

Explanation explain_efa(const Deployment& deployment, const PacketTuple& packet) {
  const Eni* source = eni_at(deployment, packet.source);
  const Eni* destination = eni_at(deployment, packet.destination);
  Answer answer(source, destination, packet, true);
  if (source == nullptr || source->type != InterfaceType::kEfa)
    return answer.drop(DropReason::kEfaUnreachable, fmt::format("{} is no EFA interface", packet.source.to_string()));
  if (destination == nullptr || destination->type != InterfaceType::kEfa)
    return answer.drop(DropReason::kEfaUnreachable,
                       fmt::format("{} is no EFA interface", packet.destination.to_string()));
  const std::string from = zone_of(deployment, *source), to = zone_of(deployment, *destination);
  if (from != to)
    return answer.drop(DropReason::kEfaUnreachable, fmt::format("{} is not {}, and EFA stays in one zone", to, from));
  answer.gate(explain_efa_gate(deployment, *source, Direction::kEgress, *destination));
  answer.gate(explain_efa_gate(deployment, *destination, Direction::kIngress, *source));
  return answer.decide(DropReason::kEfaGroupEgress, DropReason::kEfaGroupIngress);
}

Explanation explain_router(Answer& answer, const PacketTuple& packet) {
  if (packet.protocol != kProtocolIcmp || packet.destination_port >> 8 != IcmpHeader::kEchoRequest)
    return answer.drop(DropReason::kRouterService);
  return answer.pass("the subnet router answers it itself, and no security group looks at it");
}

Explanation explain_ip(const Deployment& deployment, const PacketTuple& packet) {
  const Eni* source = eni_at(deployment, packet.source);
  const Eni* destination = eni_at(deployment, packet.destination);
  Answer answer(source, destination, packet, false);
  if (source == nullptr) return answer.drop(DropReason::kSpoofedIp, "no ENI of this VPC has it");
  if (!source->vf.link_up)
    return answer.drop(DropReason::kLinkDown, fmt::format("vf {} of {}", source->vf.index, source->instance));
  if (is_multicast(deployment, packet.destination)) return answer.drop(DropReason::kMulticast);
  if (is_router(deployment, packet.destination)) return explain_router(answer, packet);

  answer.gate(explain_gate(deployment, *source, Direction::kEgress, packet));
  if (destination == nullptr) {
    if (!answer.last_gate().allowed) return answer.drop(DropReason::kGroupEgress, refusal(answer.last_gate()));
    return answer.drop(deployment.vpc_cidr.contains(packet.destination) ? DropReason::kNoSuchAddress
                                                                       : DropReason::kNoRoute);
  }
  answer.gate(explain_gate(deployment, *destination, Direction::kIngress, packet));
  if (answer.gates_allow() && !destination->vf.link_up)
    return answer.drop(DropReason::kLinkDown, fmt::format("vf {} of {}", destination->vf.index, destination->instance));
  return answer.decide(DropReason::kGroupEgress, DropReason::kGroupIngress);
}

}  // namespace

Explanation explain(const Deployment& deployment, const PacketTuple& packet, bool efa) {
  return efa ? explain_efa(deployment, packet) : explain_ip(deployment, packet);
}

}  // namespace weft
