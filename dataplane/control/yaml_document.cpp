#include "dataplane/control/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <new>
#include <optional>
#include <string_view>

namespace weft {
namespace {

std::string_view view(const yaml_char_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}
std::string name_of(const yaml_char_t* text) { return text == nullptr ? "" : reinterpret_cast<const char*>(text); }

/// YAML 1.2's core schema: what is not in quotes, and has no tag.
bool means_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

struct Event {
  yaml_event_t event{};
  ~Event() { yaml_event_delete(&event); }
};

struct Parser {
  yaml_parser_t parser{};
  explicit Parser(const std::string& text) {
    if (yaml_parser_initialize(&parser) == 0) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Parser() { yaml_parser_delete(&parser); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
};

/// A carriage return alone ends a line too.
int lines_of(const std::string& text) {
  int lines = 1;
  for (std::size_t i = 0; i < text.size(); ++i)
    lines += text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
  return lines;
}

}  // namespace

class YamlDocument::Builder {
 public:
  Builder(const std::string& text, const std::string& file) : text_(text), file_(file), lines_(lines_of(text)), parser_(text) {}

  Result<YamlDocument> run() {
    for (;;) {
      Event next;
      if (yaml_parser_parse(&parser_.parser, &next.event) == 0) return broken();
      if (std::optional<Error> error = take(next.event)) return *error;
      if (next.event.type == YAML_STREAM_END_EVENT) break;
    }
    if (document_.root_ == nullptr) document_.root_ = &document_.nodes_->emplace_back();
    return std::move(document_);
  }

 private:
  struct Open {
    YamlNode* node;
    std::string anchor;
  };

  /// libyaml ends a file that does not end its last line with a line more, which no editor shows.
  int line_of(const yaml_mark_t& mark) const { return std::min(static_cast<int>(mark.line) + 1, lines_); }

  Error error(std::string code, std::string message, int line) const {
    return {std::move(code), std::move(message), {file_, line, ""}};
  }

  Error broken() const {
    const yaml_parser_t& parser = parser_.parser;
    int line = line_of(parser.problem_mark);
    if (parser.error == YAML_READER_ERROR) {  // has an offset only
      const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(parser.problem_offset, text_.size()));
      line = 1 + static_cast<int>(std::count(text_.begin(), end, '\n'));
    }
    const std::string why = parser.problem == nullptr ? "no memory" : parser.problem;
    return error("Weft.InvalidYaml", "this is not YAML: " + why, line);
  }

  std::optional<Error> take(const yaml_event_t& event) {
    const int line = line_of(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ > 1)
          return error("InvalidParameterValue",
                       "the topology ends before this line and more follows; it must be one YAML document, without ---",
                       line);
        return {};
      case YAML_ALIAS_EVENT: {
        const std::string name = name_of(event.data.alias.anchor);
        const auto found = anchors_.find(name);
        if (found == anchors_.end())
          return error("Weft.InvalidYaml", fmt::format("this is not YAML: *{} names nothing that ends before it", name),
                       line);
        put(found->second);
        return {};
      }
      case YAML_SCALAR_EVENT: return scalar(event.data.scalar, line);
      case YAML_SEQUENCE_START_EVENT: return open(YamlNode::Kind::kSequence, event.data.sequence_start.anchor, line);
      case YAML_MAPPING_START_EVENT: return open(YamlNode::Kind::kMap, event.data.mapping_start.anchor, line);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: {
        if (!open_.back().anchor.empty()) anchors_[open_.back().anchor] = open_.back().node;
        open_.pop_back();
        return {};
      }
      default: return {};
    }
  }

  std::optional<Error> scalar(const decltype(yaml_event_t::data.scalar)& scalar, int line) {
    const std::string_view text = view(scalar.value, scalar.length);
    const bool null = scalar.plain_implicit != 0 && means_null(text);
    YamlNode* const node = make(null ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar, line);
    if (node == nullptr) return too_many(line);
    node->scalar = text;
    if (scalar.anchor != nullptr) anchors_[name_of(scalar.anchor)] = node;
    put(node);
    return {};
  }

  std::optional<Error> open(YamlNode::Kind kind, const yaml_char_t* anchor, int line) {
    if (open_.size() == kDeepest)
      return error("InvalidParameterValue",
                   fmt::format("what is here is inside {} lists or mappings; nothing in a topology is", kDeepest), line);
    YamlNode* const node = make(kind, line);
    if (node == nullptr) return too_many(line);
    put(node);
    open_.push_back({node, name_of(anchor)});
    return {};
  }

  YamlNode* make(YamlNode::Kind kind, int line) {
    if (document_.nodes_->size() == kMostNodes) return nullptr;
    YamlNode& node = document_.nodes_->emplace_back();
    node.kind = kind;
    node.line = line;
    return &node;
  }
  Error too_many(int line) const {
    return error("InvalidParameterValue", fmt::format("the file has more than {} keys and values", kMostNodes), line);
  }

  void put(const YamlNode* node) {
    if (open_.empty())
      document_.root_ = node;
    else
      open_.back().node->items.push_back(node);
  }

  const std::string& text_;
  const std::string& file_;
  const int lines_;
  Parser parser_;
  YamlDocument document_;
  std::vector<Open> open_;
  std::unordered_map<std::string, const YamlNode*> anchors_;
  int documents_ = 0;
};

Result<YamlDocument> YamlDocument::parse(const std::string& text, const std::string& file) {
  return Builder(text, file).run();
}

}  // namespace weft
