#include "tools/weft-gen/run/latency_summary.hpp"

#include <cmath>

namespace weft::gen {

LatencySummary summarise(const Histogram& histogram, double us_per_tick) {
  LatencySummary s;
  s.frames = histogram.count();
  if (s.frames == 0) return s;
  const auto us = [&](double quantile) { return static_cast<double>(histogram.at(quantile)) * us_per_tick; };
  s.smallest_us = static_cast<double>(histogram.smallest()) * us_per_tick;
  s.largest_us = static_cast<double>(histogram.largest()) * us_per_tick;
  s.mean_us = histogram.mean() * us_per_tick;
  s.p50_us = us(0.5), s.p90_us = us(0.9), s.p99_us = us(0.99), s.p999_us = us(0.999), s.p9999_us = us(0.9999);
  // Four points for each halving of what is left, as far as there are frames to tell.
  for (double left = 1; left * static_cast<double>(s.frames) >= 1; left *= std::pow(0.5, 0.25))
    s.curve.emplace_back(1 - left, us(1 - left));
  s.curve.emplace_back(1, s.largest_us);
  return s;
}

}  // namespace weft::gen
