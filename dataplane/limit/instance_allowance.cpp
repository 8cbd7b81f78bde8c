#include "dataplane/limit/instance_allowance.hpp"

#include <algorithm>
#include <cmath>

#include "dataplane/limit/shared_size.hpp"

namespace weft {
namespace {

constexpr double kBytesPerGbit = 1e9 / 8;
constexpr std::uint64_t kLeasePackets = 256;    // eight bursts of a worker
constexpr std::uint64_t kSmallestBurstPackets = 32;   // one burst of a worker

TokenBucket::Size byte_bucket(double gbps, const AllowanceLimits& limits, unsigned workers) {
  if (gbps <= 0) return {};
  return shared_byte_size(gbps * kBytesPerGbit, limits.burst_ms / 1e3, workers);
}

TokenBucket::Size packet_bucket(const AllowanceLimits& limits, unsigned workers) {
  if (limits.pps == 0) return {};
  const auto rate = static_cast<double>(limits.pps);
  return shared_size(rate, std::max<double>(rate * limits.burst_ms / 1e3, kSmallestBurstPackets), kLeasePackets, workers);
}

CreditBucket::Size bandwidth_bucket(const AllowanceLimits& limits, unsigned workers) {
  const double peak = std::max(limits.peak_gbps, limits.baseline_gbps);
  CreditBucket::Size size{.peak = byte_bucket(peak, limits, workers), .credits = {}};
  if (limits.baseline_gbps <= 0 || limits.baseline_gbps >= peak) return size;
  size.credits = byte_bucket(limits.baseline_gbps, limits, workers);
  const double credits = (peak - limits.baseline_gbps) * kBytesPerGbit * limits.credit_seconds;
  size.credits.burst += static_cast<std::uint64_t>(std::llround(std::max(credits, 0.0)));
  return size;
}

FlowRate flow(double gbps, const AllowanceLimits& limits) {
  return gbps <= 0 ? FlowRate{} : FlowRate(gbps, static_cast<std::uint64_t>(std::llround(limits.burst_ms * 1e6)));
}

std::shared_ptr<ConnectionAllowance> connections_after(const std::shared_ptr<ConnectionAllowance>* before,
                                                       std::uint64_t limit) {
  if (before == nullptr) return std::make_shared<ConnectionAllowance>(limit);
  (*before)->set_limit(limit);
  return *before;
}

}  // namespace

InstanceAllowance::InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns,
                                     std::optional<BandwidthCredits> credits,
                                     std::shared_ptr<ConnectionAllowance> connections)
    : limits_(limits),
      flow_(flow(limits.flow_gbps, limits)),
      cluster_flow_(flow(limits.cluster_flow_gbps, limits)),
      srd_flow_(flow(limits.srd_flow_gbps, limits)),
      packets_(packet_bucket(limits, workers), now_ns),
      out_{{bandwidth_bucket(limits, workers), now_ns, credits ? credits->out : UINT64_MAX},
           {byte_bucket(limits.gateway_gbps, limits, workers), now_ns}},
      in_{{bandwidth_bucket(limits, workers), now_ns, credits ? credits->in : UINT64_MAX},
          {byte_bucket(limits.gateway_gbps, limits, workers), now_ns}},
      shares_(workers, first_share(!credits)),
      connections_(std::move(connections)) {}

/// Full at launch means the leases too.
InstanceAllowance::Share InstanceAllowance::first_share(bool full_credits) const {
  const CreditBucket& bandwidth = out_.bandwidth;
  Share share;
  share.packets = TokenLease(packets_.size().lease);
  share.out.gateway = share.in.gateway = TokenLease(out_.gateway.size().lease);
  share.out.bandwidth = share.in.bandwidth =
      CreditLease(bandwidth.peak_bucket().size().lease, full_credits ? bandwidth.credit_bucket().size().lease : 0);
  return share;
}

// An instance that had no credits to spend, because its baseline was its peak, starts with all of the new ones.
InstanceAllowance::InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns,
                                     const InstanceAllowance* before)
    : InstanceAllowance(limits, workers, now_ns,
                        before != nullptr && before->out_.bandwidth.credit_bucket().limits()
                            ? std::optional(before->credits(now_ns))
                            : std::nullopt,
                        connections_after(before == nullptr ? nullptr : &before->connections_, limits.connections)) {}

InstanceAllowance::InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns,
                                     BandwidthCredits credits)
    : InstanceAllowance(limits, workers, now_ns, std::optional(credits),
                        connections_after(nullptr, limits.connections)) {}

const FlowRate& InstanceAllowance::flow_rate(const InstanceAllowance* a, const InstanceAllowance* b,
                                             bool by_srd) noexcept {
  static constexpr FlowRate kUnlimited;
  const FlowRate& mine = a == nullptr ? kUnlimited : a->flow_rate_to(b, by_srd);
  const FlowRate& theirs = b == nullptr ? kUnlimited : b->flow_rate_to(a, by_srd);
  return theirs.slower_than(mine) ? theirs : mine;
}

}  // namespace weft
