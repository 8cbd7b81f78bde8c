// The internet checksum (RFC 1071), its incremental update (RFC 1624) and pseudo-headers (RFC 9293, 768, 8200).
//
// A *sum* is a running one's-complement sum of 16-bit words as they lie in memory. The sum does not care about byte
// order (RFC 1071 2.B), so nothing is swapped until a field is read by somebody. A *checksum* is the complement of the
// folded sum and is what a header holds: a Be16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/address.hpp"

namespace weft {

/// Adds `bytes` to `sum`. An odd last byte counts as the first of a word that ends in zero, so only the last piece of
/// a message may have an odd length.
std::uint64_t checksum_add(std::span<const std::byte> bytes, std::uint64_t sum = 0) noexcept;

/// Folded, not complemented: what the field of a partial checksum (VIRTIO_NET_HDR_F_NEEDS_CSUM, mbuf offload) holds of
/// a pseudo-header.
Be16 checksum_fold(std::uint64_t sum) noexcept;

/// Folded and complemented. UDP sends 0xffff where this gives zero: see udp_checksum().
Be16 checksum_finish(std::uint64_t sum) noexcept;

/// `length` is of the transport header and its payload. Both addresses are of one family.
std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                std::uint32_t length) noexcept;

/// TCP, UDP and ICMPv6: over pseudo-header and segment, whose checksum field holds zero.
Be16 transport_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                        std::span<const std::byte> segment) noexcept;

/// The same for UDP over IPv4, where a zero would mean "no checksum" (RFC 768).
Be16 udp_checksum(const IpAddress& source, const IpAddress& destination, std::span<const std::byte> segment) noexcept;

namespace detail {

/// Of a few words only: two folds are enough.
inline Be16 finish_few(std::uint32_t sum) noexcept {
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  Be16 field;
  field.raw = static_cast<std::uint16_t>(~sum);
  return field;
}
inline std::uint32_t without(Be16 checksum) noexcept { return static_cast<std::uint16_t>(~checksum.raw); }
inline std::uint32_t two_words(std::uint32_t raw) noexcept { return (raw & 0xffff) + (raw >> 16); }

}  // namespace detail

/// The checksum after one field has changed: RFC 1624 equation 3, right also where equation 4 gives 0xffff for 0.
inline Be16 checksum_update(Be16 checksum, Be16 old_field, Be16 new_field) noexcept {
  return detail::finish_few(detail::without(checksum) + detail::without(old_field) + new_field.raw);
}
inline Be16 checksum_update(Be16 checksum, Be32 old_field, Be32 new_field) noexcept {
  return detail::finish_few(detail::without(checksum) + detail::two_words(~old_field.raw) +
                            detail::two_words(new_field.raw));
}

}  // namespace weft
