#include "tools/weft-gen/report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace weft::gen {
namespace {

constexpr double kWidth = 760, kHeight = 360, kLeft = 78, kRight = 740, kTop = 18, kBottom = 300;
constexpr double kMostNines = 6;
constexpr std::size_t kColours = 8;  // classes s0 to s7 of the page

/// Where on the axis, before it is scaled to the picture.
double place(Axis::Scale scale, double value) {
  switch (scale) {
    case Axis::Scale::kLinear: return value;
    case Axis::Scale::kLogarithmic: return std::log10(value);
    case Axis::Scale::kNines: return value >= 1 ? kMostNines : std::min(kMostNines, -std::log10(1 - value));
  }
  return value;
}

bool fits(Axis::Scale scale, double value) { return std::isfinite(value) && (scale != Axis::Scale::kLogarithmic || value > 0); }

std::string plain(double value) {
  for (const auto& [unit, suffix] : {std::pair(1e9, "G"), std::pair(1e6, "M"), std::pair(1e3, "k")})
    if (std::abs(value) >= unit) return fmt::format("{:g}{}", value / unit, suffix);
  return fmt::format("{:g}", value);
}

struct Span {
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  void take(double value) { low = std::min(low, value), high = std::max(high, value); }
};

/// 1, 2 or 5 times a power of ten, about five to an axis.
double nice_step(double length) {
  const double rough = length / 5, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (rough <= factor * power) return factor * power;
  return 10 * power;
}

void choose_ticks(Axis& axis, Span& span) {
  if (axis.scale == Axis::Scale::kLinear) {
    span.low = std::min(span.low, 0.0);
    if (span.high <= span.low) span.high = span.low + 1;
    const double step = nice_step(span.high - span.low);
    span.high = std::ceil(span.high / step - 1e-9) * step;
    if (axis.ticks.empty())
      for (double at = span.low; at <= span.high + step / 2; at += step) axis.ticks.emplace_back(at, plain(at));
  } else if (axis.scale == Axis::Scale::kLogarithmic) {
    span.low = std::floor(span.low), span.high = std::max(std::ceil(span.high), span.low + 1);
    if (axis.ticks.empty())
      for (double power = span.low; power <= span.high; ++power)
        axis.ticks.emplace_back(std::pow(10, power), plain(std::pow(10, power)));
  } else {
    span = {0, kMostNines};
    axis.ticks = {{0, "0"},  {0.9, "90 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}, {0.9999, "99.99 %"}, {0.99999, "99.999 %"},
                  {1, "max"}};
  }
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart), x_(chart.x), y_(chart.y) {
    for (const Series& s : chart.series)
      for (const auto& [x, y] : s.points) {
        if (!fits(x_.scale, x) || !fits(y_.scale, y)) continue;
        across_.take(place(x_.scale, x)), up_.take(place(y_.scale, y));
        empty_ = false;
      }
    if (empty_) return;
    choose_ticks(x_, across_);
    choose_ticks(y_, up_);
  }

  std::string svg() {
    if (empty_) return "";
    std::string text = fmt::format("<svg viewBox='0 0 {} {}' role='img' aria-label='{}'>\n", kWidth,
                                   kHeight + 20.0 * static_cast<double>((chart_.series.size() + 2) / 3), escape(chart_.title));
    axes(text);
    for (std::size_t i = 0; i < chart_.series.size(); ++i) series(text, i);
    return text + "</svg>\n";
  }

 private:
  double across(double value) const {
    return kLeft + (place(x_.scale, value) - across_.low) / (across_.high - across_.low) * (kRight - kLeft);
  }
  double up(double value) const {
    return kBottom - (place(y_.scale, value) - up_.low) / (up_.high - up_.low) * (kBottom - kTop);
  }

  void axes(std::string& text) const {
    for (const auto& [value, label] : y_.ticks)
      text += fmt::format(
          "<line class='grid' x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}'/><text x='{3}' y='{4:.1f}' "
          "text-anchor='end'>{5}</text>\n",
          kLeft, kRight, up(value), kLeft - 8, up(value) + 4, escape(label));
    for (const auto& [value, label] : x_.ticks)
      text += fmt::format(
          "<line class='grid' x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}'/><text x='{0:.1f}' y='{3}' "
          "text-anchor='middle'>{4}</text>\n",
          across(value), kTop, kBottom, kBottom + 18, escape(label));
    text += fmt::format("<text x='{}' y='{}' text-anchor='middle' class='label'>{}</text>\n", (kLeft + kRight) / 2,
                        kBottom + 40, escape(x_.label));
    text += fmt::format("<text transform='translate(16 {}) rotate(-90)' text-anchor='middle' class='label'>{}</text>\n",
                        (kTop + kBottom) / 2, escape(y_.label));
  }

  void series(std::string& text, std::size_t number) const {
    const Series& s = chart_.series[number];
    std::string line, points;
    for (std::size_t i = 0; i < s.points.size(); ++i) {
      const auto& [x, y] = s.points[i];
      if (!fits(x_.scale, x) || !fits(y_.scale, y)) continue;
      line += fmt::format("{:.1f},{:.1f} ", across(x), up(y));
      if (!s.hints.empty())
        points += fmt::format("<circle class='s{}' cx='{:.1f}' cy='{:.1f}' r='4'><title>{}</title></circle>", number % kColours,
                              across(x), up(y), escape(s.hints[i]));
    }
    text +=
        fmt::format("<polyline class='s{}{}' points='{}'/>{}\n", number % kColours, s.dashed ? " dashed" : "", line, points);
    const double at = kLeft + static_cast<double>(number % 3) * 220, below = kHeight + static_cast<double>(number / 3) * 20;
    text +=
        fmt::format("<line class='s{}{}' x1='{}' x2='{}' y1='{}' y2='{}'/><text x='{}' y='{}'>{}</text>\n", number % kColours,
                    s.dashed ? " dashed" : "", at, at + 24, below, below, at + 32, below + 4, escape(s.name));
  }

  const Chart& chart_;
  Axis x_, y_;
  Span across_, up_;
  bool empty_ = true;
};

}  // namespace

std::string to_svg(const Chart& chart) { return Drawing(chart).svg(); }

std::string escape(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return safe;
}

}  // namespace weft::gen
