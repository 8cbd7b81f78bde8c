// The two memif ports that join a device under test and the generator, each a process of its own on a core of its own.
// memif is a PMD that DPDK's testpmd, Open vSwitch and these programs all have, and needs no hardware. The device copies
// a packet once on each side. The generator does not: the device reads its packets, and writes into its buffers, where
// they are, or the generator would be the slowest of the three.
//
// A wire has one queue towards the device and two from it. Open vSwitch keeps queue 0 for its main thread, and its one
// PMD thread sends on queue 1; to a generator with one queue it delivers nothing. The others have the same two, and use one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <rte_ethdev.h>

namespace weft::bench {

inline constexpr std::uint16_t kQueuesToDevice = 1, kQueuesFromDevice = 2;

struct WireOptions {
  std::string directory;  // of the sockets a.sock and b.sock
  bool device = false;    // the device under test is memif's server; the generator is the client of both
};

/// EAL arguments that make ethdev 0 (a) and ethdev 1 (b).
std::vector<std::string> wire_arguments(const WireOptions& options);

/// Configures and starts ethdev `port`. Exits with a sentence when it cannot.
void start_wire(std::uint16_t port, const WireOptions& options, rte_mempool* pool);

/// Waits until both ends of both wires are there, at most `seconds`.
bool wait_for_link(double seconds);

}  // namespace weft::bench
