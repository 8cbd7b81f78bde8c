// What crosses between the device and its users: addresses, packets that arrived, places for packets to send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "drivers/efa/abi.hpp"

namespace weft::device {

/// (host address, queue pair number): who a packet is from or for.
struct Address {
  std::uint8_t ip[16]{};
  std::uint32_t qpn = 0;
  bool operator==(const Address&) const = default;
};

struct Arrival {
  Address source;
  std::uint32_t source_qkey = 0;  // the incarnation of the source
  std::span<const std::byte> payload;  // valid until the handler returns
  std::uint32_t delivered_ns = 0;      // low 32 bits of the daemon's monotonic clock; 0 through an express channel
  std::uint16_t flags = 0;             // efa::ReceiveFlags
  bool through_channel = false;        // an express channel
};

/// A place for one packet's payload in shared memory. Write up to `capacity` bytes at `data`, then commit or publish.
struct SendSlot {
  std::byte* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t index = 0;   // of the entry
  std::uint32_t buffer = efa::kNoBuffer;
};

}  // namespace weft::device
