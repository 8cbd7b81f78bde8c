// The port for scrapers: where it listens, what it answers, and its limits, over real sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/control/api_server.hpp"
#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

TEST(ListenAddresses, AreReadAndWritten) {
  for (const char* text : {"127.0.0.1:9469", "[::1]:9469", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    const Result<ListenAddress> address = ListenAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
    sockaddr_storage storage{};
    address->fill(storage);
    EXPECT_EQ(ListenAddress::from(storage).to_string(), text);
  }
  for (const char* text : {"", ":", "9469", ":9469", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1:1x", "localhost:9469", "::1:9469", "[127.0.0.1]:9469", "[::1]", "[::1:9469", "[]:1"}) {
    const Result<ListenAddress> address = ListenAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

struct Scrapers : ::testing::Test {
  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 1, false, false, [] { return std::uint64_t{0}; }}};
  std::unique_ptr<ApiServer> server;

  void listen(const char* where, ApiLimits limits = scraper_limits()) {
    Result<std::unique_ptr<ApiServer>> listening = ApiServer::listen_for_scrapers(*ListenAddress::parse(where), routes, limits);
    ASSERT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  int connected() const {
    sockaddr_storage storage{};
    const socklen_t length = ListenAddress::parse(server->address())->fill(storage);
    const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
    const timeval patience{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }
  static std::string read_to_end(int fd) {
    std::string all;
    char piece[4096];
    for (ssize_t got; (got = ::recv(fd, piece, sizeof piece, 0)) > 0;) all.append(piece, static_cast<std::size_t>(got));
    ::close(fd);
    return all;
  }
  std::string ask(const std::string& request) const {
    const int fd = connected();
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return read_to_end(fd);
  }
};

constexpr const char* kScrape = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(Scrapers, GetTheMetricsOverBothFamilies) {
  for (const char* where : {"127.0.0.1:0", "[::1]:0"}) {
    listen(where);
    EXPECT_FALSE(server->address().ends_with(":0")) << server->address();
    const std::string answer = ask(kScrape);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_NE(answer.find("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("# EOF\n"));
  }
}

TEST_F(Scrapers, GetNothingElse) {
  listen("127.0.0.1:0");
  EXPECT_TRUE(ask("DELETE /v1/deployment HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_FALSE(world.controller.stopping());
  EXPECT_TRUE(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_F(Scrapers, AreOnlySoMany) {
  ApiLimits limits = scraper_limits();
  limits.connections = 2;
  listen("127.0.0.1:0", limits);
  const int first = connected(), second = connected();
  EXPECT_TRUE(read_to_end(connected()).starts_with("HTTP/1.1 503 "));
  ::close(first);
  ::close(second);
}

TEST_F(Scrapers, APortThatIsTakenIsNamed) {
  listen("127.0.0.1:0");
  const Result<std::unique_ptr<ApiServer>> again =
      ApiServer::listen_for_scrapers(*ListenAddress::parse(server->address()), routes);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find(server->address()), std::string::npos) << again.error().message;
}

}  // namespace
}  // namespace weft::testing
