// weftd's command line. docs/man/weftd.8.md explains each option.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/control/listen_address.hpp"

namespace weft {

struct DaemonOptions {
  std::string runtime_directory;  // empty: the usual one (instances/holder.hpp)
  unsigned workers = 1;
  bool poll = false;
  std::vector<int> cpus;
  bool no_huge = false;
  unsigned memory_mb = 256;
  int grace_ms = 5'000;
  int ready_fd = -1;
  bool daemonize = false;
  std::string log_level = "info";
  std::optional<ListenAddress> metrics_listen;
  bool telemetry = false;
  std::string shared;                 // the prefix under which DPDK's secondary processes find this one; empty: they do not
  std::vector<std::string> cards;     // PCI addresses in full, "0000:03:00.0"; empty: EAL does not look at PCI
  std::vector<std::string> eal;       // further words for EAL
};

/// What to do after the command line was read: run the daemon, or exit with `exit_code` (help, version, usage error).
struct ParsedOptions {
  bool run = false;
  int exit_code = 0;
  DaemonOptions options;
};

/// Prints help, version and usage errors itself.
ParsedOptions parse_options(int argc, char** argv);

/// "0-3,6" as numbers. Empty: the text is no such list.
std::vector<int> parse_cpu_list(const std::string& text);

/// "3B:00.1" as "0000:3b:00.1", as the kernel and DPDK write it. Empty: the text is no PCI address.
std::string parse_pci_address(const std::string& text);

}  // namespace weft
