// weft paths: the ways between two instances, what each is like and what it does to packets; --interval shows that again and
// again.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cmath>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"
#include "tools/weft/path_table.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr double kShortestInterval = 0.1, kLongestInterval = 3600;  // seconds; each look stops the workers for an instant
constexpr const char* kClearScreen = "\x1b[H\x1b[2J";               // ECMA-48: to the top left, erase everything

struct PathsOptions {
  std::string source, destination;
  double interval_s = 0;  // 0: once
  bool json = false;
};

/// One answer as a line, so that who reads many knows where each ends.
bool print_look(const json& paths, const PathsOptions& options, const std::string& heading) {
  if (options.json) {
    std::puts(paths.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else {
    if (::isatty(STDOUT_FILENO) == 1) std::fputs(kClearScreen, stdout);
    std::printf("%s\n%s\n", heading.c_str(), format_paths(paths).c_str());
  }
  return std::fflush(stdout) == 0;
}

/// Until somebody interrupts, nobody reads, or the daemon ends. First everything so far, then each interval's.
int watch_paths(const std::string& question, json paths, const PathsOptions& options) {
  bool reads = print_look(paths, options, "so far:");
  const std::string heading = fmt::format("in {}:", human_time(options.interval_s * 1000));
  while (reads) {
    pollfd reader{STDOUT_FILENO, 0, 0};  // wakes when the pipe's reader has gone
    if (::poll(&reader, 1, static_cast<int>(std::lround(options.interval_s * 1000))) > 0) break;
    Result<json> now = ask_daemon(question);
    if (!now) return report(now.error());
    reads = print_look(paths_since(paths, *now), options, heading);
    paths = std::move(*now);
  }
  return kOk;
}

int show_paths(const PathsOptions& options) {
  const std::string question = fmt::format("/v1/paths?from={}&to={}", options.source, options.destination);
  Result<json> paths = ask_daemon(question);
  if (!paths) return report(paths.error());
  if (options.interval_s != 0) return watch_paths(question, std::move(*paths), options);
  if (options.json) print_json(*paths);
  else std::fputs(format_paths(*paths).c_str(), stdout);
  return kOk;
}

}  // namespace

void add_paths(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("paths", "The ways between two instances, what each is like and what it does to packets");
  auto options = std::make_shared<PathsOptions>();
  const CLI::Validator one_word([](const std::string& text) { return refuse_other_than_words(text, "name"); }, "");
  for (auto [name, into] : {std::pair{"SOURCE", &options->source}, std::pair{"DESTINATION", &options->destination}})
    command->add_option(name, *into, "Name or id of an instance")->required()->check(one_word);
  command->add_option("--interval", options->interval_s, "Show what came in each such time, until it is interrupted")
      ->check(CLI::Range(kShortestInterval, kLongestInterval))
      ->type_name("SECONDS");
  add_output_option(command, options->json);
  command->footer("LATENCY and BOTH WAYS are configured; RTT is what EFA programs on SOURCE have measured, queues and all.\n"
                  "Packets count where something is set for the pair.\n"
                  "Example: weft paths node-0 node-1 --interval 1");
  command->callback([&chosen, options] { chosen.run = [options] { return show_paths(*options); }; });
}

}  // namespace weft::cli
