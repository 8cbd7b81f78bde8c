// ENA's own counters, under ENA's exact names and in ENA's order (facts ec2 5.3): what `ethtool -S` shows in an
// instance. They count packets of this ENI that found an allowance used up, so one ENI of an instance may show what
// another spent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weft {

enum class EnaCounter : std::uint8_t {
  kBwInAllowanceExceeded,
  kBwOutAllowanceExceeded,
  kPpsAllowanceExceeded,  // fragments above 1024 a second too
  kConntrackAllowanceExceeded,
  kLinkLocalAllowanceExceeded,
};

inline constexpr std::string_view kEnaCounterNames[] = {
    "bw_in_allowance_exceeded",     "bw_out_allowance_exceeded",    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded", "linklocal_allowance_exceeded",
};
inline constexpr std::size_t kEnaCounters = sizeof(kEnaCounterNames) / sizeof(kEnaCounterNames[0]);

/// The sixth is not a count but what is left, of the instance: limit/connection_allowance.hpp has it.
inline constexpr std::string_view kConntrackAllowanceAvailable = "conntrack_allowance_available";

}  // namespace weft
