#include <fmt/format.h>

#include "dataplane/control/json.hpp"
#include "dataplane/model/describe.hpp"

namespace weft {

namespace {

/// "egress of a (eni-...): allowed by 'tcp 22 to 10.0.0.0/16' of web (sg-...), line 14: untracked, because ..."
std::string sentence_of(const GateExplanation& gate) {
  std::string text = fmt::format("{} of {} ({}): ", direction_name(gate.direction), gate.instance, gate.eni_id);
  text += gate.allowed ? "allowed" : "refused";
  if (gate.rule) {
    text += fmt::format("{} '{}' of {}", gate.allowed ? " by" : "; nearest rule", *gate.rule, gate.rule_group);
    if (gate.rule_line > 0) text += fmt::format(", line {}", gate.rule_line);
  }
  if (!gate.reason.empty()) text += ": " + gate.reason;
  return text;
}

Json gate_json(const GateExplanation& gate) {
  Json json{{"direction", direction_name(gate.direction)},
            {"allowed", gate.allowed},
            {"tracked", gate.allowed && gate.tracked},
            {"eni", gate.eni_id},
            {"instance", gate.instance},
            {"groups", gate.groups},
            {"rule", nullptr},
            {"rule_group", gate.rule_group},
            {"rule_line", gate.rule_line},
            {"reason", gate.reason}};
  if (gate.rule) json["rule"] = *gate.rule;
  return json;
}

}  // namespace

Json to_json(const Explanation& explanation) {
  Json gates = Json::array(), text = Json::array({explanation.verdict});
  for (const GateExplanation& gate : explanation.gates) {
    gates.push_back(gate_json(gate));
    text.push_back(sentence_of(gate));
  }
  return {{"allowed", explanation.allowed},
          {"verdict", explanation.verdict},
          {"drop_reason", explanation.drop_reason},
          {"source_eni", explanation.source_eni},
          {"destination_eni", explanation.destination_eni},
          {"gates", std::move(gates)},
          {"text", std::move(text)}};
}

}  // namespace weft
