// Packets on their way through the emulated fabric, by when they arrive. They are copies and name their ends by address, number
// and key: their sender may go meanwhile, and so may whom they are for. What becomes of them is in efa_switch_fabric.cpp.
//
// Thread: the worker's. The memory is taken when the first packet is held, and kept; nothing is allocated after that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "drivers/efa/queue_pair.hpp"
#include "drivers/port.hpp"

namespace weft::efa {

struct HeldPacket {
  PacketSource source;
  EniSlot source_slot = kNoEni;
  std::uint16_t flags = 0;  // ReceiveFlags
  std::uint32_t vpc = 0;    // of both ends
  AddressBytes destination{};
  std::uint32_t destination_qpn = 0, destination_qkey = 0;
  std::uint32_t length = 0;
  std::uint8_t path = 0;
  bool lands = false;  // EfaPassage's
};

class HeldPackets {
 public:
  /// 9 MiB of buffers; 73 Mbit of whole packets, 10 Gbps over 7 ms. Beyond that the fabric loses what it is given.
  static constexpr std::uint32_t kMost = 1024;

  /// Copies the packet and its payload. False: there is no room, or no memory.
  bool hold(const HeldPacket& packet, const std::byte* payload, std::uint64_t at_ns) noexcept;

  std::size_t size() const noexcept { return arrivals_.size(); }
  /// MessageSwitch::kNever when there is none.
  std::uint64_t next_ns() const noexcept { return arrivals_.empty() ? MessageSwitch::kNever : arrivals_.front().at_ns; }
  bool due(std::uint64_t now_ns) const noexcept { return !arrivals_.empty() && arrivals_.front().at_ns <= now_ns; }

  /// The next one to arrive, until forget_next(); there is one. Those of one time come as they were held.
  const HeldPacket& next() const noexcept { return packets_[arrivals_.front().place]; }
  const std::byte* next_payload() const noexcept { return payload_at(arrivals_.front().place); }
  void forget_next() noexcept;
  /// It has landed, gets `flags` more, and arrives at `at_ns`, after those that are held for then.
  void delay_next(std::uint64_t at_ns, std::uint16_t flags) noexcept;

 private:
  struct Arrival {
    std::uint64_t at_ns, number;
    std::uint32_t place;
  };
  static bool later(const Arrival& one, const Arrival& other) noexcept;
  bool take_memory() noexcept;
  std::byte* payload_at(std::uint32_t place) const noexcept { return payloads_.get() + std::size_t{place} * kBufferStride; }

  std::vector<Arrival> arrivals_;    // a heap, the next one first
  std::vector<std::uint32_t> free_;  // places; the last one used is the first used again
  std::vector<HeldPacket> packets_;  // by place
  std::unique_ptr<std::byte[]> payloads_;
  std::uint64_t number_ = 0;
};

}  // namespace weft::efa
