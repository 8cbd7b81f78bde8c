// Finished packets (DESIGN D15): a guest leaves checksums and the cutting of long segments to its card. A capture shows
// what a receiver would call right. Done by the writer, so that the worker only copies.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/observe/capture_ring.hpp"

namespace weft {

/// Completes the checksum of a packet whose record says that it is not complete. A super-segment stays one packet, as
/// Linux shows it to tcpdump: what the guest gave to its card, with the checksum that such a segment would have. What
/// was not captured to its end keeps its partial checksum; nobody can verify that of a cut packet.
/// `bytes` are the record's, and whatever is in them is believed only as far as it is inside.
void finish_checksum(const CaptureRecord& record, std::span<std::byte> bytes) noexcept;

}  // namespace weft
