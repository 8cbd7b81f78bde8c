// Walking a YAML document: every value knows its key path and line and refuses what does not fit with EC2's code and a
// sentence. Inside topology_file only.
//
// A file with ten mistakes gets ten errors. What reads one value refuses by throwing; each key of a section and each
// item of a list is read for itself, so that a mistake in one is noted and the next is read all the same.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/control/yaml_document.hpp"
#include "dataplane/model/result.hpp"

namespace weft::topology_file {

/// One mistake, on its way to the nearest key or item around it.
struct Failure {
  Error error;
};

/// What is missing is there under another name, and that was noted.
struct SaidAlready {};

/// A mistake after which nothing further in the file makes sense. Caught by parse_topology().
struct Hopeless {
  Error error;
};

class Section;

/// One value of the file, wherever it stands.
class Value {
 public:
  /// What all values of a file share.
  struct File {
    std::string name;
    std::map<std::string, int> lines = {};  // key path -> line
    std::size_t values = 0;
    Errors errors = {};
  };

  Value(File& file, const YamlNode& node, std::string key, int line);

  std::string text() const;                      // a scalar that is not empty
  int number(int least, int most) const;         // decimal
  double decimal(double least, double most) const;
  bool truth() const;                            // true, false
  Section section(std::string_view what, const std::vector<std::string>& keys) const;
  bool is_list() const { return node_->is_sequence(); }
  bool is_section() const { return node_->is_map(); }

  /// Every item of a "list of subnets", each for itself.
  template <typename Read>
  void each(std::string_view of, Read read) const {
    for (const Value& item : items(of)) item.attempt([&] { read(item); });
  }
  /// Notes what `read` refuses, and goes on.
  template <typename Read>
  void attempt(Read read) const {
    try {
      read();
    } catch (Failure& failure) {
      file_->errors.add(std::move(failure.error));
    } catch (const SaidAlready&) {
    }
  }

  int line() const { return line_; }
  const std::string& key() const { return key_; }
  const std::string& file_name() const { return file_->name; }
  bool file_has_errors() const { return !file_->errors.empty(); }
  [[noreturn]] void refuse(std::string code, std::string message) const;
  /// As refuse(), but goes on.
  void note(std::string code, std::string message) const;

 private:
  std::vector<Value> items(std::string_view of) const;
  std::string kind() const;  // "a list", "the text 'x'": for messages

  File* file_;
  const YamlNode* node_;  // of the document, which outlives all values
  std::string key_;
  int line_;
};

/// A mapping whose keys are all known.
class Section {
 public:
  /// `misspelt`: keys that were probably meant by unknown ones.
  Section(Value self, std::string what, std::map<std::string, Value> values, std::set<std::string> misspelt)
      : self_(std::move(self)), what_(std::move(what)), values_(std::move(values)), misspelt_(std::move(misspelt)) {}

  bool has(const std::string& key) const { return values_.contains(key); }
  const Value* find(const std::string& key) const;
  /// One of these was probably meant by a key that there is not: nothing more needs to be said about its absence.
  bool misspelt(std::initializer_list<const char*> keys) const;
  /// Refuses with MissingParameter and the example when the key is not there.
  const Value& required(const std::string& key, std::string_view example) const;

  /// Reads the key if it is there. What is wrong with it is noted.
  template <typename Read>
  void read(const std::string& key, Read read) const {
    if (const Value* value = find(key)) value->attempt([&] { read(*value); });
  }
  /// Reads the key, which must be there. What is wrong with it is noted.
  template <typename Read>
  void read_required(const std::string& key, std::string_view example, Read read) const {
    self_.attempt([&] { read(required(key, example)); });
  }
  void read_text(const std::string& key, std::string& into) const {
    read(key, [&](const Value& value) { into = value.text(); });
  }
  void read_name(std::string_view example, std::string& into) const {
    read_required("name", example, [&](const Value& value) { into = value.text(); });
  }
  void read_truth(const std::string& key, bool& into) const {
    read(key, [&](const Value& value) { into = value.truth(); });
  }
  template <typename Number>  // int or optional<int>
  void read_number(const std::string& key, int least, int most, Number& into) const {
    read(key, [&](const Value& value) { into = value.number(least, most); });
  }

  const Value& self() const { return self_; }
  int line() const { return self_.line(); }

 private:
  Value self_;
  std::string what_;
  std::map<std::string, Value> values_;
  std::set<std::string> misspelt_;
};

}  // namespace weft::topology_file
