// Reading YAML with nothing lost: a Value knows its line and key path, a Section its keys. Wrong types, unknown and
// repeated keys are refused the same way everywhere. Inside topology_file only.
#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::topology_file {

/// Thrown inside the parser, caught by parse_topology().
struct Failure {
  Error error;
};

class Section;

/// One value of the file, wherever it stands.
class Value {
 public:
  /// What all values of a file share.
  struct File {
    std::string name;
    std::map<std::string, int> lines;  // key path -> line
  };

  Value(File& file, YAML::Node node, std::string key, int line);

  std::string text() const;                            // a scalar that is not empty
  int number(int least, int most) const;               // decimal
  bool truth() const;                                  // true, false
  std::vector<Value> list(std::string_view of) const;  // "list of subnets"
  Section section(std::string_view what, const std::vector<std::string>& keys) const;
  bool is_list() const { return node_.IsSequence(); }

  int line() const { return line_; }
  const std::string& key() const { return key_; }
  [[noreturn]] void refuse(std::string code, std::string message) const;

 private:
  std::string kind() const;  // "a list", "the text 'x'": for messages

  File* file_;
  YAML::Node node_;
  std::string key_;
  int line_;
};

/// A mapping whose keys are all known.
class Section {
 public:
  Section(Value self, std::string what, std::map<std::string, Value> values)
      : self_(std::move(self)), what_(std::move(what)), values_(std::move(values)) {}

  bool has(const std::string& key) const { return values_.contains(key); }
  const Value* find(const std::string& key) const;
  /// Refuses with MissingParameter and the example when the key is not there.
  const Value& required(const std::string& key, std::string_view example) const;
  std::string text_or(const std::string& key, const std::string& otherwise) const;
  const Value& self() const { return self_; }
  int line() const { return self_.line(); }

 private:
  Value self_;
  std::string what_;
  std::map<std::string, Value> values_;
};

}  // namespace weft::topology_file
