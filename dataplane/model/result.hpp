// Result<T>: how the control path reports errors. An error has EC2's code where EC2 has one, a sentence that names what
// is wrong and what would be right, and where: the file, its line and the key. Exceptions stay inside a process.
//
// A topology with ten mistakes says all ten: who checks it adds each to an Errors and goes on, and gives them all back as
// one Error, the first in the file with the `others` behind it. Callers that want only one sentence need not know.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace weft {

struct Where {
  std::string file;  // empty: not from a file
  int line = 0;      // 1-based; 0: unknown
  std::string key;   // "security_groups[0].ingress[1].protocol"

  std::string to_string() const {
    std::string text = file;
    if (line > 0) text += (text.empty() ? "line " : ":") + std::to_string(line);
    if (!key.empty()) text += (text.empty() ? "" : ": ") + key;
    return text;
  }
};

struct Error {
  std::string code;     // EC2's ("InvalidGroup.NotFound"), or ours in the same style ("Weft.DaemonNotRunning")
  std::string message;  // one sentence, what is wrong and what would be right
  Where where;
  std::vector<Error> others = {};  // further mistakes of the same file; these have none of their own

  /// One line, of this one alone.
  std::string line() const {
    std::string text = where.to_string();
    return (text.empty() ? "" : text + ": ") + message + " [" + code + "]";
  }
  /// A line for each mistake, without a line end after the last.
  std::string to_string() const {
    std::string text = line();
    for (const Error& other : others) text += "\n" + other.line();
    return text;
  }
};

/// Mistakes as they are found.
class Errors {
 public:
  /// More than this many are counted but not kept: a hostile file of a mebibyte has room for a hundred thousand.
  static constexpr std::size_t kMost = 100;

  /// With its others, if it has some.
  void add(Error error) {
    std::vector<Error> others = std::exchange(error.others, {});
    ++found_;
    if (kept_.size() < kMost) kept_.push_back(std::move(error));
    for (Error& other : others) add(std::move(other));
  }
  bool empty() const { return kept_.empty(); }
  std::size_t size() const { return found_; }

  /// All as one, in the order of the file's lines. Only if there are any.
  Error joined() && {
    std::stable_sort(kept_.begin(), kept_.end(),
                     [](const Error& a, const Error& b) { return a.where.line < b.where.line; });
    Error first = std::move(kept_.front());
    first.others.assign(std::move_iterator(kept_.begin() + 1), std::move_iterator(kept_.end()));
    if (found_ > kept_.size())
      first.others.push_back({"Weft.MoreErrors",
                              "and " + std::to_string(found_ - kept_.size()) + " more mistakes; correct these first",
                              {first.where.file, 0, ""}});
    return first;
  }

 private:
  std::vector<Error> kept_;
  std::size_t found_ = 0;
};

/// A value or an Error. `std::expected` is C++23.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace weft
