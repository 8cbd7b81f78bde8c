// The last stage's tool (DESIGN D15): makes finished frames for a port that takes no super-segments, no partial
// checksums or no chains. Copies; ports that can are never brought here.
#pragma once

#include <cstdint>
#include <span>

#include <rte_mbuf.h>

#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// 64 KiB in the smallest segments that parse() lets through.
inline constexpr unsigned kMaxSegments = 65536 / kSmallestSegment + 1;

inline bool takes_as_it_is(const rte_mbuf* packet, const EniRecord& to) noexcept {
  if (wants_segmentation(packet) && !to.takes_tso) return false;
  if (wants_checksum(packet) && !to.takes_checksum) return false;
  return packet->nb_segs == 1 || to.takes_chains;
}

/// Adds `bytes` of `from`, from `offset` on, to the end of `to`. False without a buffer.
bool append(rte_mbuf* to, const rte_mbuf* from, std::uint32_t offset, std::uint32_t bytes, rte_mempool* pool) noexcept;

struct FinishResult {
  unsigned count = 0;   // frames in `out`; 0: nothing was done and the packet is still the caller's
  DropReason reason{};  // when count is 0
};

/// Takes `packet`, whose offload fields fit its headers, and fills `out` with one frame or more.
FinishResult finish(rte_mbuf* packet, const EniRecord& to, rte_mempool* pool,
                    std::span<rte_mbuf*, kMaxSegments> out) noexcept;

}  // namespace weft
