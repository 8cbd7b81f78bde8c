// A captured packet as a line for people.
#pragma once

#include <string>

#include "tools/weft/pcapng_reader.hpp"

namespace weft::cli {

/// "12:01:02.000123456 web/eth0 out  tcp 10.0.1.4:40000 > 10.0.1.5:81 S, 74 bytes", and below it the comment of one that
/// was dropped. Local time.
std::string packet_line(const CapturedPacket& packet);

/// "12 packets captured, 3 of them dropped by the fabric; 40 others left out; 0 missed"
std::string capture_summary(const CaptureTotals& totals, std::uint64_t dropped);

}  // namespace weft::cli
