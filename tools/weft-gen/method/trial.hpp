// A trial: frames sent at a rate for a time, or so many at once, and what became of them. The methods of this folder know
// devices by a function that makes trials, so that tests give them simulated ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace weft::gen {

struct Load {
  double pps = 0;            // of each direction
  double seconds = 0;        // 0: as long as `frames` take
  std::uint64_t frames = 0;  // of each direction, all of them whatever it takes; 0: by the time
};

struct LatencySummary {
  std::uint64_t frames = 0;  // 0: nothing known
  double smallest_us = 0, mean_us = 0, p50_us = 0, p90_us = 0, p99_us = 0, p999_us = 0, p9999_us = 0, largest_us = 0;
  std::vector<std::pair<double, double>> curve;  // share of frames, at most this many us
};

struct DirectionResult {
  std::uint64_t sent = 0, sent_bytes = 0;          // bytes with FCS
  std::uint64_t received = 0, received_bytes = 0;  // each frame once
  std::uint64_t duplicates = 0, reordered = 0;
  std::uint64_t foreign = 0;      // somebody else's frames, or damaged
  std::uint64_t late = 0;         // of an earlier trial
  std::uint64_t skipped = 0;      // that the sender did not manage to send in time
  std::uint64_t refused = 0;      // of the lost: the device's receive ring was full
  std::uint64_t sink_missed = 0;  // of the lost: our own card's receive ring was full
  std::uint32_t streams = 0, streams_with_loss = 0;
  std::uint64_t worst_stream_lost = 0;
  LatencySummary latency = {};
  LatencySummary hardware_latency = {};  // by the card's time stamps, when it has them and was asked

  std::uint64_t lost() const { return sent > received ? sent - received : 0; }
};

struct Trial {
  Load load;
  double seconds = 0;  // in which frames were sent
  std::vector<DirectionResult> directions;
  double sender_tolerance = 0.005;  // share of frames that a sender may be short of
  bool interrupted = false;

  std::uint64_t total(std::uint64_t DirectionResult::*what) const {
    std::uint64_t sum = 0;
    for (const DirectionResult& d : directions) sum += d.*what;
    return sum;
  }
  std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const DirectionResult& d : directions) sum += d.lost();
    return sum;
  }
  /// Of what was sent (RFC 2544 26.3: input count less output count, over input count).
  double loss_ratio() const {
    const std::uint64_t sent = total(&DirectionResult::sent);
    return sent == 0 ? 0 : static_cast<double>(lost()) / static_cast<double>(sent);
  }
  /// Some sender sent less than asked. What it did not send is not the device's loss.
  bool sender_limited() const {
    return std::ranges::any_of(directions, [this](const DirectionResult& d) {
      return static_cast<double>(d.skipped) > sender_tolerance * static_cast<double>(d.sent + d.skipped);
    });
  }
  /// The device cannot be blamed for what our own card missed.
  bool sink_limited() const { return total(&DirectionResult::sink_missed) != 0; }
  /// What was really offered, of each direction: the mean.
  double offered_pps() const { return per_direction(total(&DirectionResult::sent)); }
  double received_pps() const { return per_direction(total(&DirectionResult::received)); }

 private:
  double per_direction(std::uint64_t frames) const {
    if (seconds <= 0 || directions.empty()) return 0;
    return static_cast<double>(frames) / seconds / static_cast<double>(directions.size());
  }
};

using Measure = std::function<Trial(const Load&)>;

}  // namespace weft::gen
