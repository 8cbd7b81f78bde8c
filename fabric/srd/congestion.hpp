// How many packets may be on the wire to one peer, by their delay.
//
// Swift (Kumar et al., SIGCOMM 2020), in packets: a target delay, additive increase below it, and above it a decrease
// in proportion, at most once per round trip. The delay is the median over the paths, without the time that packets lay
// in the receiver's ring, so neither one bad path nor a busy process looks like congestion. A mark counts as delay over
// target.
#pragma once

#include <cstdint>

namespace weft::srd {

class Congestion {
 public:
  static constexpr std::uint32_t kInitialWindow = 32;

  std::uint32_t window() const { return static_cast<std::uint32_t>(window_); }

  /// So many packets were acknowledged. `base_ns`: the delay of an empty network. `limited`: the window was in use;
  /// one that was not says nothing about a larger one.
  void acknowledged(std::uint32_t packets, std::uint32_t delay_ns, std::uint32_t base_ns, std::uint32_t queueing_ns,
                    bool marked, bool limited, std::uint64_t now_ns);
  void lost(std::uint32_t round_trip_ns, std::uint64_t now_ns);
  void timed_out() { window_ = window_ / 2 > 1 ? window_ / 2 : 1; }

  /// A peer with many packets under way has the base target, one with few a larger one, so that windows of flows which
  /// share a queue approach each other (Swift 3.5).
  std::uint32_t target_ns(std::uint32_t base_ns, std::uint32_t queueing_ns) const;

 private:
  void decrease(float factor, std::uint32_t round_trip_ns, std::uint64_t now_ns);

  float window_ = kInitialWindow;
  std::uint64_t decreased_ns_ = 0;
};

}  // namespace weft::srd
