// How things are printed: tables, plans, colours on a terminal only, JSON.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weft::cli {

/// Left-aligned columns as wide as their widest cell, two spaces between; no space at the end of a line.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string to_string() const;
  bool empty() const { return rows_.size() == 1; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// The stream is a terminal and NO_COLOR (https://no-color.org) is not set.
bool wants_colour(std::FILE* stream);

/// A plan or what was applied: "changes" as the API has them.
std::string format_changes(const nlohmann::json& changes, bool colour);

/// "3 to add, 1 to change, 0 to remove"
std::string summary(const nlohmann::json& changes);

/// 1234567 as "1.23 MB"
std::string human_bytes(std::uint64_t bytes);

/// 1520 ms as "1.5 s", 200 ms as "200 ms", two hours as "2.0 h"
std::string human_time(double milliseconds);

void print_json(const nlohmann::json& value);

/// A text of another process: control characters replaced, so that it cannot drive the terminal.
std::string printable(const std::string& text);

/// value[key] as text, "-" when it is empty, null or not there.
std::string cell(const nlohmann::json& value, const char* key);

/// value[key], 0 when it is not there.
std::uint64_t number(const nlohmann::json& value, const char* key);

}  // namespace weft::cli
