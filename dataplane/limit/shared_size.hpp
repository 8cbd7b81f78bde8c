// How large a bucket and its leases are that several workers share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dataplane/limit/token_bucket.hpp"

namespace weft {

/// Leases are tokens that have left the bucket and may be spent at any time, so they are taken from the burst: bucket
/// and leases together never hold more than it. They are an eighth of it at most.
inline TokenBucket::Size shared_size(double rate, double burst, std::uint64_t largest_lease, unsigned workers) {
  const auto whole_burst = static_cast<std::uint64_t>(std::ceil(burst));
  const std::uint64_t lease = std::clamp<std::uint64_t>(whole_burst / (8ULL * workers), 1, largest_lease);
  const std::uint64_t leased = lease * workers;
  return {.rate = static_cast<std::uint64_t>(std::llround(rate)),
          .burst = whole_burst > leased ? whole_burst - leased : 1,
          .lease = lease};
}

/// Of bytes a second; the burst is what comes in that time.
inline TokenBucket::Size shared_byte_size(double rate, double burst_seconds, unsigned workers) {
  constexpr std::uint64_t kLeaseBytes = 262144;         // four super-segments, or five bursts of full frames
  constexpr std::uint64_t kSmallestBurstBytes = 65536;  // so that one super-segment does not mean a debt
  return shared_size(rate, std::max<double>(rate * burst_seconds, kSmallestBurstBytes), kLeaseBytes, workers);
}

}  // namespace weft
