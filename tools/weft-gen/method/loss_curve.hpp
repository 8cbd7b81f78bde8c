// RFC 2544 26.3, frame loss rate: from the highest rate down in steps of a tenth of it, until two trials in a row lose nothing.
#pragma once

#include <vector>

#include "tools/weft-gen/method/trial.hpp"

namespace weft::gen {

struct LossOptions {
  double highest_pps = 0;
  double seconds = 60;
  double step = 0.1;  // share of the highest rate; at most 0.1
};

/// Highest rate first.
std::vector<Trial> loss_curve(const Measure& measure, const LossOptions& options);

}  // namespace weft::gen
