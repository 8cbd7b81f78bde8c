// What happens in one simulation, drawn from its seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabric/srd/settings.hpp"
#include "tests/fabric/srd/network.hpp"

namespace weft::srd::test {

struct Schedule {
  std::uint64_t seed = 0;
  TransportSettings settings;
  std::vector<PathCondition> there, back;

  std::uint32_t packets = 0;
  std::uint32_t burst = 0;  // posted at once
  std::uint64_t burst_gap_ns = 0;
  std::uint32_t local = 0;      // in 1/1000: the card delivers it itself
  std::uint32_t refused = 0;    // in 1/1000: receiver not ready
  std::uint64_t device_ns = 0;  // from posting to the wire, and again to the answer: at most
  std::uint32_t ring = 0;       // packets in the receiver's ring; more are dropped
  std::uint32_t batch = 0;      // read in a turn
  std::uint64_t turn_ns = 0;
  std::uint32_t stalls = 0;  // in 1/1000 of turns
  std::uint64_t stall_ns = 0;
  bool progress_known = true;
  std::uint64_t restart_ns = 0;   // the receiver becomes another process then; 0: never
  std::uint64_t blackout_ns = 0;  // nothing passes from then on for blackout_for_ns; 0: never
  std::uint64_t blackout_for_ns = 0;
  std::uint32_t give_up_at = 0;  // the sender ends its session when so many are posted; 0: never

  static Schedule from(std::uint64_t seed);
  std::string text() const;
  /// A packet on the best path and its acknowledgement on any come through: the share of tries.
  double succeeds() const;

 private:
  /// Nothing is ever lost, and the receiver often does something else: nothing may be sent again.
  void calm_but_busy(std::uint64_t latency_ns);
};

}  // namespace weft::srd::test
