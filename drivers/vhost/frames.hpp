// Frames between mbufs and a guest's virtqueues, one copy each way. The virtio_net_hdr before each frame and the mbuf's
// offload fields say the same (drivers/tap/virtio_header.hpp): what does not fit the frame becomes no offload, or a flag
// that the engine refuses.
//
// Thread: the port's worker.
#pragma once

#include <cstdint>
#include <span>

#include <rte_mbuf.h>

#include "drivers/vhost/guest_memory.hpp"
#include "drivers/vhost/packed_ring.hpp"
#include "drivers/vhost/split_ring.hpp"

namespace weft {

/// What the guest's driver negotiated that matters for a frame.
struct GuestOffloads {
  bool merged_buffers = false;  // VIRTIO_NET_F_MRG_RXBUF: a frame may fill several of its buffers
  bool long_header = false;     // 12 bytes: that, or virtio 1, or a packed ring
  bool checksum = false;        // VIRTIO_NET_F_GUEST_CSUM
  bool tso4 = false, tso6 = false, tso_ecn = false;  // VIRTIO_NET_F_GUEST_TSO4, ...
};

/// Where received frames are put: `pool` for all, or its first 2 KiB there and the rest in one room of `large_pool`.
struct FrameRooms {
  rte_mempool* pool = nullptr;
  rte_mempool* large_pool = nullptr;  // null or empty: chains of `pool`'s do as well
};

struct Moved {
  std::uint16_t frames = 0;
  bool interrupt = false;  // the guest wants to be told
  bool broken = false;     // the ring must not be used again (Take::kBroken)
};

template <typename Ring>
Moved receive_frames(Ring& ring, const GuestMemory& memory, const GuestOffloads& guest, const FrameRooms& rooms,
                     std::span<rte_mbuf*> burst) noexcept;

/// From the front of `burst`; what was taken is freed.
template <typename Ring>
Moved transmit_frames(Ring& ring, const GuestMemory& memory, const GuestOffloads& guest,
                      std::span<rte_mbuf* const> burst) noexcept;

}  // namespace weft
