// How long an answer takes: RFC 6298's smoothed mean and deviation, and the shortest seen. All in ns, up to 4 s.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weft::srd {

/// What was overtaken by less is taken for reordered, not lost, however short the way (facts fabric 5.10).
inline constexpr std::uint32_t kReorderFloorNs = 20'000;

class RoundTrip {
 public:
  void sample(std::uint32_t ns) {
    if (!known()) {
      smoothed_ = std::max(ns, 1u);
      deviation_ = ns / 2;
      shortest_ = ns;
      return;
    }
    const std::uint32_t off = ns > smoothed_ ? ns - smoothed_ : smoothed_ - ns;
    deviation_ = static_cast<std::uint32_t>((std::uint64_t{3} * deviation_ + off) / 4);
    smoothed_ = std::max(static_cast<std::uint32_t>((std::uint64_t{7} * smoothed_ + ns) / 8), 1u);
    shortest_ = std::min(shortest_, ns);
  }
  bool known() const { return smoothed_ != 0; }
  std::uint32_t smoothed_ns() const { return smoothed_; }
  std::uint32_t shortest_ns() const { return shortest_; }
  std::uint32_t reorder_ns() const { return std::max(shortest_ / 4, kReorderFloorNs); }
  /// RFC 6298's timeout; before the first sample, the floor.
  std::uint64_t timeout_ns(std::uint64_t floor_ns) const {
    return std::max(smoothed_ + std::uint64_t{4} * deviation_, floor_ns);
  }

 private:
  std::uint32_t smoothed_ = 0;
  std::uint32_t deviation_ = 0;
  std::uint32_t shortest_ = 0;
};

}  // namespace weft::srd
