#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace weft::bench {

/// In microseconds, of nanoseconds; 0 of none.
inline double percentile_us(std::vector<std::uint64_t> times_ns, double share) {
  if (times_ns.empty()) return 0;
  const auto at = times_ns.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(times_ns.size() - 1));
  std::nth_element(times_ns.begin(), at, times_ns.end());
  return static_cast<double>(*at) / 1e3;
}

}  // namespace weft::bench
