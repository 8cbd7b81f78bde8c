#include "tools/weft/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weft::cli {
namespace {

using nlohmann::json;

struct Mark {
  char sign;
  const char* colour;
};

Mark mark_of(const std::string& kind) {
  if (kind == "add") return {'+', "\x1b[32m"};
  if (kind == "remove") return {'-', "\x1b[31m"};
  return {'~', "\x1b[33m"};
}

std::size_t count(const json& changes, const char* kind) {
  return static_cast<std::size_t>(std::count_if(changes.begin(), changes.end(),
                                                [&](const json& change) { return change.value("kind", "") == kind; }));
}

}  // namespace

std::string Table::to_string() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += fmt::format("{:<{}}  ", row[i], widths[i]);
    if (!row.empty()) text += row.back();
    while (text.ends_with(' ')) text.pop_back();
    text += '\n';
  }
  return text;
}

bool wants_colour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(::fileno(stream)) == 1;
}

std::string format_changes(const json& changes, bool colour) {
  std::size_t resource_width = 0, name_width = 0;
  for (const json& change : changes) {
    resource_width = std::max(resource_width, change.value("resource", "").size());
    name_width = std::max(name_width, printable(change.value("name", "")).size());
  }
  std::string text;
  for (const json& change : changes) {
    const Mark mark = mark_of(change.value("kind", ""));
    text += fmt::format("{}{} {:<{}}  {:<{}}  {}{}\n", colour ? mark.colour : "", mark.sign,
                        change.value("resource", ""), resource_width, printable(change.value("name", "")), name_width,
                        change.value("id", ""), colour ? "\x1b[0m" : "");
    for (const json& detail : change.value("details", json::array()))
      text += fmt::format("    {}\n", printable(detail.get<std::string>()));
  }
  return text;
}

std::string summary(const json& changes) {
  return fmt::format("{} to add, {} to change, {} to remove", count(changes, "add"), count(changes, "change"),
                     count(changes, "remove"));
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return fmt::format("{:.3g} {}", value, units[unit]);
}

std::string human_time(double milliseconds) {
  if (milliseconds < 1) return fmt::format("{:.2f} ms", milliseconds);
  if (milliseconds < 1000) return fmt::format("{:.0f} ms", milliseconds);
  if (milliseconds < 120e3) return fmt::format("{:.1f} s", milliseconds / 1000);
  if (milliseconds < 7200e3) return fmt::format("{:.0f} min", milliseconds / 60e3);
  return fmt::format("{:.1f} h", milliseconds / 3600e3);
}

void print_json(const json& value) { std::puts(value.dump(2, ' ', false, json::error_handler_t::replace).c_str()); }

std::string printable(const std::string& text) {
  std::string result = text;
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return result;
}

std::string cell(const json& value, const char* key) {
  auto found = value.find(key);
  if (found == value.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>().empty() ? "-" : printable(found->get<std::string>());
  if (!found->is_array()) return found->dump();
  std::string list;
  for (const json& item : *found)
    list += (list.empty() ? "" : ",") + (item.is_string() ? printable(item) : item.dump());
  return list.empty() ? "-" : list;
}

std::uint64_t number(const json& value, const char* key) { return value.value(key, std::uint64_t{0}); }

}  // namespace weft::cli
