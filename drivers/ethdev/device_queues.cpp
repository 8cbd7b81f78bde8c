// How a device is configured: offloads, MTU, RSS, buffers, queues.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_vfio.h>

#include "drivers/ethdev/device.hpp"
#include "drivers/ethdev/frame_pool.hpp"
#include "drivers/ethdev/ring_frame.hpp"
#include "drivers/ethdev/rss.hpp"
#include "drivers/ethdev/wake_descriptor.hpp"

namespace weft::ethdev {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr std::uint32_t kXdpHeadroom = 256;  // the kernel's, before each frame of af_xdp: XDP_PACKET_HEADROOM

constexpr std::uint64_t kReceiveOffloads = RTE_ETH_RX_OFFLOAD_CHECKSUM;
constexpr std::uint64_t kTransmitOffloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
                                            RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                                            RTE_ETH_TX_OFFLOAD_TCP_TSO;

std::uint32_t room_of(const rte_mempool* pool) {
  return rte_pktmbuf_data_room_size(const_cast<rte_mempool*>(pool)) - std::uint32_t{RTE_PKTMBUF_HEADROOM};
}

/// These write and read chains of any length though they do not say so, or say that a frame has 1518 bytes; DPDK's own
/// forwarding sends jumbo frames through them.
bool understates_itself(const std::string& driver) {
  return driver == "net_memif" || driver == "net_pcap" || driver == "net_null" || driver == "net_af_packet";
}

std::uint32_t overhead(const rte_eth_dev_info& info) {
  const bool said = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu;
  return said ? info.max_rx_pktlen - info.max_mtu : std::uint32_t{RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN};
}

std::uint32_t declared_mtu(const rte_eth_dev_info& info) {
  return std::min<std::uint32_t>(info.max_mtu, info.max_rx_pktlen - overhead(info));
}

}  // namespace

/// For af_packet, whose frames are each copied to one buffer, larger ones where they need it.
Result<rte_mempool*> Device::buffers(rte_mempool* packets) {
  if (plan_.kind == WireKind::kXdpSocket && packets->nb_mem_chunks != 1)
    return port_failed("\"" + plan_.device + "\": af_xdp shares the packets' memory with the kernel, which must be one piece "
                       "and is " + std::to_string(packets->nb_mem_chunks) +
                       "; use net_af_packet, or start weftd without huge pages");
  if (plan_.kind != WireKind::kPacketSocket || plan_.ring_frame - kRingOverhead <= room_of(packets)) return packets;
  rte_mempool* const large = frame_pool(static_cast<std::uint16_t>(plan_.ring_frame - kRingOverhead));
  if (large != nullptr) return large;
  return port_failed("\"" + plan_.device + "\": no memory for buffers of " + std::to_string(plan_.ring_frame) + " bytes (" +
                     rte_strerror(rte_errno) + "): a smaller MTU of " + plan_.interface->name() + " needs none");
}

Result<void> Device::configure(rte_mempool* packets, bool interrupts) {
  Result<rte_mempool*> pool = buffers(packets);
  if (!pool) return pool.error();
  rte_eth_conf configuration{};
  receive_offloads_ = kReceiveOffloads & info_.rx_offload_capa;
  transmit_offloads_ = kTransmitOffloads & info_.tx_offload_capa;
  settle_capabilities(*pool);
  const std::uint32_t mtu = std::min<std::uint32_t>(capabilities_.mtu, declared_mtu(info_));
  configuration.rxmode.mtu = std::max<std::uint32_t>(mtu, info_.min_mtu);
  if (mtu + overhead(info_) > room_of(*pool)) receive_offloads_ |= RTE_ETH_RX_OFFLOAD_SCATTER & info_.rx_offload_capa;
  configuration.rxmode.offloads = receive_offloads_;
  configuration.txmode.offloads = transmit_offloads_;
  configuration.intr_conf.rxq = interrupts ? 1 : 0;
  configuration.intr_conf.lsc = (*info_.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0 ? 1 : 0;
  configuration.intr_conf.rmv = (*info_.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0 ? 1 : 0;
  if (queues_ > 1) ask_for_rss(info_, configuration, rss_key_);
  interrupts_ = interrupts;
  if (const int failed = rte_eth_dev_configure(port_, queues_, queues_, &configuration); failed != 0)
    return port_failed("\"" + plan_.device + "\" cannot be configured with " + std::to_string(queues_) + " queues and MTU " +
                       std::to_string(mtu) + ": " + std::strerror(-failed));
  if (plan_.kind == WireKind::kCard)
    if (auto mapped = map_for_card(*pool); !mapped) return mapped;
  return set_up_queues(*pool);
}

/// What the port says of itself. After the offloads are known.
void Device::settle_capabilities(rte_mempool* packets) {
  const std::string driver = info_.driver_name;
  const bool understates = understates_itself(driver);
  const bool scatters = understates || (info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
  std::uint32_t mtu = understates ? plan_.mtu : std::min<std::uint32_t>(plan_.mtu, declared_mtu(info_));
  const std::uint32_t room = room_of(packets);
  if (plan_.kind == WireKind::kXdpSocket) mtu = std::min(mtu, room - kXdpHeadroom - kEthernetBytes - kVlanBytes);
  else if (!scatters) mtu = std::min(mtu, room - overhead(info_));
  constexpr std::uint64_t kChecksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  constexpr std::uint64_t kSegmentation =
      RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  capabilities_.mtu = static_cast<std::uint16_t>(mtu);
  capabilities_.checksum = (transmit_offloads_ & kChecksums) == kChecksums;
  capabilities_.chains = understates || (transmit_offloads_ & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  capabilities_.tso = capabilities_.checksum && (transmit_offloads_ & kSegmentation) == kSegmentation;
  partial_checksums_ = plan_.kind == WireKind::kPacketSocket || plan_.kind == WireKind::kXdpSocket;
}

Result<void> Device::set_up_queues(rte_mempool* packets) {
  std::uint16_t receive = std::max<std::uint16_t>(info_.default_rxportconf.ring_size, kDescriptors);
  std::uint16_t transmit = std::max<std::uint16_t>(info_.default_txportconf.ring_size, kDescriptors);
  if (const int failed = rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive, &transmit); failed != 0)
    return port_failed("\"" + plan_.device + "\" has no rings of " + std::to_string(kDescriptors) +
                       " frames: " + std::strerror(-failed));
  rte_eth_rxconf receive_configuration = info_.default_rxconf;
  receive_configuration.offloads = receive_offloads_;
  rte_eth_txconf transmit_configuration = info_.default_txconf;
  transmit_configuration.offloads = transmit_offloads_;
  const int node = rte_eth_dev_socket_id(port_);
  const auto socket = static_cast<unsigned>(node < 0 ? 0 : node);
  for (std::uint16_t queue = 0; queue < queues_; ++queue) {
    const NewSockets sockets(AF_XDP);
    int failed = rte_eth_rx_queue_setup(port_, queue, receive, socket, &receive_configuration, packets);
    if (failed == 0) failed = rte_eth_tx_queue_setup(port_, queue, transmit, socket, &transmit_configuration);
    if (failed != 0) {
      const char* const hint = plan_.kind == WireKind::kXdpSocket
                                   ? ": af_xdp wants root, an interface with as many channels as queues (\"ethtool -l\"), an "
                                     "MTU of at most one page, and no other XDP program on it"
                                   : "";
      return port_failed("queue " + std::to_string(queue) + " of \"" + plan_.device +
                         "\" cannot be made: " + std::strerror(-failed) + hint);
    }
    if (plan_.kind == WireKind::kXdpSocket) {
      const std::vector<int> found = sockets.found();
      wake_fds_.push_back(found.size() == 1 ? found.front() : -1);
    }
  }
  find_wake_descriptors(false);
  return {};
}

/// Either every queue has one, or none: a worker that waits for half of a port would lose the other.
void Device::find_wake_descriptors(bool interrupts) {
  if (interrupts) {
    wake_fds_.clear();
    for (std::uint16_t queue = 0; queue < queues_; ++queue)
      wake_fds_.push_back(rte_eth_dev_rx_intr_ctl_q_get_fd(port_, queue));
  }
  if (wake_fds_.size() != queues_ || std::ranges::count(wake_fds_, -1) != 0) {
    wake_fds_.assign(queues_, -1);
    interrupts_ = false;
  }
}

/// Buffers that are not EAL's own memory (worker/packet_pool.cpp) are unknown to the IOMMU until they are mapped.
Result<void> Device::map_for_card(rte_mempool* packets) {
  constexpr std::size_t kPage = 4096;
  rte_mempool_memhdr* piece;
  STAILQ_FOREACH(piece, &packets->mem_list, next) {
    if (rte_mem_virt2memseg_list(piece->addr) != nullptr) continue;  // EAL's, or mapped for a card before
    const std::size_t bytes = (piece->len + kPage - 1) / kPage * kPage;
    int failed = rte_extmem_register(piece->addr, bytes, nullptr, 0, kPage);
    if (failed == 0)
      failed = rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, reinterpret_cast<std::uintptr_t>(piece->addr),
                                          piece->iova, bytes);
    if (failed != 0)
      return port_failed("\"" + plan_.device + "\" may not reach the packets' memory (" + rte_strerror(rte_errno) +
                         "): give weftd huge pages, or a higher RLIMIT_MEMLOCK");
  }
  return {};
}

}  // namespace weft::ethdev
