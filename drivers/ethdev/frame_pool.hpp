// Buffers for devices that cannot spread a frame over several: af_packet wants a buffer as large as its ring's frames.
#pragma once

#include <cstdint>

struct rte_mempool;

namespace weft::ethdev {

/// A pool of buffers with `room` bytes for data. One of each size for the whole process, and for all its life: its
/// buffers may still be on their way through the engine when the device that received into them has gone. Null, with
/// rte_errno set, when there is no memory for it. Thread: any.
rte_mempool* frame_pool(std::uint16_t room);

}  // namespace weft::ethdev
