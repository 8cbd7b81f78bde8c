// The virtio_net_hdr in front of every frame of a TAP with IFF_VNET_HDR, and the mbuf fields that say the same
// (drivers/port.hpp, DESIGN D15). Source: virtio 1.2, 5.1.6; Linux include/linux/virtio_net.h.
//
// The guest may be hostile (a root process in it can write any header through AF_PACKET), so what does not fit the
// frame becomes a flag that the engine refuses, or no offload at all: the frame is then judged as it stands.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

namespace weft {

/// virtio_net_hdr in the host's byte order; <linux/virtio_net.h> is not C++ (it has a member named `class`).
struct VirtioNetHeader {
  static constexpr std::uint8_t kNeedsChecksum = 1;  // flags
  static constexpr std::uint8_t kDataValid = 2;
  static constexpr std::uint8_t kGsoNone = 0;        // gso_type
  static constexpr std::uint8_t kGsoTcpv4 = 1;
  static constexpr std::uint8_t kGsoTcpv6 = 4;
  static constexpr std::uint8_t kGsoEcn = 0x80;

  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_length = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;   // from checksum_start
  std::uint16_t merged_buffers = 0;    // only where the header was made 12 bytes long; zero for a TAP
};
static_assert(sizeof(VirtioNetHeader) == 12);
inline constexpr std::uint32_t kVirtioNetHeaderBytes = 10;  // unless TUNSETVNETHDRSZ said otherwise

/// From the guest. `frame` holds the bytes already; checksums the engine has no words for (inner headers of a tunnel
/// made in the guest) are completed here.
void offload_from_virtio(const VirtioNetHeader& header, rte_mbuf* frame) noexcept;

/// To the guest. A frame whose checksum was verified says so (kDataValid); Linux's TUN driver does not believe it and
/// checks again.
VirtioNetHeader offload_to_virtio(const rte_mbuf* frame) noexcept;

}  // namespace weft
