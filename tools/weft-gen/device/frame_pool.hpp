// Buffers for frames that are sent: zero from end to end, so that a frame's template has only to write its head.
#pragma once

#include <memory>
#include <string>

#include <rte_mempool.h>

#include "dataplane/model/result.hpp"

namespace weft::gen {

struct FreePool {
  void operator()(rte_mempool* pool) const noexcept;
};
using FramePool = std::unique_ptr<rte_mempool, FreePool>;

inline constexpr unsigned kFramesOfSender = 16383;  // under way in the device at once, at most; a power of two less one

/// `frames` buffers of `frame_bytes`, without chains.
Result<FramePool> make_frame_pool(const std::string& name, unsigned frames, std::size_t frame_bytes);

}  // namespace weft::gen
