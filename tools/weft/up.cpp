// weft up: from a file to a running network, or from the running one to what the file says now.
#include "tools/weft/command.hpp"
#include "tools/weft/daemon_process.hpp"
#include "tools/weft/deployment.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

struct UpOptions {
  std::string file;
  bool dry_run = false;
  bool json = false;
};

Result<nlohmann::json> plan_only(const ApiClient& client, const TopologyText& topology) {
  if (!client.is_running()) return plan_from_nothing(topology);
  return client.post("/v1/plan", {{"file", topology.name}, {"topology", topology.text}});
}

int dry_run(const ApiClient& client, const TopologyText& topology, bool as_json) {
  Result<nlohmann::json> planned = plan_only(client, topology);
  if (!planned) return report(planned.error());
  const nlohmann::json& changes = (*planned)["changes"];
  if (as_json)
    print_json(changes);
  else if (changes.empty())
    std::printf("nothing to do: what runs is what %s says\n", topology.name.c_str());
  else
    std::printf("%s%s; nothing was changed\n", format_changes(changes, wants_colour(stdout)).c_str(),
                summary(changes).c_str());
  return kOk;
}

int up(const UpOptions& options) {
  if (options.json && !options.dry_run)
    return report({"InvalidParameterCombination", "-o json is for --dry-run; weft up itself prints as it goes", {}});
  Result<TopologyText> topology = read_topology(options.file);
  if (!topology) return report(topology.error());
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  if (options.dry_run) return dry_run(*client, *topology, options.json);
  if (!client->is_running()) {
    if (Result<nlohmann::json> checked = plan_from_nothing(*topology); !checked) return report(checked.error());
    if (Result<void> started = start_daemon(); !started) return report(started.error());
  }
  Result<void> applied = apply(*client, *topology, stdout);
  return applied ? kOk : report(applied.error());
}

}  // namespace

void add_up(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("up", "Show what differs from a topology file, and apply it");
  auto options = std::make_shared<UpOptions>();
  command->add_option("FILE", options->file, "Topology file (docs/topology.md), or - for stdin")->required();
  command->add_flag("--dry-run", options->dry_run, "Only show what would change");
  add_output_option(command, options->json);
  command->footer(
      "Starts weftd when none runs. An edit of the file and the same command again applies the difference.\n"
      "Example: weft up examples/hpc-cluster.yaml");
  command->callback([&chosen, options] { chosen.run = [options] { return up(*options); }; });
}

}  // namespace weft::cli
