// The engine's packet buffers: a DPDK mempool of mbufs with 2 KiB data rooms, and a small one with room for all that a
// super-segment has.
//
// On huge pages when EAL has them. Without, EAL's memory is a file in memory, which the kernel maps by 4 KiB pages: with
// ten thousand packets in flight every one then costs TLB misses. So the pool brings anonymous memory of its own and
// asks for transparent huge pages, which need no privilege and no set-up.
#pragma once

#include <cstdint>
#include <memory>

#include <rte_mempool.h>

namespace weft {

struct FreePacketPool {
  void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};
using PacketPool = std::unique_ptr<rte_mempool, FreePacketPool>;

/// Null, with rte_errno set, when there is no memory for them.
PacketPool make_packet_pool(std::uint32_t packets);

/// Rooms that hold 64 KiB together with one of 2 KiB before them. Always memory of its own, touched when it is used.
PacketPool make_large_pool(std::uint32_t rooms);

}  // namespace weft
