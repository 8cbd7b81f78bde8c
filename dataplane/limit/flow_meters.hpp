// The bandwidth of a single flow: 5 Gbps, or 10 inside a cluster placement group (facts ec2 4.3). Each direction of a
// connection is a flow of its own.
//
// Beside the flow table, by the index of the entry, so that no flow can push another's meter out; memory is taken for
// entries that are metered. A meter is one word, the time at which its bucket was (or will be) empty. One that has not
// been used for the length of the burst says full, and so does a fresh page of zeroes: an entry that is used again for
// another flow, or a rate that has changed, needs no reset.
// Thread: the worker that owns the flow table.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace weft {

/// How long a byte takes, in 1/256 ns, kept with 16 more bits. Rounded up: a flow never exceeds its rate, and loses at
/// most 1/256 ns a packet.
class FlowRate {
 public:
  static constexpr unsigned kTimeBits = 8;

  constexpr FlowRate() = default;
  constexpr FlowRate(double gbps, std::uint64_t burst_ns)
      : per_byte_(gbps > 0 ? static_cast<std::uint64_t>(std::min(8.0 / gbps * kByteUnit, kSlowest)) + 1 : 0),
        burst_(static_cast<std::int64_t>(burst_ns << kTimeBits)) {}

  constexpr bool limits() const noexcept { return per_byte_ != 0; }
  constexpr std::int64_t time_of(std::uint64_t bytes) const noexcept {
    return static_cast<std::int64_t>((bytes * per_byte_ + kFraction) >> kFractionBits);
  }
  constexpr std::int64_t burst() const noexcept { return burst_; }
  constexpr bool slower_than(const FlowRate& other) const noexcept { return per_byte_ > other.per_byte_; }

 private:
  static constexpr unsigned kFractionBits = 16;
  static constexpr std::uint64_t kFraction = (1U << kFractionBits) - 1;
  static constexpr double kByteUnit = 1U << (kTimeBits + kFractionBits);
  static constexpr double kSlowest = 1ULL << 45;  // 4 kbps: a packet's time fits 64 bits
  std::uint64_t per_byte_ = 0;
  std::int64_t burst_ = 0;
};

class FlowMeters {
 public:
  static constexpr std::size_t kBytesPerFlow = 2 * sizeof(std::uint64_t);

  explicit FlowMeters(std::size_t entries);  // throws std::bad_alloc

  /// `direction`: 0 or 1, the end that sends. True: it passes and is counted.
  bool pass(std::size_t entry, unsigned direction, std::uint64_t bytes, const FlowRate& rate,
            std::uint64_t now_ns) noexcept {
    std::uint64_t& empty_at = empty_at_[2 * entry + direction];
    const std::uint64_t now = now_ns << FlowRate::kTimeBits;
    const std::int64_t cost = rate.time_of(bytes);
    std::int64_t level = static_cast<std::int64_t>(now - empty_at);
    // Never used, not used for a burst's time, or used at another rate.
    if (empty_at == 0 || level > rate.burst() || level < -rate.time_of(kLargestPacket)) level = rate.burst();
    // A packet larger than the burst passes a full bucket and leaves a debt.
    if (level < cost && level < rate.burst()) return false;
    empty_at = now - static_cast<std::uint64_t>(level - cost);
    return true;
  }

 private:
  static constexpr std::uint64_t kLargestPacket = 1U << 18;  // on the wire, the headers of 64 KiB's segments included
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(std::uint64_t* words) const noexcept;
  };
  std::unique_ptr<std::uint64_t[], Unmap> empty_at_;
};

}  // namespace weft
