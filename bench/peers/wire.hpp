// The two memif ports that join a device under test and the generator, each a process of its own on a core of its own.
// memif is a PMD that DPDK's testpmd, Open vSwitch and these programs all have, needs no hardware, and copies a packet
// once for each side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <rte_ethdev.h>

namespace weft::bench {

struct WireOptions {
  std::string directory;  // of the sockets a.sock and b.sock
  bool server = false;    // the device under test; the generator is the client of both
};

/// EAL arguments that make ethdev 0 (a) and ethdev 1 (b).
std::vector<std::string> wire_arguments(const WireOptions& options);

/// Configures and starts ethdev `port` with one queue each way. Exits with a sentence when it cannot.
void start_wire(std::uint16_t port, rte_mempool* pool);

/// Waits until both ends of both wires are there, at most `seconds`.
bool wait_for_link(double seconds);

}  // namespace weft::bench
