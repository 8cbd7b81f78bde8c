#include "tools/weft/api_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>

#include "instances/holder.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;
using nlohmann::json;

constexpr std::uint64_t kLargestAnswer = 256u << 20;  // a listing of a million flows

/// One request and its answer, each step started by the one before.
class Exchange {
 public:
  Exchange(const std::string& socket_path, http::request<http::string_body> request, std::chrono::seconds limit)
      : stream_(context_), request_(std::move(request)) {
    parser_.body_limit(kLargestAnswer);
    stream_.expires_after(limit);
    stream_.async_connect(Local::endpoint(socket_path), [this](beast::error_code failed) {
      step_ = "connect";
      if (!fail(failed)) write();
    });
  }

  void run() { context_.run(); }
  const beast::error_code& failed() const { return failed_; }
  const std::string& step() const { return step_; }
  const http::response<http::string_body>& answer() const { return parser_.get(); }

 private:
  void write() {
    http::async_write(stream_, request_, [this](beast::error_code failed, std::size_t) {
      step_ = "send the request";
      if (!fail(failed)) read();
    });
  }

  void read() {
    http::async_read(stream_, buffer_, parser_, [this](beast::error_code failed, std::size_t) {
      step_ = "read the answer";
      fail(failed);
    });
  }

  bool fail(beast::error_code failed) {
    failed_ = failed;
    return static_cast<bool>(failed);
  }

  asio::io_context context_;
  beast::basic_stream<Local> stream_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
  beast::error_code failed_;
  std::string step_;
};

Error not_running(const std::string& socket_path) {
  return {kNotRunningCode,
          fmt::format("no weftd is running (nobody listens on {}); start one with `weft up FILE`", socket_path),
          {}};
}

Error one_error_of(const json& said) {
  Error error{said.value("code", "InternalError"), said.value("message", "weftd did not say what is wrong"), {}};
  if (auto where = said.find("where"); where != said.end() && where->is_object())
    error.where = {where->value("file", ""), where->value("line", 0), where->value("key", "")};
  return error;
}

/// The body of an answer that is not 200 (docs/api.md, "Errors").
Error error_of(unsigned status, const json& body) {
  if (!body.is_object() || !body.contains("error") || !body["error"].is_object())
    return {"InternalError", fmt::format("weftd answered {} without saying why", status), {}};
  Error error = one_error_of(body["error"]);
  // The list begins with the one that the body itself is.
  if (auto all = body["error"].find("errors"); all != body["error"].end() && all->is_array())
    for (std::size_t i = 1; i < all->size(); ++i)
      if ((*all)[i].is_object()) error.others.push_back(one_error_of((*all)[i]));
  return error;
}

}  // namespace

Result<ApiClient> ApiClient::open() {
  Result<std::string> directory = runtime_directory();
  if (!directory) return directory.error();
  return ApiClient(*directory + "/api.sock");
}

Result<json> ApiClient::get(const std::string& path) const { return ask("GET", path, "", kQuick); }

Result<json> ApiClient::post(const std::string& path, const json& body, std::chrono::seconds limit) const {
  // A file name or a text need not be UTF-8; JSON must be.
  return ask("POST", path, body.dump(-1, ' ', false, json::error_handler_t::replace), limit);
}

Result<json> ApiClient::remove(const std::string& path, std::chrono::seconds limit) const {
  return ask("DELETE", path, "", limit);
}

bool ApiClient::is_running() const {
  asio::io_context context;
  Local::socket socket(context);
  beast::error_code failed;
  socket.connect(Local::endpoint(socket_path_), failed);
  return !failed;
}

Result<json> ApiClient::ask(const std::string& method, const std::string& path, const std::string& body,
                            std::chrono::seconds limit) const try {
  http::request<http::string_body> request(http::string_to_verb(method), path, 11);
  request.set(http::field::host, "weft");
  request.set(http::field::connection, "close");
  if (!body.empty()) {
    request.set(http::field::content_type, "application/json");
    request.body() = body;
  }
  request.prepare_payload();

  Exchange exchange(socket_path_, std::move(request), limit);
  exchange.run();
  if (exchange.failed() && exchange.step() == "connect" && exchange.failed() != beast::error::timeout) {
    if (exchange.failed() == asio::error::connection_refused || exchange.failed().value() == ENOENT)
      return not_running(socket_path_);
    return Error{
        "InternalError", fmt::format("cannot connect to {}: {}", socket_path_, exchange.failed().message()), {}};
  }
  if (exchange.failed() == beast::error::timeout)
    return Error{"InternalError",
                 fmt::format("weftd did not answer {} {} within {} s; its log is beside {}", method, path,
                             limit.count(), socket_path_),
                 {}};
  // One that died between the connection and the answer; nothing was asked to change.
  if (exchange.failed() == asio::error::connection_reset && method == "GET") return not_running(socket_path_);
  if (exchange.failed())
    return Error{"InternalError",
                 fmt::format("weftd went away during {} {} (cannot {}: {})", method, path, exchange.step(),
                             exchange.failed().message()),
                 {}};
  const json answer = json::parse(exchange.answer().body(), nullptr, false);
  if (exchange.answer().result_int() != 200) return error_of(exchange.answer().result_int(), answer);
  if (answer.is_discarded())
    return Error{"InternalError", fmt::format("weftd's answer to {} {} is not JSON", method, path), {}};
  return answer;
} catch (const std::exception& failed) {  // a socket path too long for its address, memory
  return Error{"InternalError", fmt::format("cannot ask weftd at {}: {}", socket_path_, failed.what()), {}};
}

Result<void> ApiClient::stream(const std::string& path, const std::function<void(int)>& begun,
                               const std::function<bool(std::span<const std::byte>)>& take) const try {
  asio::io_context context;
  Local::socket socket(context);
  beast::error_code failed;
  socket.connect(Local::endpoint(socket_path_), failed);
  if (failed) return not_running(socket_path_);
  http::request<http::empty_body> request(http::verb::get, path, 11);
  request.set(http::field::host, "weft");
  http::write(socket, request, failed);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(UINT64_MAX);  // none would refuse every length (Boost 1.74)
  if (!failed) http::read_header(socket, buffer, parser, failed);
  if (failed == asio::error::connection_reset || failed == http::error::end_of_stream) return not_running(socket_path_);
  if (failed)
    return Error{"InternalError", fmt::format("weftd's answer to GET {} cannot be read: {}", path, failed.message()), {}};
  const bool good = parser.get().result_int() == 200;
  if (good) begun(socket.native_handle());

  std::string refusal;
  std::array<std::byte, 65536> piece;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    http::read_some(socket, buffer, parser, failed);
    if (failed == http::error::need_buffer) failed = {};
    const std::span<const std::byte> got(piece.data(), piece.size() - parser.get().body().size);
    if (!good) refusal.append(reinterpret_cast<const char*>(got.data()), got.size());
    else if (!got.empty() && !take(got)) return {};
    if (failed)
      return Error{"InternalError", fmt::format("weftd went away during GET {} ({})", path, failed.message()), {}};
  }
  if (!good) return error_of(parser.get().result_int(), json::parse(refusal, nullptr, false));
  return {};
} catch (const std::exception& failed) {
  return Error{"InternalError", fmt::format("cannot ask weftd at {}: {}", socket_path_, failed.what()), {}};
}

Result<json> ask_daemon(const std::string& path) {
  Result<ApiClient> client = ApiClient::open();
  if (!client) return client.error();
  return client->get(path);
}

std::string refuse_other_than_words(const std::string& text, const char* what) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; };
  if (!text.empty() && std::all_of(text.begin(), text.end(), allowed)) return {};
  return fmt::format("'{}' is no {}", printable(text), what);
}

}  // namespace weft::cli
