// HTTP/JSON over weftd's unix socket (docs/api.md). One request at a time, blocking, with a time limit.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "dataplane/model/result.hpp"

namespace weft::cli {

class ApiClient {
 public:
  /// Of the deployment that $WEFT_RUNTIME_DIR, or the usual runtime directory, belongs to.
  static Result<ApiClient> open();
  explicit ApiClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  Result<nlohmann::json> get(const std::string& path) const;
  Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body,
                              std::chrono::seconds limit = kQuick) const;
  Result<nlohmann::json> remove(const std::string& path, std::chrono::seconds limit = kQuick) const;

  /// GET of a body that comes little by little, such as a capture. `begun` gets the socket when the answer has begun:
  /// whoever shuts its sending half down asks for the end, and gets the rest. `take` says false to break it off.
  Result<void> stream(const std::string& path, const std::function<void(int)>& begun,
                      const std::function<bool(std::span<const std::byte>)>& take) const;

  /// Somebody accepts connections on the socket.
  bool is_running() const;

  static constexpr std::chrono::seconds kQuick{10};
  static constexpr std::chrono::seconds kLong{600};  // apply: weftd says meanwhile how far it is

 private:
  Result<nlohmann::json> ask(const std::string& method, const std::string& path, const std::string& body,
                             std::chrono::seconds limit) const;

  std::string socket_path_;
};

/// GET, or an error; most listings are this.
Result<nlohmann::json> ask_daemon(const std::string& path);

/// For an option's check: what goes into a request's path or query is one word, or it would be another request. Empty: it
/// may go; else "'a/b' is no " and `what`.
std::string refuse_other_than_words(const std::string& text, const char* what);

}  // namespace weft::cli
