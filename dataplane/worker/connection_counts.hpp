// Which tracked connections of a worker count against the allowance of which instance (facts ec2 2.4).
//
// A half of a flow entry counts for the instance of its ENI, and says so by a bit. The instance of a slot may change
// under it: the ENI goes, its slot becomes another's, it moves to another instance, an allowance is declared or taken
// away. Then all that this worker has counted for the slot is given back at once, and a bit that was set before, which
// the half's epoch tells, means nothing any more; what goes on is counted again when it is next judged.
// Thread: the worker.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/flow/entry.hpp"
#include "dataplane/limit/connection_allowance.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

class ConnectionCounts {
 public:
  /// Once for each new snapshot, before a packet meets it.
  void update(const Snapshot& snapshot) noexcept {
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const InstanceAllowance* const allowance = snapshot.allowance(static_cast<EniSlot>(slot));
      Slot& one = slots_[slot];
      if (allowance == nullptr ? one.allowance == nullptr : one.allowance == allowance->shared_connections()) continue;
      for (; one.counted != 0; --one.counted) one.allowance->untrack();
      one.allowance = allowance == nullptr ? nullptr : allowance->shared_connections();
      one.since = snapshot.epoch;
    }
  }

  /// A new connection of the ENI. False: its instance tracks as many as it may.
  bool take(EniSlot slot) noexcept {
    Slot& one = slots_[slot];
    if (one.allowance == nullptr) return true;
    if (!one.allowance->track()) return false;
    ++one.counted;
    return true;
  }
  /// What take() took.
  void give_back(EniSlot slot) noexcept {
    Slot& one = slots_[slot];
    if (one.counted == 0) return;
    --one.counted;
    one.allowance->untrack();
  }

  /// The half has been judged again and is tracked, or is not any more. Before its epoch changes. Nothing that passes
  /// is cut here: a connection that was there before its allowance counts above the limit.
  void rejudged(FlowHalf& half, bool tracked) noexcept {
    const bool counts = is_counted(half);
    if (counts && !tracked) give_back(half.eni);
    if (!counts && tracked && slots_[half.eni].allowance != nullptr) {
      slots_[half.eni].allowance->track_existing();
      ++slots_[half.eni].counted;
    }
    half.counted = tracked;
  }
  /// The entry leaves the table.
  template <typename Entry>
  void gone(const Entry& entry) noexcept {
    for (const FlowHalf& half : entry.half)
      if (is_counted(half)) give_back(half.eni);
  }

 private:
  struct Slot {
    std::shared_ptr<ConnectionAllowance> allowance;
    std::uint32_t counted = 0;  // halves of this worker's entries
    std::uint32_t since = 0;    // the epoch from which on bits are about this allowance
  };
  bool is_counted(const FlowHalf& half) const noexcept {
    return half.counted != 0 && half.eni < slots_.size() && half.epoch >= slots_[half.eni].since;
  }

  std::vector<Slot> slots_ = std::vector<Slot>(65536);
};

}  // namespace weft
