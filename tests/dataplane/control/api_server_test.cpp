#include "dataplane/control/api_server.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

/// A client that may say anything at all.
class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void end_of_request() { ::shutdown(fd_, SHUT_WR); }

  /// One response with its body, or what came until the connection or the patience ended.
  std::string read() {
    for (;;) {
      std::size_t head = got_.find("\r\n\r\n"), length = got_.find("Content-Length: ");
      if (head != std::string::npos && length < head) {
        const std::size_t whole = head + 4 + std::stoul(got_.substr(length + 16));
        if (got_.size() >= whole) {
          std::string one = got_.substr(0, whole);
          got_.erase(0, whole);
          return one;
        }
      }
      if (!receive()) return std::exchange(got_, "");
    }
  }
  /// The server closed its end and there is nothing more to read.
  bool closed() { return got_.empty() && !receive() && !timed_out_; }

  static std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: weft\r\n\r\n"; }
  static std::string post(const std::string& path, const std::string& body) {
    return "POST " + path + " HTTP/1.1\r\nHost: weft\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }

 private:
  bool receive() {
    pollfd readable{fd_, POLLIN, 0};
    if (::poll(&readable, 1, 5000) <= 0) {
      timed_out_ = true;
      return false;
    }
    char buffer[65536];
    ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    got_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  bool connected_ = false, timed_out_ = false;
  std::string got_;
};

bool is(const std::string& response, int status) {
  return response.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
}

struct Server : ::testing::Test {
  static ApiLimits short_limits() {
    ApiLimits limits;
    limits.request_time = 300ms;
    limits.idle_time = 300ms;
    limits.connections = 4;
    limits.refused_connections = 2;
    return limits;
  }

  Server() {
    char pattern[] = "/tmp/weft-api-test-XXXXXX";
    directory = ::mkdtemp(pattern);
    path = directory + "/api.sock";
    Result<std::unique_ptr<ApiServer>> listening = ApiServer::listen(
        path, routes, [this] { ++ended; }, short_limits());
    EXPECT_TRUE(listening);
    server = std::move(*listening);
  }
  ~Server() override {
    server.reset();
    EXPECT_NE(::access(path.c_str(), F_OK), 0) << "the socket is left behind";
    ::rmdir(directory.c_str());
  }

  std::string ask(const std::string& request) {
    Client client(path);
    client.send(request);
    return client.read();
  }

  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 1, false, false, [] { return std::uint64_t{0}; }}};
  std::atomic<int> ended{0};
  std::string directory, path;
  std::unique_ptr<ApiServer> server;
};

TEST_F(Server, AnswersOverOneConnectionAgainAndAgain) {
  Client client(path);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(Client::get("/v1/status")));
    std::string response = client.read();
    EXPECT_TRUE(is(response, 200)) << response;
    EXPECT_NE(response.find("\"version\":\"1.2.3\""), std::string::npos);
    EXPECT_NE(response.find("Content-Type: application/json"), std::string::npos);
  }
}

TEST_F(Server, AnswersPipelinedRequestsInOrder) {
  Client client(path);
  client.send(Client::get("/v1/status") + Client::get("/v1/nothing") + Client::get("/v1/instances"));
  EXPECT_TRUE(is(client.read(), 200));
  EXPECT_TRUE(is(client.read(), 404));
  EXPECT_TRUE(is(client.read(), 200));
}

TEST_F(Server, ClosesWhenTheClientWantsIt) {
  Client client(path);
  client.send("GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(is(client.read(), 200));
  EXPECT_TRUE(client.closed());
}

TEST_F(Server, TheSocketIsForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Server, AppliesATopologyOfManyInstances) {
  std::vector<std::string> instances;
  for (int i = 0; i < 200; ++i) instances.push_back(plain("node-" + std::to_string(i)));
  std::string response = ask(Client::post("/v1/apply", Json{{"file", "f"}, {"topology", topology(instances)}}.dump()));
  EXPECT_TRUE(is(response, 200)) << response.substr(0, 500);
  EXPECT_EQ(world.environment.existing.size(), 200u);
}

TEST_F(Server, WrongMethodNamesTheRightOne) {
  std::string response = ask(Client::post("/v1/status", "{}"));
  EXPECT_TRUE(is(response, 405));
  EXPECT_NE(response.find("Allow: GET"), std::string::npos);
}

TEST_F(Server, ContinuesWhenTheClientWaitsForIt) {
  Client client(path);
  const std::string body = Json{{"file", "f"}, {"topology", topology({plain("a")})}}.dump();
  client.send("POST /v1/plan HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  client.send(body);
  std::string response = client.read();
  EXPECT_NE(response.find("HTTP/1.1 100 Continue"), std::string::npos) << response;
  EXPECT_NE(response.find("HTTP/1.1 200 OK"), std::string::npos) << response;
}

TEST_F(Server, WhatIsNoHttpIsToldSoAndCutOff) {
  for (std::string bytes :
       {std::string("nonsense\r\n\r\n"), std::string(200, '\0'), std::string("GET  HTTP/1.1\r\n\r\n"),
        std::string("POST /v1/apply HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
        std::string("POST /v1/apply HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    Client client(path);
    client.send(bytes);
    client.end_of_request();
    EXPECT_TRUE(is(client.read(), 400)) << bytes;
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(Server, TooLargeHeadersAndBodiesAreRefusedBeforeTheyAreRead) {
  EXPECT_TRUE(is(ask("GET /v1/status HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), 431));
  EXPECT_TRUE(is(ask("POST /v1/apply HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n"), 413));
  EXPECT_TRUE(is(ask("POST /v1/apply HTTP/1.1\r\nContent-Length: " + std::to_string(ApiLimits{}.body_bytes + 1) + "\r\n\r\n"), 413));
}

TEST_F(Server, ATruncatedRequestIsNoRequest) {
  Client client(path);
  client.send("POST /v1/apply HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"file\":");
  client.end_of_request();
  client.read();
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(world.environment.existing.empty());
}

TEST_F(Server, ASlowRequestExpiresAndAnIdleConnectionEnds) {
  Client slow(path), idle(path);
  slow.send("GET /v1/sta");
  std::string response = slow.read();
  EXPECT_TRUE(is(response, 408)) << response;
  EXPECT_TRUE(slow.closed());
  EXPECT_TRUE(idle.closed());
}

TEST_F(Server, SlowClientsHoldUpNobody) {
  Client slow[3] = {Client(path), Client(path), Client(path)};
  for (Client& client : slow) client.send("POST /v1/apply HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_TRUE(is(ask(Client::get("/v1/status")), 200));
}

TEST_F(Server, ALongApplyHoldsUpNobody) {
  std::promise<void> entered, go_on;
  world.environment.on_create = [&](const std::string&) {
    entered.set_value();
    go_on.get_future().wait();
  };
  std::future<std::string> apply = std::async(std::launch::async, [&] {
    return ask(Client::post("/v1/apply", Json{{"file", "f"}, {"topology", topology({plain("a")})}}.dump()));
  });
  entered.get_future().wait();
  std::string status = ask(Client::get("/v1/status"));
  EXPECT_NE(status.find(R"("progress":{"what":"create instance a","done":0,"total":2})"), std::string::npos) << status;
  EXPECT_TRUE(
      is(ask(Client::post("/v1/apply", Json{{"file", "f"}, {"topology", topology({plain("b")})}}.dump())), 409));
  go_on.set_value();
  EXPECT_TRUE(is(apply.get(), 200));
}

TEST_F(Server, AClientThatGoesAwayDoesNotStopItsApply) {
  {
    Client client(path);
    client.send(Client::post("/v1/apply", Json{{"file", "f"}, {"topology", topology({plain("a")})}}.dump()));
  }
  for (int i = 0; i < 500 && !world.controller.deployment(); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_NE(world.controller.deployment(), nullptr);
}

TEST_F(Server, BeyondTheLimitOfConnectionsOneIsTurnedAwayAndComesInLater) {
  {
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 4; ++i) {
      crowd.push_back(std::make_unique<Client>(path));
      crowd.back()->send(Client::get("/v1/status"));
      EXPECT_TRUE(is(crowd.back()->read(), 200));
    }
    Client one_more(path);
    EXPECT_TRUE(is(one_more.read(), 503));
    EXPECT_TRUE(one_more.closed());
  }
  std::string response;
  for (int i = 0; i < 100 && !is(response, 200); ++i) response = ask(Client::get("/v1/status"));
  EXPECT_TRUE(is(response, 200));
}

TEST_F(Server, DeleteAnswersAndThenEndsTheDaemonOnce) {
  ask(Client::post("/v1/apply", Json{{"file", "f"}, {"topology", topology({plain("a")})}}.dump()));
  std::string response = ask("DELETE /v1/deployment HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(is(response, 200));
  EXPECT_NE(response.find("{\"removed\":1}"), std::string::npos);
  for (int i = 0; i < 500 && ended == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(ended, 1);
}

TEST_F(Server, ASecondListenerTakesTheSocketOfADeadOneOver) {
  server.reset();
  int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(stale);
  Result<std::unique_ptr<ApiServer>> again = ApiServer::listen(path, routes, [] {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(is(ask(Client::get("/v1/status")), 200));
}

/// A session may have read its request when the server ends, and then still has to be answered or cut off.
TEST_F(Server, EndsWhileManyAsk) {
  for (int round = 0; round < 60; ++round) {
    std::atomic<bool> ending{false};
    std::vector<std::thread> crowd;
    for (int i = 0; i < 4; ++i)
      crowd.emplace_back([&] {
        while (!ending) {
          Client client(path);
          while (client.connected() && client.send(Client::get("/v1/status")) && !client.read().empty()) {
          }
        }
      });
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 60 * round));
    auto ended_in_time = std::async(std::launch::async, [&] { server.reset(); });
    if (ended_in_time.wait_for(30s) != std::future_status::ready) {
      std::fprintf(stderr, "round %d: the server does not end\n", round);
      std::abort();  // there is no way on: its destructor holds everything
    }
    ending = true;
    for (std::thread& one : crowd) one.join();
    Result<std::unique_ptr<ApiServer>> again = ApiServer::listen(path, routes, [this] { ++ended; }, short_limits());
    ASSERT_TRUE(again);
    server = std::move(*again);
  }
}

TEST_F(Server, APathThatIsTooLongIsAnErrorWithAWayOut) {
  Result<std::unique_ptr<ApiServer>> never = ApiServer::listen(std::string(200, 'x'), routes, [] {});
  ASSERT_FALSE(never);
  EXPECT_NE(never.error().message.find("--runtime-dir"), std::string::npos);
}

/// What a process answers that ran `in` in namespaces of its own. -1: this machine does not let us make them.
int in_other_namespace(const std::string& path, const std::string& expected, int flags) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(flags) != 0) ::_exit(77);
    Client client(path);
    client.send(Client::get("/v1/status"));
    const std::string response = client.read();
    ::_exit(response.find(expected) != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return 1;
  return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

TEST_F(Server, AProcessInAnotherNetworkNamespaceIsRefused) {
  const int result = in_other_namespace(path, "UnauthorizedOperation", CLONE_NEWUSER | CLONE_NEWNET);
  if (result == -1) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(result, 0);
}

TEST_F(Server, AProcessInAnotherUserNamespaceButTheSameNetworkIsNot) {
  const int result = in_other_namespace(path, "1.2.3", CLONE_NEWUSER);
  if (result == -1) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(result, 0);
}

TEST_F(Server, AnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    Client client(path);
    client.send(Client::get("/v1/status"));
    const std::string response = client.read();
    ::_exit(is(response, 403) && response.find("you are user 65534") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Server, RefusedPeersCannotCrowdOutTheOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  int done[2], asked[2];
  ASSERT_EQ(::pipe(done), 0);
  ASSERT_EQ(::pipe(asked), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 20; ++i) crowd.push_back(std::make_unique<Client>(path));
    char byte = 0;
    (void)!::write(done[1], &byte, 1);
    (void)!::read(asked[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(done[0], &byte, 1), 1);
  EXPECT_TRUE(is(ask(Client::get("/v1/status")), 200));
  (void)!::write(asked[1], &byte, 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  for (int fd : {done[0], done[1], asked[0], asked[1]}) ::close(fd);
}

}  // namespace
}  // namespace weft::testing
