#include "dataplane/underlay/lane.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

constexpr std::uint64_t kBacklogOfByte = 8'000'000'000;  // a byte of Lane::backlog_: bits times 10^9

template <typename Number>
Number divide_up(Number dividend, Number divisor) noexcept {
  return (dividend + divisor - 1) / divisor;
}

}  // namespace

LaneCounters& LaneCounters::operator+=(const LaneCounters& other) noexcept {
  packets += other.packets;
  bytes += other.bytes;
  for (std::size_t i = 0; i < kCauses; ++i) dropped[i] += other.dropped[i];
  duplicated += other.duplicated;
  reordered += other.reordered;
  corrupted += other.corrupted;
  marked += other.marked;
  return *this;
}

void Lane::change(const Impairment& impairment, std::uint64_t now_ns) noexcept {
  backlog_ = impairment.rate_bps == 0 ? 0 : backlog(now_ns);
  as_of_ns_ = std::max(as_of_ns_, now_ns);
  if (impairment.flap != impairment_.flap) flaps_since_ns_ = now_ns;
  if (impairment.loss != impairment_.loss) {
    nth_count_ = 0;
    bad_ = false;
  }
  impairment_ = impairment;
}

void Lane::restart(std::uint64_t seed, std::uint64_t now_ns) noexcept {
  random_ = Generator(seed);
  flaps_since_ns_ = now_ns;
  nth_count_ = 0;
  bad_ = false;
}

bool Lane::is_down(std::uint64_t now_ns) const noexcept {
  if (impairment_.down) return true;
  const Flap& flap = impairment_.flap;
  return flap.period_ns != 0 && now_ns >= flaps_since_ns_ && (now_ns - flaps_since_ns_) % flap.period_ns < flap.down_ns;
}

/// The state changes before the packet is looked at, so `to_bad` is the probability that a burst begins with it.
bool Lane::is_lost() noexcept {
  const Loss& loss = impairment_.loss;
  switch (loss.kind) {
    case Loss::Kind::kNone: return false;
    case Loss::Kind::kBernoulli: return random_.chance(loss.loss);
    case Loss::Kind::kGilbertElliott:
      if (random_.chance(bad_ ? loss.to_good : loss.to_bad)) bad_ = !bad_;
      return bad_ && random_.chance(loss.loss);
    case Loss::Kind::kNth: return loss.nth != 0 && ++nth_count_ % loss.nth == 0;
  }
  return false;
}

Lane::Wide Lane::backlog(std::uint64_t now_ns) const noexcept {
  if (now_ns <= as_of_ns_) return backlog_;
  const Wide sent = static_cast<Wide>(now_ns - as_of_ns_) * impairment_.rate_bps;
  return backlog_ > sent ? backlog_ - sent : 0;
}

std::uint64_t Lane::queued_bytes(std::uint64_t now_ns) const noexcept {
  return static_cast<std::uint64_t>(divide_up<Wide>(backlog(now_ns), kBacklogOfByte));
}

Outcome Lane::drop(Cause cause) noexcept {
  ++counters_.dropped[static_cast<std::size_t>(cause)];
  Outcome outcome;
  outcome.dropped = cause;
  return outcome;
}

Outcome Lane::offer(std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept {
  ++counters_.packets;
  counters_.bytes += bytes;
  if (is_down(now_ns)) return drop(Cause::kDown);

  // 1. The queue, and when the last bit of this packet has left it.
  Outcome outcome;
  std::uint64_t at_ns = now_ns;
  if (impairment_.rate_bps != 0) {
    const std::uint64_t room = impairment_.queue_bytes == 0 ? kDefaultQueueBytes : impairment_.queue_bytes;
    const std::uint64_t waiting = queued_bytes(now_ns);
    if (waiting + bytes > room) return drop(Cause::kQueue);
    outcome.marked = ect && impairment_.ecn_bytes != 0 && waiting > impairment_.ecn_bytes;
    backlog_ = backlog(now_ns) + static_cast<Wide>(bytes) * kBacklogOfByte;
    as_of_ns_ = std::max(as_of_ns_, now_ns);
    at_ns = as_of_ns_ + static_cast<std::uint64_t>(divide_up<Wide>(backlog_, impairment_.rate_bps));
  }

  // 2. The way.
  if (is_lost()) return drop(Cause::kLoss);
  at_ns += impairment_.latency_ns + random_.up_to(impairment_.jitter_ns);
  latest_ns_ = at_ns = std::max(at_ns, latest_ns_);
  if (random_.chance(impairment_.duplicate)) {
    outcome.copy_at_ns = at_ns;
    ++counters_.duplicated;
  }
  if (random_.chance(impairment_.reorder)) {
    at_ns += impairment_.reorder_ns;
    ++counters_.reordered;
  }
  if (bytes != 0 && random_.chance(impairment_.corrupt)) {
    outcome.flipped_bit = static_cast<std::uint32_t>(random_.up_to(std::uint64_t{bytes} * 8 - 1));
    ++counters_.corrupted;
  }
  counters_.marked += outcome.marked;
  outcome.at_ns = at_ns;
  return outcome;
}

}  // namespace weft::underlay
