// weft-gen: options, a session, its progress at the terminal, and its report in the forms asked for.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>

#include <fmt/format.h>

#include "tools/weft-gen/session.hpp"

namespace weft::gen {
namespace {

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal's handler writes it");

void on_signal(int) { stop_asked = true; }

/// One line on the terminal that is written over, or nothing where stderr is no terminal.
class Terminal {
 public:
  explicit Terminal(bool quiet) : on_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  void show(const std::string& line) const {
    if (on_) std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  }
  void clear() const { show(""); }

 private:
  bool on_;
};

std::string live(const std::string& what, const Progress& p) {
  const std::string of = p.wanted_seconds > 0 ? fmt::format("/{:.0f}", p.wanted_seconds) : "";
  const double under_way = static_cast<double>(p.sent) - static_cast<double>(p.received);
  return fmt::format("{}  {:.0f}{} s  sent {} {}  received {}  not here yet {:.0f}", what, p.seconds, of, show_pps(p.sent_pps),
                     show_bps(p.sent_bps), show_pps(p.received_pps), under_way);
}

int fail(const Error& error) {
  std::fprintf(stderr, "weft-gen: %s\n", error.to_string().c_str());
  return error.code == "InvalidParameterValue" ? 2 : 1;
}

bool write(const std::string& path, const std::string& text) {
  if (path.empty()) return true;
  std::ofstream file(path);
  file << text;
  file.flush();
  if (!file) std::fprintf(stderr, "weft-gen: cannot write %s\n", path.c_str());
  return static_cast<bool>(file);
}

void print_head(const Report& report) {
  for (const auto& [name, value] : report.facts) fmt::print("{:<22}{}\n", name, value);
}

int run(const Options& options) {
  // Before an hour of work: can its results be kept?
  for (const std::string& path : {options.csv, options.html})
    if (!write(path, "")) return 1;
  auto session = Session::open(options);
  if (!session) return fail(session.error());
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  const Terminal terminal(options.quiet);
  Session::Watcher watcher;
  watcher.begins = [&](const std::string& what) { terminal.show(what); };
  watcher.progress = [&](const std::string& what, const Progress& progress) { terminal.show(live(what, progress)); };
  watcher.done = [&](const SizeReport& size) {
    terminal.clear();
    if (options.json) return;
    std::fputs(to_table(size, options.both ? 2 : 1).c_str(), stdout);
    std::fflush(stdout);
  };
  auto report = (*session)->run(watcher, stop_asked);
  terminal.clear();
  if (!report) return fail(report.error());
  if (options.json) {
    std::fputs(to_json(*report).c_str(), stdout);
  } else {
    for (const std::string& note : report->notes) fmt::print("note: {}\n", note);
    print_head(*report);
  }
  const bool kept = write(options.csv, to_csv(*report)) && write(options.html, to_html(*report));
  return kept && !stop_asked ? 0 : 1;
}

}  // namespace
}  // namespace weft::gen

int main(int argc, char** argv) try {
  const weft::gen::ParsedCommand command = weft::gen::parse_command(argc, argv);
  return command.options ? weft::gen::run(*command.options) : command.exit_code;
} catch (const std::exception& e) {
  std::fprintf(stderr, "weft-gen: %s\n", e.what());
  return 1;
}
