// What to do when the daemon answers "receiver not ready": the peer's queue is full, its owner does not read.
//
// The packet is kept and sent again later, with its number. Until then nothing goes to that peer; then one packet goes
// out to try, and only when that one was delivered do the others follow. So a stopped peer costs its sender one packet
// per delay, whatever waits. Time is injected, in nanoseconds.
#pragma once

#include <cstdint>

namespace weft::srd {

struct RnrLimits {
  std::uint64_t first_ns = 10'000;     // about one turn of a busy receiver
  std::uint64_t last_ns = 10'000'000;  // 100 tries a second; EFA's library goes up to 1 s (facts ec2 6.7), which a
                                       // receiver that was only stopped for a moment would feel
};

class RnrBackoff {
 public:
  bool clear() const { return state_ == State::kClear; }
  bool waiting() const { return state_ == State::kWaiting; }
  std::uint64_t deadline_ns() const { return deadline_ns_; }

  /// A packet was refused. True when that starts a delay; the rest of a refused burst changes nothing.
  bool refused(std::uint64_t now_ns, const RnrLimits& limits);

  /// One packet may be tried now.
  bool expired(std::uint64_t now_ns) const { return waiting() && now_ns >= deadline_ns_; }
  void trying() { state_ = State::kTrying; }
  bool may_try() const { return state_ == State::kExpired; }
  void expire() { state_ = State::kExpired; }

  /// A packet was delivered, or the peer was heard of: it reads again.
  void recovered() {
    state_ = State::kClear;
    delay_ns_ = 0;
  }

 private:
  enum class State : std::uint8_t { kClear, kWaiting, kExpired, kTrying };
  State state_ = State::kClear;
  std::uint64_t delay_ns_ = 0;
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace weft::srd
