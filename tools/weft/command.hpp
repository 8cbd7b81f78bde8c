// How commands meet main(): each file adds its own to the application and says what runs.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace weft::cli {

/// What the command line comes to: set by the command that was chosen, run by main() afterwards.
struct Chosen {
  std::function<int()> run;
  std::vector<std::string> command;  // exec, ssh, mpirun, run, bench: the words that are not weft's own
};

void add_up(CLI::App& app, Chosen& chosen);
void add_down(CLI::App& app, Chosen& chosen);
void add_run(CLI::App& app, Chosen& chosen);
void add_status(CLI::App& app, Chosen& chosen);  // and version
void add_ps(CLI::App& app, Chosen& chosen);
void add_vf(CLI::App& app, Chosen& chosen);
void add_life(CLI::App& app, Chosen& chosen);  // stop, start, reboot, terminate
void add_flows(CLI::App& app, Chosen& chosen);
void add_flow_logs(CLI::App& app, Chosen& chosen);
void add_fault(CLI::App& app, Chosen& chosen);  // set, clear, list
void add_paths(CLI::App& app, Chosen& chosen);
void add_stats(CLI::App& app, Chosen& chosen);
void add_top(CLI::App& app, Chosen& chosen);
void add_metrics(CLI::App& app, Chosen& chosen);
void add_explain(CLI::App& app, Chosen& chosen);
void add_capture(CLI::App& app, Chosen& chosen);
void add_exec(CLI::App& app, Chosen& chosen);  // and ssh
void add_mpirun(CLI::App& app, Chosen& chosen);
void add_bench(CLI::App& app, Chosen& chosen);

/// "-o json" of a listing.
inline void add_output_option(CLI::App* command, bool& json) {
  command
      ->add_option_function<std::string>(
          "-o,--output", [&json](const std::string& format) { json = format == "json"; }, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
}

}  // namespace weft::cli
