#include "dataplane/observe/open_metrics.hpp"

#include <charconv>

namespace weft {
namespace {

constexpr std::string_view kUnits[] = {"bytes", "seconds", "packets"};

struct TypeWords {
  std::string_view name, suffix;
};
constexpr TypeWords kTypes[] = {{"counter", "_total"}, {"gauge", ""}, {"info", "_info"}};

std::string_view unit_of(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('_') + 1);
  for (const std::string_view unit : kUnits)
    if (unit == last) return unit;
  return {};
}

/// A label's value may come from a topology file, and be anything.
void add_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') text += "\\n";
    else if (c == '"' || c == '\\') (text += '\\') += c;
    else text += c;
  }
}

template <typename Number>
void add_number(std::string& text, Number value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

void OpenMetricsText::family(Type type, std::string_view name, std::string_view help) {
  const TypeWords& words = kTypes[static_cast<std::size_t>(type)];
  name_ = name;
  suffix_ = words.suffix;
  ((((text_ += "# TYPE ") += name) += ' ') += words.name) += '\n';
  if (const std::string_view unit = unit_of(name); !unit.empty())
    ((((text_ += "# UNIT ") += name) += ' ') += unit) += '\n';
  ((text_ += "# HELP ") += name) += ' ';
  add_escaped(text_, help);
  text_ += '\n';
}

void OpenMetricsText::begin_sample(Labels labels) {
  (text_ += name_) += suffix_;
  char before = '{';
  for (const auto& [key, value] : labels) {
    ((text_ += before) += key) += "=\"";
    add_escaped(text_, value);
    text_ += '"';
    before = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += ' ';
}

void OpenMetricsText::sample(Labels labels, std::uint64_t value) {
  begin_sample(labels);
  add_number(text_, value);
  text_ += '\n';
}

void OpenMetricsText::sample(Labels labels, double value) {
  begin_sample(labels);
  add_number(text_, value);
  text_ += '\n';
}

std::string OpenMetricsText::finish() && { return std::move(text_ += "# EOF\n"); }

}  // namespace weft
