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

}  // namespace

void add_bench(CLI::App& app, Chosen& chosen) {
  auto* bench = app.add_subcommand("bench", "What the engine costs on this machine");
  bench->require_subcommand(1);
  bench->footer(
      "Form: weft bench engine [OPTIONS] [RUNG...]\n"
      "\n"
      "  engine   packets per second and cycles a packet of one worker, ring to ring: a rung for each thing that the\n"
      "           engine does. Needs no daemon and no root, and one core that is otherwise idle.\n"
      "             --list           names the rungs\n"
      "             -o json          for programs\n"
      "             --svg FILE       draws Mpps over the number of flows\n"
      "             --help           the others\n"
      "Exit code: the benchmark's.\n"
      "Example: weft bench engine flows-1 flows-10k rules-1k --cpu 1");
  auto* engine = bench->add_subcommand("engine", "The data path, ring to ring");
  engine->callback([&chosen] { chosen.run = [&chosen] { return bench_engine(chosen.command); }; });
}

}  // namespace weft::cli
