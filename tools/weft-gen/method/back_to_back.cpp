#include "tools/weft-gen/method/back_to_back.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::gen {
namespace {

constexpr double kPrecision = 0.01;    // of a burst's length
constexpr double kSlowSenders = 0.95;  // share of the rate below which a burst was no burst

struct Searched {
  std::uint64_t frames = 0;
  bool interrupted = false;
};

class Burst {
 public:
  Burst(const Measure& measure, const BackToBackOptions& options, BackToBack& result)
      : measure_(measure), options_(options), result_(result) {}

  Searched search() {
    const auto most = static_cast<std::uint64_t>(std::max(1.0, options_.highest_pps * options_.longest_seconds));
    if (passes(most)) return {most, interrupted_};
    std::uint64_t good = 0, bad = most;
    while (!interrupted_ && bad - good > 1 && static_cast<double>(bad - good) > kPrecision * static_cast<double>(bad)) {
      // By ratios while nothing is known: buffers are small against two seconds.
      const auto middle = good == 0 ? static_cast<std::uint64_t>(std::sqrt(static_cast<double>(bad))) : (good + bad) / 2;
      const std::uint64_t length = std::clamp(middle, good + 1, bad - 1);
      (passes(length) ? good : bad) = length;
    }
    return {good, interrupted_};
  }

 private:
  bool passes(std::uint64_t frames) {
    const Trial trial = measure_({options_.highest_pps, 0, frames});
    ++result_.trials;
    interrupted_ = interrupted_ || trial.interrupted;
    if (trial.offered_pps() < kSlowSenders * options_.highest_pps && frames > 1000) result_.sender_limited = true;
    return trial.lost() == 0 && !trial.interrupted;
  }

  const Measure& measure_;
  const BackToBackOptions& options_;
  BackToBack& result_;
  bool interrupted_ = false;
};

}  // namespace

BackToBack back_to_back(const Measure& measure, const BackToBackOptions& options) {
  BackToBack result;
  result.highest_pps = options.highest_pps;
  result.throughput_pps = options.throughput_pps;
  const auto most = static_cast<std::uint64_t>(std::max(1.0, options.highest_pps * options.longest_seconds));
  for (unsigned i = 0; i < std::max(options.repeats, 1U); ++i) {
    const Searched searched = Burst(measure, options, result).search();
    if (searched.interrupted) break;
    result.frames.push_back(searched.frames);
    result.whole = std::ranges::all_of(result.frames, [most](std::uint64_t f) { return f == most; });
    if (result.whole) break;  // longer ones are no part of the benchmark, and this one says it all
  }
  return result;
}

double BackToBack::average() const {
  if (frames.empty()) return 0;
  return std::accumulate(frames.begin(), frames.end(), 0.0) / static_cast<double>(frames.size());
}

double BackToBack::deviation() const {
  if (frames.size() < 2) return 0;
  const double mean = average();
  double sum = 0;
  for (const std::uint64_t f : frames) sum += (static_cast<double>(f) - mean) * (static_cast<double>(f) - mean);
  return std::sqrt(sum / static_cast<double>(frames.size() - 1));
}

std::uint64_t BackToBack::shortest() const { return frames.empty() ? 0 : std::ranges::min(frames); }
std::uint64_t BackToBack::longest() const { return frames.empty() ? 0 : std::ranges::max(frames); }

double BackToBack::buffer_seconds() const { return highest_pps > 0 ? average() / highest_pps : 0; }

double BackToBack::corrected_buffer_seconds() const {
  if (highest_pps <= 0) return 0;
  return buffer_seconds() * (1 - std::min(1.0, throughput_pps / highest_pps));
}

}  // namespace weft::gen
