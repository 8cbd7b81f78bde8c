// The memory that a guest shares with us, as rte_vhost has mapped it, and pieces of it that a descriptor names.
//
// A descriptor is the guest's word: whatever it says, at() and add() give memory of the guest's or nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft {

/// A run of the guest's memory, in our address space.
struct GuestPiece {
  std::byte* data;
  std::uint32_t bytes;
};

/// Where the bytes of one frame are, in order: of one chain of descriptors, or of several that are merged.
class GuestPieces {
 public:
  static constexpr unsigned kMost = 512;  // a super-segment in guest pages is 17 to 20; merged buffers of 1526 bytes, 44

  void clear() noexcept { count_ = 0, bytes_ = 0; }
  bool add(std::byte* data, std::uint32_t bytes) noexcept {
    if (count_ == kMost) return false;
    piece_[count_++] = {data, bytes};
    bytes_ += bytes;
    return true;
  }
  std::uint64_t bytes() const noexcept { return bytes_; }
  unsigned count() const noexcept { return count_; }
  const GuestPiece& operator[](unsigned i) const noexcept { return piece_[i]; }

 private:
  unsigned count_ = 0;
  std::uint64_t bytes_ = 0;
  std::array<GuestPiece, kMost> piece_;  // written before it is read
};

class GuestMemory {
 public:
  /// The table of device `vid`, which must have one. Control threads only, while nobody uses this object.
  /// False: it has no memory to be used.
  bool load(int vid);
  void clear() noexcept { count_ = 0; }

  /// `bytes` from a guest-physical address on, if they lie in one region; else null.
  std::byte* at(std::uint64_t guest_address, std::uint64_t bytes) const noexcept;
  /// The same, cut where regions meet, to the end of `pieces`. False: not all of it is guest memory, or too many pieces.
  bool add(std::uint64_t guest_address, std::uint32_t bytes, GuestPieces& pieces) const noexcept;
  /// Whether the `bytes` at an address of ours are all in one region.
  bool holds(const void* address, std::uint64_t bytes) const noexcept;

 private:
  struct Region {
    std::uint64_t guest_address, bytes;
    std::byte* data;
  };
  const Region* region_of(std::uint64_t guest_address) const noexcept;

  unsigned count_ = 0;
  std::array<Region, 16> region_;  // rte_vhost takes 8
};

}  // namespace weft
