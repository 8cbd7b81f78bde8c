// A YAML text as a tree, read by libyaml's events. The topology file is read through it; with yaml-cpp, reading was
// most of what a change of one rule took (docs/performance-live.md).
//
// Hostile texts are bounded while they are read: in depth, in nodes, and in that an alias is a pointer to what it names.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft {

struct YamlNode {
  enum class Kind : unsigned char { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  int line = 0;  // 1-based
  std::string scalar;
  std::vector<const YamlNode*> items;  // of a map: key, value, key, value, ...

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_map() const { return kind == Kind::kMap; }
};

class YamlDocument {
 public:
  static constexpr std::size_t kMostNodes = 1 << 20;
  static constexpr std::size_t kDeepest = 64;

  /// The text's only document. Nothing in it: the root is null. `file` is the name used in errors.
  static Result<YamlDocument> parse(const std::string& text, const std::string& file);

  const YamlNode& root() const { return *root_; }

 private:
  class Builder;
  std::unique_ptr<std::deque<YamlNode>> nodes_ = std::make_unique<std::deque<YamlNode>>();  // they stay where they are
  const YamlNode* root_ = nullptr;
};

}  // namespace weft
