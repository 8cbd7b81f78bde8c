// What arrived of one stream, judged by its sequence numbers.
//
// Reordered is RFC 4737's: a frame that comes after one that was sent later. A frame further back than the window of the
// last 1024 sequence numbers counts as reordered, for whether it was here before is forgotten.
#pragma once

#include <array>
#include <cstdint>

namespace weft::gen {

enum class Arrival : std::uint8_t { kInOrder, kReordered, kDuplicate, kImplausible };

class Stream {
 public:
  static constexpr std::uint32_t kWindow = 1024;
  /// No device loses so many in a row in a trial that is worth something: the number was damaged.
  static constexpr std::uint32_t kFurthest = 1U << 28;

  /// kImplausible changes nothing.
  Arrival see(std::uint32_t sequence) noexcept {
    const auto ahead = static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(next_));
    if (ahead >= 0) {
      if (static_cast<std::uint32_t>(ahead) > kFurthest) return Arrival::kImplausible;
      advance(sequence, static_cast<std::uint32_t>(ahead));
      ++received_;
      return Arrival::kInOrder;
    }
    const auto back = static_cast<std::uint32_t>(-static_cast<std::int64_t>(ahead));
    if (back > kFurthest || back > next_) return Arrival::kImplausible;
    if (back <= kWindow) {
      if (was_here(sequence)) return Arrival::kDuplicate;
      mark(sequence);
    }
    ++received_;
    return Arrival::kReordered;
  }

  std::uint64_t received() const noexcept { return received_; }  // duplicates not counted

 private:
  void advance(std::uint32_t sequence, std::uint32_t skipped) noexcept {
    if (skipped >= kWindow) {
      here_.fill(0);
    } else {
      for (auto missing = static_cast<std::uint32_t>(next_); missing != sequence; ++missing) unmark(missing);
    }
    mark(sequence);
    next_ += std::uint64_t{skipped} + 1;
  }
  bool was_here(std::uint32_t s) const noexcept { return (here_[s % kWindow / 64] >> s % 64 & 1) != 0; }
  void mark(std::uint32_t s) noexcept { here_[s % kWindow / 64] |= std::uint64_t{1} << s % 64; }
  void unmark(std::uint32_t s) noexcept { here_[s % kWindow / 64] &= ~(std::uint64_t{1} << s % 64); }

  std::uint64_t received_ = 0;
  std::uint64_t next_ = 0;  // the one after the latest, without wrapping
  std::array<std::uint64_t, kWindow / 64> here_{};
};

}  // namespace weft::gen
