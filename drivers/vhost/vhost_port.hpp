// One queue pair of a vhost-user device as the engine's Port. The device goes with the last of them.
#pragma once

#include <memory>
#include <utility>

#include "drivers/vhost/vhost_device.hpp"

namespace weft {

class VhostPort final : public Port {
 public:
  VhostPort(std::shared_ptr<VhostDevice> device, unsigned number, FrameRooms rooms)
      : device_(std::move(device)), queue_(device_->queue(number)), rooms_(rooms) {}

  PortCapabilities capabilities() const noexcept override { return device_->capabilities(); }
  bool capabilities_change() const noexcept override { return true; }
  bool link_up() const noexcept override { return queue_.link_up(); }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return queue_.receive(burst, rooms_); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override { return queue_.transmit(burst); }
  bool arm(int /*eventfd*/) noexcept override { return queue_.arm(); }
  void disarm() noexcept override { queue_.disarm(); }
  int wake_fd() const noexcept override { return queue_.wake_fd(); }

 private:
  std::shared_ptr<VhostDevice> device_;
  QueuePair& queue_;
  const FrameRooms rooms_;
};

}  // namespace weft
