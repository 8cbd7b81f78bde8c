// What split and packed virtqueues (virtio 1.2, 2.7 and 2.8) have in common for whoever moves frames through them.
//
// SplitRing and PackedRing have the same functions:
//   take()       the next chain that the guest has made available; it stays taken until back_to() an earlier mark()
//   give_back()  the guest may have a taken chain again, in the order of take(), once publish() has told it
//   publish()    returns whether the guest wants an interrupt for it
//   want_kicks() whether the guest is to write its eventfd when it makes something available
// Of each descriptor one copy is read and believed: the guest may write while we read.
//
// Thread: the port's worker. A ring is made and copied out of by control threads while the worker is outside.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rte_vhost.h>

#include "drivers/vhost/guest_memory.hpp"

namespace weft {

enum class Take : std::uint8_t {
  kChain,
  kNone,    // nothing is available
  kBroken,  // the guest's driver has written what no driver may: the ring is not looked at again
};

/// A chain that was taken: what its guest knows it by, and how many descriptors of the ring it is.
struct ChainHandle {
  std::uint16_t id = 0;
  std::uint16_t descriptors = 1;
};

/// What a guest negotiated, as far as rings are concerned.
struct RingOptions {
  std::uint16_t size = 0;
  bool device_writes = false;  // the guest's receive queue
  bool event_index = false;    // VIRTIO_F_EVENT_IDX
};

/// rte_vhost_get_vring_base() and its counterpart: 15 bits and, of a packed ring, the wrap counter.
struct RingBase {
  std::uint16_t available = 0, used = 0;
};

namespace virtio {
inline constexpr std::uint16_t kNext = 1, kWrite = 2, kIndirect = 4;      // descriptor flags
inline constexpr std::uint16_t kPackedAvailable = 1 << 7, kPackedUsed = 1 << 15;
inline constexpr std::uint16_t kEventEnable = 0, kEventDisable = 1, kEventDescriptor = 2;

/// Only what says so may be written. Read may be everything: DPDK 22.11's virtio_ring.h marks tables of frames that it
/// sends as written by the device (vring_desc_init_indirect_packed()).
inline bool may_use(std::uint16_t flags, bool device_writes) noexcept { return !device_writes || (flags & kWrite) != 0; }

/// One copy of what the guest may be writing.
template <typename T>
T read_once(const T* from) noexcept {
  T value;
  if constexpr (sizeof(T) == 16) {
    std::uint64_t words[2];
    const auto* const at = reinterpret_cast<const volatile std::uint64_t*>(from);
    words[0] = at[0], words[1] = at[1];
    std::memcpy(&value, words, sizeof value);
  } else {
    value = *const_cast<const volatile T*>(from);
  }
  return value;
}
template <typename T>
T read_acquire(const T* from) noexcept {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

/// vring_need_event() of the specification: whether the step from `before` to `now` passes `event`.
inline bool passes(std::uint16_t event, std::uint16_t now, std::uint16_t before) noexcept {
  return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - before);
}
}  // namespace virtio

}  // namespace weft
