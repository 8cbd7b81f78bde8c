#include "dataplane/policy/explain_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dataplane/model/describe.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

std::string rule_in_group(const GateExplanation& gate) {
  std::string text = fmt::format("\"{}\" of group {}", gate.rule.value_or(""), gate.rule_group);
  if (gate.rule_line > 0) text += fmt::format(", line {}", gate.rule_line);
  return text;
}

/// Why, for the verdict: the reason, and the rule that it is about.
std::string refusal_of(const ExplainStep& step) {
  if (!step.rule) return step.reason;
  std::string text = fmt::format("{} \"{}\"", step.subject, *step.rule);
  if (step.rule_line > 0) text += fmt::format(", line {}", step.rule_line);
  return step.reason.empty() ? text : text + ": " + step.reason;
}

}  // namespace

std::string end_name(const Eni* eni, const IpAddress& address) {
  const std::string text = address.to_string();
  if (eni == nullptr || eni->instance.empty()) return text;
  return fmt::format("{} ({})", eni->instance, text);
}

std::string eni_name(const Eni& eni) {
  if (eni.instance.empty()) return fmt::format("{} (attached to no instance)", eni.id);
  return fmt::format("eth{} of {} ({})", eni.device_index, eni.instance, eni.id);
}

bool is_broadcast(const Subnet& subnet, const IpAddress& address) {
  if (!subnet.cidr.is_v4() || !address.is_v4() || !subnet.cidr.contains(address)) return false;
  const unsigned length = subnet.cidr.v4_length();
  const std::uint32_t hosts = length >= 32 ? 0 : 0xffffffffU >> length;
  return hosts != 0 && (address.v4().value & hosts) == hosts;
}

bool is_link_local_v6(const IpAddress& address) {
  return address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80;
}

const Subnet* subnet_of(const Deployment& deployment, const Eni& eni) { return deployment.find_subnet(eni.subnet); }

std::optional<std::string> why_link_is_down(const Deployment& deployment, const Eni& eni) {
  if (eni.instance.empty()) return fmt::format("{} is attached to no instance", eni.id);
  const Instance* instance = deployment.find_instance(eni.instance);
  if (instance != nullptr && instance->state == InstanceState::kStopped)
    return fmt::format("{} is stopped", eni.instance);
  if (!eni.vf.link_up()) return fmt::format("vf {} of {} is down", eni.vf.index, eni.instance);
  return std::nullopt;
}

ExplainPath::ExplainPath(const Deployment& of, const ExplainQuestion& asked)
    : deployment(of), question(asked), packet(asked.packet) {
  source = asked.source_eni.empty() ? eni_at(of, packet.source) : of.find_eni(asked.source_eni);
  if (source != nullptr) {
    from = subnet_of(of, *source);
    result_.source_eni = source->id;
  }
  const Eni* destination =
      asked.destination_eni.empty() ? eni_at(of, packet.destination) : of.find_eni(asked.destination_eni);
  what_ = fmt::format("{} from {} to {}", asked.efa ? "EFA traffic" : describe_packet(packet),
                      end_name(source, packet.source), end_name(destination, packet.destination));
}

void ExplainPath::pass(ExplainStep step) {
  step.passed = true;
  result_.steps.push_back(std::move(step));
}

void ExplainPath::drop(ExplainStep step, DropReason reason) {
  step.passed = false;
  if (!dropped_) {
    dropped_ = true;
    result_.drop_reason = name(reason);
    const std::string detail = refusal_of(step);
    drop_sentence_ = fmt::format("({}): {}{}{}", name(reason), sentence(reason), detail.empty() ? "" : "; ", detail);
  }
  result_.steps.push_back(std::move(step));
}

void ExplainPath::gate(GateExplanation gate, DropReason reason) {
  const bool egress = gate.direction == Direction::kEgress;
  ExplainStep step{.stage = egress ? "egress gate" : "ingress gate",
                   .passed = gate.allowed,
                   .subject = fmt::format("{} ({})", gate.instance, gate.eni_id),
                   .rule = gate.rule,
                   .rule_line = gate.rule_line,
                   .rule_group = gate.rule_group,
                   .reason = gate.reason,
                   .limit = std::nullopt};
  if (gate.allowed) {
    note(fmt::format("{} of {} by {}", egress ? "egress" : "ingress", gate.instance, rule_in_group(gate)));
  } else if (!dropped_) {
    dropped_ = true;
    result_.drop_reason = name(reason);
    drop_sentence_ = fmt::format(
        "({}): {}; {}", name(reason), sentence(reason),
        gate.rule ? fmt::format("the nearest rule is {}, but {}", rule_in_group(gate), gate.reason) : gate.reason);
  }
  result_.steps.push_back(std::move(step));
  result_.gates.push_back(std::move(gate));
}

Explanation ExplainPath::finish() {
  if (target != nullptr) result_.destination_eni = target->id;
  result_.allowed = !dropped_;
  result_.verdict = dropped_ ? fmt::format("{} is dropped {}", what_, drop_sentence_)
                             : fmt::format("{} passes: {}", what_, fmt::join(ways_, ", and "));
  return std::move(result_);
}

}  // namespace weft
