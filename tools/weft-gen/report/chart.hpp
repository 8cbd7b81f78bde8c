// A plot as SVG text: lines with points over axes that are linear, logarithmic, or count nines. Colours are classes, so that
// the page's style decides them (light and dark).
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace weft::gen {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
  std::vector<std::string> hints;  // shown over a point; empty, or one for each
  bool dashed = false;
};

struct Axis {
  enum class Scale { kLinear, kLogarithmic, kNines };  // of kNines 0.9, 0.99, 0.999 are equally far apart
  std::string label;
  Scale scale = Scale::kLinear;
  std::vector<std::pair<double, std::string>> ticks;  // empty: chosen
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;  // points outside a logarithmic axis (0) are left out
};

/// Empty when no series has a point.
std::string to_svg(const Chart& chart);

/// & < > " ' as entities, for text and attributes.
std::string escape(const std::string& text);

}  // namespace weft::gen
