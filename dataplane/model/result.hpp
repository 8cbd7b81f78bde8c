// Result<T>: how the control path reports errors. An error has EC2's code where EC2 has one, a sentence that names what
// is wrong and what would be right, and where: the file, its line and the key. Exceptions stay inside a process.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

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

  std::string to_string() const {
    std::string text = where.to_string();
    return (text.empty() ? "" : text + ": ") + message + " [" + code + "]";
  }
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
