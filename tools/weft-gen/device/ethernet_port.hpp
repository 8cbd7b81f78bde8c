// A DPDK ethdev as the generator uses it: a PCI card or a vdev, with one queue each way.
#pragma once

#include <memory>

#include "tools/weft-gen/device/frame_pool.hpp"
#include "tools/weft-gen/device/hardware_clock.hpp"
#include "tools/weft-gen/device/link.hpp"

namespace weft::gen {

/// What EAL has to be told for a --port: "0000:03:00.0", or "net_memif0,role=client".
struct DeviceArguments {
  std::string name;  // "0000:03:00.0", "net_memif0"
  bool pci = false;
  std::string eal_argument() const { return (pci ? "--allow=" : "--vdev=") + text; }
  std::string text;
  static Result<DeviceArguments> parse(const std::string& text);
};

struct EthernetOptions {
  std::size_t largest_frame = 1518;
  std::uint16_t ring_size = 1024;  // descriptors, each way
  bool hardware_timestamps = false;
  double link_seconds = 10;  // to wait for the carrier
};

class EthernetPort final : public Link {
 public:
  /// EAL must have been started with the arguments.
  static Result<std::unique_ptr<EthernetPort>> open(const DeviceArguments& device, const EthernetOptions& options);
  ~EthernetPort() override;

  /// Both ends of a pair may have to be open before either has a carrier.
  Result<void> wait_for_link();

  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override;
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override;
  LinkCounters counters() override;
  double line_bps() const override { return line_bps_; }
  MacAddress mac() const override { return mac_; }
  std::string describe() const override;
  std::optional<std::uint64_t> hardware_stamp(const rte_mbuf& frame) const noexcept override;
  void calibrate() override;

 private:
  EthernetPort(std::uint16_t id, std::string name, EthernetOptions options)
      : id_(id), name_(std::move(name)), options_(options) {}
  Result<void> configure();

  std::uint16_t id_;
  std::string name_, driver_;
  EthernetOptions options_;
  FramePool pool_;
  MacAddress mac_;
  double line_bps_ = 0;
  bool started_ = false;
  int timestamp_offset_ = -1;
  std::uint64_t timestamp_flag_ = 0;
  HardwareClock clock_;
};

}  // namespace weft::gen
