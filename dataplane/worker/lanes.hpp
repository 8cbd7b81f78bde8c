// A burst's arrays seen as lanes of a vector: which of the packets have this value. One bit for each packet, so that a
// stage asks for the burst what it would ask of every packet, and mostly has its answer.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weft {

inline constexpr unsigned kLanes = 32;

/// Bit i: lane[i] == value. `lane` is aligned to 16 bytes.
inline std::uint32_t lanes_equal(const std::uint8_t (&lane)[kLanes], std::uint8_t value) noexcept {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(value));
  const auto half = [&](const std::uint8_t* at) {
    const __m128i lanes = _mm_load_si128(reinterpret_cast<const __m128i*>(at));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(lanes, wanted)));
  };
  return half(lane) | half(lane + 16) << 16;
#else
  std::uint32_t mask = 0;
  for (unsigned i = 0; i < kLanes; ++i) mask |= static_cast<std::uint32_t>(lane[i] == value) << i;
  return mask;
#endif
}

inline std::uint32_t lanes_equal(const std::uint16_t (&lane)[kLanes], std::uint16_t value) noexcept {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi16(static_cast<short>(value));
  const auto half = [&](const std::uint16_t* at) {
    const auto equal = [&](const std::uint16_t* eight) {
      return _mm_cmpeq_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(eight)), wanted);
    };
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal(at), equal(at + 8))));
  };
  return half(lane) | half(lane + 16) << 16;
#else
  std::uint32_t mask = 0;
  for (unsigned i = 0; i < kLanes; ++i) mask |= static_cast<std::uint32_t>(lane[i] == value) << i;
  return mask;
#endif
}

}  // namespace weft
