// A split virtqueue (virtio 1.2, 2.7); drivers/vhost/ring.hpp says what its functions are.
#pragma once

#include <optional>

#include "drivers/vhost/ring.hpp"

namespace weft {

class SplitRing {
 public:
  /// Nothing if the ring is not all in `memory`, or cannot be one.
  static std::optional<SplitRing> make(const rte_vhost_vring& vring, const GuestMemory& memory, RingOptions options,
                                       RingBase base) noexcept;

  Take take(const GuestMemory& memory, GuestPieces& pieces, ChainHandle& chain) noexcept;
  bool anything() const noexcept { return virtio::read_acquire(&available_->index) != next_; }

  using Mark = std::uint16_t;
  Mark mark() const noexcept { return next_; }
  void back_to(Mark mark) noexcept { next_ = mark; }

  void give_back(ChainHandle chain, std::uint32_t written) noexcept;
  bool publish() noexcept;
  void want_kicks(bool wanted) noexcept;

  RingBase base() const noexcept { return {next_, used_index_}; }

 private:
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags, next;
  };
  struct Available {
    std::uint16_t flags, index;
    // the ring, and behind it used_event
    const std::uint16_t* ring() const noexcept { return reinterpret_cast<const std::uint16_t*>(this + 1); }
  };
  struct UsedElement {
    std::uint32_t id, bytes;
  };
  struct Used {
    std::uint16_t flags, index;
    // the ring, and behind it 16 bits: avail_event
    UsedElement* ring() noexcept { return reinterpret_cast<UsedElement*>(this + 1); }
  };
  bool follow(std::uint16_t head, const GuestMemory& memory, GuestPieces& pieces) const noexcept;
  std::uint16_t* available_event() const noexcept {
    return reinterpret_cast<std::uint16_t*>(used_->ring() + options_.size);
  }

  const Descriptor* descriptors_ = nullptr;
  const Available* available_ = nullptr;
  Used* used_ = nullptr;
  RingOptions options_;
  std::uint16_t seen_ = 0;        // of available_->index
  std::uint16_t next_ = 0;        // to be taken
  std::uint16_t used_index_ = 0;  // with what is given back and not published
  std::uint16_t told_ = 0;        // used index at the last interrupt that was considered
  bool told_anything_ = false;
};

}  // namespace weft
