// weft fault set, clear, list: what is wrong with the underlay while it runs.
#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/fault_arguments.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct ClearOptions {
  std::string name;
  bool all = false;
};

std::string must_be_a_name(const std::string& text) { return refuse_other_than_words(text, "name"); }

void say(const json& answer) {
  const json changes = answer.value("changes", json::array());
  std::fputs(changes.empty() ? "nothing to do\n" : format_changes(changes, wants_colour(stdout)).c_str(), stdout);
  for (const json& warning : answer.value("warnings", json::array()))
    std::fprintf(stderr, "weft: warning: %s\n", printable(warning.get<std::string>()).c_str());
}

int set_fault(const FaultArguments& arguments) {
  Result<json> body = fault_body(arguments);
  if (!body) return report(body.error());
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<json> answer = client->post("/v1/faults", *body, ApiClient::kLong);
  if (!answer) return report(answer.error());
  say(*answer);
  return kOk;
}

int clear_faults(const ClearOptions& options) {
  if (options.all == !options.name.empty())
    return report({"InvalidParameterCombination", "say which fault, or --all for every one that was set", {}});
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<json> answer =
      client->remove(options.all ? "/v1/faults" : "/v1/faults/" + options.name, ApiClient::kLong);
  if (!answer) return report(answer.error());
  say(*answer);
  return kOk;
}

/// "3", "every", or "link of web".
std::string path_cell(const json& fault) {
  if (const std::string host = fault.value("host", ""); !host.empty()) return "link of " + printable(host);
  return fault.value("path", json()).is_null() ? "every" : cell(fault, "path");
}

int list_faults(bool as_json) {
  Result<json> faults = ask_daemon("/v1/faults");
  if (!faults) return report(faults.error());
  if (as_json) {
    print_json(*faults);
    return kOk;
  }
  Table table({"NAME", "SET BY", "PATH", "FROM", "TO", "WHAT"});
  for (const json& fault : *faults)
    table.add({cell(fault, "name"), cell(fault, "origin"), path_cell(fault), cell(fault, "from"), cell(fault, "to"),
               cell(fault, "summary")});
  std::fputs(table.empty() ? "no faults\n" : table.to_string().c_str(), stdout);
  return kOk;
}

void add_set(CLI::App& fault, Chosen& chosen) {
  auto* command = fault.add_subcommand("set", "Impair paths; a fault of that name is replaced");
  auto o = std::make_shared<FaultArguments>();
  command->add_option("NAME", o->name, "Its name (fault-N when left out)");
  command->add_option("--path", o->path, "Only this path, 0 to spines - 1")->type_name("N");
  command->add_option("--from", o->from, "Only what this instance's host sends")->type_name("INSTANCE");
  command->add_option("--to", o->to, "Only what goes to this instance's host")->type_name("INSTANCE");
  command->add_option("--host", o->host, "Not of paths but of the link of this instance's host, both directions")
      ->type_name("INSTANCE");
  command->add_option("--latency", o->latency, "Added, one way: 50us")->type_name("TIME");
  command->add_option("--jitter", o->jitter, "Up to this much on top: 5us")->type_name("TIME");
  command->add_option("--rate", o->rate, "What a path carries: 10Gbps")->type_name("RATE");
  command->add_option("--queue", o->queue, "What waits before the rate: 256KiB")->type_name("SIZE");
  command->add_option("--ecn", o->ecn, "Mark who finds more waiting: 64KiB")->type_name("SIZE");
  command->add_option("--loss", o->loss, "1%, every:100, or to_bad:1%,to_good:20%,loss:50%")->type_name("LOSS");
  command->add_option("--duplicate", o->duplicate, "A second copy of this share: 0.1%")->type_name("SHARE");
  command->add_option("--reorder", o->reorder, "Hold this share back, --reorder-by so long")->type_name("SHARE");
  command->add_option("--reorder-by", o->reorder_by, "100us")->type_name("TIME");
  command->add_option("--corrupt", o->corrupt, "Flip a bit in this share: 0.01%")->type_name("SHARE");
  command->add_flag("--down", o->down, "Nothing passes");
  command->add_option("--flap-period", o->flap_period, "Down again and again: every 1s ...")->type_name("TIME");
  command->add_option("--flap-down", o->flap_down, "... for 100ms")->type_name("TIME");
  command->footer("EFA packets meet it like all others; an express channel of the pair steps aside meanwhile.\n"
                  "Exit code 2: there can be no such fault; 1: another change is under way.\n"
                  "Example: weft fault set lossy --path 3 --loss 1%");
  command->callback([&chosen, o] { chosen.run = [o] { return set_fault(*o); }; });
}

void add_clear(CLI::App& fault, Chosen& chosen) {
  auto* command = fault.add_subcommand("clear", "Take back what `weft fault set` has set");
  auto options = std::make_shared<ClearOptions>();
  command->add_option("NAME", options->name, "Of the fault")->check(CLI::Validator(must_be_a_name, ""));
  command->add_flag("--all", options->all, "Every one; those of the topology file stay");
  command->footer("Example: weft fault clear lossy");
  command->callback([&chosen, options] { chosen.run = [options] { return clear_faults(*options); }; });
}

void add_list(CLI::App& fault, Chosen& chosen) {
  auto* command = fault.add_subcommand("list", "Faults of the topology file, and those that were set");
  auto as_json = std::make_shared<bool>(false);
  add_output_option(command, *as_json);
  command->footer("Example: weft fault list -o json");
  command->callback([&chosen, as_json] { chosen.run = [as_json] { return list_faults(*as_json); }; });
}

}  // namespace

void add_fault(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("fault", "Set, clear and list what is wrong with paths between hosts");
  command->require_subcommand(1);
  add_set(*command, chosen);
  add_clear(*command, chosen);
  add_list(*command, chosen);
  command->footer("Example: weft fault set --path 3 --loss 1%");
}

}  // namespace weft::cli
