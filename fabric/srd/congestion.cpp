#include "fabric/srd/congestion.hpp"

#include <algorithm>
#include <cmath>

#include "fabric/srd/acknowledgement.hpp"

namespace weft::srd {
namespace {

constexpr float kIncrease = 1.0F;  // packets per round trip
constexpr float kDecrease = 0.8F;  // of the relative excess (Swift's beta)
constexpr float kLargestDecrease = 0.5F;
constexpr float kSmallestWindow = 4;    // below that only timeouts get: three followers are what finds a loss
constexpr float kMarkedExcess = 0.25F;  // a mark weighs as much as a delay that is so much of it over target

}  // namespace

std::uint32_t Congestion::target_ns(std::uint32_t base_ns, std::uint32_t queueing_ns) const {
  return base_ns + queueing_ns +
         static_cast<std::uint32_t>(2.0F * static_cast<float>(queueing_ns) / std::sqrt(window_));
}

void Congestion::acknowledged(std::uint32_t packets, std::uint32_t delay_ns, std::uint32_t base_ns,
                              std::uint32_t queueing_ns, bool marked, bool limited, std::uint64_t now_ns) {
  const auto delay = static_cast<float>(delay_ns);
  const auto target = static_cast<float>(target_ns(base_ns, queueing_ns));
  if (delay <= target && !marked) {
    if (limited) window_ += kIncrease * static_cast<float>(packets) / window_;
    window_ = std::min(window_, static_cast<float>(kMaxOutstanding));
    return;
  }
  const float excess = std::max(delay > target ? (delay - target) / delay : 0, marked ? kMarkedExcess : 0);
  decrease(std::max(1 - kDecrease * excess, 1 - kLargestDecrease), delay_ns, now_ns);
}

void Congestion::lost(std::uint32_t round_trip_ns, std::uint64_t now_ns) {
  decrease(1 - kLargestDecrease, round_trip_ns, now_ns);
}

void Congestion::decrease(float factor, std::uint32_t round_trip_ns, std::uint64_t now_ns) {
  if (decreased_ns_ != 0 && now_ns - decreased_ns_ < round_trip_ns) return;
  decreased_ns_ = now_ns;
  if (window_ > kSmallestWindow) window_ = std::max(window_ * factor, kSmallestWindow);
}

}  // namespace weft::srd
