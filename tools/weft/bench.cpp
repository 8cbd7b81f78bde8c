// weft bench: the benchmarks that are installed with weft. Each is a program of its own, so that weft itself links none of
// the engine.
#include "tools/weft/command.hpp"
#include "tools/weft/enter.hpp"
#include "tools/weft/executables.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

int bench_engine(const std::vector<std::string>& arguments) {
  const std::optional<std::string> program = find_benchmark("weft-bench-engine");
  if (!program)
    return report({"Weft.Internal",
                   "weft-bench-engine is neither in this weft's build tree nor installed; build it: ninja -C build "
                   "bench/weft-bench-engine",
                   {}});
  std::vector<std::string> command = {*program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return execute(command);
}

/// The words up to the first option are devices.
int bench_nic(const std::vector<std::string>& arguments) {
  const std::optional<std::string> program = find_generator();
  if (!program)
    return report({"Weft.Internal",
                   "weft-gen is neither beside this weft nor on PATH; build it: ninja -C build tools/weft-gen/weft-gen",
                   {}});
  std::vector<std::string> command = {*program, "rfc2544"};
  auto word = arguments.begin();
  for (int ends = 0; word != arguments.end() && !word->starts_with("-") && ends < 2; ++word, ++ends)
    command.insert(command.end(), {"--port", *word});
  command.insert(command.end(), word, arguments.end());
  return execute(command);
}

}  // namespace

void add_bench(CLI::App& app, Chosen& chosen) {
  auto* bench = app.add_subcommand("bench", "What the engine or a network card does on this machine");
  bench->require_subcommand(1);
  bench->footer(
      "Forms: weft bench engine [OPTIONS] [RUNG...]\n"
      "       weft bench nic DEVICE [DEVICE] [OPTIONS]\n"
      "       weft bench nic --engine [OPTIONS]\n"
      "\n"
      "  engine   packets per second and cycles a packet of one worker, ring to ring: a rung for each thing that the\n"
      "           engine does. Needs no daemon and no root, and one core that is otherwise idle.\n"
      "             --list           names the rungs\n"
      "             -o json          for programs\n"
      "             --svg FILE       draws Mpps over the number of flows\n"
      "             --help           the others\n"
      "  nic      RFC 2544 between two DEVICEs (PCI addresses, or DPDK's arguments of a vdev), from one and back to it, or\n"
      "           against weft's own engine in this process: throughput, latency, loss, back to back, over all sizes of\n"
      "           frames. weft-gen does it, and has more methods (weft-gen --help, docs/man/weft-gen.1.md).\n"
      "             --trial-seconds S   shorter than RFC 2544's minute\n"
      "             --size BYTES        one size; imix\n"
      "             --report FILE       a page with plots\n"
      "Exit code: the benchmark's.\n"
      "Example: weft bench engine flows-1 flows-10k rules-1k --cpu 1");
  auto* engine = bench->add_subcommand("engine", "The data path, ring to ring");
  auto* nic = bench->add_subcommand("nic", "A network card or a virtual device, by RFC 2544");
  nic->callback([&chosen] { chosen.run = [&chosen] { return bench_nic(chosen.command); }; });
  engine->callback([&chosen] { chosen.run = [&chosen] { return bench_engine(chosen.command); }; });
}

}  // namespace weft::cli
