// One bucket of the flow table: eight 16-bit tags and eight 32-bit entry indices in one cache line, so that a lookup
// touches one line here and one line of the entry itself (facts packet-engines 4.4).
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weft {

struct alignas(64) FlowBucket {
  static constexpr unsigned kSlots = 8;

  std::uint16_t tag[kSlots] = {};      // 0: the slot is free
  std::uint32_t index[kSlots] = {};    // of the entry
  std::uint32_t guests_elsewhere = 0;  // entries that belong here and sit in their other bucket
  std::uint8_t guests = 0;             // bit per slot: its entry belongs to the other bucket

  /// Bit per slot whose tag is `wanted`. match(0) gives the free slots.
  unsigned match(std::uint16_t wanted) const noexcept {
#if defined(__SSE2__)
    const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(tag));
    const __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(wanted)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
#else
    unsigned mask = 0;
    for (unsigned slot = 0; slot < kSlots; ++slot) mask |= static_cast<unsigned>(tag[slot] == wanted) << slot;
    return mask;
#endif
  }
  unsigned occupied() const noexcept { return ~match(0) & 0xffU; }
};
static_assert(sizeof(FlowBucket) == 64);

}  // namespace weft
