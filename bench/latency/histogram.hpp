// Counts of times in ticks of the TSC: exact below 64 ticks, to 1.6 % above (64 steps in every power of two).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace weft::bench {

class Histogram {
 public:
  void add(std::uint64_t ticks) noexcept {
    ++counts_[step_of(ticks)];
    ++total_;
    most_ = std::max(most_, ticks);
  }

  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t most() const noexcept { return most_; }

  /// The smallest time, rounded up to its step, that this share of all does not exceed. Zero when there are none.
  std::uint64_t quantile(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (unsigned step = 0; step < kSteps; ++step) {
      seen += counts_[step];
      if (seen != 0 && seen >= wanted) return std::min(last_of(step), most_);
    }
    return most_;
  }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSteps = (64 - kBits + 1) << kBits;

  static unsigned step_of(std::uint64_t ticks) noexcept {
    if (ticks < 1U << kBits) return static_cast<unsigned>(ticks);
    const auto shift = static_cast<unsigned>(std::bit_width(ticks)) - kBits - 1;
    return ((shift + 1) << kBits) + static_cast<unsigned>((ticks >> shift) - (1U << kBits));
  }
  static std::uint64_t last_of(unsigned step) noexcept {
    if (step < 1U << kBits) return step;
    const unsigned shift = (step >> kBits) - 1;
    const std::uint64_t first = std::uint64_t{(step & ((1U << kBits) - 1)) + (1U << kBits)} << shift;
    return first + (std::uint64_t{1} << shift) - 1;
  }

  std::array<std::uint64_t, kSteps> counts_{};
  std::uint64_t total_ = 0, most_ = 0;
};

}  // namespace weft::bench
