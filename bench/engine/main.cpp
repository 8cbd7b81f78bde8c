// weft-bench-engine: the ladder of DESIGN 3 (facts packet-engines 4.5), ring to ring: what each thing that the engine
// does costs a packet. README.md says what is measured and what is not.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/engine/ladder.hpp"
#include "bench/engine/measure.hpp"
#include "bench/engine/report.hpp"
#include "dataplane/worker/eal.hpp"

namespace weft::bench {
namespace {

struct Options {
  std::vector<std::string> rungs;
  std::vector<std::uint32_t> flows;
  std::uint32_t wire_bytes = 0;     // 0: as the rung says
  std::uint64_t for_callgrind = 0;  // packets; 0: time is measured
  Effort effort;
  int cpu = -1;
  bool huge_pages = true;
  bool list = false;
  std::string output = "table", svg;
};

void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on CPU " + std::to_string(cpu));
}

std::vector<Rung> chosen(const Options& options) {
  std::vector<Rung> all = ladder(), rungs;
  for (const std::uint32_t flows : options.flows)
    rungs.push_back({.name = fmt::format("flows-{}", flows), .what = fmt::format("both gates tracked, {} flows", flows),
                     .flows = std::max(flows, 1U)});
  for (const std::string& name : options.rungs) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Rung& rung) { return rung.name == name; });
    if (found == all.end()) fail("there is no rung " + name + "; --list names them");
    rungs.push_back(*found);
  }
  if (rungs.empty()) rungs = std::move(all);
  for (Rung& rung : rungs)
    if (options.wire_bytes != 0) rung.network.wire_bytes = options.wire_bytes;
  return rungs;
}

/// What the packets of the largest rung take of EAL's memory, and something for its own.
unsigned memory_mb(const std::vector<Rung>& rungs) {
  std::uint64_t bytes = 0;
  for (const Rung& rung : rungs) bytes = std::max(bytes, std::uint64_t{rung.flows} * (436 + rung.network.wire_bytes));
  return 128 + static_cast<unsigned>(bytes / 1'000'000);
}

int run_for_callgrind(const std::vector<Rung>& rungs, std::uint64_t packets) {
  if (rungs.size() != 1) fail("--callgrind wants one rung, for its counts are not apart by rungs");
  fmt::print("{{\"rung\": \"{}\", \"packets\": {}}}\n", rungs[0].name, show_to_callgrind(rungs[0], packets));
  return 0;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Packets per second of the engine, ring to ring, a rung of the ladder after the other.\n"
               "Example: weft-bench-engine flows-1 flows-10k --runs 7 --cpu 1");
  app.add_option("rungs", options.rungs, "Which (default: all)");
  app.add_flag("--list", options.list, "Names the rungs");
  app.add_option("--flows", options.flows, "The stateful rung with these numbers of flows");
  app.add_option("--size", options.wire_bytes, "Bytes of a frame on the wire, instead of the rung's")
      ->check(CLI::Range(64U, kFabricMtu + 18U));
  app.add_option("--runs", options.effort.runs, "Runs; the median counts")->capture_default_str();
  app.add_option("--seconds", options.effort.seconds, "Length of a run")->capture_default_str();
  app.add_option("--cpu", options.cpu, "Pin to this CPU; rungs with workers of their own use 0 and 1");
  app.add_flag("!--no-huge", options.huge_pages, "Plain memory even if huge pages are free");
  app.add_option("--svg", options.svg, "Draws Mpps over flows into this file");
  app.add_option("--callgrind", options.for_callgrind,
                 "Let callgrind (--instr-atstart=no) see this many packets of the steady state, and measure no time");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  CLI11_PARSE(app, argc, argv);
  const std::vector<Rung> rungs = chosen(options);
  if (options.list) {
    for (const Rung& rung : rungs) fmt::print("{:<16}{}\n", rung.name, rung.what);
    return 0;
  }

  EalOptions eal_options;
  eal_options.memory_mb = memory_mb(rungs);
  eal_options.huge_pages = options.huge_pages;
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  pin_to(options.cpu);
  if (options.for_callgrind != 0) return run_for_callgrind(rungs, options.for_callgrind);

  const bool table = options.output == "table";
  if (table) fmt::print("UDP, 64 bytes where nothing else is said, ring to ring, spoof check and counters on; {}\n", (*eal)->mode());
  if (table) print_table_head();
  std::vector<Measurement> measurements;
  for (const Rung& rung : rungs) {
    measurements.push_back(measure(rung, options.effort));
    if (table) print_table_line(measurements.back());
  }
  if (!table) std::fputs(to_json(measurements, (*eal)->mode()).c_str(), stdout);
  if (options.svg.empty()) return 0;
  std::ofstream file(options.svg);
  if (!(file << to_svg(measurements))) fail("cannot write " + options.svg);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
