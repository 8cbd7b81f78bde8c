// NTP (RFC 5905): the Time Sync service of 169.254.169.123 (facts ec2 1.9, 7.5). The time is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/services/refusal.hpp"

namespace weft::services {

inline constexpr std::uint16_t kNtpPort = 123;

/// `request` and `out` are payloads of UDP. Clients of versions 3 and 4 (SNTP's too, RFC 4330) are answered; control
/// and private messages, which make servers amplifiers, are not.
Answer answer_ntp(std::uint64_t now_unix_ns, std::span<const std::byte> request, std::span<std::byte> out) noexcept;

/// Seconds since 1900 in the upper 32 bits, of the era that the time is in; fractions of a second in the lower.
std::uint64_t ntp_timestamp(std::uint64_t unix_ns) noexcept;

}  // namespace weft::services
