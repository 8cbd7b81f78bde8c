// Runs schedules by their seeds. A failing one is printed with its schedule; the same seed fails the same way again.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/fabric/srd/simulator.hpp"

int main(int argc, char** argv) {
  using namespace weft::srd::test;
  CLI::App app{"The SRD transport over a network that loses, reorders, repeats and breaks, in virtual time"};
  std::uint64_t first = 0, count = 10'000;
  std::optional<std::uint64_t> one;
  bool verbose = false;
  app.add_option("--first-seed", first, "the first schedule");
  app.add_option("--seeds", count, "so many");
  app.add_option("--seed", one, "only this one");
  app.add_flag("-v,--verbose", verbose, "what happens, event by event");
  CLI11_PARSE(app, argc, argv);
  if (one) first = *one, count = 1;

  std::uint64_t failures = 0, events = 0, arrived = 0, failed = 0, sent_again = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Schedule schedule = Schedule::from(seed);
    if (verbose) std::printf("%s\n", schedule.text().c_str());
    const Outcome outcome = Simulation(schedule, verbose).run();
    events += outcome.events;
    arrived += outcome.arrived;
    failed += outcome.failed;
    sent_again += outcome.sent_again;
    if (outcome.wrong.empty()) continue;
    ++failures;
    std::printf("FAILED: %s\n%s\n", outcome.wrong.c_str(), schedule.text().c_str());
  }
  std::printf("%lu schedules, %lu failed; %lu events, %lu packets arrived, %lu failed, %lu sent again\n", count,
              failures, events, arrived, failed, sent_again);
  return failures != 0;
}
