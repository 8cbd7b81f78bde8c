// The two measures of a rung: its time, and its instructions.
#pragma once

#include <string>

#include "bench/engine/loop.hpp"

namespace weft::bench {

struct Effort {
  unsigned runs = 7;
  double seconds = 0.3;  // of a run
};

struct Measurement {
  Rung rung;
  double mpps = 0, cycles = 0;     // medians, of a packet
  double lowest = 0, highest = 0;  // Mpps of the slowest and the fastest run
  std::uint32_t packets = 0;       // that go round
  std::size_t working_set = 0;     // bytes of them that are touched

  /// What a wire would carry, with the preamble and the gap between frames (IEEE 802.3: 20 bytes).
  double gbps() const noexcept { return mpps * (rung.network.wire_bytes + 20) * 8 / 1e3; }
};

/// Makes the flows, then takes `effort.runs` runs.
Measurement measure(const Rung& rung, const Effort& effort);

/// Makes the flows, then has callgrind (--instr-atstart=no) see this many packets and nothing else. The engine's clock
/// goes by turns instead of time, so that the same build says the same number again. Returns the packets seen, which are
/// up to a turn's more. Exits with a sentence when callgrind does not run it.
std::uint64_t show_to_callgrind(const Rung& rung, std::uint64_t packets);

}  // namespace weft::bench
