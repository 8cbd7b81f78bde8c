// The one copy of a payload, queue to queue (DESIGN D7).
//
// The receiver's core has read the lines of the buffer last, so each store waits until that core gives its line up. Asking
// for the lines ahead of the stores lets those waits overlap (docs/decisions/0004). Only inside the buffer: a line of the next one may be what its owner is writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weft::efa {

inline void copy_packet(std::byte* to, const std::byte* from, std::uint32_t bytes) noexcept {
  constexpr std::uint32_t kLine = 64, kPiece = 1024;
  while (bytes >= 2 * kPiece) {
    for (std::uint32_t line = 0; line < kPiece; line += kLine) __builtin_prefetch(to + kPiece + line, 1);
    std::memcpy(to, from, kPiece);
    to += kPiece, from += kPiece, bytes -= kPiece;
  }
  std::memcpy(to, from, bytes);
}

}  // namespace weft::efa
