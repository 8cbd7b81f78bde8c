// A token bucket that several workers share without a lock, and the lease through which one worker uses it (DESIGN D3).
//
// The bucket keeps no level. What it has ever earned is a function of the time alone, exact in whole tokens, so nothing
// drifts however often it is asked:
//
//   earned(now) = burst + floor((now - start) * rate / 1 s)      level = earned - max(granted, earned - burst)
//
// `granted` is the only word that changes: one compare-exchange takes tokens and, by the same store, forgets those that
// ran over the rim. A worker takes a lease of many packets' worth, so that a packet costs a compare and a subtraction.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weft {

class TokenBucket {
 public:
  static constexpr std::uint64_t kSecond = 1'000'000'000;

  struct Size {
    std::uint64_t rate = 0;   // tokens a second; 0: no limit
    std::uint64_t burst = 1;  // the most it holds
    std::uint64_t lease = 1;  // what a worker takes at a time; all leases together belong to the burst
  };

  TokenBucket(Size size, std::uint64_t now_ns) noexcept : TokenBucket(size, now_ns, size.burst) {}
  TokenBucket(Size size, std::uint64_t now_ns, std::uint64_t level) noexcept
      : size_(size), start_ns_(now_ns), granted_(size.burst - std::min(level, size.burst)) {}

  /// At least `need` tokens and at most `most`, or none: 0. One packet may need more than the bucket holds; it passes
  /// when the bucket is full and leaves a debt, so that the rate holds and no packet is too large for ever.
  /// Thread: any, at once. `now_ns` of different threads may differ.
  std::uint64_t take(std::uint64_t need, std::uint64_t most, std::uint64_t now_ns) noexcept {
    const std::uint64_t earned = earned_by(now_ns);
    std::uint64_t granted = granted_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t from = std::max(granted, earned - size_.burst);
      const std::uint64_t level = earned > from ? earned - from : 0;
      if (level < std::min(need, size_.burst)) return 0;
      const std::uint64_t taken = std::max(need, std::min(most, level));
      if (granted_.compare_exchange_weak(granted, from + taken, std::memory_order_relaxed)) return taken;
    }
  }

  std::uint64_t level(std::uint64_t now_ns) const noexcept {
    const std::uint64_t earned = earned_by(now_ns);
    const std::uint64_t from = std::max(granted_.load(std::memory_order_relaxed), earned - size_.burst);
    return earned > from ? earned - from : 0;
  }

  const Size& size() const noexcept { return size_; }
  bool limits() const noexcept { return size_.rate != 0; }

 private:
  std::uint64_t earned_by(std::uint64_t now_ns) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const std::uint64_t elapsed = now_ns > start_ns_ ? now_ns - start_ns_ : 0;
    return size_.burst + static_cast<std::uint64_t>(Wide{elapsed} * size_.rate / kSecond);
  }

  const Size size_;
  const std::uint64_t start_ns_;
  alignas(64) std::atomic<std::uint64_t> granted_;  // a line for itself: the rest is only read
};

/// What one worker has taken and not yet spent. Two steps, so that a packet which a later check refuses has cost
/// nothing. Thread: its worker.
class TokenLease {
 public:
  TokenLease() = default;
  explicit TokenLease(std::uint64_t left) noexcept : left_(left) {}

  /// Makes sure that `amount` tokens are here; false when the bucket has too few.
  bool reserve(TokenBucket& bucket, std::uint64_t amount, std::uint64_t now_ns) noexcept {
    if (left_ >= amount) [[likely]]
      return true;
    const std::uint64_t need = amount - left_;
    const std::uint64_t taken = bucket.take(need, bucket.size().lease, now_ns);
    left_ += taken;
    return taken != 0;
  }
  /// After reserve() of at least as much.
  void spend(std::uint64_t amount) noexcept { left_ -= amount; }
  std::uint64_t left() const noexcept { return left_; }

 private:
  std::uint64_t left_ = 0;
};

}  // namespace weft
