// Addresses as values: MAC, IPv4, the 16-byte IP every interface above the flow entry uses, and prefixes.
//
// Numbers are kept in host order; `Be16`/`Be32` are the only types that hold network order and they exist only in
// wire headers (net/headers.hpp). Parsing never throws: a bad text is std::nullopt and the caller knows file and line.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};

  constexpr auto operator<=>(const MacAddress&) const = default;
  constexpr bool is_multicast() const { return (octets[0] & 1U) != 0; }  // broadcast included
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  static std::optional<MacAddress> parse(std::string_view text);  // "02:00:0a:00:01:04"
  std::string to_string() const;
};

struct Ipv4Address {
  std::uint32_t value = 0;  // host order

  constexpr auto operator<=>(const Ipv4Address&) const = default;
  static std::optional<Ipv4Address> parse(std::string_view text);
  std::string to_string() const;
};

/// Sixteen bytes in network order; IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so one type serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> octets{};

  constexpr auto operator<=>(const IpAddress&) const = default;
  /// By words: the array's own comparison is a call of memcmp().
  constexpr bool operator==(const IpAddress& o) const {
    return ((word(0) ^ o.word(0)) | (word(1) ^ o.word(1))) == 0;
  }
  static constexpr IpAddress from(Ipv4Address v4) {
    IpAddress ip;
    ip.octets[10] = ip.octets[11] = 0xff;
    for (int i = 0; i < 4; ++i) ip.octets[12 + i] = static_cast<std::uint8_t>(v4.value >> (24 - 8 * i));
    return ip;
  }
  constexpr bool is_v4() const { return word(0) == 0 && word(1) >> 32 == 0xffff; }
  /// Meaningful only when is_v4().
  constexpr Ipv4Address v4() const {
    return {static_cast<std::uint32_t>(octets[12]) << 24 | static_cast<std::uint32_t>(octets[13]) << 16 |
            static_cast<std::uint32_t>(octets[14]) << 8 | octets[15]};
  }
  constexpr bool is_multicast_v6() const { return octets[0] == 0xff; }                               // ff00::/8
  constexpr bool is_link_local_v6() const { return octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80; }  // fe80::/10
  constexpr bool is_unspecified_v6() const { return *this == IpAddress{}; }                          // ::
  /// Kept for EC2's own services and routed by nobody: 169.254.168.0/22 and fd00:ec2::/32 (facts ec2 1.9).
  constexpr bool is_for_services() const {
    if (is_v4()) return (v4().value & 0xfffffc00U) == 0xa9fea800U;
    return octets[0] == 0xfd && octets[1] == 0x00 && octets[2] == 0x0e && octets[3] == 0xc2;
  }
  static std::optional<IpAddress> parse(std::string_view text);  // either family
  std::string to_string() const;                                 // IPv4 as dotted quad

  /// The upper (0) and the lower (1) half as numbers.
  constexpr std::uint64_t word(unsigned half) const {
    const std::uint64_t raw = std::bit_cast<std::array<std::uint64_t, 2>>(octets)[half];
    return std::endian::native == std::endian::little ? __builtin_bswap64(raw) : raw;
  }
};

/// A CIDR block. `length` counts bits of the 16-byte form, so an IPv4 /24 has length 120; `v4_length()` undoes that.
struct IpPrefix {
  IpAddress address;        // canonical: host bits zero
  std::uint8_t length = 0;  // 0..128

  constexpr auto operator<=>(const IpPrefix&) const = default;
  static std::optional<IpPrefix> parse(std::string_view text);   // canonicalises, as EC2 does (facts ec2 1.6)
  static IpPrefix make(IpAddress address, std::uint8_t length);  // canonicalises
  constexpr bool is_v4() const { return length >= 96 && address.is_v4(); }
  constexpr unsigned v4_length() const { return length - 96U; }
  /// EC2 keeps the families apart: ::/0 is every IPv6 address and no IPv4 one, although ::ffff:0:0/96 lies inside it.
  constexpr bool contains(const IpAddress& ip) const {
    return is_v4() == ip.is_v4() && ((address.word(0) ^ ip.word(0)) & mask(length)) == 0 &&
           ((address.word(1) ^ ip.word(1)) & mask(length > 64 ? length - 64U : 0)) == 0;
  }
  bool contains(const IpPrefix& other) const;
  std::string to_string() const;

 private:
  static constexpr std::uint64_t mask(unsigned bits) {
    return bits == 0 ? 0 : bits >= 64 ? ~std::uint64_t{0} : ~std::uint64_t{0} << (64 - bits);
  }
};

/// A 16- or 32-bit field of a wire header, in network order in memory. Packed: readable at any offset of a frame.
struct [[gnu::packed]] Be16 {
  std::uint16_t raw = 0;
  constexpr Be16() = default;
  constexpr explicit Be16(std::uint16_t host) : raw(swap(host)) {}
  constexpr std::uint16_t host() const { return swap(raw); }
  constexpr bool operator==(const Be16&) const = default;

 private:
  static constexpr std::uint16_t swap(std::uint16_t v) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(v << 8 | v >> 8) : v;
  }
};

struct [[gnu::packed]] Be32 {
  std::uint32_t raw = 0;
  constexpr Be32() = default;
  constexpr explicit Be32(std::uint32_t host) : raw(swap(host)) {}
  constexpr std::uint32_t host() const { return swap(raw); }
  constexpr bool operator==(const Be32&) const = default;

 private:
  static constexpr std::uint32_t swap(std::uint32_t v) {
    return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
  }
};

}  // namespace weft

template <>
struct std::hash<weft::IpAddress> {
  std::size_t operator()(const weft::IpAddress& ip) const noexcept {
    std::uint64_t high, low;
    std::memcpy(&high, ip.octets.data(), 8);
    std::memcpy(&low, ip.octets.data() + 8, 8);
    // The octets that differ between neighbours are a word's upper bits on a little-endian machine, and a multiply moves
    // nothing downwards: without the shifts, tables that use the lower bits would have every host of a subnet in one place.
    std::uint64_t mixed = high * 0xc2b2ae3d27d4eb4fULL ^ low;
    mixed = (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ mixed >> 29) * 0xff51afd7ed558ccdULL;
    return static_cast<std::size_t>(mixed ^ mixed >> 32);
  }
};
