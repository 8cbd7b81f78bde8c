// What one instance may do, and what is left of it (facts ec2 4.3, 5.3, 5.4). An instance without limits has none of
// these: the caller has a null pointer and one branch.
//
// Excess is dropped, not queued: README.md and docs/decisions/0005 say why, and what a shaper would need.
// Thread: charge_*() by the worker whose number it is given, all workers at once; the rest by anybody.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/limit/connection_allowance.hpp"
#include "dataplane/limit/credit_bucket.hpp"
#include "dataplane/limit/flow_meters.hpp"

namespace weft {

/// The allowance that a packet found used up. Fragments are counted by ENA as pps_allowance_exceeded.
enum class Exceeded : std::uint8_t { kNone, kBwIn, kBwOut, kPps, kConntrack, kLinkLocal, kFragment, kFlow };

/// 0: no limit. What EC2 does not publish (facts ec2 11) has its default here.
struct AllowanceLimits {
  double baseline_gbps = 0, peak_gbps = 0;  // each direction for itself
  double gateway_gbps = 0;                  // each direction, through the internet gateway
  std::uint64_t pps = 0;                    // both directions together
  std::uint64_t connections = 0;            // tracked
  double flow_gbps = 0;                     // of a flow to anybody else
  double cluster_flow_gbps = 0;             // of a flow to a member of the same cluster placement group
  std::uint32_t cluster = 0;                // which; 0: none
  double credit_seconds = 300;              // how long full credits sustain the peak; EC2: 5 to 60 minutes
  double burst_ms = 10;                     // what a bucket holds, as time at its rate
  bool operator==(const AllowanceLimits&) const = default;

  bool any() const noexcept {
    return baseline_gbps > 0 || peak_gbps > 0 || gateway_gbps > 0 || pps != 0 || connections != 0 || flow_gbps > 0 ||
           cluster_flow_gbps > 0;
  }
};

/// Bytes above the baseline that may still be sent and received. Kept over a stop: none are earned then.
struct BandwidthCredits {
  std::uint64_t out = 0, in = 0;
};

class InstanceAllowance {
 public:
  enum class Via : std::uint8_t { kVpc, kInternetGateway };

  /// Full at launch. `before` is what the instance had until now: its credits and its count of connections go on.
  InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns,
                    const InstanceAllowance* before = nullptr);
  /// With the credits that it had when it was stopped.
  InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns, BandwidthCredits credits);

  /// A refused packet costs nothing. `bytes` and `packets` as wire_size() counts.
  Exceeded charge_out(unsigned worker, std::uint64_t bytes, std::uint64_t packets, std::uint64_t now_ns,
                      Via via = Via::kVpc) noexcept {
    return charge(out_, shares_[worker].out, Exceeded::kBwOut, worker, bytes, packets, now_ns, via);
  }
  Exceeded charge_in(unsigned worker, std::uint64_t bytes, std::uint64_t packets, std::uint64_t now_ns,
                     Via via = Via::kVpc) noexcept {
    return charge(in_, shares_[worker].in, Exceeded::kBwIn, worker, bytes, packets, now_ns, via);
  }

  /// A burst at once: whether the worker holds tokens for all of it already, so that no packet of it would be refused;
  /// and spending them, after that said yes. Where it says no, each packet is charged for itself.
  bool holds_out(unsigned worker, std::uint64_t bytes, std::uint64_t packets, Via via) const noexcept {
    return holds(out_, shares_[worker].out, worker, bytes, packets, via);
  }
  bool holds_in(unsigned worker, std::uint64_t bytes, std::uint64_t packets, Via via) const noexcept {
    return holds(in_, shares_[worker].in, worker, bytes, packets, via);
  }
  void spend_out(unsigned worker, std::uint64_t bytes, std::uint64_t packets, Via via) noexcept {
    spend(out_, shares_[worker].out, worker, bytes, packets, via);
  }
  void spend_in(unsigned worker, std::uint64_t bytes, std::uint64_t packets, Via via) noexcept {
    spend(in_, shares_[worker].in, worker, bytes, packets, via);
  }

  /// Packets that something else refused: they use the packet allowance as far as there is some.
  void charge_refused(unsigned worker, std::uint64_t packets, std::uint64_t now_ns) noexcept {
    if (packets_.limits() && shares_[worker].packets.reserve(packets_, packets, now_ns))
      shares_[worker].packets.spend(packets);
  }

  ConnectionAllowance& connections() const noexcept { return *connections_; }
  /// Outlives this object where the instance's limits change.
  const std::shared_ptr<ConnectionAllowance>& shared_connections() const noexcept { return connections_; }
  const AllowanceLimits& limits() const noexcept { return limits_; }
  BandwidthCredits credits(std::uint64_t now_ns) const noexcept {
    return {out_.bandwidth.credits(now_ns), in_.bandwidth.credits(now_ns)};
  }

  /// What a flow between two instances may use: the lower of what each allows. Either may be null.
  static const FlowRate& flow_rate(const InstanceAllowance* a, const InstanceAllowance* b) noexcept;

 private:
  struct Direction {
    CreditBucket bandwidth;
    TokenBucket gateway;
  };
  struct DirectionShare {
    CreditLease bandwidth;
    TokenLease gateway;
  };
  struct alignas(64) Share {  // one worker's
    TokenLease packets;
    DirectionShare out, in;
  };
  Share first_share(bool full_credits) const;

  InstanceAllowance(const AllowanceLimits& limits, unsigned workers, std::uint64_t now_ns,
                    std::optional<BandwidthCredits> credits, std::shared_ptr<ConnectionAllowance> connections);
  const FlowRate& flow_rate_to(const InstanceAllowance* peer) const noexcept {
    const bool together = peer != nullptr && limits_.cluster != 0 && peer->limits_.cluster == limits_.cluster;
    return together ? cluster_flow_ : flow_;
  }
  static bool uses_gateway(const Direction& direction, Via via) noexcept {
    return via == Via::kInternetGateway && direction.gateway.limits();
  }
  Exceeded charge(Direction& direction, DirectionShare& share, Exceeded bandwidth, unsigned worker, std::uint64_t bytes,
                  std::uint64_t packets, std::uint64_t now_ns, Via via) noexcept {
    if (packets_.limits() && !shares_[worker].packets.reserve(packets_, packets, now_ns)) return Exceeded::kPps;
    if (!share.bandwidth.reserve(direction.bandwidth, bytes, now_ns)) return bandwidth;
    if (uses_gateway(direction, via) && !share.gateway.reserve(direction.gateway, bytes, now_ns)) return bandwidth;
    spend(direction, share, worker, bytes, packets, via);
    return Exceeded::kNone;
  }
  bool holds(const Direction& direction, const DirectionShare& share, unsigned worker, std::uint64_t bytes,
             std::uint64_t packets, Via via) const noexcept {
    return (!packets_.limits() || shares_[worker].packets.left() >= packets) &&
           share.bandwidth.holds(direction.bandwidth, bytes) &&
           (!uses_gateway(direction, via) || share.gateway.left() >= bytes);
  }
  void spend(const Direction& direction, DirectionShare& share, unsigned worker, std::uint64_t bytes,
             std::uint64_t packets, Via via) noexcept {
    if (packets_.limits()) shares_[worker].packets.spend(packets);
    share.bandwidth.spend(direction.bandwidth, bytes);
    if (uses_gateway(direction, via)) share.gateway.spend(bytes);
  }

  const AllowanceLimits limits_;
  FlowRate flow_, cluster_flow_;
  TokenBucket packets_;
  Direction out_, in_;
  std::vector<Share> shares_;
  std::shared_ptr<ConnectionAllowance> connections_;
};

}  // namespace weft
