// Ports that are wires: a DPDK ethdev, which is a PCI card or one of its VFs, af_xdp, af_packet, memif, pcap and the
// other virtual devices of DPDK. One Port for each queue; all queues of a device share it, and the last one to go stops,
// closes and removes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/model/port_backend.hpp"
#include "dataplane/model/result.hpp"
#include "drivers/port.hpp"

struct rte_mempool;

namespace weft {

/// Probes, configures and starts the device of `backend`, whose driver is kEthdev or kMemif, with `backend.queues` queues
/// in each direction; port q of the result is queue q. EAL is running; for a PCI device it was started with PCI
/// (EalOptions::pci), and may have probed it then. A virtual device is made in the caller's network namespace and stays there.
///
/// `packets` gives the buffers of what is received and must outlive the ports. `mtu` is what is wanted;
/// capabilities().mtu says what the device has of it.
///
/// Errors (code Weft.PortFailed, ResourceInUse or InvalidParameterValue) say what is missing and what would be right.
/// Nothing is left of a device that could not be opened.
///
/// Thread: control. The ports may be destroyed by any thread, after their workers have stopped to poll them.
Result<std::vector<std::unique_ptr<Port>>> open_ethdev_ports(const PortBackend& backend, rte_mempool* packets,
                                                             std::uint16_t mtu);

/// Why the PCI device at `address` ("0000:03:00.0") can be no wire; nothing: sysfs does not say why. Needs no EAL: to be asked
/// before that may touch a card.
std::optional<std::string> why_no_card(const std::string& address);

/// What a device counted since it was opened, by DPDK's own names ("rx_good_packets", "rx_q0_bytes", ...), and the port's own
/// ("weft_rx_bad_ip_checksum", "weft_tx_refused").
struct WireStatistics {
  std::string device;  // as in PortBackend
  std::string driver;  // DPDK's: "net_af_packet"
  bool link_up = false;
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

/// Of all devices that are open in this process. Any thread, except inside a port's methods; takes a lock and asks cards.
std::vector<WireStatistics> wire_statistics();

}  // namespace weft
