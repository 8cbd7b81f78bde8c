// Ports that keep packets going round: what the engine delivers to one end is what the other end, or the same one, sends
// next.
#pragma once

#include <memory>
#include <utility>

#include <rte_mbuf.h>

#include "dataplane/net/headers.hpp"
#include "drivers/ring/packet_ring.hpp"
#include "drivers/ring/ring_port.hpp"

namespace weft::bench {

/// Sends back what it gets, with the addresses and ports changed about and the time to live as new: an answer. For a
/// way on which addresses are translated, where no packet can go round unchanged.
class EchoPort final : public Port {
 public:
  EchoPort(std::shared_ptr<PacketRing> ring, MacAddress own, std::uint16_t mtu)
      : ring_(std::move(ring)), own_(own), mtu_(mtu) {}

  PortCapabilities capabilities() const noexcept override {
    PortCapabilities capabilities;
    capabilities.mtu = mtu_;
    return capabilities;
  }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return ring_->pop(burst); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    for (rte_mbuf* const packet : burst) answer(packet);
    return ring_->push(burst);
  }

 private:
  void answer(rte_mbuf* packet) const noexcept {
    auto* const frame = rte_pktmbuf_mtod(packet, std::byte*);
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame);
    ethernet.destination = std::exchange(ethernet.source, own_);
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame + kIpOffset);
    std::swap(ip.source, ip.destination);
    // The time to live is the first byte of its word, so the sum falls by what it grows, 0x100 for each.
    const unsigned sum = ip.checksum.host() + 0xffffU - static_cast<unsigned>(64 - ip.time_to_live) * 0x100U;
    ip.checksum = Be16(static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16)));
    ip.time_to_live = 64;
    auto& udp = *reinterpret_cast<UdpHeader*>(frame + kIpv4L4Offset);
    std::swap(udp.source_port, udp.destination_port);
  }

  std::shared_ptr<PacketRing> ring_;
  MacAddress own_;
  std::uint16_t mtu_;
};

/// Gives every packet that it sends a flow that nobody has seen: 4 billion pairs of ports, one after the other.
class NewFlowPort final : public Port {
 public:
  explicit NewFlowPort(std::unique_ptr<RingPort> port) : port_(std::move(port)) {}

  PortCapabilities capabilities() const noexcept override { return port_->capabilities(); }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override {
    const std::uint16_t count = port_->receive(burst);
    for (std::uint16_t i = 0; i < count; ++i)
      *rte_pktmbuf_mtod_offset(burst[i], Be32*, kIpv4L4Offset) = Be32(flow_++);  // both ports
    return count;
  }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override { return port_->transmit(burst); }

 private:
  std::unique_ptr<RingPort> port_;
  std::uint32_t flow_ = 0x04000400;
};

}  // namespace weft::bench
