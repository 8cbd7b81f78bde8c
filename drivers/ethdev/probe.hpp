// From what the user wrote to a device of DPDK: what to probe, and why it cannot be, in words that say what to do. DPDK
// itself answers with an errno and a line on stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/model/port_backend.hpp"
#include "dataplane/model/result.hpp"
#include "drivers/ethdev/claims.hpp"
#include "drivers/ethdev/kernel_interface.hpp"
#include "drivers/ethdev/memif_listener.hpp"

namespace weft::ethdev {

/// What open_ethdev_ports() says of a wire that cannot be had.
inline Error port_failed(const std::string& sentence) { return {"Weft.PortFailed", sentence, {}}; }

enum class WireKind : std::uint8_t { kCard, kPacketSocket, kXdpSocket, kMemif, kOther };

struct ProbePlan {
  WireKind kind = WireKind::kOther;
  std::string device;   // for people: as the user wrote it
  std::string devargs;  // for rte_dev_probe()
  std::string name;     // of the device in DPDK: devargs up to the first comma
  std::uint16_t mtu = 0;          // wanted; of an interface of the kernel, not above its own
  std::uint32_t ring_frame = 0;   // af_packet: bytes of a frame in its ring
  std::string socket;             // memif's
  bool connects = false;          // memif as a client: there may be nobody yet
  std::optional<KernelInterface> interface;
  std::optional<Claim> claim;
  std::unique_ptr<ListenerShare> listener;  // memif as a server
};

/// Looks whether the device can be had, and takes it for this process.
Result<ProbePlan> plan_probe(const PortBackend& backend, std::uint16_t mtu);

/// What is below a network device of PCI that DPDK cannot have; nothing: it can. `sysfs`: "/sys".
std::optional<std::string> why_not_pci(const std::string& address, const std::string& sysfs);

struct Probed {
  std::uint16_t port = RTE_MAX_ETHPORTS;
  std::vector<int> sockets;  // that af_packet opened, one for each queue
};

/// Probes it: the device is in DPDK's list of ports afterwards.
Result<Probed> probe(const ProbePlan& plan);

/// One argument of a virtual device, "iface" of "net_af_packet0,iface=eth1".
std::optional<std::string> device_argument(const std::string& devargs, const std::string& key);

}  // namespace weft::ethdev
