// What is at the other end of an ENI's virtual function: how its frames get in and out (drivers/). Pure values.
#pragma once

#include <cstdint>
#include <string>

namespace weft {

/// `port:` of an interface in the topology file.
struct PortBackend {
  enum class Driver : std::uint8_t {
    kTap,        // a TAP in the instance's namespace, which weftd makes
    kVhostUser,  // a virtual machine or a DPDK program with virtio, by a unix socket
    kEthdev,     // a DPDK device: a PCI card or one of its VFs, af_xdp, af_packet, pcap, ...
    kMemif,      // shared memory with a container or a DPDK program, by a unix socket
  };
  Driver driver = Driver::kTap;
  std::string device;        // ethdev: "0000:03:00.0", or a vdev with its arguments: "net_af_packet,iface=eth1"
  std::string socket;        // vhost-user, memif: an absolute path
  bool server = true;        // weftd listens at `socket`; false: it connects, and tries again for ever
  std::uint32_t id = 0;      // memif: of the interface, on its socket
  std::uint16_t queues = 1;  // in each direction, at most kMostQueues

  bool is_tap() const { return driver == Driver::kTap; }
  /// What no two ports can have at a time: the socket (with memif's id), or the device, whatever its
  /// arguments. Empty: a TAP, which each has.
  std::string resource() const;
  bool operator==(const PortBackend&) const = default;
};

/// Of one port. Queue q is polled by worker q modulo the number of workers.
inline constexpr std::uint16_t kMostQueues = 64;
/// sun_path without the zero at its end, unix(7).
inline constexpr std::size_t kLongestSocketPath = 107;

/// The topology file's word: "tap", "vhost-user", "ethdev" or "memif".
std::string driver_name(PortBackend::Driver driver);

/// "tap", "vhost-user /run/vm.sock (server, 2 queues)", "ethdev 0000:03:00.0"
std::string describe(const PortBackend& backend);

/// `text` with "{instance}" and "{index}" replaced: a declaration with a count needs a socket or device for each.
std::string with_names(std::string text, const std::string& instance, int device_index);

}  // namespace weft
