#include "drivers/vhost/vhost_device.hpp"

#include <algorithm>
#include <system_error>

#include <rte_vhost.h>

#include "drivers/vhost/callbacks.hpp"
#include "drivers/vhost/connection.hpp"
#include "drivers/vhost/features.hpp"
#include "drivers/vhost/socket_path.hpp"
#include "drivers/vhost/vhost_port.hpp"

namespace weft {
namespace {

constexpr std::uint16_t kMtuOfSmallBuffers = 1500;  // virtio 1.2, 5.1.6.3.1: a driver without either posts 1526 bytes
constexpr std::uint16_t kSmallestMtu = 68;          // RFC 791

}  // namespace

VhostDevice::VhostDevice(const PortBackend& backend, std::uint16_t mtu)
    : path_(backend.socket), server_(backend.server), mtu_(mtu), ready_(2UL * backend.queues) {
  for (std::uint16_t i = 0; i < backend.queues; ++i) queues_.push_back(std::make_unique<QueuePair>(i));
}

Result<std::shared_ptr<VhostDevice>> VhostDevice::open(const PortBackend& backend, std::uint16_t mtu) {
  if (backend.queues == 0 || backend.queues > kMostQueues)
    return Error{"Weft.PortFailed",
                 "vhost-user socket " + backend.socket + ": " + std::to_string(backend.queues) +
                     " queues; there must be 1 to " + std::to_string(kMostQueues), {}};
  if (auto fits = check_socket_path(backend.socket); !fits) return fits.error();
  std::shared_ptr<VhostDevice> device;
  try {
    device.reset(new VhostDevice(backend, mtu));
  } catch (const std::system_error& failed) {
    return Error{"Weft.PortFailed", "vhost-user socket " + backend.socket + ": " + failed.what(), {}};
  }
  if (auto registered = device->register_socket(); !registered) return registered.error();
  return device;
}

Result<void> VhostDevice::register_socket() {
  if (!announce_device(path_, *this))
    return Error{"Weft.SocketPath", "vhost-user socket " + path_ + ": another port of this daemon uses it", {}};
  if (server_)
    if (auto free = clear_socket_path(path_); !free) {
      forget_device(path_);
      return free.error();
    }
  const char* const path = path_.c_str();
  bool made = rte_vhost_driver_register(path, server_ ? 0 : RTE_VHOST_USER_CLIENT) == 0;
  if (made) {
    made = rte_vhost_driver_disable_features(path, kNotOffered) == 0 &&
           rte_vhost_driver_set_protocol_features(path, kProtocol) == 0 &&
           rte_vhost_driver_callback_register(path, device_callbacks()) == 0 && rte_vhost_driver_start(path) == 0;
    // A server whose start fails stays registered and says so: rte_vhost 22.11 would close its descriptor a second time.
    if (!made && !server_) rte_vhost_driver_unregister(path);
  }
  if (made) return {};
  forget_device(path_);
  return Error{"Weft.PortFailed", "vhost-user socket " + path_ + ": rte_vhost does not open it; see its message above", {}};
}

VhostDevice::~VhostDevice() {
  if (find_device(path_) != this) return;  // never got that far
  rte_vhost_driver_unregister(path_.c_str());
  forget_device(path_);
}

PortCapabilities VhostDevice::capabilities() const noexcept {
  const GuestOffloads guest = guest_offloads(features_.load(std::memory_order_relaxed));
  PortCapabilities found{.mtu = mtu_, .checksum = guest.checksum, .chains = true};
  found.tso = guest.checksum && guest.tso4 && guest.tso6;
  if (!guest.merged_buffers && !guest.tso4 && !guest.tso6) found.mtu = std::min(found.mtu, kMtuOfSmallBuffers);
  if (const std::uint16_t said = guest_mtu_.load(std::memory_order_relaxed); said != 0) found.mtu = std::min(found.mtu, said);
  return found;
}

bool VhostDevice::connected(int vid) noexcept {
  const std::lock_guard lock(mutex_);
  if (owner_ >= 0 && connection_lives(connections_[owner_])) return false;
  // The old one's end is told by and by: its device stops then, and only then can the new one's start.
  const int fd = find_connection(path_, server_, connections_);
  make_impatient(fd);
  connections_[vid] = fd;
  owner_ = vid;
  ready_.assign(ready_.size(), false);
  guard_messages(vid);
  return true;
}

void VhostDevice::disconnected(int vid) noexcept {
  const std::lock_guard lock(mutex_);
  connections_.erase(vid);
  if (owner_ == vid) owner_ = -1;
}

void VhostDevice::open_queues() noexcept {
  const std::uint64_t features = features_.load(std::memory_order_relaxed);
  for (unsigned q = 0; q < queues(); ++q) queues_[q]->open(running_, features, ready_[2UL * q], ready_[2UL * q + 1]);
}

void VhostDevice::close_queues() noexcept {
  for (const auto& queue : queues_) queue->close(running_);
}

bool VhostDevice::started(int vid) noexcept {
  const std::lock_guard lock(mutex_);
  if (vid != owner_) return false;
  halt();
  std::uint64_t features = 0;
  std::uint16_t mtu = 0;
  if (rte_vhost_get_negotiated_features(vid, &features) != 0) return false;
  features_.store(features, std::memory_order_relaxed);
  if (rte_vhost_get_mtu(vid, &mtu) == 0) guest_mtu_.store(std::max(mtu, kSmallestMtu), std::memory_order_relaxed);
  running_ = vid;
  open_queues();
  return true;
}

void VhostDevice::stopped(int vid) noexcept {
  const std::lock_guard lock(mutex_);
  if (vid == running_) halt();
}

void VhostDevice::halt() noexcept {
  if (running_ < 0) return;
  close_queues();
  for (const auto& queue : queues_) queue->forget_guest();
  running_ = -1;
  features_.store(0, std::memory_order_relaxed);
  guest_mtu_.store(0, std::memory_order_relaxed);
}

void VhostDevice::vring_changed(int vid, std::uint16_t vring, bool ready) noexcept {
  const std::lock_guard lock(mutex_);
  if (vid != owner_ || vring >= ready_.size()) return;
  ready_[vring] = ready;
  if (vid != running_) return;
  const unsigned q = vring / 2U;
  queues_[q]->open(vid, features_.load(std::memory_order_relaxed), ready_[2UL * q], ready_[2UL * q + 1]);
}

void VhostDevice::features_changed(int vid, std::uint64_t features) noexcept {
  const std::lock_guard lock(mutex_);
  if (vid == running_) features_.store(features, std::memory_order_relaxed);
}

Result<std::vector<std::unique_ptr<Port>>> open_vhost_ports(const PortBackend& backend, rte_mempool* packets,
                                                            rte_mempool* large_rooms, std::uint16_t mtu) {
  auto device = VhostDevice::open(backend, mtu);
  if (!device) return device.error();
  std::vector<std::unique_ptr<Port>> ports;
  for (unsigned q = 0; q < backend.queues; ++q)
    ports.push_back(std::make_unique<VhostPort>(*device, q, FrameRooms{packets, large_rooms}));
  return ports;
}

}  // namespace weft
