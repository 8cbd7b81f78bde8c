// One gate in words: the rule that decides, or the nearest that does not match, and whether EC2 tracks the flow.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/policy/explain.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

struct RuleInGroup {
  const SecurityGroup* group = nullptr;
  const RuleDeclaration* rule = nullptr;
};

std::string name_of(const SecurityGroup& group) { return fmt::format("{} ({})", group.name, group.id); }

std::vector<const SecurityGroup*> groups_of(const Deployment& deployment, const Eni& eni) {
  std::vector<const SecurityGroup*> groups;
  for (const std::string& name : eni.security_groups)
    if (const SecurityGroup* group = deployment.find_security_group(name)) groups.push_back(group);
  return groups;
}

std::vector<RuleInGroup> rules_of(const std::vector<const SecurityGroup*>& groups, Direction direction) {
  std::vector<RuleInGroup> rules;
  for (const SecurityGroup* group : groups)
    for (const RuleDeclaration& rule : direction == Direction::kEgress ? group->egress : group->ingress)
      rules.push_back({group, &rule});
  return rules;
}

Direction opposite(Direction direction) {
  return direction == Direction::kEgress ? Direction::kIngress : Direction::kEgress;
}

bool permits_every_port(const RuleDeclaration& rule, std::uint8_t protocol) {
  return rule.protocol == kAllProtocols || (rule.protocol == protocol && rule.from_port <= 0 && rule.to_port >= 0xffff);
}

struct Tracking {
  bool tracked = true;
  std::string why;
};

/// facts ec2 2.4. `deciding` is the most permissive of the rules that match.
Tracking tracking_of(const GateQuestion& question, const RuleDeclaration& deciding,
                     const std::vector<RuleInGroup>& reverse_rules) {
  const std::uint8_t protocol = question.packet.protocol;
  const IpAddress& remote = question.remote_address();
  if (protocol == kProtocolIcmp || protocol == kProtocolIcmpv6) return {true, "tracked, as ICMP always is"};
  if (protocol != kProtocolTcp && protocol != kProtocolUdp)
    return {true, "tracked by addresses and protocol number, as everything but TCP, UDP and ICMP is"};
  if (!is_open_to_all(deciding, remote)) return {true, "tracked, because the rule is not open to all addresses"};
  const Direction back = opposite(question.direction);
  for (const RuleInGroup& reverse : reverse_rules)
    if (is_open_to_all(*reverse.rule, remote) && permits_every_port(*reverse.rule, protocol))
      return {false, fmt::format("not tracked, because the rule is open to all addresses and {} rule \"{}\" of "
                                 "group {} lets every answer pass",
                                 direction_name(back), describe(*reverse.rule, back), name_of(*reverse.group))};
  return {true, fmt::format("tracked, because no {} rule opens every port of {} to all addresses", direction_name(back),
                            protocol_name(protocol))};
}

void name_rule(GateExplanation& gate, const RuleInGroup& chosen) {
  gate.rule = describe(*chosen.rule, gate.direction);
  gate.rule_line = chosen.rule->line;
  gate.rule_group = name_of(*chosen.group);
}

GateExplanation answer(const Eni& eni, const GateQuestion& question) {
  GateExplanation gate;
  gate.direction = question.direction;
  gate.eni_id = eni.id;
  gate.instance = eni.instance.empty() ? eni.id : eni.instance;
  const std::vector<const SecurityGroup*> groups = groups_of(question.deployment, eni);
  for (const SecurityGroup* group : groups) gate.groups.push_back(name_of(*group));

  RuleInGroup deciding, nearest;
  RuleMatch nearest_match;
  for (const RuleInGroup& candidate : rules_of(groups, question.direction)) {
    RuleMatch found = match(question, *candidate.rule);
    if (found.matches()) {
      // Union of all groups; among several that match, the most permissive one (facts ec2 2.1): one open to all.
      const bool opener = deciding.rule == nullptr || (!is_open_to_all(*deciding.rule, question.remote_address()) &&
                                                       is_open_to_all(*candidate.rule, question.remote_address()));
      if (opener) deciding = candidate;
    } else if (nearest.rule == nullptr || found.distance < nearest_match.distance) {
      nearest = candidate;
      nearest_match = std::move(found);
    }
  }

  gate.allowed = deciding.rule != nullptr;
  if (gate.allowed) {
    name_rule(gate, deciding);
    if (question.efa) {
      gate.reason = "the rule names a group of the other ENI";
    } else {
      Tracking tracking = tracking_of(question, *deciding.rule, rules_of(groups, opposite(question.direction)));
      gate.tracked = tracking.tracked;
      gate.reason = std::move(tracking.why);
    }
  } else if (nearest.rule != nullptr) {
    name_rule(gate, nearest);
    gate.reason = fmt::format("{}", fmt::join(nearest_match.mismatches, ", and "));
  } else if (groups.empty()) {
    gate.reason = "the ENI is in no security group";
  } else {
    gate.reason = fmt::format("{} {} no {} rule", fmt::join(eni.security_groups, ", "),
                              eni.security_groups.size() == 1 ? "has" : "have", direction_name(question.direction));
  }
  return gate;
}

}  // namespace

GateExplanation explain_gate(const Deployment& deployment, const Eni& eni, Direction direction,
                             const PacketTuple& packet, HopPeer peer) {
  GateQuestion question{.deployment = deployment, .direction = direction, .packet = packet, .efa = false, .peer = peer};
  question.remote = eni_at(deployment, question.remote_address());
  return answer(eni, question);
}

GateExplanation explain_efa_gate(const Deployment& deployment, const Eni& eni, Direction direction, const Eni& remote) {
  GateQuestion question{.deployment = deployment, .direction = direction, .packet = {}, .remote = &remote, .efa = true};
  return answer(eni, question);
}

}  // namespace weft
