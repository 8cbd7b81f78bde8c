// When frames are due. Pure: the clock is the caller's TSC.
//
// A sender that was kept from its CPU does not make up for more than `most_behind` frames: a burst of the rest would be
// another load than the one asked for. What it leaves out is counted, and the trial is then "sender limited".
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace weft::gen {

/// Frames at points in time, of which a sender asks how many are due.
class Schedule {
 public:
  virtual ~Schedule() = default;
  /// How many may be sent now, at most `burst`.
  virtual std::uint64_t due(std::uint64_t now, std::uint64_t burst) noexcept = 0;
  void sent(std::uint64_t count) noexcept { sent_ += count; }
  /// The time is over: what was not sent by now is left out.
  void give_up() noexcept { skipped_ += frames_ - position(); }

  bool done() const noexcept { return position() >= frames_; }
  std::uint64_t skipped() const noexcept { return skipped_; }

 protected:
  explicit Schedule(std::uint64_t frames) : frames_(frames) {}
  std::uint64_t position() const noexcept { return sent_ + skipped_; }

  std::uint64_t frames_;
  std::uint64_t sent_ = 0, skipped_ = 0;
};

class Pacer final : public Schedule {
 public:
  static constexpr std::uint64_t kMakeUpForAll = std::numeric_limits<std::uint64_t>::max();

  /// `frames` in all, at `pps`, from `start` on.
  Pacer(double pps, double ticks_per_second, std::uint64_t start, std::uint64_t frames, std::uint64_t most_behind)
      : Schedule(frames), per_tick_(pps / ticks_per_second), start_(start), most_behind_(most_behind) {}

  std::uint64_t due(std::uint64_t now, std::uint64_t burst) noexcept override {
    if (now < start_) return 0;
    // The first is due at once.
    const auto scheduled = static_cast<std::uint64_t>(static_cast<double>(now - start_) * per_tick_) + 1;
    std::uint64_t behind = std::min(scheduled, frames_) - position();
    if (behind > most_behind_) {
      skipped_ += behind - most_behind_;
      behind = most_behind_;
    }
    return std::min(behind, burst);
  }

 private:
  double per_tick_;
  std::uint64_t start_, most_behind_;
};

}  // namespace weft::gen
