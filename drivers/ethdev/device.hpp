// A DPDK ethdev that this process opened: probed, configured, started; stopped, closed and removed with the object. Its
// queues' ports share it.
//
// Thread: receive() and transmit() of one queue by its worker; open() and everything else by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "drivers/ethdev/burst_gate.hpp"
#include "drivers/ethdev/ethdev_device.hpp"
#include "drivers/ethdev/probe.hpp"

namespace weft::ethdev {

class Device {
 public:
  static Result<std::shared_ptr<Device>> open(const PortBackend& backend, rte_mempool* packets, std::uint16_t mtu);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Frames as they come from the PMD, their offload fields in the words of drivers/port.hpp.
  std::uint16_t receive(std::uint16_t queue, std::span<rte_mbuf*> burst) noexcept;
  std::uint16_t transmit(std::uint16_t queue, std::span<rte_mbuf* const> burst) noexcept;

  PortCapabilities capabilities() const noexcept { return capabilities_; }
  bool link_up() const noexcept { return link_up_.load(std::memory_order_relaxed); }

  /// Readable when a frame has come to the queue; -1: the device cannot say so.
  int wake_fd(std::uint16_t queue) const noexcept { return wake_fds_[queue]; }
  /// Receive interrupts; nothing where the descriptor is a socket, which is always on.
  void switch_interrupt(std::uint16_t queue, bool on) noexcept;

  WireStatistics statistics() const;

 private:
  struct Queue {
    std::atomic<std::uint64_t> bad_received{0};  // its worker writes, anybody reads
    std::atomic<std::uint64_t> refused{0};
  };

  Device(ProbePlan plan, Probed probed, std::uint16_t queues);

  // device.cpp
  Result<void> set_up(rte_mempool* packets);
  bool start() noexcept;
  void watch();
  void look_at_link() noexcept;
  void connect_again() noexcept;
  void gone() noexcept;
  static int on_event(std::uint16_t port, rte_eth_event_type event, void* device, void* out);
  // device_queues.cpp
  Result<void> configure(rte_mempool* packets, bool interrupts);
  Result<void> set_up_queues(rte_mempool* packets);
  Result<rte_mempool*> buffers(rte_mempool* packets);
  Result<void> map_for_card(rte_mempool* packets);
  void find_wake_descriptors(bool interrupts);
  void settle_capabilities(rte_mempool* packets);

  ProbePlan plan_;
  std::uint16_t port_;
  std::uint16_t queues_;
  rte_eth_dev_info info_{};
  std::uint64_t receive_offloads_ = 0, transmit_offloads_ = 0;
  std::vector<std::uint8_t> rss_key_;  // DPDK keeps a pointer to it
  PortCapabilities capabilities_;
  std::vector<int> wake_fds_;
  bool interrupts_ = false;      // wake_fds_ are a card's
  bool partial_checksums_ = false;
  bool watched_ = false;         // by LinkWatch
  unsigned looks_ = 0;           // of LinkWatch, since the link was up
  std::vector<std::unique_ptr<Queue>> counts_;
  BurstGate gate_;
  std::atomic<bool> started_{false};
  std::atomic<bool> gone_{false};      // the card was pulled, or somebody removed the device
  std::atomic<bool> destroyed_{false};  // DPDK has forgotten the port
  std::atomic<bool> link_up_{false};
};

}  // namespace weft::ethdev
