// weft flows, weft flows --drops: what passes, and what did not and why.
#include <fmt/format.h>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct FlowsOptions {
  bool drops = false;
  bool json = false;
  unsigned limit = 1000;
};

/// "node-0 10.0.1.4:40112"; without a port for protocols that have none.
std::string end_of(const json& tuple, const char* address, const char* port, const json& owner) {
  std::string text = owner.is_object() ? cell(owner, "instance") + " " : "";
  text += cell(tuple, address);
  if (tuple.contains(port)) text += ":" + cell(tuple, port);
  return text;
}

std::string protocol_of(const json& tuple) {
  std::string text = cell(tuple, "protocol");
  if (tuple.contains("icmp_type")) text += fmt::format(" {}/{}", cell(tuple, "icmp_type"), cell(tuple, "icmp_code"));
  return text;
}

std::string tracked(const json& end) { return end.value("tracked", true) ? "tracked" : "untracked"; }

int show_flows(const FlowsOptions& options) {
  Result<json> flows = ask_daemon(fmt::format("/v1/flows?limit={}", options.limit));
  if (!flows) return report(flows.error());
  if (options.json) {
    print_json(*flows);
    return kOk;
  }
  Table table({"PROTOCOL", "INITIATOR", "RESPONDER", "STATE", "TRACKED AT", "SENT", "ANSWERED", "IDLE"});
  for (const json& flow : *flows) {
    const json& tuple = flow["tuple"];
    const json& initiator = flow["initiator"];
    const json& responder = flow["responder"];
    auto traffic = [](const json& end) {
      return fmt::format("{} / {}", end.value("packets", std::uint64_t{0}),
                         human_bytes(end.value("bytes", std::uint64_t{0})));
    };
    table.add({protocol_of(tuple), end_of(tuple, "source", "source_port", initiator),
               end_of(tuple, "destination", "destination_port", responder), cell(flow, "state"),
               fmt::format("{}/{}", tracked(initiator), tracked(responder)), traffic(initiator), traffic(responder),
               human_time(flow.value("idle_ms", 0.0))});
  }
  std::fputs(table.empty() ? "no flows\n" : table.to_string().c_str(), stdout);
  if (flows->size() >= options.limit) std::printf("... the first %u; see --limit\n", options.limit);
  return kOk;
}

void print_drop(const json& drop) {
  const json tuple = drop.value("tuple", json());
  const json source = drop.value("source", json()), destination = drop.value("destination", json());
  std::string what = "not an IP packet";
  if (tuple.is_object())
    what = fmt::format("{} {} -> {}", drop.value("efa", false) ? "efa" : protocol_of(tuple),
                       end_of(tuple, "source", "source_port", source),
                       end_of(tuple, "destination", "destination_port", destination));
  else if (source.is_object())
    what += " from " + cell(source, "instance");
  const std::uint64_t times = drop.value("count", std::uint64_t{1});
  std::printf("%s ago  %s%s\n", human_time(drop.value("age_ms", 0.0)).c_str(), what.c_str(),
              times > 1 ? fmt::format("  ({} times)", times).c_str() : "");
  const json explanation = drop.value("explanation", json());
  if (!explanation.is_object()) {
    std::printf("    %s: %s\n", cell(drop, "reason").c_str(), cell(drop, "sentence").c_str());
    return;
  }
  for (const json& line : explanation.value("text", json::array()))
    std::printf("    %s\n", printable(line.get<std::string>()).c_str());
}

int show_drops(const FlowsOptions& options) {
  Result<json> drops = ask_daemon("/v1/drops");
  if (!drops) return report(drops.error());
  if (options.json) {
    print_json(*drops);
    return kOk;
  }
  unsigned shown = 0;
  for (const json& drop : *drops) {
    if (shown++ == options.limit) break;
    print_drop(drop);
  }
  if (drops->empty()) std::puts("nothing was dropped");
  return kOk;
}

}  // namespace

void add_flows(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("flows", "Flows the engine follows; with --drops what it dropped, and why");
  auto options = std::make_shared<FlowsOptions>();
  command->add_flag("--drops", options->drops, "The last drops, newest first, each with the rule that decided");
  command->add_option("--limit", options->limit, "At most so many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add_output_option(command, options->json);
  command->footer("Example: weft flows --drops --limit 5");
  command->callback([&chosen, options] {
    chosen.run = [options] { return options->drops ? show_drops(*options) : show_flows(*options); };
  });
}

}  // namespace weft::cli
