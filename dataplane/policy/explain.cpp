// A packet's whole way in words, in the order in which the data path decides (worker/pipeline.hpp, facts ec2 2.7):
// multicast, source, services, egress gate, route, ingress gate, link.
#include "dataplane/policy/explain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

/// The subnet's last address, where IPv4 has its directed broadcast (facts ec2 1.6).
bool is_broadcast(const Subnet& subnet, const IpAddress& address) {
  if (!subnet.cidr.is_v4() || !address.is_v4() || !subnet.cidr.contains(address)) return false;
  const unsigned length = subnet.cidr.v4_length();
  const std::uint32_t hosts = length >= 32 ? 0 : 0xffffffffU >> length;
  return hosts != 0 && (address.v4().value & hosts) == hosts;
}

/// 224.0.0.0/4 and everything above; ff00::/8. A guest sends these to a multicast MAC address.
bool is_multicast(const IpAddress& address) {
  return address.is_v4() ? address.v4().value >= 0xe0000000U : address.octets[0] == 0xff;
}

/// Why no ENI has the destination, once the egress gate has let the packet out.
DropReason route_failure(const Deployment& deployment, const IpAddress& destination) {
  if (!deployment.vpc_cidr.contains(destination)) return DropReason::kNoRoute;
  for (const Subnet& subnet : deployment.subnets) {
    if (is_broadcast(subnet, destination)) return DropReason::kMulticast;
    if (subnet.router() == destination) return DropReason::kRouterService;  // only its own subnet's router answers
  }
  return DropReason::kNoSuchAddress;
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
  if (packet.protocol != kProtocolIcmp || packet.destination_port != IcmpHeader::kEchoRequest << 8)
    return answer.drop(DropReason::kRouterService);
  return answer.pass("the subnet router answers it itself, and no security group looks at it");
}

Explanation explain_ip(const Deployment& deployment, const PacketTuple& packet) {
  const Eni* source = eni_at(deployment, packet.source);
  const Eni* destination = eni_at(deployment, packet.destination);
  const Subnet* subnet = source == nullptr ? nullptr : deployment.find_subnet(source->subnet);
  Answer answer(source, destination, packet, false);
  if (packet.source == packet.destination)
    return answer.drop(DropReason::kMalformed, "what an instance sends to its own address never leaves it");
  if (is_multicast(packet.destination) || (subnet != nullptr && is_broadcast(*subnet, packet.destination)))
    return answer.drop(DropReason::kMulticast);
  if (source == nullptr)
    return answer.drop(DropReason::kSpoofedIp, fmt::format("no ENI of this VPC has {}", packet.source.to_string()));
  if (!source->vf.link_up)
    return answer.drop(DropReason::kLinkDown, fmt::format("vf {} of {}", source->vf.index, source->instance));
  if (subnet != nullptr && subnet->router() == packet.destination) return explain_router(answer, packet);

  answer.gate(explain_gate(deployment, *source, Direction::kEgress, packet));
  if (destination == nullptr) {
    if (!answer.gates_allow()) return answer.drop(DropReason::kGroupEgress, refusal(answer.last_gate()));
    return answer.drop(route_failure(deployment, packet.destination));
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
