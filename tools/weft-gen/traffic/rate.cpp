#include "tools/weft-gen/traffic/rate.hpp"

#include <charconv>
#include <cmath>
#include <optional>

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

struct Quantity {
  double number;
  std::string unit;  // lower case
};

std::optional<Quantity> split(const std::string& text) {
  Quantity q{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q.number);
  if (error != std::errc{} || !std::isfinite(q.number) || q.number < 0) return std::nullopt;
  for (const char* c = end; c != text.data() + text.size(); ++c) q.unit += static_cast<char>(*c | 0x20);
  if (q.unit == std::string(1, '%' | 0x20)) q.unit = "%";
  return q;
}

std::optional<double> prefix(std::string_view letters) {
  if (letters.empty()) return 1;
  if (letters == "k") return 1e3;
  if (letters == "m") return 1e6;
  if (letters == "g") return 1e9;
  return std::nullopt;
}

/// The number in the unit, when that is what the quantity has.
std::optional<double> in(const Quantity& q, std::string_view unit) {
  if (!q.unit.ends_with(unit)) return std::nullopt;
  const auto factor = prefix(std::string_view(q.unit).substr(0, q.unit.size() - unit.size()));
  return factor ? std::optional(q.number * *factor) : std::nullopt;
}

}  // namespace

double line_pps(double line_bps, double frame_bytes) {
  return line_bps / 8 / (frame_bytes + static_cast<double>(kWireOverhead));
}

Result<Rate> Rate::parse(const std::string& text) {
  const std::optional<Quantity> q = split(text);
  if (q && q->number > 0) {
    if (q->unit == "%" && q->number <= 100) return Rate(q->number, Unit::kPercent);
    if (const auto pps = in(*q, "pps")) return Rate(*pps, Unit::kPps);
    if (const auto bps = in(*q, "bps"); bps && !q->unit.ends_with("pps")) return Rate(*bps, Unit::kBps);
  }
  return Error{"InvalidParameterValue",
               "'" + text + "' is no rate; right is more than 0 of pps, kpps, mpps, bps, kbps, mbps, gbps, or up to 100%",
               {}};
}

double Rate::pps(double line_bps, double frame_bytes) const {
  switch (unit_) {
    case Unit::kPps: return value_;
    case Unit::kBps: return line_pps(value_, frame_bytes);
    case Unit::kPercent: return line_pps(line_bps, frame_bytes) * value_ / 100;
  }
  return 0;
}

Result<double> parse_line(const std::string& text) {
  if (const std::optional<Quantity> q = split(text); q && q->number > 0) {
    if (const auto bps = in(*q, "bps")) return *bps;
    if (const auto bits = in(*q, ""); bits && !q->unit.empty()) return *bits;
  }
  return Error{"InvalidParameterValue", "'" + text + "' is no speed of a line; right is for example 10g or 2.5gbps", {}};
}

Result<double> parse_share(const std::string& text) {
  if (const std::optional<Quantity> q = split(text)) {
    if (q->unit == "%" && q->number < 100) return q->number / 100;
    if (q->unit.empty() && q->number < 1) return q->number;
  }
  return Error{
      "InvalidParameterValue", "'" + text + "' is no share; right is for example 0.5% or 0.005, and less than all", {}};
}

}  // namespace weft::gen
