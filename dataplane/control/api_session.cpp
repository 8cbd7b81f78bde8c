#include "dataplane/control/api_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>

namespace weft {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

auto into(error_code& code) { return asio::redirect_error(asio::use_awaitable, code); }

Error too_large(std::string message) { return {"RequestLimitExceeded", std::move(message), {}}; }

}  // namespace

void ApiSession::close() {
  error_code ignored;
  deadline_.cancel(ignored);
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
}

/// When the time is over, what the session waits for ends with operation_aborted and timed_out_ is set.
void ApiSession::set_deadline(std::chrono::milliseconds time) {
  timed_out_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](error_code code) {
    // A handler that was queued before the deadline moved on comes with success too.
    if (code || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void ApiSession::clear_deadline() { deadline_.expires_at(asio::steady_timer::time_point::max()); }

asio::awaitable<void> ApiSession::run() {
  // GCC 12 waits for a request though the left side of `keep_alive && co_await wait_for_request()` is false.
  for (bool keep_alive = true; keep_alive;) {
    const bool comes = co_await wait_for_request();
    if (!comes) break;
    Parser parser;
    parser.header_limit(shared_.limits.header_bytes);
    parser.body_limit(refusal_ ? shared_.limits.header_bytes : shared_.limits.body_bytes);
    set_deadline(shared_.limits.request_time);
    error_code failed = co_await read(parser);
    clear_deadline();
    if (refusal_) {
      co_await write(error_response(*refusal_), 11, false);
      break;
    }
    if (failed) {
      if (failed != http::error::end_of_stream && failed != asio::error::eof)
        co_await write(read_failure(failed), 11, false);
      break;
    }
    keep_alive = parser.keep_alive();
    const unsigned version = parser.get().version();
    ApiRequest request{std::string(parser.get().method_string()), std::string(parser.get().target()),
                       std::move(parser.get().body())};
    ApiResponse response = co_await asio::co_spawn(
        shared_.handlers.get_executor(),
        [&]() -> asio::awaitable<ApiResponse> { co_return shared_.answer(request); }, asio::use_awaitable);
    if (response.stream) {
      co_await write_stream(std::move(response.stream), version);
      break;
    }
    const bool written = co_await write(response, version, keep_alive);
    keep_alive = keep_alive && written;
    if (response.ends_daemon) {
      shared_.on_end();
      break;
    }
  }
  close();
}

/// Until the first byte of the next request, which may take its time.
asio::awaitable<bool> ApiSession::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  set_deadline(shared_.limits.idle_time);
  error_code failed;
  std::size_t got = co_await socket_.async_read_some(buffer_.prepare(4096), into(failed));
  clear_deadline();
  buffer_.commit(got);
  co_return !failed;
}

asio::awaitable<error_code> ApiSession::read(Parser& parser) {
  error_code failed;
  co_await http::async_read_header(socket_, buffer_, parser, into(failed));
  if (failed) co_return failed;
  if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on{http::status::continue_, parser.get().version()};
    co_await http::async_write(socket_, go_on, into(failed));
    if (failed) co_return failed;
  }
  co_await http::async_read(socket_, buffer_, parser, into(failed));
  co_return failed;
}

ApiResponse ApiSession::read_failure(error_code why) const {
  ApiResponse response = error_response({"InvalidRequest", "this is no HTTP/1.1 request: " + why.message(), {}});
  if (timed_out_) {
    response = error_response({"RequestExpired", "the request did not arrive in time", {}});
    response.status = 408;
  } else if (why == http::error::body_limit) {
    response = error_response(too_large(fmt::format("the body is larger than {} bytes", shared_.limits.body_bytes)));
    response.status = 413;
  } else if (why == http::error::header_limit) {
    response =
        error_response(too_large(fmt::format("the header is larger than {} bytes", shared_.limits.header_bytes)));
    response.status = 431;
  }
  return response;
}

asio::awaitable<bool> ApiSession::write(const ApiResponse& response, unsigned version, bool keep_alive) {
  http::response<http::string_body> message{static_cast<http::status>(response.status), version};
  const bool is_text = !response.content_type.empty();
  message.set(http::field::content_type, std::string(is_text ? response.content_type : "application/json"));
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  if (!response.total.empty()) message.set("Weft-Total", response.total);
  message.keep_alive(keep_alive);
  // Bytes that are no UTF-8 can come from a topology or a path; they are replaced, not an error.
  message.body() = is_text ? response.text : response.body.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  message.prepare_payload();
  set_deadline(shared_.limits.response_time);
  error_code failed;
  co_await http::async_write(socket_, message, into(failed));
  clear_deadline();
  co_return !failed;
}

/// Whatever it says now, it says that it has seen enough.
asio::awaitable<void> ApiSession::wait_for_end_of_client(std::shared_ptr<ApiStream> stream) {
  std::array<char, 1> byte;
  error_code failed;
  if (buffer_.size() == 0) co_await socket_.async_read_some(asio::buffer(byte), into(failed));
  stream->request_end();
}

/// A slow client has all the time it wants: what waits for it is a pipe and the capture's rings, and no worker.
asio::awaitable<void> ApiSession::write_stream(std::shared_ptr<ApiStream> stream, unsigned version) {
  http::response<http::empty_body> head{http::status::ok, version};
  head.set(http::field::content_type, stream->content_type());
  head.keep_alive(false);
  head.chunked(true);
  http::response_serializer<http::empty_body> serializer{head};
  error_code failed;
  co_await http::async_write_header(socket_, serializer, into(failed));
  if (failed) co_return;

  const int fd = ::dup(stream->fd());
  if (fd < 0) co_return;
  asio::posix::stream_descriptor source(socket_.get_executor(), fd);
  auto self = shared_from_this();
  asio::co_spawn(
      socket_.get_executor(),
      [self, stream]() -> asio::awaitable<void> { co_await self->wait_for_end_of_client(stream); }, asio::detached);
  std::array<char, 65536> piece;
  for (;;) {
    const std::size_t got = co_await source.async_read_some(asio::buffer(piece), into(failed));
    if (failed) break;
    co_await asio::async_write(socket_, http::make_chunk(asio::const_buffer(piece.data(), got)), into(failed));
    if (failed) co_return;
  }
  if (failed == asio::error::eof) co_await asio::async_write(socket_, http::make_chunk_last(), into(failed));
}

}  // namespace weft
