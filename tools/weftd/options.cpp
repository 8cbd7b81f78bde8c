#include "tools/weftd/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <regex>

namespace weft {

namespace {

constexpr int kUsageError = 2;
constexpr int kMostCpus = 1024;  // the size of a cpu_set_t

/// Takes a number from the front of `text`, or -1.
int take_number(std::string_view& text) {
  int number = -1;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || number < 0 || number >= kMostCpus) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::string_view rest = text;
  for (;;) {
    int first = take_number(rest), last = first;
    if (first < 0) return {};
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = take_number(rest);
      if (last < first) return {};
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (rest.empty()) return cpus;
    if (!rest.starts_with(',')) return {};
    rest.remove_prefix(1);
  }
}

std::string parse_pci_address(const std::string& text) {
  static const std::regex address("([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]", std::regex::icase);
  if (!std::regex_match(text, address)) return {};
  std::string full = text.size() == 7 ? "0000:" + text : text;
  for (char& digit : full) digit = static_cast<char>(std::tolower(static_cast<unsigned char>(digit)));
  return full;
}

ParsedOptions parse_options(int argc, char** argv) {
  ParsedOptions parsed;
  DaemonOptions& options = parsed.options;
  std::string cpus;

  CLI::App app("weftd emulates EC2's network on this machine. `weft up FILE` starts one when it needs one.", "weftd");
  app.footer(
      "Example: a daemon of its own for a test, one worker, stopped by Ctrl-C:\n"
      "  WEFT_RUNTIME_DIR=/tmp/try weftd --log-level debug\n"
      "and in another terminal:\n"
      "  WEFT_RUNTIME_DIR=/tmp/try weft up examples/two-hosts.yaml\n"
      "Manual: docs/man/weftd.8.md. Exit codes: 0 stopped as asked, 1 could not start or lost its instances, 2 usage.");
  app.set_version_flag("--version", "weftd " WEFT_VERSION);
  app.add_option("--runtime-dir", options.runtime_directory,
                 "Sockets, log and lock go here; one daemon for each [$WEFT_RUNTIME_DIR, /run/weft for root]");
  app.add_option("--workers", options.workers, "Worker threads")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_flag("--poll", options.poll, "Workers never sleep, and are pinned: for benchmarks");
  app.add_option("--cpus", cpus, "CPUs of the workers, such as 2-3,6; with --poll one for each worker");
  app.add_flag("--no-huge", options.no_huge, "Do not use huge pages even if there are some");
  app.add_option("--memory", options.memory_mb, "MiB for packets")
      ->check(CLI::Range(64, 1 << 20))
      ->capture_default_str();
  app.add_option("--grace-ms", options.grace_ms, "How long instances outlive a weftd that dies")
      ->check(CLI::Range(0, 3'600'000))
      ->capture_default_str();
  app.add_option("--ready-fd", options.ready_fd, "Descriptor that gets a newline once weftd is ready")
      ->check(CLI::Range(3, 65535));
  app.add_flag("-d,--daemonize", options.daemonize,
               "Go to the background once ready, and log to <runtime-dir>/weftd.log");
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  std::string metrics_listen;
  app.add_option("--metrics-listen", metrics_listen,
                 "Answer GET /metrics there, such as 127.0.0.1:9469 or [::1]:9469, to everybody who can reach it")
      ->type_name("ADDRESS:PORT");
  app.add_flag("--telemetry", options.telemetry, "DPDK's telemetry socket, for dpdk-telemetry.py");
  app.add_option("--shared", options.shared,
                 "Let DPDK's secondary processes (dpdk-proc-info, dpdk-dumpcap) attach, by this file prefix; needs huge pages")
      ->type_name("PREFIX");
  std::vector<std::string> cards;
  app.add_option("--pci", cards,
                 "A network card that a port may be (driver: ethdev), by its PCI address, bound to vfio-pci; may be repeated")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--eal", options.eal, "One more word for DPDK's EAL, such as --eal=--vdev=net_null0; may be repeated")
      ->type_name("WORD")
      ->allow_extra_args(false);
  try {
    app.parse(argc, argv);
    if (!metrics_listen.empty()) {
      Result<ListenAddress> address = ListenAddress::parse(metrics_listen);
      if (!address) throw CLI::ValidationError("--metrics-listen", address.error().message);
      options.metrics_listen = *address;
    }
    for (const std::string& card : cards) {
      options.cards.push_back(parse_pci_address(card));
      if (options.cards.back().empty())
        throw CLI::ValidationError("--pci", "'" + card + "' is no PCI address such as 0000:03:00.0");
    }
    if (options.shared.find('/') != std::string::npos || options.shared.size() > 64)
      throw CLI::ValidationError("--shared", "'" + options.shared + "' is no file prefix such as weft");
    if (!options.shared.empty() && options.no_huge)
      throw CLI::ValidationError("--shared", "needs huge pages; leave --no-huge out");
    if (!cpus.empty()) {
      options.cpus = parse_cpu_list(cpus);
      if (options.cpus.empty()) throw CLI::ValidationError("--cpus", "'" + cpus + "' is no list of CPUs such as 2-3,6");
    }
    if (options.poll && options.cpus.size() < options.workers)
      throw CLI::ValidationError("--poll", "needs --cpus with at least one CPU for each worker");
    parsed.run = true;
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? 0 : kUsageError;
  }
  return parsed;
}

}  // namespace weft
