// Copies between a message's bytes and a caller's list of up to kMaxIov pieces.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "fabric/rdm/endpoint.hpp"

namespace weft::rdm {

/// A copy of the caller's list: the caller's array is free on return from the posting call.
struct IovList {
  iovec pieces[kMaxIov];
  std::uint32_t count = 0;

  void assign(std::span<const iovec> from) {
    count = static_cast<std::uint32_t>(from.size());
    std::copy(from.begin(), from.end(), pieces);
  }
  std::span<const iovec> view() const { return {pieces, count}; }
};

inline std::size_t total_length(std::span<const iovec> iov) {
  std::size_t total = 0;
  for (const iovec& piece : iov) total += piece.iov_len;
  return total;
}

/// Calls visit(address, size) for the pieces of `size` bytes from `offset` on; the list must be long enough.
template <typename Visit>
void for_each_piece(std::span<const iovec> iov, std::size_t offset, std::size_t size, Visit&& visit) {
  for (const iovec& piece : iov) {
    if (size == 0) return;
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    const std::size_t here = std::min(size, piece.iov_len - offset);
    visit(static_cast<std::byte*>(piece.iov_base) + offset, here);
    offset = 0;
    size -= here;
  }
}

inline void gather(std::span<const iovec> iov, std::size_t offset, std::byte* to, std::size_t size) {
  if (size == 0) return;    // the address may be null then
  if (iov.size() == 1) {    // nearly always
    std::memcpy(to, static_cast<const std::byte*>(iov[0].iov_base) + offset, size);
    return;
  }
  for_each_piece(iov, offset, size, [&to](const std::byte* from, std::size_t here) {
    std::memcpy(to, from, here);
    to += here;
  });
}

inline void scatter(std::span<const iovec> iov, std::size_t offset, const std::byte* from, std::size_t size) {
  if (size == 0) return;
  if (iov.size() == 1) {
    std::memcpy(static_cast<std::byte*>(iov[0].iov_base) + offset, from, size);
    return;
  }
  for_each_piece(iov, offset, size, [&from](std::byte* to, std::size_t here) {
    std::memcpy(to, from, here);
    from += here;
  });
}

}  // namespace weft::rdm
