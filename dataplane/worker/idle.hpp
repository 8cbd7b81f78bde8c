// When a worker that found nothing spins, yields or sleeps (DESIGN D10, D17). Pure: time comes in, a step comes out.
//
// A few empty turns spin, for the next packet is often that near. Then every turn gives the core to whoever wants it:
// with more spinners than cores, a spin that does not yield costs its peers milliseconds (facts machine). After
// `patience` of that the worker sleeps. Sleeping and waking costs up to 40 us when the waker is on another core (facts
// machine), so patience adapts: a sleep that was over at once was a mistake and doubles it, a long one resets it. It
// begins at 2 ms: a worker that sleeps while two ranks take turns on its core makes each message wait for a wake-up
// (docs/decisions/0003 has the measurement, and what is not settled about it).
#pragma once

#include <algorithm>
#include <cstdint>

namespace weft {

class IdlePolicy {
 public:
  static constexpr unsigned kSpins = 20;
  static constexpr std::uint64_t kLeastPatienceNs = 2'000'000;
  static constexpr std::uint64_t kMostPatienceNs = 4'000'000;
  static constexpr std::uint64_t kShortSleepNs = 500'000;
  static constexpr std::uint64_t kLongSleepNs = 5'000'000;

  enum class Step { kSpin, kYield, kSleep };

  explicit IdlePolicy(bool never_sleep) : never_sleep_(never_sleep) {}

  /// After each turn. `worked`: it found something.
  Step next(bool worked, std::uint64_t now_ns) noexcept {
    if (worked || empty_turns_ == 0) {
      empty_turns_ = worked ? 0 : 1;
      idle_since_ns_ = now_ns;
      return Step::kSpin;
    }
    if (never_sleep_ || ++empty_turns_ <= kSpins) return Step::kSpin;
    return now_ns - idle_since_ns_ < patience_ns_ ? Step::kYield : Step::kSleep;
  }

  /// After a sleep that something ended, not its own time-out.
  void woken(std::uint64_t asleep_ns) noexcept {
    if (asleep_ns < kShortSleepNs) patience_ns_ = std::min(patience_ns_ * 2, kMostPatienceNs);
    if (asleep_ns > kLongSleepNs) patience_ns_ = kLeastPatienceNs;
    empty_turns_ = 0;
  }

  std::uint64_t patience_ns() const noexcept { return patience_ns_; }

 private:
  bool never_sleep_;
  unsigned empty_turns_ = 0;
  std::uint64_t idle_since_ns_ = 0;
  std::uint64_t patience_ns_ = kLeastPatienceNs;
};

}  // namespace weft
