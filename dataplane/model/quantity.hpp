// Quantities as people write them, "10Gbps", "50us", "256KiB", "1%": from text and back. One place, so that what a plan
// says can be written into the file again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

/// A number with or without a fraction, its unit behind it, with or without a space; 0 needs no unit. Nothing when it is
/// something else, below 0, or no whole number of the smallest unit.
std::optional<std::uint64_t> parse_duration(std::string_view text);  // ns, us, ms, s, min: nanoseconds
std::optional<std::uint64_t> parse_size(std::string_view text);      // B, kB, MB, GB, KiB, MiB, GiB: bytes
std::optional<std::uint64_t> parse_rate(std::string_view text);      // bps, kbps, Mbps, Gbps, Tbps: bits per second
/// "0%" to "100%": 0 to 1. The sign is asked for, because 1 could be meant either way.
std::optional<double> parse_share(std::string_view text);

/// The largest unit of which it is a whole number: what the functions above give back unchanged.
std::string duration_text(std::uint64_t nanoseconds);
std::string size_text(std::uint64_t bytes);
std::string rate_text(std::uint64_t bits_per_second);
/// Up to eight digits after the point of the percentage.
std::string share_text(double share);

}  // namespace weft
