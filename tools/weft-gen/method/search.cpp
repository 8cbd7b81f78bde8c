#include "tools/weft-gen/method/search.hpp"

#include <cmath>
#include <utility>

namespace weft::gen {
namespace {

constexpr unsigned kMostTrials = 200;  // against a device that is another one in every trial
constexpr unsigned kMostStalls = 3;

class Search {
 public:
  Search(const Measure& measure, const SearchOptions& options) : measure_(measure), options_(options) {
    outcome_.acceptable_loss = options.acceptable_loss;
  }

  SearchOutcome run() {
    for (std::size_t phase = 0; phase < options_.seconds.size() && !over(); ++phase) {
      seconds_ = options_.seconds[phase];
      const std::optional<double> lower = std::exchange(lower_, {}), upper = std::exchange(upper_, {});
      if (phase == 0) {
        first();
        bisect();
      } else {
        again(lower, upper);
        if (!lower_ || upper_) stuck_ = false;
        bisect();
      }
    }
    finish();
    return std::move(outcome_);
  }

 private:
  bool over() const { return outcome_.trials >= kMostTrials || outcome_.interrupted; }
  bool narrow() const { return *upper_ - *lower_ <= options_.precision * *upper_; }

  /// One rate, verified; moves an end of the interval to the rate that was really offered.
  void probe(double pps) {
    for (unsigned attempt = 0; !over(); ++attempt) {
      const Trial trial = measure_({pps, seconds_, 0});
      ++outcome_.trials;
      outcome_.interrupted = outcome_.interrupted || trial.interrupted;
      outcome_.history.push_back(trial);
      if (trial.interrupted) return;
      const double offered = trial.sender_limited() ? trial.offered_pps() : pps;
      if (trial.loss_ratio() <= options_.acceptable_loss && trial.offered_pps() > 0) return passed(offered, trial);
      if (attempt >= options_.verify) return failed(std::min(offered, pps));
    }
  }

  void passed(double offered, const Trial& trial) {
    // A sender that gives no more than before, though asked to, three times in a row: more cannot be known.
    const bool stalls = trial.sender_limited() && lower_ && offered <= *lower_ * (1 + options_.precision / 2);
    stalls_ = stalls ? stalls_ + 1 : 0;
    if (stalls_ >= kMostStalls) stuck_ = true;
    if (!lower_ || offered > *lower_) {
      lower_ = offered;
      outcome_.at_lower = trial;
    }
    if (upper_ && *upper_ <= *lower_) upper_.reset();  // the device is another one now
  }

  void failed(double offered) {
    if (!upper_ || offered < *upper_) upper_ = offered;
    if (lower_ && *lower_ >= *upper_) lower_.reset(), outcome_.at_lower.reset();
  }

  /// At the highest rate. What comes through there is where to look next.
  void first() {
    probe(options_.highest_pps);
    if (!lower_ && !outcome_.history.empty()) hint_ = outcome_.history.back().received_pps();
  }

  /// The ends that the shorter trials found.
  void again(std::optional<double> lower, std::optional<double> upper) {
    if (lower) probe(*lower);
    if (lower_ && upper && !over()) probe(*upper);
  }

  bool at_maximum() const { return lower_ && *lower_ >= options_.highest_pps * (1 - 1e-9); }

  void bisect() {
    double step = options_.precision;
    while (!over() && !stuck_) {
      if (!upper_) {
        // Everything passed so far: up, in steps that double.
        if (at_maximum()) return;
        probe(std::min(options_.highest_pps, *lower_ * (1 + step)));
        step *= 2;
      } else if (!lower_) {
        if (*upper_ <= options_.lowest_pps) return;
        const std::optional<double> hint = std::exchange(hint_, {});
        if (hint && *hint > options_.lowest_pps && *hint < *upper_) {
          probe(*hint * (1 - options_.precision / 2));
        } else {
          if (hint) step = 1;  // nothing comes through, so look far away
          probe(std::max(options_.lowest_pps, *upper_ * std::max(1 - step, 0.1)));
          step *= 2;
        }
      } else if (narrow()) {
        return;
      } else {
        probe(std::sqrt(*lower_ * *upper_));
      }
    }
  }

  void finish() {
    outcome_.lower_pps = lower_.value_or(0);
    outcome_.sender_limited = lower_ && stuck_;
    outcome_.device_at_maximum = !upper_ && at_maximum();
    outcome_.upper_pps = upper_.value_or(outcome_.lower_pps);
  }

  const Measure& measure_;
  const SearchOptions& options_;
  SearchOutcome outcome_;
  double seconds_ = 1;
  std::optional<double> lower_, upper_, hint_;
  unsigned stalls_ = 0;
  bool stuck_ = false;
};

}  // namespace

SearchOutcome search(const Measure& measure, const SearchOptions& options) { return Search(measure, options).run(); }

const SearchOutcome& RepeatedSearch::median() const {
  std::vector<const SearchOutcome*> sorted;
  for (const SearchOutcome& s : searches) sorted.push_back(&s);
  std::ranges::sort(sorted, {}, &SearchOutcome::lower_pps);
  return *sorted[(sorted.size() - 1) / 2];
}

double RepeatedSearch::lowest() const { return std::ranges::min(searches, {}, &SearchOutcome::lower_pps).lower_pps; }
double RepeatedSearch::highest() const { return std::ranges::max(searches, {}, &SearchOutcome::lower_pps).lower_pps; }

unsigned RepeatedSearch::trials() const {
  unsigned sum = 0;
  for (const SearchOutcome& s : searches) sum += s.trials;
  return sum;
}

RepeatedSearch search_repeatedly(const Measure& measure, const SearchOptions& options, unsigned repeats) {
  RepeatedSearch result;
  for (unsigned i = 0; i < std::max(repeats, 1U); ++i) {
    result.searches.push_back(search(measure, options));
    if (result.searches.back().interrupted) break;
  }
  return result;
}

}  // namespace weft::gen
