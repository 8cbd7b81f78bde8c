// A card's clock in TSC ticks, from two readings of both: its rate from their distance, its offset from the latest.
#pragma once

#include <cstdint>

namespace weft::gen {

class HardwareClock {
 public:
  /// The card's clock was `card` when the TSC was `tsc`. The first reading only begins.
  void reading(std::uint64_t card, std::uint64_t tsc) noexcept {
    if (readings_ > 0 && card > first_card_ && tsc > first_tsc_)
      ticks_per_unit_ = static_cast<double>(tsc - first_tsc_) / static_cast<double>(card - first_card_);
    if (readings_++ == 0) first_card_ = card, first_tsc_ = tsc;
    card_ = card, tsc_ = tsc;
  }
  bool known() const noexcept { return ticks_per_unit_ > 0; }
  std::uint64_t tsc_at(std::uint64_t card) const noexcept {
    return tsc_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                      static_cast<double>(static_cast<std::int64_t>(card - card_)) * ticks_per_unit_));
  }

 private:
  unsigned readings_ = 0;
  std::uint64_t first_card_ = 0, first_tsc_ = 0, card_ = 0, tsc_ = 0;
  double ticks_per_unit_ = 0;
};

}  // namespace weft::gen
