// The tables of what is counted (DESIGN D11), as drop_reason.hpp is the one of drop reasons: /v1/statistics and with it
// `weft stats`, and the metrics, are generated from them. A metric's last word is its unit.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/worker/engine.hpp"

namespace weft {

template <typename Of>
struct CountedField {
  std::string_view name;    // in JSON
  std::string_view metric;  // without what OpenMetrics adds, such as "_total"
  std::string_view help;
  std::uint64_t Of::*value;
};

inline constexpr CountedField<EniStatistics> kEniFields[] = {
    {"rx_packets", "weft_eni_received_packets", "Packets that the fabric delivered to the guest", &EniStatistics::rx_packets},
    {"rx_bytes", "weft_eni_received_bytes", "Bytes that the fabric delivered to the guest", &EniStatistics::rx_bytes},
    {"tx_packets", "weft_eni_transmitted_packets", "Packets that the guest sent", &EniStatistics::tx_packets},
    {"tx_bytes", "weft_eni_transmitted_bytes", "Bytes that the guest sent", &EniStatistics::tx_bytes},
    {"originated", "weft_eni_originated_packets", "Answers of the fabric itself, to this guest", &EniStatistics::originated},
    {"consumed", "weft_eni_consumed_packets", "Packets of this guest that the fabric answered itself",
     &EniStatistics::consumed},
};

inline constexpr CountedField<Balance> kBalanceFields[] = {
    {"received", "weft_engine_received_packets", "Packets that came in at any port", &Balance::received},
    {"originated", "weft_engine_originated_packets", "Packets that the fabric made itself", &Balance::originated},
    {"copies", "weft_engine_copied_packets", "Packets that the underlay doubled, and pieces of cut ones", &Balance::copies},
    {"delivered", "weft_engine_delivered_packets", "Packets that went out at any port", &Balance::delivered},
    {"dropped", "weft_engine_dropped_packets", "Packets that were dropped, whatever the reason", &Balance::dropped},
    {"consumed", "weft_engine_consumed_packets", "Packets that the fabric answered itself", &Balance::consumed},
};
/// A level, unlike the others: what closes the balance.
inline constexpr CountedField<Balance> kHeldField = {
    "held", "weft_engine_held_packets", "Packets inside the engine: fragments, and those on their way", &Balance::held};

}  // namespace weft
