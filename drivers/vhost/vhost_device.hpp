// A vhost-user device: the other half of a virtio-net card of a virtual machine (QEMU) or of a DPDK program (virtio-user).
//
// rte_vhost does the sockets, the protocol and the mapping of the guest's memory, in threads of its own that call us back.
// The frames are ours (frames.hpp, queue_pair.hpp says why). One guest at a time: who connects while another is connected
// is sent away.
//
// Thread: open_vhost_ports() and a port's destructor belong to the control thread; the rest of a Port is drivers/port.hpp's.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <rte_mempool.h>

#include "dataplane/model/port_backend.hpp"
#include "dataplane/model/result.hpp"
#include "drivers/port.hpp"
#include "drivers/vhost/queue_pair.hpp"

namespace weft {

/// Opens `backend.socket` (server: a guest connects to it; client: it connects to a guest's, and tries again for ever), with
/// backend.queues queue pairs: one Port for each. The pools must outlive the ports; `large_rooms` may be null.
/// Errors: Weft.SocketPath, Weft.PortFailed. EAL must have been started.
Result<std::vector<std::unique_ptr<Port>>> open_vhost_ports(const PortBackend& backend, rte_mempool* packets,
                                                            rte_mempool* large_rooms, std::uint16_t mtu);

class VhostDevice {
 public:
  static Result<std::shared_ptr<VhostDevice>> open(const PortBackend& backend, std::uint16_t mtu);
  ~VhostDevice();  // waits for callbacks that are under way
  VhostDevice(const VhostDevice&) = delete;
  VhostDevice& operator=(const VhostDevice&) = delete;

  QueuePair& queue(unsigned number) { return *queues_[number]; }
  unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
  PortCapabilities capabilities() const noexcept;  // any thread

  // rte_vhost's threads. `vid` is rte_vhost's number of a connection.
  bool connected(int vid) noexcept;  // false: it is sent away
  void disconnected(int vid) noexcept;
  bool started(int vid) noexcept;  // the driver has set up its first rings; false: not served
  void stopped(int vid) noexcept;
  void vring_changed(int vid, std::uint16_t vring, bool ready) noexcept;
  void features_changed(int vid, std::uint64_t features) noexcept;
  /// A message of the front end's, before and after rte_vhost acts on it (message_guard.cpp).
  int before_message(int vid, void* message) noexcept;
  void after_message(int vid) noexcept;

 private:
  VhostDevice(const PortBackend& backend, std::uint16_t mtu);
  Result<void> register_socket();
  void open_queues() noexcept;
  void close_queues() noexcept;
  void halt() noexcept;

  const std::string path_;
  const bool server_;
  const std::uint16_t mtu_;
  std::vector<std::unique_ptr<QueuePair>> queues_;

  std::mutex mutex_;  // of all that follows
  std::map<int, int> connections_;  // to rte_vhost's descriptors; also those whose end it has not seen yet
  int owner_ = -1;            // the connection that is the guest's; -1: none
  int running_ = -1;          // the connection whose rings are served; -1: none
  std::vector<bool> ready_;  // by vring: queue q's 2q goes to the guest, 2q + 1 comes from it
  std::atomic<std::uint64_t> features_{0};  // negotiated; read by anybody
  std::atomic<std::uint16_t> guest_mtu_{0};  // 0: it has not said
};

}  // namespace weft
