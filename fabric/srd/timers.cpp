#include "fabric/srd/timers.hpp"

#include <algorithm>

namespace weft::srd {

void Timers::started(std::uint64_t now_ns) {
  if (running_) return;
  running_ = true;
  since_ns_ = now_ns;
  if (!waiting_) waiting_since_ns_ = now_ns;
  waiting_ = true;
}

void Timers::progressed(std::uint64_t now_ns, bool sampled) {
  since_ns_ = waiting_since_ns_ = now_ns;
  probed_ = asking_ = busy_ = drained_ = false;
  if (sampled) backoff_ = jitter_ = 0;
}

void Timers::stopped(bool heard) {
  running_ = asking_ = busy_ = drained_ = false;
  if (heard) waiting_ = false;
}

std::uint64_t Timers::deadline_ns(const RoundTrip& round_trip, const TransportSettings& settings) const {
  if (!running_) return kNever;
  if (drained_) {
    const std::uint64_t answer =
        round_trip.known() ? round_trip.smoothed_ns() + std::uint64_t{kReorderFloorNs} : settings.timeout_floor_ns;
    return since_ns_ + answer;
  }
  std::uint64_t wait = std::min(round_trip.timeout_ns(settings.timeout_floor_ns) << backoff_, settings.timeout_last_ns);
  wait += wait * jitter_ / 1024;
  if (may_probe(round_trip)) wait = std::min(wait, std::uint64_t{2} * round_trip.smoothed_ns() + kReorderFloorNs);
  return std::min(since_ns_ + wait, std::max(waiting_since_ns_ + settings.unresponsive_ns, since_ns_));
}

Timers::Due Timers::expire(std::uint64_t now_ns, const RoundTrip& round_trip, const TransportSettings& settings,
                           Random& random) {
  if (now_ns < deadline_ns(round_trip, settings)) return Due::kNothing;
  if (drained_) return act(now_ns, round_trip, settings, random);
  asking_ = true;
  return Due::kAsk;
}

Timers::Due Timers::progress(const PeerProgress& peer, std::uint64_t now_ns, const RoundTrip& round_trip,
                             const TransportSettings& settings, Random& random) {
  if (!asking_) return Due::kNothing;
  asking_ = false;
  if (!peer.known) return act(now_ns, round_trip, settings, random);
  if (!peer.alive) return Due::kUnresponsive;
  const bool was_busy = busy_;
  if (!busy_) unread_ = peer.delivered;
  busy_ = static_cast<std::int32_t>(unread_ - peer.consumed) > 0;
  drained_ = !busy_;
  since_ns_ = now_ns;
  if (busy_ || was_busy) waiting_since_ns_ = now_ns;
  return Due::kNothing;
}

Timers::Due Timers::act(std::uint64_t now_ns, const RoundTrip& round_trip, const TransportSettings& settings,
                        Random& random) {
  drained_ = false;
  if (now_ns - waiting_since_ns_ >= settings.unresponsive_ns) return Due::kUnresponsive;
  since_ns_ = now_ns;
  if (may_probe(round_trip)) {
    probed_ = true;
    return Due::kProbe;
  }
  // 20 ms doubled 10 times is beyond any last timeout.
  jitter_ = static_cast<std::uint8_t>(random.below(256));
  backoff_ = static_cast<std::uint8_t>(std::min(backoff_ + 1, 10));
  return Due::kTimeout;
}

}  // namespace weft::srd
