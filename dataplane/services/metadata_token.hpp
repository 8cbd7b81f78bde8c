// The session tokens of instance metadata (facts ec2 7.4). Nothing is kept of a token: it says itself until when it is
// good, for which instance, and carries a keyed hash of both. So there may be any number of them, as EC2 promises, and
// they end with the key: when the engine starts anew its guests ask for new ones, as every SDK does after a 401.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/services/siphash.hpp"

namespace weft::services {

inline constexpr std::uint32_t kMostTokenSeconds = 21'600;
inline constexpr std::size_t kTokenCharacters = 40;  // 8 of the time, 32 of the hash

/// Of one engine, the same in all its workers: a client's next connection may be another worker's.
struct TokenKeys {
  SipKey first{}, second{};

  /// From the kernel's random numbers.
  static TokenKeys random();
};

using Token = std::array<char, kTokenCharacters>;

/// `instance` is its id. `now_s`: of any clock that only goes forward.
Token make_token(const TokenKeys& keys, std::string_view instance, std::uint64_t now_s, std::uint32_t seconds) noexcept;

/// For how many seconds more it is good; nothing: it is none, another instance's, or its time is over.
std::optional<std::uint32_t> check_token(const TokenKeys& keys, std::string_view instance, std::uint64_t now_s,
                                         std::string_view token) noexcept;

}  // namespace weft::services
