#include <cstdio>
#include <exception>

#include "tools/weft/command.hpp"
#include "tools/weft/command_line.hpp"
#include "tools/weft/exit_code.hpp"

namespace {

int run_command_line(int argc, char** argv) {
  using namespace weft::cli;
  CommandLine line = split_command_line({argv + 1, argv + argc});
  Chosen chosen;
  chosen.command = std::move(line.command);

  CLI::App app(
      "weft is EC2's network in software: instances with elastic network interfaces, security groups and\n"
      "Elastic Fabric Adapters on this machine.",
      "weft");
  app.footer(
      "Example:\n"
      "  weft up examples/hpc-cluster.yaml\n"
      "  weft exec node-0 -- ping -c1 node-1\n"
      "  weft mpirun -n 4 ./app\n"
      "  weft down\n"
      "Manual: docs/man/weft.1.md. Topology files: docs/topology.md.\n"
      "Exit codes: 0 ok, 1 refused, 2 usage or file, 3 no daemon, 4 internal; exec, run, mpirun and bench: the command's.");
  app.set_version_flag("--version", "weft " WEFT_VERSION);
  app.require_subcommand(1);
  for (auto add : {add_up, add_down, add_life, add_ps, add_vf, add_flows, add_flow_logs, add_fault, add_paths, add_stats,
                   add_top, add_metrics, add_explain, add_capture, add_exec, add_mpirun, add_run, add_bench, add_status})
    add(app, chosen);
  try {
    std::vector<std::string> reversed(line.own.rbegin(), line.own.rend());  // as CLI11 wants it
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return chosen.run();
}

}  // namespace

int main(int argc, char** argv) try { return run_command_line(argc, argv); } catch (const std::exception& error) {
  std::fprintf(stderr, "weft: %s\n", error.what());
  return weft::cli::kInternal;
}
