// ENA's own counters, under ENA's exact names and in ENA's order (facts ec2 5.3): what `ethtool -S` shows in an
// instance. The first count packets of this ENI that found an allowance used up, so one ENI of an instance may show what
// another spent. Those of ENA Express count packets that did well.
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
  kSrdTxPkts,          // went by SRD
  kSrdEligibleTxPkts,  // could by their two ends, whatever their size
  kSrdRxPkts,
};

inline constexpr std::string_view kEnaCounterNames[] = {
    "bw_in_allowance_exceeded",     "bw_out_allowance_exceeded",    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded", "linklocal_allowance_exceeded", "ena_srd_tx_pkts",
    "ena_srd_eligible_tx_pkts",     "ena_srd_rx_pkts",
};
inline constexpr std::size_t kEnaCounters = sizeof(kEnaCounterNames) / sizeof(kEnaCounterNames[0]);

inline constexpr std::size_t kAllowanceCounters = 5;  // the first; the rest are ENA Express's, behind the next

/// The sixth is not a count but what is left, of the instance: limit/connection_allowance.hpp has it.
inline constexpr std::string_view kConntrackAllowanceAvailable = "conntrack_allowance_available";
/// And 0 off, 1 on for TCP, 3 for UDP too; 2 is off with UDP's flag kept.
inline constexpr std::string_view kEnaSrdMode = "ena_srd_mode";

}  // namespace weft
