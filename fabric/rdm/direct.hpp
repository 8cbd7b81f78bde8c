// Where data is in the sender's memory: in packets, and as lists for the kernel.
#pragma once

#include <cstring>
#include <span>

#include "fabric/rdm/iov.hpp"
#include "fabric/rdm/packet_format.hpp"

namespace weft::rdm {

inline void write_direct_pieces(std::span<const iovec> iov, std::byte* to) {
  for (const iovec& part : iov) {
    const DirectPiece piece{reinterpret_cast<std::uintptr_t>(part.iov_base), part.iov_len};
    std::memcpy(to, &piece, sizeof(piece));
    to += sizeof(piece);
  }
}

/// `data` is `count` pieces, of `total` bytes together. False when it is not, or there are more than kMaxIov.
inline bool read_direct_pieces(std::span<const std::byte> data, std::uint32_t count, DirectPiece (&pieces)[kMaxIov],
                               std::uint64_t& total) {
  if (count == 0 || count > kMaxIov || data.size() != count * sizeof(DirectPiece)) return false;
  std::memcpy(pieces, data.data(), data.size());
  total = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (__builtin_add_overflow(total, pieces[i].length, &total)) return false;
  }
  return true;
}

/// A list for process_vm_readv(2): ours, or the other process's.
struct DirectList {
  static constexpr std::size_t kMax = kMaxIov * kMaxIov;  // every remote piece in a region of several parts

  void add(void* address, std::size_t size) { pieces[count++] = {address, size}; }
  std::span<const iovec> view() const { return {pieces, count}; }

  iovec pieces[kMax];
  std::size_t count = 0;
};

/// The first `size` bytes of `from`.
inline DirectList direct_list(std::span<const DirectPiece> from, std::size_t size) {
  DirectList list;
  for (const DirectPiece& piece : from) {
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(piece.length, size));
    if (here != 0) list.add(reinterpret_cast<void*>(piece.address), here);
    size -= here;
  }
  return list;
}

}  // namespace weft::rdm
