// How an EFA packet looks in a capture: as on a wire that has UDP around it (docs/wire-format.md, "In a capture"). In Weft it is
// never a frame; these are the headers that a real card would put in front of it, and a queue header of our own.
// Thread: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/net/headers.hpp"

namespace weft {

/// 0xEFA0: of the dynamic ports, so it is never assigned to anybody (RFC 6335, 6), and not of those that Linux gives to its own
/// clients (ip_local_port_range: 32768 to 60999).
inline constexpr std::uint16_t kEfaCapturePort = 61344;

/// Little endian, like what follows it.
struct EfaQueueHeader {
  std::uint32_t source_qpn, destination_qpn;
  std::uint32_t destination_qkey;  // 0: the sender means any process that has the number
};
static_assert(sizeof(EfaQueueHeader) == 12);

struct EfaFrame {
  MacAddress source_mac, destination_mac;
  Ipv4Address source, destination;
  std::uint16_t source_port = 0;  // names the path
  bool congested = false;         // marked on its way (ECN)
  EfaQueueHeader queues{};
  std::uint32_t payload_bytes = 0;  // at most kMtu of the ABI
};

inline constexpr std::size_t kEfaFrameHead =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(EfaQueueHeader);

/// What stands in front of the payload.
std::array<std::byte, kEfaFrameHead> efa_frame_head(const EfaFrame& frame) noexcept;

}  // namespace weft
