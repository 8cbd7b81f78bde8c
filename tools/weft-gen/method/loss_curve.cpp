#include "tools/weft-gen/method/loss_curve.hpp"

namespace weft::gen {

std::vector<Trial> loss_curve(const Measure& measure, const LossOptions& options) {
  std::vector<Trial> trials;
  unsigned without_loss = 0;
  for (unsigned i = 0; without_loss < 2; ++i) {
    const double share = 1 - i * options.step;
    if (share < options.step / 2) break;
    trials.push_back(measure({options.highest_pps * share, options.seconds, 0}));
    if (trials.back().interrupted) break;
    without_loss = trials.back().lost() == 0 ? without_loss + 1 : 0;
  }
  return trials;
}

}  // namespace weft::gen
