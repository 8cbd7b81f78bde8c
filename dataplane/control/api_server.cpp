#include "dataplane/control/api_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <netinet/in.h>

#include <set>
#include <thread>

#include "dataplane/control/api_session.hpp"
#include "dataplane/control/peer_check.hpp"

namespace weft {

namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;
using boost::system::error_code;

namespace {

// One apply, one DELETE that waits for it, and two for everybody else.
constexpr std::size_t kHandlerThreads = 4;

/// Says the one thing that can be said without a session.
void turn_away(ApiSession::Socket& socket) {
  const std::string body =
      to_json(Error{"RequestLimitExceeded", "too many connections; try again in a moment", {}}).dump();
  const std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      body.size(), body);
  (void)::send(socket.native_handle(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

using Answer = std::function<ApiResponse(const ApiRequest&)>;

class Server final : public ApiServer {
 public:
  Server(Answer answer, std::function<void()> on_end, const ApiLimits& limits, std::size_t handler_threads)
      : limits_(limits),
        handlers_(handler_threads),
        shared_{std::move(answer), limits_, handlers_, std::move(on_end)},
        acceptor_(io_) {}

  std::string address() const override { return address_; }

  Result<void> open(std::string path) {
    path_ = address_ = std::move(path);
    if (path_.size() >= sizeof(sockaddr_un::sun_path))
      return Error{"InvalidParameterValue",
                   fmt::format("'{}' is too long for a socket; choose a shorter --runtime-dir", path_),
                   {}};
    ::unlink(path_.c_str());
    error_code failed;
    acceptor_.open(Protocol(AF_UNIX, 0), failed);
    const mode_t before = ::umask(0177);  // so that there is no moment in which others can connect
    if (!failed) acceptor_.bind(asio::local::stream_protocol::endpoint(path_), failed);
    ::umask(before);
    return start(failed);
  }

  Result<void> open(const ListenAddress& address) {
    address_ = address.to_string();
    sockaddr_storage storage{};
    const socklen_t length = address.fill(storage);
    error_code failed;
    acceptor_.open(Protocol(storage.ss_family, IPPROTO_TCP), failed);
    if (!failed) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);  // a weftd that died just before
    if (!failed) acceptor_.bind(Protocol::endpoint(&storage, length), failed);
    if (Result<void> started = start(failed); !started) return started;
    socklen_t room = sizeof storage;
    if (::getsockname(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&storage), &room) == 0)
      address_ = ListenAddress::from(storage).to_string();  // the port that was free
    return {};
  }

  ~Server() override {
    if (thread_.joinable()) {
      asio::post(io_, [this] {
        error_code ignored;
        closing_ = true;  // a connection that was accepted just before is not let in
        acceptor_.close(ignored);
        if (!path_.empty()) ::unlink(path_.c_str());
        for (auto* set : {&sessions_, &refused_})
          for (auto& session : *set) session->close();
      });
      // In this order: run() returns when the last session has ended, and until then one may still have a request that it
      // has read for the handlers. A pool that was joined takes it and never runs it.
      thread_.join();
      handlers_.join();
    }
  }

 private:
  using Sessions = std::set<std::shared_ptr<ApiSession>>;

  Result<void> start(error_code failed) {
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return Error{"InternalError", fmt::format("cannot listen on {}: {}", address_, failed.message()), {}};
    asio::co_spawn(io_, accept_all(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  asio::awaitable<void> accept_all() {
    while (acceptor_.is_open()) {
      error_code failed;
      ApiSession::Socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
      if (failed == asio::error::operation_aborted || failed == asio::error::bad_descriptor) break;
      if (failed) {  // no descriptors left: breathe
        asio::steady_timer pause(io_, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failed));
        continue;
      }
      try {
        admit(std::move(socket));
      } catch (const std::exception& e) {  // out of memory: this connection only
        spdlog::error("a connection was not taken: {}", e.what());
      }
    }
  }

  void admit(ApiSession::Socket socket) {
    if (closing_) return;
    std::optional<Error> refusal;
    if (!path_.empty())  // a TCP port says nothing of who asks
      if (Result<void> checked = check_peer(socket.native_handle()); !checked) refusal = checked.error();
    Sessions& sessions = refusal ? refused_ : sessions_;
    if (sessions.size() >= (refusal ? limits_.refused_connections : limits_.connections)) return turn_away(socket);
    auto session = std::make_shared<ApiSession>(std::move(socket), shared_, std::move(refusal));
    sessions.insert(session);
    asio::co_spawn(io_, session->run(), [session, &sessions](std::exception_ptr thrown) {
      if (thrown) session->close();  // out of memory: this connection only
      sessions.erase(session);
    });
  }

  std::string path_;     // empty: TCP
  std::string address_;  // for people
  const ApiLimits limits_;
  asio::io_context io_{1};
  asio::thread_pool handlers_;
  ApiSession::Shared shared_;
  asio::basic_socket_acceptor<Protocol> acceptor_;
  Sessions sessions_, refused_;  // the io thread's
  bool closing_ = false;         // too
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::listen(const std::string& path, ApiRoutes& routes,
                                                     std::function<void()> on_end, const ApiLimits& limits) {
  auto server = std::make_unique<Server>([&routes](const ApiRequest& request) { return routes.handle(request); },
                                         std::move(on_end), limits, kHandlerThreads);
  if (Result<void> opened = server->open(path); !opened) return opened.error();
  return std::unique_ptr<ApiServer>(std::move(server));
}

Result<std::unique_ptr<ApiServer>> ApiServer::listen_for_scrapers(const ListenAddress& address, ApiRoutes& routes,
                                                                  const ApiLimits& limits) {
  auto server = std::make_unique<Server>([&routes](const ApiRequest& request) { return routes.handle_scrape(request); }, [] {},
                                         limits, 1);
  if (Result<void> opened = server->open(address); !opened) return opened.error();
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace weft
