// The highest rate at which a device loses no more than a share of the frames: NDR for none (RFC 1242 and 2544 call it
// throughput), PDR for FD.io's half per cent.
//
// A binary search on a scale of ratios, as in FD.io's MLRsearch (draft-ietf-bmwg-mlrsearch): short trials first, then the
// interval found is measured again with full ones, moved where these disagree, and bisected to the width asked for. The
// first trial is at the highest rate; what comes through there is where the next one looks. RFC 2544 24 allows the short
// trials: only the final ones have to be long.
//
// A trial of a sender that could not send so fast stands for the rate that was really offered. When no more than that can
// be offered and the device passes it, the result says so: `sender_limited`, and there is no upper end.
//
// Loss verification (ETSI GS NFV-TST 009): a rate that fails is tried again up to `verify` times and has passed if one of
// them passes, which keeps a disturbance from outside from being taken for the device's.
#pragma once

#include <optional>
#include <vector>

#include "tools/weft-gen/method/trial.hpp"

namespace weft::gen {

struct SearchOptions {
  double highest_pps = 0, lowest_pps = 1;
  double acceptable_loss = 0;             // share of 1
  double precision = 0.005;               // width of the interval, as a share of its upper end
  std::vector<double> seconds = {1, 60};  // of trials, phase by phase; the last is what counts
  unsigned verify = 0;
};

struct SearchOutcome {
  double acceptable_loss = 0;
  double lower_pps = 0;            // passed at full length; 0: not even the lowest rate does
  double upper_pps = 0;            // failed; equal to lower_pps when none did
  bool sender_limited = false;     // no more could be sent: the device may do better
  bool device_at_maximum = false;  // passed the highest rate
  bool interrupted = false;
  unsigned trials = 0;
  std::optional<Trial> at_lower;
  std::vector<Trial> history;
};

SearchOutcome search(const Measure& measure, const SearchOptions& options);

/// Searches repeated: the median of the lower ends, and how far they lie apart.
struct RepeatedSearch {
  std::vector<SearchOutcome> searches;
  const SearchOutcome& median() const;
  double lowest() const, highest() const;
  unsigned trials() const;
};
RepeatedSearch search_repeatedly(const Measure& measure, const SearchOptions& options, unsigned repeats);

}  // namespace weft::gen
