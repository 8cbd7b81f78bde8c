#include "dataplane/net/checksum.hpp"

#include <cstring>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

constexpr std::uint64_t fold(std::uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Be16 as_field(std::uint64_t raw) {
  Be16 field;
  field.raw = static_cast<std::uint16_t>(raw);
  return field;
}

}  // namespace

std::uint64_t checksum_add(std::span<const std::byte> bytes, std::uint64_t sum) noexcept {
  // 32-bit words into a 64-bit sum cannot overflow before 16 GiB; folding later keeps the value modulo 0xffff.
  sum = fold(sum);
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, 4);
    sum += word;
  }
  if (left >= 2) {
    std::uint16_t word;
    std::memcpy(&word, at, 2);
    sum += word;
    at += 2;
    left -= 2;
  }
  if (left == 1) {
    std::uint16_t word = 0;
    std::memcpy(&word, at, 1);  // first byte in memory, whatever the byte order
    sum += word;
  }
  return sum;
}

Be16 checksum_fold(std::uint64_t sum) noexcept { return as_field(fold(sum)); }

Be16 checksum_finish(std::uint64_t sum) noexcept { return as_field(~fold(sum)); }

std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                std::uint32_t length) noexcept {
  const std::size_t skip = source.is_v4() && destination.is_v4() ? 12 : 0;
  std::uint64_t sum = checksum_add(std::as_bytes(std::span(source.octets)).subspan(skip));
  sum = checksum_add(std::as_bytes(std::span(destination.octets)).subspan(skip), sum);
  return sum + Be16(protocol).raw + detail::two_words(Be32(length).raw);
}

Be16 transport_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                        std::span<const std::byte> segment) noexcept {
  const auto length = static_cast<std::uint32_t>(segment.size());
  return checksum_finish(checksum_add(segment, pseudo_header_sum(source, destination, protocol, length)));
}

Be16 udp_checksum(const IpAddress& source, const IpAddress& destination, std::span<const std::byte> segment) noexcept {
  const Be16 checksum = transport_checksum(source, destination, kProtocolUdp, segment);
  return checksum.raw == 0 ? as_field(0xffff) : checksum;
}

}  // namespace weft
