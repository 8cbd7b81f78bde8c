// The longest burst at the highest rate that a device passes whole: RFC 2544 26.4 as RFC 9004 has corrected it.
//
// A burst of RFC 9004 lasts at most two seconds. The longest that passes is searched by bisection, the search is repeated, and
// the average says how long the device's buffer is: less what the device forwards while the burst lasts (RFC 9004 5.4).
#pragma once

#include <cstdint>
#include <vector>

#include "tools/weft-gen/method/trial.hpp"

namespace weft::gen {

struct BackToBackOptions {
  double highest_pps = 0;
  double longest_seconds = 2;
  unsigned repeats = 50;      // RFC 9004 asks for at least this many where they differ
  double throughput_pps = 0;  // the device's, for the correction; 0: unknown
};

struct BackToBack {
  std::vector<std::uint64_t> frames;  // of each repeat
  bool whole = false;                 // the longest burst passes: nothing was buffered that could be seen
  bool sender_limited = false;        // bursts left slower than asked
  double highest_pps = 0, throughput_pps = 0;
  unsigned trials = 0;

  double average() const;
  double deviation() const;
  std::uint64_t shortest() const;
  std::uint64_t longest() const;
  double buffer_seconds() const;            // average over the highest rate
  double corrected_buffer_seconds() const;  // less what was forwarded meanwhile; needs the throughput
};

BackToBack back_to_back(const Measure& measure, const BackToBackOptions& options);

}  // namespace weft::gen
