// A histogram of ticks as microseconds to be printed and drawn.
#pragma once

#include "tools/weft-gen/method/trial.hpp"
#include "tools/weft-gen/sink/histogram.hpp"

namespace weft::gen {

LatencySummary summarise(const Histogram& histogram, double us_per_tick);

}  // namespace weft::gen
