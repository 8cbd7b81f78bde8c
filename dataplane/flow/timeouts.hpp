// Idle time-outs of the track states. EC2 publishes some (facts ec2 2.4); the others are ours, with the reason.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/flow/entry.hpp"

namespace weft {

inline constexpr std::uint32_t kTicksPerSecond = static_cast<std::uint32_t>(1'000'000'000 / kFlowTickNs);

// EC2's defaults.
inline constexpr std::uint32_t kUdpTimeout = 30 * kTicksPerSecond;                  // UdpTimeout: 30-60 s
inline constexpr std::uint32_t kUdpStreamTimeout = 180 * kTicksPerSecond;           // UdpStreamTimeout: 60-180 s
inline constexpr std::uint32_t kTcpEstablishedTimeout = 432'000 * kTicksPerSecond;  // 5 days, before Nitro v6
inline constexpr std::uint32_t kOtherTimeout = 600 * kTicksPerSecond;               // other protocols, by address

// Not published by EC2.
/// Linux gives up on a half-open connection after 60 s without a packet (nf_conntrack_tcp_timeout_syn_recv).
inline constexpr std::uint32_t kTcpOpeningTimeout = 60 * kTicksPerSecond;
/// As long as a Linux end stays in TIME-WAIT: its late segments and repeated FINs still pass.
inline constexpr std::uint32_t kTcpClosingTimeout = 60 * kTicksPerSecond;
/// nf_conntrack_icmp_timeout; longer than any ping interval in use.
inline constexpr std::uint32_t kIcmpTimeout = 30 * kTicksPerSecond;
/// An untracked entry only caches verdicts: when it goes, the gates are asked again.
inline constexpr std::uint32_t kUntrackedTimeout = 30 * kTicksPerSecond;

using IdleTimeouts = std::array<std::uint32_t, kTrackStates>;  // ticks, by TrackState

inline constexpr IdleTimeouts kIdleTimeouts = {kUntrackedTimeout,      kUdpTimeout,  kUdpStreamTimeout, kTcpOpeningTimeout,
                                               kTcpEstablishedTimeout, kIcmpTimeout, kOtherTimeout,     kTcpClosingTimeout};

/// The time-outs of each ENI (ConnectionTrackingSpecification, facts ec2 2.4). Immutable while a flow table uses it.
/// A flow has its idle time-out at each end for itself, as EC2 has it on each end's host.
class TimeoutTable {
 public:
  const IdleTimeouts& defaults() const noexcept { return defaults_; }
  const IdleTimeouts& of(std::uint16_t eni) const noexcept { return eni < by_eni_.size() ? by_eni_[eni] : defaults_; }
  /// An ENI that differs from the defaults; its flows are marked (TrackByte).
  bool has_own(std::uint16_t eni) const noexcept { return eni < by_eni_.size() && by_eni_[eni] != defaults_; }

  void set_defaults(const IdleTimeouts& timeouts) { defaults_ = timeouts; }  // first
  void set(std::uint16_t eni, const IdleTimeouts& timeouts) {
    if (eni >= by_eni_.size()) by_eni_.resize(eni + std::size_t{1}, defaults_);
    by_eni_[eni] = timeouts;
  }

 private:
  IdleTimeouts defaults_ = kIdleTimeouts;
  std::vector<IdleTimeouts> by_eni_;  // up to the last ENI that has its own
};

inline const TimeoutTable kDefaultTimeouts;

// Ages are differences of 32-bit ticks, taken as signed: see expired().
static_assert(kTcpEstablishedTimeout < 1U << 31);

}  // namespace weft
