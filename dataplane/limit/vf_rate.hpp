// max_tx_rate of one virtual function: what its guest may send, whoever it is for. A bucket of 10 ms at the rate that all
// workers which poll the function's queues share; excess is dropped (docs/decisions/0005). Real cards police there as well.
//
// Thread: pass() by the worker whose number it is given, all workers at once.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/limit/shared_size.hpp"
#include "dataplane/limit/token_bucket.hpp"

namespace weft {

class VfRate {
 public:
  /// Full, the leases included.
  VfRate(std::uint32_t mbps, unsigned workers, std::uint64_t now_ns)
      : mbps_(mbps), bucket_(size_of(mbps, workers), now_ns), shares_(workers, Share{TokenLease(bucket_.size().lease)}) {}

  /// Spends `bytes`, as wire_size() counts; false when there are too few, and then nothing is spent.
  bool pass(unsigned worker, std::uint64_t bytes, std::uint64_t now_ns) noexcept {
    TokenLease& lease = shares_[worker].lease;
    if (!lease.reserve(bucket_, bytes, now_ns)) return false;
    lease.spend(bytes);
    return true;
  }
  std::uint32_t mbps() const noexcept { return mbps_; }

  static TokenBucket::Size size_of(std::uint32_t mbps, unsigned workers) {
    constexpr double kBytesPerMegabit = 1e6 / 8, kBurstSeconds = 0.01;
    return shared_byte_size(mbps * kBytesPerMegabit, kBurstSeconds, workers);
  }

 private:
  struct alignas(64) Share {
    TokenLease lease;
  };
  const std::uint32_t mbps_;
  TokenBucket bucket_;
  std::vector<Share> shares_;
};

}  // namespace weft
