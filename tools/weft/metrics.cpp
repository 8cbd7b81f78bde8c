// weft metrics: the counters as OpenMetrics text, for node_exporter's textfile collector, and for grep.
#include <cstdio>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

int print_metrics() {
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  const auto print = [](std::span<const std::byte> piece) {
    return std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size();
  };
  if (Result<void> done = client->stream("/v1/metrics", [](int) {}, print); !done) return report(done.error());
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return kOk;
  return report({"InternalError", "the metrics could not be written", {}});  // a full disk, or a reader that went away
}

}  // namespace

void add_metrics(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("metrics", "Every counter, as OpenMetrics text for Prometheus");
  command->footer(
      "For scraping, weftd --metrics-listen answers the same on a port. docs/metrics.md lists the names.\n"
      "Example: weft metrics | grep dropped_packets_total | grep -v ' 0$'");
  command->callback([&chosen] { chosen.run = [] { return print_metrics(); }; });
}

}  // namespace weft::cli
