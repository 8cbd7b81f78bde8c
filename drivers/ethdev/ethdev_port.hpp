// One queue of a device, as the engine polls it.
#pragma once

#include <array>
#include <memory>

#include "drivers/ethdev/device.hpp"

namespace weft::ethdev {

class EthdevPort final : public Port {
 public:
  EthdevPort(std::shared_ptr<Device> device, std::uint16_t queue) : device_(std::move(device)), queue_(queue) {}
  ~EthdevPort() override;

  PortCapabilities capabilities() const noexcept override { return device_->capabilities(); }
  bool link_up() const noexcept override { return device_->link_up(); }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override;
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    return device_->transmit(queue_, burst);
  }

  int wake_fd() const noexcept override { return device_->wake_fd(queue_); }
  bool arm(int eventfd) noexcept override;
  void disarm() noexcept override;
  std::uint32_t longest_sleep_us() const noexcept override;

 private:
  static constexpr std::uint32_t kGlanceUs = 250;       // between two looks of a sleeper at a device that cannot wake it
  static constexpr std::uint32_t kNobodyThereUs = 100'000;

  std::shared_ptr<Device> device_;
  std::uint16_t queue_;
  /// What arm() found: the only way to ask a PMD whether there is something is to take it.
  std::array<rte_mbuf*, 8> early_{};
  std::uint16_t early_count_ = 0;
};

}  // namespace weft::ethdev
