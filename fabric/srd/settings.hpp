// What the transport's numbers depend on: where it runs. One for an endpoint; its peers refer to it.
#pragma once

#include <cstdint>

namespace weft::srd {

inline constexpr std::uint32_t kMaxPaths = 64;

struct TransportSettings {
  /// No timeout before that: a process that computes or waits for a core is late by it (facts fabric 5.10).
  std::uint64_t timeout_floor_ns = 500'000;
  /// Timeouts double up to that: ten packets a second are no load, and as many tries in the bound below that a network
  /// which loses half of all packets and half of all answers is got through.
  std::uint64_t timeout_last_ns = 100'000'000;
  /// A peer of which nothing new is heard for so long is unresponsive. EFA's devices take some seconds, too.
  std::uint64_t unresponsive_ns = 7'000'000'000;
  /// How much more than an empty network's delay congestion control lets a packet wait: Swift's 5 us for each of 5
  /// hops.
  std::uint32_t queueing_ns = 25'000;
  /// Ways through the network that a path id selects, 1 to kMaxPaths.
  std::uint32_t paths = 16;
};

constexpr TransportSettings bare_metal() { return {}; }
/// A hypervisor takes a core away for milliseconds.
constexpr TransportSettings virtual_machine() {
  TransportSettings settings;
  settings.timeout_floor_ns = 5'000'000;
  settings.queueing_ns = 250'000;
  return settings;
}
/// Many processes share few cores.
constexpr TransportSettings continuous_integration() {
  TransportSettings settings;
  settings.timeout_floor_ns = 20'000'000;
  settings.queueing_ns = 1'000'000;
  return settings;
}

}  // namespace weft::srd
