// One connection of the API, or of a scraper: read, run, answer, again. Internal to ApiServer.
#pragma once

#include <utility>  // asio 1.74 uses std::exchange without it

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/control/api_server.hpp"

namespace weft {

class ApiSession : public std::enable_shared_from_this<ApiSession> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;  // local or TCP

  struct Shared {
    std::function<ApiResponse(const ApiRequest&)> answer;  // never throws
    const ApiLimits& limits;
    boost::asio::thread_pool& handlers;
    std::function<void()> on_end;
  };

  /// `refusal`: this peer may not ask; it gets that answer to its first request, and the connection ends.
  ApiSession(Socket socket, Shared& shared, std::optional<Error> refusal)
      : socket_(std::move(socket)), deadline_(socket_.get_executor()), shared_(shared), refusal_(std::move(refusal)) {}

  boost::asio::awaitable<void> run();
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<bool> wait_for_request();
  Awaitable<boost::system::error_code> read(Parser& parser);
  Awaitable<bool> write(const ApiResponse& response, unsigned version, bool keep_alive);
  /// Chunks, until the stream ends, or the client, which may end its sending half and then gets the rest.
  Awaitable<void> write_stream(std::shared_ptr<ApiStream> stream, unsigned version);
  Awaitable<void> wait_for_end_of_client(std::shared_ptr<ApiStream> stream);
  ApiResponse read_failure(boost::system::error_code why) const;
  void set_deadline(std::chrono::milliseconds time);
  void clear_deadline();

  Socket socket_;
  boost::asio::steady_timer deadline_;
  Shared& shared_;
  std::optional<Error> refusal_;
  boost::beast::flat_buffer buffer_;
  bool timed_out_ = false;
};

}  // namespace weft
