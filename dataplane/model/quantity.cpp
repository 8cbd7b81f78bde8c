#include "dataplane/model/quantity.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <span>

namespace weft {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From small to large.
constexpr Unit kDurations[] = {
    {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}};
constexpr Unit kSizes[] = {{"B", 1},          {"kB", 1'000},         {"KiB", 1'024},        {"MB", 1'000'000},
                           {"MiB", 1'048'576}, {"GB", 1'000'000'000}, {"GiB", 1'073'741'824}};
constexpr Unit kRates[] = {{"bps", 1},
                           {"kbps", 1'000},
                           {"Mbps", 1'000'000},
                           {"Gbps", 1'000'000'000},
                           {"Tbps", 1'000'000'000'000}};

constexpr double kMostExact = 9'007'199'254'740'992.0;  // 2^53: every whole number below is a double
constexpr double kRounding = 1e-9;                      // what a decimal fraction loses as a double, and more

struct Written {
  double number;
  std::string_view unit;
};

std::optional<Written> split(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  // from_chars takes a sign, "inf" and "nan"; a quantity begins with a digit.
  if (error != std::errc() || text.front() < '0' || text.front() > '9') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return Written{number, text};
}

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  const std::optional<Written> written = split(text);
  if (!written) return std::nullopt;
  if (written->unit.empty()) return written->number == 0 ? std::optional<std::uint64_t>(0) : std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != written->unit) continue;
    const double value = written->number * static_cast<double>(unit.factor);
    const double whole = std::round(value);
    if (value > kMostExact || std::abs(value - whole) > kRounding * value) return std::nullopt;
    return static_cast<std::uint64_t>(whole);
  }
  return std::nullopt;
}

std::string to_text(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0) best = &unit;
  return fmt::format("{}{}", value / best->factor, best->name);
}

}  // namespace

std::optional<std::uint64_t> parse_duration(std::string_view text) { return parse(text, kDurations); }
std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizes); }
std::optional<std::uint64_t> parse_rate(std::string_view text) { return parse(text, kRates); }

std::optional<double> parse_share(std::string_view text) {
  const std::optional<Written> written = split(text);
  if (!written || written->number > 100) return std::nullopt;
  if (written->unit != "%" && !(written->unit.empty() && written->number == 0)) return std::nullopt;
  return written->number / 100;
}

std::string duration_text(std::uint64_t nanoseconds) { return to_text(nanoseconds, kDurations); }
std::string size_text(std::uint64_t bytes) { return to_text(bytes, kSizes); }
std::string rate_text(std::uint64_t bits_per_second) { return to_text(bits_per_second, kRates); }

std::string share_text(double share) {
  std::string digits = fmt::format("{:.8f}", share * 100);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits + "%";
}

}  // namespace weft
