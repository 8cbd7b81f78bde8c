// The topology files that the rungs of weft-bench-live edit.
#pragma once

#include <cstdint>
#include <string>

namespace weft::bench {

struct NetworkSize {
  unsigned pairs = 1;      // of instances that the load goes between; the probe's two come on top
  unsigned rules = 0;      // of the probe's receiver's group, the probe's own included
  unsigned lists = 0;      // prefix lists of 1,000 entries each; the probe's source is in the last entry of the last
  bool visitor = false;    // one more instance
};

/// `edit`: 0, 1, ...: each lets in the probe at another port (of rules), and has another entry (of lists).
std::string make_topology(const NetworkSize& size, unsigned edit);

/// Where the probe goes after an edit.
std::uint16_t probe_port(unsigned edit);

}  // namespace weft::bench
