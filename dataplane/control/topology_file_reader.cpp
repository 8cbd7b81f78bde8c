#include "dataplane/control/topology_file_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "dataplane/control/topology_file_words.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

// Aliases let a small file say very much: `[*a, *a, ...]` of `a: [*b, *b, ...]`. A file of kLargestTopology bytes that
// uses none comes nowhere near.
constexpr std::size_t kMostValues = 1 << 18;

/// YAML 1.1's words, in small letters, in capitals, or with the first a capital.
bool read_truth(std::string text, bool& value) {
  if (text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z') {
    if (std::any_of(text.begin(), text.end(), [](char c) { return c < 'A' || c > 'Z'; })) return false;
    for (char& c : text) c = static_cast<char>(c + ('a' - 'A'));
  }
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + ('a' - 'A'));
  for (const auto& [word, meant] : {std::pair{"y", true}, std::pair{"yes", true}, std::pair{"true", true},
                                    std::pair{"on", true}, std::pair{"n", false}, std::pair{"no", false},
                                    std::pair{"false", false}, std::pair{"off", false}})
    if (text == word) {
      value = meant;
      return true;
    }
  return false;
}

}  // namespace

Value::Value(File& file, const YamlNode& node, std::string key, int line)
    : file_(&file), node_(&node), key_(std::move(key)), line_(line) {
  if (++file_->values > kMostValues)
    throw Hopeless{{"InvalidParameterValue",
                    fmt::format("the file has more than {} values, with what its aliases repeat", kMostValues),
                    {file_->name, line_, key_}}};
  file_->lines.emplace(key_, line_);
}

void Value::refuse(std::string code, std::string message) const {
  throw Failure{{std::move(code), std::move(message), {file_->name, line_, key_}}};
}

void Value::note(std::string code, std::string message) const {
  file_->errors.add({std::move(code), std::move(message), {file_->name, line_, key_}});
}

std::string Value::kind() const {
  if (node_->is_sequence()) return "a list";
  if (node_->is_map()) return "a mapping of keys";
  if (node_->is_null()) return "nothing";
  return in_quotes(node_->scalar);
}

std::string Value::text() const {
  if (!node_->is_scalar()) refuse("InvalidParameterValue", fmt::format("a text belongs here, not {}", kind()));
  if (node_->scalar.empty())
    refuse("InvalidParameterValue", "the text is empty; give it a value or leave the key out");
  return node_->scalar;
}

int Value::number(int least, int most) const {
  const std::string expected = fmt::format("a whole number from {} to {}", least, most);
  if (!node_->is_scalar()) refuse("InvalidParameterValue", fmt::format("{} belongs here, not {}", expected, kind()));
  const std::string& digits = node_->scalar;
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || value < least || value > most)
    refuse("InvalidParameterValue", fmt::format("{} is not {}", in_quotes(digits), expected));
  return value;
}

double Value::decimal(double least, double most) const {
  const std::string expected = fmt::format("a number from {:g} to {:g}, such as 12.5,", least, most);
  if (!node_->is_scalar()) refuse("InvalidParameterValue", fmt::format("{} belongs here, not {}", expected, kind()));
  const std::string& digits = node_->scalar;
  double value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || !std::isfinite(value) ||
      value < least || value > most)
    refuse("InvalidParameterValue", fmt::format("{} belongs here, not {}", expected, in_quotes(digits)));
  return value;
}

bool Value::truth() const {
  bool value = false;
  if (!node_->is_scalar() || !read_truth(node_->scalar, value))
    refuse("InvalidParameterValue", fmt::format("true or false belongs here, not {}", kind()));
  return value;
}

std::vector<Value> Value::items(std::string_view of) const {
  if (!node_->is_sequence())
    refuse("InvalidParameterValue", fmt::format("a list of {} belongs here, not {}", of, kind()));
  std::vector<Value> values;
  values.reserve(node_->items.size());
  for (std::size_t i = 0; i < node_->items.size(); ++i) {
    const YamlNode& item = *node_->items[i];
    values.emplace_back(*file_, item, fmt::format("{}[{}]", key_, i), item.line);
  }
  return values;
}

Section Value::section(std::string_view what, const std::vector<std::string>& keys) const {
  if (!node_->is_map())
    refuse("InvalidParameterValue",
           fmt::format("{} belongs here, with the keys {}; not {}", what, fmt::join(keys, ", "), kind()));
  std::map<std::string, Value> values;
  std::set<std::string> misspelt;
  auto hint_and_remember = [&](const std::string& name) {
    const std::string meant = meant_key(name, keys);
    // For keys, all that are allowed are worth naming: there are few.
    if (meant.empty()) return fmt::format("the keys are {}", fmt::join(keys, ", "));
    misspelt.insert(meant);
    return fmt::format("did you mean {}?", in_quotes(meant));
  };
  for (std::size_t i = 0; i + 1 < node_->items.size(); i += 2) {
    const YamlNode& key_node = *node_->items[i];
    const int line = key_node.line;
    const std::string name = key_node.is_scalar() ? key_node.scalar : "";
    const std::string path = key_.empty() ? name : key_ + "." + name;
    auto note_here = [&](const char* code, std::string message) {
      file_->errors.add({code, std::move(message), {file_->name, line, path}});
    };
    if (!key_node.is_scalar())
      note_here("UnknownParameter", fmt::format("a key of {} must be a plain word", what));
    else if (std::find(keys.begin(), keys.end(), name) == keys.end())
      note_here("UnknownParameter",
                fmt::format("{} has no key {}; {}", what, in_quotes(name), hint_and_remember(name)));
    else if (auto before = values.find(name); before != values.end())
      note_here("InvalidParameterCombination", fmt::format("the key {} is here twice, first in line {}; keep one",
                                                           in_quotes(name), before->second.line()));
    else
      values.emplace(name, Value(*file_, *node_->items[i + 1], path, line));
  }
  return Section(*this, std::string(what), std::move(values), std::move(misspelt));
}

const Value* Section::find(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

bool Section::misspelt(std::initializer_list<const char*> keys) const {
  return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return misspelt_.contains(key); });
}

const Value& Section::required(const std::string& key, std::string_view example) const {
  if (const Value* value = find(key)) return *value;
  if (misspelt_.contains(key)) throw SaidAlready();
  self_.refuse("MissingParameter", fmt::format("{} needs the key '{}', such as {}", what_, key, example));
}

}  // namespace weft::topology_file
