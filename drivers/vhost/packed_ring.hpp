// A packed virtqueue (virtio 1.2, 2.8); drivers/vhost/ring.hpp says what its functions are.
#pragma once

#include <optional>

#include "drivers/vhost/ring.hpp"

namespace weft {

class PackedRing {
 public:
  /// Nothing if the ring is not all in `memory`, or cannot be one.
  static std::optional<PackedRing> make(const rte_vhost_vring& vring, const GuestMemory& memory, RingOptions options,
                                        RingBase base) noexcept;

  Take take(const GuestMemory& memory, GuestPieces& pieces, ChainHandle& chain) noexcept;
  bool anything() const noexcept { return is_available(virtio::read_acquire(&descriptors_[next_.index].flags)); }

  /// A place in the ring, and the value of the wrap counter there.
  struct Place {
    std::uint16_t index = 0;
    bool wrap = true;
    std::uint16_t packed() const noexcept { return static_cast<std::uint16_t>(index | (wrap ? 1 << 15 : 0)); }
  };
  using Mark = Place;
  Mark mark() const noexcept { return next_; }
  void back_to(Mark mark) noexcept { next_ = mark; }

  void give_back(ChainHandle chain, std::uint32_t written) noexcept;
  bool publish() noexcept;
  void want_kicks(bool wanted) noexcept;

  RingBase base() const noexcept { return {next_.packed(), used_.packed()}; }

 private:
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t id, flags;
  };
  struct Event {
    std::uint16_t place, flags;
  };
  bool is_available(std::uint16_t flags) const noexcept {
    return ((flags & virtio::kPackedAvailable) != 0) == next_.wrap && ((flags & virtio::kPackedUsed) != 0) != next_.wrap;
  }
  void advance(Place& place, unsigned descriptors) const noexcept;
  bool add(const Descriptor& descriptor, const GuestMemory& memory, GuestPieces& pieces) const noexcept;

  Descriptor* descriptors_ = nullptr;
  const Event* driver_event_ = nullptr;
  Event* device_event_ = nullptr;
  RingOptions options_;
  Place next_, used_;
  Place told_;                    // used_ at the last interrupt that was considered
  bool told_anything_ = false;
  bool unpublished_ = false;      // the guest sees used descriptors from first_ on when that one's flags say so
  std::uint16_t first_ = 0, first_flags_ = 0;
};

}  // namespace weft
