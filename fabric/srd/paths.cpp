#include "fabric/srd/paths.hpp"

#include <algorithm>
#include <bit>

namespace weft::srd {
namespace {

constexpr std::uint64_t bit(std::uint8_t path) { return std::uint64_t{1} << path; }

/// The first set bit from a random one of `count` places on.
std::uint8_t any_of(std::uint64_t set, std::uint32_t count, Random& random) {
  const std::uint32_t from = random.below(count);
  const std::uint64_t behind = set >> from << from;
  return static_cast<std::uint8_t>(std::countr_zero(behind != 0 ? behind : set));
}

}  // namespace

std::uint8_t Paths::choose(Random& random, std::uint64_t now_ns, std::uint8_t avoid) {
  if (count_ == 1) return 0;
  if (now_ns >= next_back_ns_) bring_back(now_ns);
  const std::uint64_t others = avoid < count_ ? usable_ & ~bit(avoid) : usable_;
  if (others == 0) return least_suspect(avoid);
  const std::uint8_t one = any_of(others, count_, random), other = any_of(others, count_, random);
  const std::uint8_t path = cost(other) < cost(one) ? other : one;
  if ((on_trial_ & bit(path)) != 0) {
    // One packet is enough to know. Should nothing be heard of it at all, another follows.
    usable_ &= ~bit(path);
    paths_[path].suspect_until_ns = now_ns + kSuspectLastNs;
    next_back_ns_ = std::min(next_back_ns_, paths_[path].suspect_until_ns);
  }
  return path;
}

std::uint64_t Paths::cost(std::uint8_t path) const {
  const Path& candidate = paths_[path];
  const std::uint64_t delay = candidate.smoothed_ns != 0 ? candidate.smoothed_ns : std::max(median_ns_, 1u);
  return delay * (1 + candidate.in_flight);
}

std::uint8_t Paths::least_suspect(std::uint8_t avoid) const {
  std::uint8_t best = kNone;
  for (std::uint8_t path = 0; path < count_; ++path)
    if (path != avoid && (best == kNone || paths_[path].suspect_until_ns < paths_[best].suspect_until_ns)) best = path;
  return best;
}

std::uint32_t Paths::quickest_ns() const {
  std::uint32_t quickest = 0;
  for (std::uint8_t path = 0; path < count_; ++path) {
    const std::uint32_t smoothed_ns = paths_[path].smoothed_ns;
    if (usable(path) && smoothed_ns != 0 && (quickest == 0 || smoothed_ns < quickest)) quickest = smoothed_ns;
  }
  return quickest;
}

std::uint32_t Paths::suspects() const {
  return count_ - static_cast<std::uint32_t>(std::popcount(usable_ & ~on_trial_));
}

std::uint32_t Paths::sent(std::uint8_t path) {
  ++paths_[path].in_flight;
  return paths_[path].next_sequence++;
}

void Paths::sample(std::uint8_t path, std::uint32_t round_trip_ns, std::uint64_t now_ns) {
  Path& sampled = paths_[path];
  const bool on_trial = (on_trial_ & bit(path)) != 0;
  // What a path was like before it was suspect says nothing now.
  sampled.smoothed_ns = sampled.smoothed_ns == 0 || on_trial
                            ? std::max(round_trip_ns, 1u)
                            : static_cast<std::uint32_t>((std::uint64_t{7} * sampled.smoothed_ns + round_trip_ns) / 8);
  sampled.shortest_ns = sampled.shortest_ns == 0 ? round_trip_ns : std::min(sampled.shortest_ns, round_trip_ns);
  if (count_ == 1 || median_ns_ == 0 || ++samples_ % kSamplesPerMedian == 0) measure();
  if (sampled.smoothed_ns > std::uint64_t{4} * median_ns_) return suspect(path, now_ns);
  if (!on_trial) return;
  on_trial_ &= ~bit(path);
  usable_ |= bit(path);
  sampled.strikes = 0;
}

void Paths::measure() {
  std::array<std::uint32_t, kMaxPaths> delays{}, shortest{};
  std::size_t known = 0;
  for (std::uint32_t path = 0; path < count_; ++path)
    if (paths_[path].smoothed_ns != 0) {
      shortest[known] = paths_[path].shortest_ns;
      delays[known++] = paths_[path].smoothed_ns;
    }
  const auto half = static_cast<std::ptrdiff_t>(known / 2);
  std::nth_element(shortest.begin(), shortest.begin() + half, shortest.begin() + static_cast<std::ptrdiff_t>(known));
  base_ns_ = shortest[known / 2];
  const auto middle = delays.begin() + half;
  std::nth_element(delays.begin(), middle, delays.begin() + static_cast<std::ptrdiff_t>(known));
  median_ns_ = *middle;
  slowest_ns_ = *std::max_element(middle, delays.begin() + static_cast<std::ptrdiff_t>(known));
}

void Paths::suspect(std::uint8_t path, std::uint64_t now_ns) {
  Path& suspected = paths_[path];
  // What else was under way on it says nothing new.
  if (count_ == 1 || (!usable(path) && (on_trial_ & bit(path)) == 0)) return;
  if (suspects() == 0) ++impairments_;
  suspected.suspect_until_ns = now_ns + std::min(kSuspectFirstNs << std::min(suspected.strikes, 4u), kSuspectLastNs);
  ++suspected.strikes;
  usable_ &= ~bit(path);
  on_trial_ &= ~bit(path);
  next_back_ns_ = std::min(next_back_ns_, suspected.suspect_until_ns);
}

void Paths::bring_back(std::uint64_t now_ns) {
  next_back_ns_ = ~std::uint64_t{0};
  for (std::uint8_t path = 0; path < count_; ++path) {
    if (usable(path)) continue;
    if (paths_[path].suspect_until_ns <= now_ns) {
      usable_ |= bit(path);
      on_trial_ |= bit(path);
    } else {
      next_back_ns_ = std::min(next_back_ns_, paths_[path].suspect_until_ns);
    }
  }
}

}  // namespace weft::srd
