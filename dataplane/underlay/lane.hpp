// One direction of one path: what becomes of each packet that is given to it. Pure: the caller says what time it is, and the
// same seed with the same calls gives the same outcomes.
//
// In this order: down or not; the queue before the rate; what the path loses; latency, jitter, what is held back; a second
// copy; a flipped bit. So a lost packet has taken its time on the wire, and one that found no room has not.
//
// Times are nanoseconds of the caller's clock, bytes are whatever the caller counts as a packet's (the worker: its frame's).
// Thread: its owner's. Nothing is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/underlay/generator.hpp"
#include "dataplane/underlay/impairment.hpp"

namespace weft::underlay {

enum class Cause : std::uint8_t { kDown, kLoss, kQueue };
inline constexpr std::size_t kCauses = 3;
inline constexpr std::uint32_t kDefaultQueueBytes = 256 * 1024;  // impairment.hpp

struct Outcome {
  std::optional<Cause> dropped;  // then nothing else is said
  std::uint64_t at_ns = 0;       // when it arrives; not before the call's `now_ns`
  std::optional<std::uint64_t> copy_at_ns;  // when a second one does
  std::optional<std::uint32_t> flipped_bit;  // below 8 * bytes; of the first copy
  bool marked = false;           // CE (RFC 3168)
};

struct LaneCounters {
  std::uint64_t packets = 0, bytes = 0;  // that were given to it
  std::array<std::uint64_t, kCauses> dropped{};
  std::uint64_t duplicated = 0, reordered = 0, corrupted = 0, marked = 0;

  LaneCounters& operator+=(const LaneCounters& other) noexcept;
};

class Lane {
 public:
  Lane(const Impairment& impairment, std::uint64_t seed, std::uint64_t now_ns)
      : impairment_(impairment), random_(seed), flaps_since_ns_(now_ns), as_of_ns_(now_ns) {}

  /// Another impairment from now on. What waits keeps its place, and nothing that comes later overtakes it. A flap that is
  /// another one begins now.
  void change(const Impairment& impairment, std::uint64_t now_ns) noexcept;

  /// Another seed from now on: everything random, counted or periodic begins as in a lane that is made now, so that the same
  /// seed with the same calls is the same run again. What waits keeps its place as above, and the counters go on.
  void restart(std::uint64_t seed, std::uint64_t now_ns) noexcept;

  /// `ect`: the packet's ECN field says that its ends understand a mark.
  Outcome offer(std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept;

  /// What waits for the rate, the rest of the packet that is on its way out included.
  std::uint64_t queued_bytes(std::uint64_t now_ns) const noexcept;
  const LaneCounters& counters() const noexcept { return counters_; }
  const Impairment& impairment() const noexcept { return impairment_; }

 private:
  __extension__ using Wide = unsigned __int128;

  bool is_down(std::uint64_t now_ns) const noexcept;
  bool is_lost() noexcept;
  Wide backlog(std::uint64_t now_ns) const noexcept;
  Outcome drop(Cause cause) noexcept;

  Impairment impairment_;
  Generator random_;
  std::uint64_t flaps_since_ns_;
  // The queue, exactly: bits that wait times 10^9, of which every nanosecond takes `rate_bps`. No rounding adds up.
  Wide backlog_ = 0;
  std::uint64_t as_of_ns_;
  std::uint64_t latest_ns_ = 0;  // when the last packet in order arrives
  std::uint64_t nth_count_ = 0;
  bool bad_ = false;  // Gilbert and Elliott's state
  LaneCounters counters_;
};

}  // namespace weft::underlay
