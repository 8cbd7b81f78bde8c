// An address as two numbers that order like its octets, so that ranges of addresses can be sorted and searched.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>

#include "dataplane/net/address.hpp"

namespace weft {

struct AddressNumber {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr auto operator<=>(const AddressNumber&) const = default;
  static AddressNumber from(const IpAddress& ip) noexcept {
    AddressNumber number;
    std::memcpy(&number.high, ip.octets.data(), 8);
    std::memcpy(&number.low, ip.octets.data() + 8, 8);
    if constexpr (std::endian::native == std::endian::little)
      number = {__builtin_bswap64(number.high), __builtin_bswap64(number.low)};
    return number;
  }
  static AddressNumber first_of(const IpPrefix& prefix) noexcept { return from(prefix.address); }
  static AddressNumber last_of(const IpPrefix& prefix) noexcept {
    AddressNumber number = from(prefix.address);
    if (prefix.length <= 64) number.low = ~std::uint64_t{0};
    if (prefix.length < 64) number.high |= ~std::uint64_t{0} >> prefix.length;
    if (prefix.length > 64 && prefix.length < 128) number.low |= ~std::uint64_t{0} >> (prefix.length - 64);
    return number;
  }
  /// The number after this one; 0 after the last.
  constexpr AddressNumber next() const noexcept { return {high + (low + 1 == 0 ? 1 : 0), low + 1}; }
};

}  // namespace weft
