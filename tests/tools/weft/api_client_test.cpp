// The client against a server that answers, answers badly, or does not answer.
#include "tools/weft/api_client.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "instances/holder.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

/// Listens on a socket, accepts one connection, reads a request, writes `answer` and closes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    ::mkdtemp(directory_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswer() {
    thread_.join();
    std::filesystem::remove_all(directory_);
  }
  std::string path() const { return std::string(directory_) + "/api.sock"; }
  const std::string& request() {
    thread_.join();
    thread_ = std::thread([] {});
    return request_;
  }

 private:
  void serve() {
    UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    char buffer[4096];
    std::size_t body = std::string::npos;
    while (body == std::string::npos || request_.size() < body) {
      const ssize_t got = ::read(connection.get(), buffer, sizeof(buffer));
      if (got <= 0) return;
      request_.append(buffer, static_cast<std::size_t>(got));
      const std::size_t end = request_.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t length = request_.find("Content-Length: ");
      body = end + 4 + (length == std::string::npos ? 0 : std::stoul(request_.substr(length + 16)));
    }
    (void)!::write(connection.get(), answer_.data(), answer_.size());
  }

  std::string answer_, request_;
  char directory_[32] = "/tmp/weft-client-XXXXXX";
  UniqueFd listener_;
  std::thread thread_;
};

std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

TEST(ApiClient, gets_json) {
  OneAnswer server(http(200, R"({"pid": 7})"));
  Result<nlohmann::json> answer = ApiClient(server.path()).get("/v1/status");
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ((*answer)["pid"], 7);
  EXPECT_TRUE(server.request().starts_with("GET /v1/status HTTP/1.1\r\n")) << server.request();
}

TEST(ApiClient, posts_what_json_cannot_hold_as_replacement_characters) {
  OneAnswer server(http(200, "{}"));
  ASSERT_TRUE(ApiClient(server.path()).post("/v1/plan", {{"file", "caf\xe9.yaml"}}));
  EXPECT_NE(server.request().find("caf\xef\xbf\xbd.yaml"), std::string::npos);
}

TEST(ApiClient, an_error_keeps_code_sentence_and_place) {
  OneAnswer server(http(400, R"({"error": {"code": "InvalidGroup.NotFound", "message": "no such group",
                               "where": {"file": "a.yaml", "line": 3, "key": "x[0]"}}})"));
  Result<nlohmann::json> answer = ApiClient(server.path()).get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().to_string(), "a.yaml:3: x[0]: no such group [InvalidGroup.NotFound]");
}

TEST(ApiClient, nonsense_is_an_internal_error) {
  for (const std::string& nonsense : {http(500, "oops"), http(200, "oops"), std::string("hello"), std::string()}) {
    OneAnswer server(nonsense);
    Result<nlohmann::json> answer = ApiClient(server.path()).get("/");
    ASSERT_FALSE(answer) << nonsense;
    EXPECT_EQ(answer.error().code, "InternalError") << nonsense;
  }
}

TEST(ApiClient, nobody_there_is_no_daemon) {
  const ApiClient client("/tmp/weft-nobody/api.sock");
  EXPECT_FALSE(client.is_running());
  Result<nlohmann::json> answer = client.get("/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, kNotRunningCode);
}

TEST(ApiClient, a_path_too_long_for_a_socket_is_an_error) {
  EXPECT_FALSE(ApiClient("/tmp/" + std::string(200, 'x')).get("/"));
}

TEST(ApiClient, one_that_never_answers_is_given_up) {
  char directory[] = "/tmp/weft-client-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s/api.sock", directory);
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  Result<nlohmann::json> answer = ApiClient(address.sun_path).post("/", {}, std::chrono::seconds(1));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("did not answer"), std::string::npos) << answer.error().message;
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace weft::cli
