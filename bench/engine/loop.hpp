// One rung's engine with its packets going round, and the measurement of it.
//
// Nothing but the engine is measured: packets are prebuilt, all headers differ, nothing is allocated. The worker is this
// thread, or threads of the engine's own where the rung asks for several.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/engine/network.hpp"
#include "dataplane/worker/engine.hpp"
#include "drivers/ring/packet_ring.hpp"

namespace weft::bench {

enum class Capture : std::uint8_t { kNone, kOther, kBoth };  // of nobody in the loop, or of both ends

struct Rung {
  std::string name;     // "flows-10k"
  std::string what;     // for the table
  NetworkOptions network{};
  std::uint32_t flows = 1;   // all pairs together
  bool new_flows = false;    // every packet is a flow's first
  bool stages_only = false;  // parse, spoof check, destination and delivery, without any state
  Capture capture = Capture::kNone;
  unsigned workers = 0;      // 0: the caller's thread
  double floor_mpps = 0, goal_mpps = 0;  // 0: none asked
};

struct Effort {
  unsigned runs = 7;
  double seconds = 0.3;  // of a run
};

struct Measurement {
  Rung rung;
  double mpps = 0, cycles = 0;     // medians, of a packet
  double lowest = 0, highest = 0;  // Mpps of the slowest and the fastest run
  std::uint32_t packets = 0;       // that go round
  std::size_t working_set = 0;     // bytes of them that are touched: mbuf and header lines
};

/// Exits with a sentence when packets are dropped or flows are missing: then it measured something else.
Measurement measure(const Rung& rung, const Effort& effort);

[[noreturn]] void fail(const std::string& why);

}  // namespace weft::bench
