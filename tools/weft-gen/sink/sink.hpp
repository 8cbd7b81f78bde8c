// What arrives at one end, judged: whose frame it is, its place in its stream, how long it was under way.
//
// Thread: the receiver's alone while a trial lasts. No allocation after begin().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tools/weft-gen/sink/histogram.hpp"
#include "tools/weft-gen/sink/stream.hpp"

namespace weft::gen {

class Sink {
 public:
  /// Streams of `direction` (0 or kReverse); the signature lies behind the headers. Without streams every frame counts.
  Sink(std::uint16_t streams, std::uint16_t direction, std::size_t header_bytes)
      : direction_(direction), header_bytes_(header_bytes), streams_(streams) {}

  void begin(std::uint16_t trial);
  /// A frame that arrived at the tick `now`; `hardware`: what the card says when that was.
  void see(std::span<const std::byte> frame, std::uint64_t now, std::optional<std::uint64_t> hardware) noexcept;

  std::uint64_t received() const noexcept { return received_; }  // each frame once
  std::uint64_t received_bytes() const noexcept { return received_bytes_; }
  std::uint64_t duplicates() const noexcept { return duplicates_; }
  std::uint64_t reordered() const noexcept { return reordered_; }
  std::uint64_t foreign() const noexcept { return foreign_; }
  std::uint64_t late() const noexcept { return late_; }
  const std::vector<Stream>& streams() const noexcept { return streams_; }
  const Histogram& latency() const noexcept { return latency_; }
  const Histogram& hardware_latency() const noexcept { return hardware_latency_; }

 private:
  void count(std::size_t bytes) noexcept;

  std::uint16_t direction_, trial_ = 0;
  std::size_t header_bytes_;
  std::vector<Stream> streams_;
  std::uint64_t received_ = 0, received_bytes_ = 0, duplicates_ = 0, reordered_ = 0, foreign_ = 0, late_ = 0;
  Histogram latency_, hardware_latency_;
};

}  // namespace weft::gen
