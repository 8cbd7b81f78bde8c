// When the frames of a capture are due: at their own distances, divided by `speed`, as often as asked. Pure.
#pragma once

#include <span>

#include "tools/weft-gen/run/pacer.hpp"

namespace weft::gen {

class Timeline final : public Schedule {
 public:
  /// `offsets_ns` rise, the first is 0, and they outlive this. Round follows round after the capture's mean distance.
  Timeline(std::span<const std::uint64_t> offsets_ns, double speed, std::uint64_t loops, double ticks_per_second,
           std::uint64_t start)
      : Schedule(offsets_ns.size() * loops),
        offsets_ns_(offsets_ns),
        ticks_per_ns_(ticks_per_second / 1e9 / speed),
        start_(start) {
    const std::uint64_t last = offsets_ns.back();
    round_ns_ = offsets_ns.size() > 1 ? last + last / (offsets_ns.size() - 1) : 0;
  }

  std::uint64_t due(std::uint64_t now, std::uint64_t burst) noexcept override {
    std::uint64_t count = 0;
    while (count < burst && position() + count < frames_ && at(position() + count) <= now) ++count;
    return count;
  }
  /// The tick at which a frame is due.
  std::uint64_t at(std::uint64_t frame) const noexcept {
    const std::uint64_t ns = frame / offsets_ns_.size() * round_ns_ + offsets_ns_[frame % offsets_ns_.size()];
    return start_ + static_cast<std::uint64_t>(static_cast<double>(ns) * ticks_per_ns_);
  }
  std::uint64_t end() const noexcept { return frames_ == 0 ? start_ : at(frames_ - 1); }

 private:
  std::span<const std::uint64_t> offsets_ns_;
  double ticks_per_ns_;
  std::uint64_t start_, round_ns_ = 0;
};

}  // namespace weft::gen
