// The hash by which a network card spreads flows over its receive queues, computed in software: Toeplitz with the key
// 0x6d5a repeated, which gives both directions of a flow the same value (Woo and Park, "Scalable TCP session monitoring
// with symmetric receive-side scaling", KAIST 2012). So a flow's owner is the worker that polls the queue where the card
// puts it (DESIGN D3; drivers/ethdev sets the card up).
//
// Toeplitz XORs, for each bit that is set in the input, the 32 bits of the key that begin at the bit's place. A key of
// period 16 has only 16 such windows, so all that counts is the XOR of the input's 16-bit words, and both halves of the
// hash are equal: this is one half. A tuple's words come in pairs (source and destination), whose XOR does not know
// which is which. What remains is a carry-less product of two 16-bit words in a ring, by a table of 512 bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/net/address.hpp"

namespace weft {

inline constexpr std::uint16_t kSymmetricRssKey = 0x6d5a;  // every two bytes of the card's key
/// Entry i of a card's indirection table is queue (i % kRssEntries) % queues, so its size makes no difference.
inline constexpr unsigned kRssEntries = 64;

namespace detail {

/// What each value of an input word's upper byte adds to the hash; of the lower byte it is the same, rotated by eight.
inline constexpr std::array<std::uint16_t, 256> kRssOfUpperByte = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < table.size(); ++byte)
    for (int bit = 0; bit < 8; ++bit)
      if ((byte >> (7 - bit) & 1U) != 0)
        table[byte] = static_cast<std::uint16_t>(table[byte] ^ std::rotl(kSymmetricRssKey, bit));
  return table;
}();

constexpr std::uint16_t fold_words(std::uint64_t words) noexcept {
  words ^= words >> 32;
  return static_cast<std::uint16_t>(words ^ words >> 16);
}

}  // namespace detail

/// Of the XOR of the input's 16-bit words, in host order. The card's 32-bit hash is this twice.
constexpr std::uint16_t symmetric_rss_of_words(std::uint16_t words) noexcept {
  return static_cast<std::uint16_t>(detail::kRssOfUpperByte[words >> 8] ^
                                    std::rotl(detail::kRssOfUpperByte[words & 0xff], 8));
}

/// With ports: what a card hashes of TCP and UDP. Without (zero): of everything else, fragments included.
constexpr std::uint16_t symmetric_rss(Ipv4Address one, Ipv4Address other, std::uint16_t one_port = 0,
                                      std::uint16_t other_port = 0) noexcept {
  return symmetric_rss_of_words(
      static_cast<std::uint16_t>(detail::fold_words(one.value ^ other.value) ^ one_port ^ other_port));
}

/// Either family, both of one: what ::ffff:a.b.c.d has before the address goes away in the XOR.
constexpr std::uint16_t symmetric_rss(const IpAddress& one, const IpAddress& other, std::uint16_t one_port = 0,
                                      std::uint16_t other_port = 0) noexcept {
  const std::uint64_t words = one.word(0) ^ other.word(0) ^ one.word(1) ^ other.word(1);
  return symmetric_rss_of_words(static_cast<std::uint16_t>(detail::fold_words(words) ^ one_port ^ other_port));
}

/// The queue where a card with `queues` (at least one) of them puts it.
constexpr unsigned queue_of(std::uint16_t rss, unsigned queues) noexcept { return rss % kRssEntries % queues; }

}  // namespace weft
