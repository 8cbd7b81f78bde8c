// How large a frame of af_packet's ring must be for an MTU, and what MTU fits one. The kernel puts its header (TPACKET_V2)
// and the frame's beginning, aligned, into the first bytes of each; frames must tile their blocks, and blocks are pages.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weft::ethdev {

struct RingFrame {
  std::uint32_t bytes;
  std::uint32_t block_bytes;
};

inline constexpr std::uint32_t kRingHeader = 66;    // before the Ethernet header: packet_rcv's tp_mac with SOCK_RAW
inline constexpr std::uint32_t kRingOverhead = 32;  // what the PMD leaves of a frame for a buffer's data
inline constexpr std::uint32_t kEthernetBytes = 14, kVlanBytes = 4;
inline constexpr std::uint32_t kUsualRingFrame = 2048, kRingPage = 4096;
inline constexpr std::uint32_t kLeastRingFrame = 256, kMostRingFrame = 61440;

constexpr RingFrame ring_frame_for(std::uint16_t mtu) {
  const std::uint32_t needed = mtu + kEthernetBytes + kVlanBytes + kRingHeader;
  if (needed <= kUsualRingFrame) return {kUsualRingFrame, kRingPage};
  const std::uint32_t bytes = std::min((needed + kRingPage - 1) / kRingPage * kRingPage, kMostRingFrame);
  return {bytes, bytes};
}

constexpr std::uint16_t ring_frame_mtu(std::uint32_t bytes) {
  return static_cast<std::uint16_t>(bytes - kRingHeader - kVlanBytes - kEthernetBytes);
}

}  // namespace weft::ethdev
