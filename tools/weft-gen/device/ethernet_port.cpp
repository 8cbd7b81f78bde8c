#include "tools/weft-gen/device/ethernet_port.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <thread>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>

namespace weft::gen {
namespace {

constexpr std::size_t kEthernetBytes = 18;  // header and FCS, which are no part of the MTU
constexpr unsigned kFramesUnderWay = 2048;  // beyond the receive ring's: in the sink's hands, or in a driver's

Error failed(const std::string& name, const std::string& what, int code) {
  return {"Weft.DeviceFailed", fmt::format("{}: {}: {}", name, what, rte_strerror(std::abs(code))), {}};
}

// Experimental in 22.11, and there is no other way to ask.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
bool read_clock(std::uint16_t id, std::uint64_t& clock) { return rte_eth_read_clock(id, &clock) == 0; }
#pragma GCC diagnostic pop

}  // namespace

Result<DeviceArguments> DeviceArguments::parse(const std::string& text) {
  static const std::regex pci("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?");
  static const std::regex vdev("(net|eth)_[a-z_0-9]+(,.*)?");
  DeviceArguments device;
  device.text = text;
  device.name = text.substr(0, text.find(','));
  device.pci = std::regex_match(text, pci);
  if (device.pci && device.name.size() == 7) device.name = "0000:" + device.name;
  if (device.pci || std::regex_match(text, vdev)) return device;
  return Error{"InvalidParameterValue",
               "'" + text +
                   "' is no device; right is a PCI address (0000:03:00.0) or DPDK's arguments of a vdev "
                   "(net_af_packet0,iface=veth0)",
               {}};
}

Result<std::unique_ptr<EthernetPort>> EthernetPort::open(const DeviceArguments& device, const EthernetOptions& options) {
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(device.name.c_str(), &id) != 0)
    return Error{"Weft.NoDevice",
                 fmt::format("DPDK has no device {}: {}", device.name,
                             device.pci ? "is the card there, and bound to vfio-pci (dpdk-devbind.py --status)?"
                                        : "its driver refused the arguments '" + device.text + "'"),
                 {}};
  std::unique_ptr<EthernetPort> port(new EthernetPort(id, device.name, options));
  if (auto configured = port->configure(); !configured) return configured.error();
  return port;
}

Result<void> EthernetPort::configure() {
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(id_, &info); code != 0) return failed(name_, "cannot be asked what it can", code);
  driver_ = info.driver_name;
  rte_eth_conf conf{};
  const std::size_t mtu = std::max<std::size_t>(1500, options_.largest_frame - kEthernetBytes);
  if (options_.largest_frame > 1518 && info.max_mtu != 0 && info.max_mtu < mtu)
    return Error{"InvalidParameterValue",
                 fmt::format("{} takes frames of at most {} bytes, not {}", name_, info.max_mtu + kEthernetBytes,
                             options_.largest_frame),
                 {}};
  conf.rxmode.mtu =
      static_cast<std::uint32_t>(std::clamp<std::size_t>(mtu, info.min_mtu, info.max_mtu == 0 ? mtu : info.max_mtu));
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  if (options_.hardware_timestamps) {
    if ((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP) == 0)
      return Error{"InvalidParameterValue", name_ + " (" + driver_ + ") stamps no frames: leave out --hardware-timestamps", {}};
    conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
    if (rte_mbuf_dyn_rx_timestamp_register(&timestamp_offset_, &timestamp_flag_) != 0)
      return failed(name_, "no room for time stamps in DPDK's packets", rte_errno);
  }
  // Frames for one queue come from one pool and nobody holds on to them, except where a driver hands them on (net_ring).
  if (driver_ == "net_ring" || driver_ == "net_memif") conf.txmode.offloads = 0;
  if (const int code = rte_eth_dev_configure(id_, 1, 1, &conf); code != 0) return failed(name_, "cannot be configured", code);
  std::uint16_t receive_ring = options_.ring_size, transmit_ring = options_.ring_size;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive_ring, &transmit_ring);
  auto pool = make_frame_pool(fmt::format("sink-{}", id_), receive_ring + kFramesUnderWay, options_.largest_frame);
  if (!pool) return pool.error();
  pool_ = std::move(*pool);
  if (const int code = rte_eth_rx_queue_setup(id_, 0, receive_ring, SOCKET_ID_ANY, nullptr, pool_.get()); code != 0)
    return failed(name_, "cannot set up its receive queue", code);
  if (const int code = rte_eth_tx_queue_setup(id_, 0, transmit_ring, SOCKET_ID_ANY, nullptr); code != 0)
    return failed(name_, "cannot set up its transmit queue", code);
  if (const int code = rte_eth_dev_start(id_); code != 0) return failed(name_, "does not start", code);
  started_ = true;
  rte_eth_promiscuous_enable(id_);  // some vdevs cannot, and show everything anyway
  rte_ether_addr mac{};
  rte_eth_macaddr_get(id_, &mac);
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), mac_.octets.begin());
  return {};
}

Result<void> EthernetPort::wait_for_link() {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(options_.link_seconds);
  rte_eth_link link{};
  do {
    if (rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP) {
      if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) line_bps_ = link.link_speed * 1e6;
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  } while (Clock::now() < end);
  return Error{"Weft.NoLink",
               fmt::format("{} has no link after {:.0f} s: is its other end there, and up?", name_, options_.link_seconds),
               {}};
}

EthernetPort::~EthernetPort() {
  if (started_) rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
}

std::uint16_t EthernetPort::transmit(std::span<rte_mbuf* const> burst) noexcept {
  return rte_eth_tx_burst(id_, 0, const_cast<rte_mbuf**>(burst.data()), static_cast<std::uint16_t>(burst.size()));
}

std::uint16_t EthernetPort::receive(std::span<rte_mbuf*> burst) noexcept {
  return rte_eth_rx_burst(id_, 0, burst.data(), static_cast<std::uint16_t>(burst.size()));
}

LinkCounters EthernetPort::counters() {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) != 0) return {};
  return {stats.imissed + stats.rx_nombuf, 0};
}

std::string EthernetPort::describe() const {
  return fmt::format("{} ({}), {}, {}", name_, driver_, mac_.to_string(),
                     line_bps_ == 0 ? "of unknown speed" : fmt::format("{:g} Gb/s", line_bps_ / 1e9));
}

std::optional<std::uint64_t> EthernetPort::hardware_stamp(const rte_mbuf& frame) const noexcept {
  if (timestamp_offset_ < 0 || (frame.ol_flags & timestamp_flag_) == 0 || !clock_.known()) return std::nullopt;
  return clock_.tsc_at(*RTE_MBUF_DYNFIELD(&frame, timestamp_offset_, const rte_mbuf_timestamp_t*));
}

void EthernetPort::calibrate() {
  if (timestamp_offset_ < 0) return;
  std::uint64_t card = 0;
  for (int reading = 0; reading < (clock_.known() ? 1 : 2); ++reading) {
    if (reading != 0) ::usleep(100'000);
    if (read_clock(id_, card)) clock_.reading(card, rte_rdtsc());
  }
}

}  // namespace weft::gen
