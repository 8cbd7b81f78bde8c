#include "dataplane/services/metadata_token.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>

namespace weft::services {
namespace {

constexpr std::size_t kTimeCharacters = 8, kHashCharacters = 16;
constexpr std::size_t kMostInstanceBytes = 64;  // "i-" and 17 digits

void write_hex(char* to, std::uint64_t value, std::size_t characters) {
  for (std::size_t i = characters; i > 0; --i, value >>= 4) to[i - 1] = "0123456789abcdef"[value & 15];
}

std::optional<std::uint32_t> read_time(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
    if (!digit && !letter) return std::nullopt;
    value = value << 4 | static_cast<std::uint32_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

/// The whole token for an end, which has 32 bits: a clock that counts from the machine's start has more than a century.
Token seal(const TokenKeys& keys, std::string_view instance, std::uint32_t end_s) {
  std::array<std::byte, sizeof end_s + kMostInstanceBytes> message;
  const std::size_t bytes = std::min(instance.size(), kMostInstanceBytes);
  std::memcpy(message.data(), &end_s, sizeof end_s);
  if (bytes > 0) std::memcpy(message.data() + sizeof end_s, instance.data(), bytes);
  const auto all = std::span(message).first(sizeof end_s + bytes);
  Token token;
  write_hex(token.data(), end_s, kTimeCharacters);
  write_hex(token.data() + kTimeCharacters, siphash(keys.first, all), kHashCharacters);
  write_hex(token.data() + kTimeCharacters + kHashCharacters, siphash(keys.second, all), kHashCharacters);
  return token;
}

}  // namespace

TokenKeys TokenKeys::random() {
  TokenKeys keys;
  const auto bytes = std::as_writable_bytes(std::span(&keys, 1));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = ::getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (got < 0 && errno != EINTR) std::abort();  // no kernel without it; a key that others know would be worse
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return keys;
}

Token make_token(const TokenKeys& keys, std::string_view instance, std::uint64_t now_s,
                 std::uint32_t seconds) noexcept {
  return seal(keys, instance, static_cast<std::uint32_t>(now_s + seconds));
}

std::optional<std::uint32_t> check_token(const TokenKeys& keys, std::string_view instance, std::uint64_t now_s,
                                         std::string_view token) noexcept {
  if (token.size() != kTokenCharacters) return std::nullopt;
  const std::optional<std::uint32_t> end_s = read_time(token.substr(0, kTimeCharacters));
  if (!end_s || *end_s <= now_s) return std::nullopt;
  const Token right = seal(keys, instance, *end_s);
  unsigned different = 0;  // looks at all of it, so that the time does not tell how much was right
  for (std::size_t i = 0; i < right.size(); ++i) different |= static_cast<unsigned char>(right[i] ^ token[i]);
  if (different != 0) return std::nullopt;
  return static_cast<std::uint32_t>(*end_s - now_s);
}

}  // namespace weft::services
