#include <fmt/format.h>

#include "dataplane/control/json.hpp"
#include "dataplane/model/describe.hpp"

namespace weft {

namespace {

/// "ingress gate, a (eni-...): allowed by 'tcp 22 from 10.0.0.0/16' of web (sg-...), line 14: tracked, because ..."
std::string sentence_of(const ExplainStep& step) {
  std::string text = step.stage;
  if (!step.subject.empty()) text += ", " + step.subject;
  text += step.limit ? ": limited" : step.passed ? ": allowed" : ": refused";
  if (step.rule) {
    const bool nearest =
        !step.passed && !step.rule_group.empty();  // an ACL or a route refuses by a rule, a gate by none
    text += fmt::format("{} '{}'", nearest ? "; nearest rule" : " by", *step.rule);
    if (!step.rule_group.empty()) text += " of " + step.rule_group;
    if (step.rule_line > 0) text += fmt::format(", line {}", step.rule_line);
  }
  if (!step.reason.empty()) text += ": " + step.reason;
  if (step.limit) {
    text += fmt::format("; what is more is dropped ({}", step.limit->drop_reason);
    text += step.limit->counter.empty() ? ")" : fmt::format(", {})", step.limit->counter);
  }
  return text;
}

Json limit_json(const ExplainLimit& limit) {
  Json json{{"value", limit.value}, {"unit", limit.unit}, {"drop_reason", limit.drop_reason}, {"counter", nullptr}};
  if (limit.peak > 0) json["peak"] = limit.peak;
  if (!limit.counter.empty()) json["counter"] = limit.counter;
  return json;
}

Json step_json(const ExplainStep& step) {
  Json json{{"stage", step.stage},  {"passed", step.passed},         {"subject", step.subject},
            {"rule", nullptr},      {"rule_group", step.rule_group}, {"rule_line", step.rule_line},
            {"reason", step.reason}};
  if (step.rule) json["rule"] = *step.rule;
  if (step.limit) json["limit"] = limit_json(*step.limit);
  return json;
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
  Json gates = Json::array(), steps = Json::array(), text = Json::array({explanation.verdict});
  for (const GateExplanation& gate : explanation.gates) gates.push_back(gate_json(gate));
  for (const ExplainStep& step : explanation.steps) {
    steps.push_back(step_json(step));
    text.push_back(sentence_of(step));
  }
  return {{"allowed", explanation.allowed},
          {"verdict", explanation.verdict},
          {"drop_reason", explanation.drop_reason},
          {"source_eni", explanation.source_eni},
          {"destination_eni", explanation.destination_eni},
          {"steps", std::move(steps)},
          {"gates", std::move(gates)},
          {"text", std::move(text)}};
}

}  // namespace weft
