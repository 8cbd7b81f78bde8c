// The bandwidth of one direction: a baseline, and a peak that network I/O credits pay for (facts ec2 5.4).
//
// Credits are earned while the instance stays below its baseline and spent while it is above. Both are what a bucket
// does that fills at the baseline, holds the credits, and from which every byte is taken; a second bucket of the peak
// rate and a short burst stands before it. An instance whose baseline is its peak has the second one only.
#pragma once

#include <cstdint>

#include "dataplane/limit/token_bucket.hpp"

namespace weft {

class CreditBucket {
 public:
  struct Size {
    TokenBucket::Size peak;     // bytes; rate 0: no limit
    TokenBucket::Size credits;  // rate: the baseline; burst: all credits, full at launch; rate 0: baseline is peak
  };

  CreditBucket(const Size& size, std::uint64_t now_ns) noexcept : CreditBucket(size, now_ns, size.credits.burst) {}
  CreditBucket(const Size& size, std::uint64_t now_ns, std::uint64_t credits) noexcept
      : peak_(size.peak, now_ns), credits_(size.credits, now_ns, credits) {}

  std::uint64_t credits(std::uint64_t now_ns) const noexcept { return credits_.limits() ? credits_.level(now_ns) : 0; }
  bool limits() const noexcept { return peak_.limits() || credits_.limits(); }

  TokenBucket& peak_bucket() noexcept { return peak_; }
  const TokenBucket& peak_bucket() const noexcept { return peak_; }
  TokenBucket& credit_bucket() noexcept { return credits_; }
  const TokenBucket& credit_bucket() const noexcept { return credits_; }

 private:
  TokenBucket peak_;
  TokenBucket credits_;
};

/// One worker's share of a CreditBucket.
class CreditLease {
 public:
  CreditLease() = default;
  CreditLease(std::uint64_t peak, std::uint64_t credits) noexcept : peak_(peak), credits_(credits) {}

  bool reserve(CreditBucket& bucket, std::uint64_t bytes, std::uint64_t now_ns) noexcept {
    if (bucket.peak_bucket().limits() && !peak_.reserve(bucket.peak_bucket(), bytes, now_ns)) return false;
    return !bucket.credit_bucket().limits() || credits_.reserve(bucket.credit_bucket(), bytes, now_ns);
  }
  /// Whether reserve() would take nothing from the bucket.
  bool holds(const CreditBucket& bucket, std::uint64_t bytes) const noexcept {
    return (!bucket.peak_bucket().limits() || peak_.left() >= bytes) &&
           (!bucket.credit_bucket().limits() || credits_.left() >= bytes);
  }
  void spend(const CreditBucket& bucket, std::uint64_t bytes) noexcept {
    if (bucket.peak_bucket().limits()) peak_.spend(bytes);
    if (bucket.credit_bucket().limits()) credits_.spend(bytes);
  }

 private:
  TokenLease peak_;
  TokenLease credits_;
};

}  // namespace weft
