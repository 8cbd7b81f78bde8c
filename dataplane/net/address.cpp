#include "dataplane/net/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace weft {
namespace {

/// inet_pton wants a terminated string; the copy also refuses texts that are too long or hide a NUL.
template <std::size_t Bytes>
std::optional<std::array<std::uint8_t, Bytes>> parse_octets(int family, std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(terminated.data(), text.data(), text.size());
  std::array<std::uint8_t, Bytes> octets;
  if (inet_pton(family, terminated.data(), octets.data()) != 1) return std::nullopt;
  return octets;
}

/// Decimal without sign, spaces or leading zeros: "024" is a typing error, not an octal 20.
std::optional<unsigned> parse_length(std::string_view text) {
  unsigned length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return length;
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

constexpr std::uint8_t kBitsBeforeV4 = 96;

}  // namespace

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 3 * mac.octets.size() - 1) return std::nullopt;
  for (std::size_t i = 0; i < mac.octets.size(); ++i) {
    const auto high = hex_digit(text[3 * i]);
    const auto low = hex_digit(text[3 * i + 1]);
    const bool last = i + 1 == mac.octets.size();
    if (!high || !low || (!last && text[3 * i + 2] != ':')) return std::nullopt;
    mac.octets[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return mac;
}

std::string MacAddress::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : octets) {
    if (!text.empty()) text += ':';
    text += kDigits[octet >> 4];
    text += kDigits[octet & 0xf];
  }
  return text;
}

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  const auto octets = parse_octets<4>(AF_INET, text);
  if (!octets) return std::nullopt;
  Ipv4Address address;
  for (const std::uint8_t octet : *octets) address.value = address.value << 8 | octet;
  return address;
}

std::string Ipv4Address::to_string() const {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string(value >> shift & 0xff);
    if (shift > 0) text += '.';
  }
  return text;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (const auto v4 = Ipv4Address::parse(text)) return from(*v4);
  const auto octets = parse_octets<16>(AF_INET6, text);
  if (!octets) return std::nullopt;
  return IpAddress{*octets};
}

std::string IpAddress::to_string() const {
  if (is_v4()) return v4().to_string();
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, octets.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto length = parse_length(text.substr(slash + 1));
  if (!length) return std::nullopt;
  if (const auto v4 = Ipv4Address::parse(text.substr(0, slash))) {
    if (*length > 32) return std::nullopt;
    return make(IpAddress::from(*v4), static_cast<std::uint8_t>(kBitsBeforeV4 + *length));
  }
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address || *length > 128) return std::nullopt;
  return make(*address, static_cast<std::uint8_t>(*length));
}

IpPrefix IpPrefix::make(IpAddress address, std::uint8_t length) {
  if (length > 128) length = 128;
  for (unsigned i = 0; i < address.octets.size(); ++i) {
    const unsigned before = 8 * i;
    const unsigned kept = length <= before ? 0 : length - before;
    if (kept < 8) address.octets[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
  return {address, length};
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return is_v4() == other.is_v4() && other.length >= length && contains(other.address);
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(is_v4() ? v4_length() : unsigned{length});
}

}  // namespace weft
