// What is known to be lost by what came instead.
//
//  PathOrder  A path keeps order, so three later packets of the same path say that a packet is gone. Spraying over
//  paths
//             never looks like loss this way.
//  SendOrder  Across paths only time tells: a packet is gone when one that was sent later, by the slowest path's round
//  trip
//             and a reorder window, has been acknowledged (RACK, RFC 8985).
#pragma once

#include <array>
#include <cstdint>

#include "fabric/srd/packet.hpp"

namespace weft::srd {

class PathOrder {
 public:
  /// The transmission with this number of the path's own count has come.
  void acknowledged(std::uint32_t sequence) {
    if (count_ < newest_.size())
      ++count_;
    else if (!after(sequence, newest_.back()))
      return;
    std::size_t at = count_ - 1u;
    for (; at > 0 && after(sequence, newest_[at - 1]); --at) newest_[at] = newest_[at - 1];
    newest_[at] = sequence;
  }
  /// Three that were sent after it have come.
  bool overtaken(std::uint32_t sequence) const { return count_ == newest_.size() && after(newest_.back(), sequence); }

 private:
  std::array<std::uint32_t, 3> newest_{};  // newest first
  std::uint32_t count_ = 0;
};

class SendOrder {
 public:
  void acknowledged(std::uint64_t sent_ns) {
    if (sent_ns > newest_ns_) newest_ns_ = sent_ns;
  }
  /// What was sent before that is lost.
  std::uint64_t lost_before(std::uint64_t slowest_path_ns, std::uint64_t reorder_ns) const {
    const std::uint64_t allowed = slowest_path_ns + reorder_ns;
    return newest_ns_ > allowed ? newest_ns_ - allowed : 0;
  }

 private:
  std::uint64_t newest_ns_ = 0;
};

}  // namespace weft::srd
