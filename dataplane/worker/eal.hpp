// DPDK's environment, started once per process and ended with the object. Proof of start: whoever makes an Engine has one.
//
// Two modes, chosen here (DESIGN D10): huge pages when enough are free, else plain memory, which needs no privilege and
// no set-up. EAL refuses to combine the two modes' own options (--in-memory and --no-huge), and touches no file in
// either, so any number of daemons run side by side. With telemetry it has a socket, and shared it has all its files:
// below $RUNTIME_DIRECTORY/dpdk, or where EAL looks without that variable. They are removed at the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft {

struct EalOptions {
  unsigned memory_mb = 128;  // mempools; flow tables and rings have memory of their own
  bool huge_pages = true;    // use them when they are free
  bool pci = false;          // look at PCI, for wires (drivers/ethdev): takes all cards, unless `extra` has "-a ADDRESS"
  bool telemetry = false;    // DPDK's socket for dpdk-telemetry.py
  std::string shared;        // file prefix by which secondary processes attach; empty: none can. Needs free huge pages
  std::vector<std::string> extra;  // further EAL arguments
};

class Eal {
 public:
  /// A second start in one process is an error: EAL cannot do it.
  static Result<std::unique_ptr<Eal>> start(const EalOptions& options = {});
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  bool uses_huge_pages() const { return huge_pages_; }
  const std::string& mode() const { return mode_; }  // one sentence for the log

 private:
  Eal(bool huge_pages, std::string mode, const EalOptions& options);
  bool huge_pages_;
  std::string shared_, files_;  // its prefix; its directory, empty when that has gone already
  std::string mode_;
};

/// Free huge pages of all sizes, in MiB.
unsigned long free_huge_page_mb(const std::string& sysfs = "/sys/kernel/mm/hugepages");

}  // namespace weft
