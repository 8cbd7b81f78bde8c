// A port of the engine whose guest is in this process: tests, benchmarks, and later DPDK applications that link Weft.
// Zero copy: the guest hands over mbufs and gets mbufs.
//
//   auto in = std::make_shared<PacketRing>(1024), out = std::make_shared<PacketRing>(1024);
//   auto port = std::make_unique<RingPort>(in, out, PortCapabilities{});   // give it to Engine::apply()
//   in->push(frames);      // the guest sends
//   out->pop(frames);      // the guest receives
//
// Joining the `out` of one port and the `in` of another makes a loop, which is how the benchmark recirculates.
#pragma once

#include <memory>
#include <utility>

#include "drivers/port.hpp"
#include "drivers/ring/packet_ring.hpp"

namespace weft {

class RingPort final : public Port {
 public:
  RingPort(std::shared_ptr<PacketRing> from_guest, std::shared_ptr<PacketRing> to_guest,
           PortCapabilities capabilities)
      : from_guest_(std::move(from_guest)), to_guest_(std::move(to_guest)), capabilities_(capabilities) {}

  PortCapabilities capabilities() const noexcept override { return capabilities_; }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return from_guest_->pop(burst); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override { return to_guest_->push(burst); }
  bool arm(int eventfd) noexcept override { return from_guest_->arm(eventfd); }
  void disarm() noexcept override { from_guest_->disarm(); }

 private:
  std::shared_ptr<PacketRing> from_guest_;
  std::shared_ptr<PacketRing> to_guest_;
  PortCapabilities capabilities_;
};

}  // namespace weft
