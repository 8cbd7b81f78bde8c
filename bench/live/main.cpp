// weft-bench-live: how long a change takes until new flows are judged by it, and what it does to the packets of others
// meanwhile. README.md says what is measured.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "bench/engine/loop.hpp"
#include "bench/live/world.hpp"
#include "dataplane/worker/eal.hpp"

namespace weft::bench {
namespace {

struct LiveRung {
  std::string name, what;
  NetworkSize size;
  bool attach = false;  // the edit is an instance that comes and goes
};

const std::vector<LiveRung> kRungs = {
    {"rules-100", "one rule of a group of 100", {.rules = 100}},
    {"rules-1000", "one rule of a group of 1,000", {.rules = 1000}},
    {"rules-1000-enis-1000", "the same, 1,000 interfaces", {.pairs = 500, .rules = 1000}},
    {"prefixes-100k", "one entry of 100 prefix lists of 1,000", {.lists = 100}},
    {"attach", "an interface comes and goes", {.rules = 100}, true},
    {"attach-enis-1000", "the same, 1,000 interfaces", {.pairs = 500, .rules = 100}, true},
};

struct LiveMeasurement {
  const LiveRung* rung = nullptr;
  double live_ms = 0, answered_ms = 0, worst_ms = 0;  // medians, and the slowest answer
  double mpps = 0, behind_us = 0;
  std::uint64_t lost = 0;
};

struct Options {
  std::vector<std::string> rungs;
  unsigned edits = 15;
  double load = 0.8;
  int cpu = -1;
  bool list = false;
  std::string output = "table";
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

LiveMeasurement measure(const LiveRung& rung, const Options& options) {
  World world(rung.size, options.load, options.cpu);
  std::vector<double> live, answered;
  LiveMeasurement result;
  result.rung = &rung;
  for (unsigned edit = 1; edit <= options.edits; ++edit) {
    NetworkSize size = rung.size;
    size.visitor = rung.attach && edit % 2 == 1;
    const World::Edit one = rung.attach ? world.apply(make_topology(size, 0))
                                        : world.apply(make_topology(size, edit), probe_port(edit));
    live.push_back(rung.attach ? one.answered_ms : one.live_ms);
    answered.push_back(one.answered_ms);
    result.behind_us = std::max(result.behind_us, one.behind_us);
  }
  result.live_ms = median(live);
  result.answered_ms = median(answered);
  result.worst_ms = *std::max_element(live.begin(), live.end());
  result.mpps = world.mpps();
  result.lost = world.count_lost();
  return result;
}

nlohmann::json to_json(const LiveMeasurement& one) {
  return {{"rung", one.rung->name}, {"what", one.rung->what}, {"live_ms", one.live_ms},
          {"worst_ms", one.worst_ms}, {"answered_ms", one.answered_ms}, {"load_mpps", one.mpps},
          {"longest_wait_us", one.behind_us}, {"lost", one.lost}};
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Milliseconds from a request of the control API until new flows are judged by it, under load.\n"
               "Example: weft-bench-live rules-1000 --cpu 1");
  app.add_option("rungs", options.rungs, "Which (default: all)");
  app.add_flag("--list", options.list, "Names the rungs");
  app.add_option("--edits", options.edits, "Edits; the median counts")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--load", options.load, "Share of what the worker can carry")->check(CLI::Range(0.01, 1.0))->capture_default_str();
  app.add_option("--cpu", options.cpu, "The worker's CPU; requests are handled wherever the system likes");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  CLI11_PARSE(app, argc, argv);

  std::vector<const LiveRung*> chosen;
  for (const LiveRung& rung : kRungs)
    if (options.rungs.empty() || std::find(options.rungs.begin(), options.rungs.end(), rung.name) != options.rungs.end())
      chosen.push_back(&rung);
  if (chosen.size() < std::max<std::size_t>(options.rungs.size(), 1)) fail("--list names the rungs there are");
  if (options.list) {
    for (const LiveRung* rung : chosen) fmt::print("{:<22}{}\n", rung->name, rung->what);
    return 0;
  }
  spdlog::set_level(spdlog::level::warn);  // on stdout, among the lines of the table
  EalOptions eal_options;
  eal_options.memory_mb = 128;
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());

  const bool table = options.output == "table";
  if (table)
    fmt::print("{:<22}{:>9}{:>10}{:>12}{:>7}{:>13}{:>6}  {}\n", "rung", "live ms", "worst ms", "answered ms", "Mpps",
               "longest wait", "lost", "what is changed");
  nlohmann::json all = nlohmann::json::array();
  for (const LiveRung* rung : chosen) {
    const LiveMeasurement one = measure(*rung, options);
    all.push_back(to_json(one));
    if (table)
      fmt::print("{:<22}{:>9.2f}{:>10.2f}{:>12.2f}{:>7.2f}{:>10.0f} us{:>6}  {}\n", rung->name, one.live_ms, one.worst_ms,
                 one.answered_ms, one.mpps, one.behind_us, one.lost, rung->what);
    std::fflush(stdout);
  }
  if (!table) fmt::print("{}\n", all.dump(2));
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
