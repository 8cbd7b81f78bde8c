// Instance metadata: facts ec2 7.4, statement 40, and HTTP that nobody should write.
#include "dataplane/services/metadata.hpp"

#include <map>

#include "tests/dataplane/services/tcp_client.hpp"

namespace weft::services {
namespace {

constexpr const char* kMacs = "network/interfaces/macs/0a:00:0a:00:01:04/";

Metadata metadata() {
  Metadata made;
  made.instance = "i-0123456789abcdef0";
  const auto add = [&](const std::string& path, const char* value) { made.tree.add("meta-data/" + path, value); };
  add("instance-id", "i-0123456789abcdef0");
  add("mac", "0a:00:0a:00:01:04");
  add("placement/region", "us-east-1");
  add("placement-not", "beside the folder, not in it");
  add(std::string(kMacs) + "local-ipv4s", "10.0.1.4\n10.0.1.20");
  add(std::string(kMacs) + "ipv4-associations/203.0.113.5", "10.0.1.4");
  add("network/interfaces/macs/0a:00:0a:00:01:05/device-number", "1");
  made.tree.add("dynamic/instance-identity/document", "{}");
  made.tree.finish();
  return made;
}

struct Response {
  std::string status;
  std::map<std::string, std::string> fields;
  std::string body;
};

Response read_response(const Bytes& bytes) {
  const std::string all(bytes.begin(), bytes.end());
  Response response;
  const auto head = all.find("\r\n\r\n");
  if (head == all.npos) return response;
  response.body = all.substr(head + 4);
  std::size_t at = all.find("\r\n");
  response.status = all.substr(9, at - 9);
  while (at < head) {
    const auto end = all.find("\r\n", at + 2);
    const std::string line = all.substr(at + 2, end - at - 2);
    response.fields[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 2);
    at = end;
  }
  return response;
}

struct Imds : Guest {
  Imds() : client(*this, "10.0.1.4", "169.254.169.254", 80) { view.metadata = &own; }

  Bytes raw(const std::string& request) { return client.ask(text(request)); }
  Response send(const std::string& request) {
    if (client.closed_by_service || client.was_reset || client.sent == 0) {
      EXPECT_TRUE(client.open());
    }
    return read_response(raw(request));
  }
  Response http(const std::string& method, const std::string& path, const std::string& fields = "") {
    return send(method + " " + path + " HTTP/1.1\r\nHost: 169.254.169.254\r\n" + fields + "\r\n");
  }
  Response put(const std::string& seconds, const std::string& fields = "") {
    return http("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: " + seconds + "\r\n" + fields);
  }
  Response get(const std::string& path) { return http("GET", path, "X-aws-ec2-metadata-token: " + token() + "\r\n"); }
  std::string token() { return put("21600").body; }

  static constexpr std::uint64_t kSecond = 1'000'000'000;
  Metadata own = metadata();
  TcpClient client;
};

TEST_F(Imds, Statement40) {
  EXPECT_EQ(http("GET", "/latest/meta-data/").status, "401 Unauthorized");
  EXPECT_EQ(put("21601").status, "400 Bad Request");
  EXPECT_EQ(put("21600", "X-Forwarded-For: 10.0.1.9\r\n").status, "403 Forbidden");
  EXPECT_EQ(get(std::string("/latest/meta-data/") + kMacs + "local-ipv4s").body, "10.0.1.4\n10.0.1.20");
  put("60");
  EXPECT_EQ(client.hop_limit, 1U) << "a router behind the guest lets it not go on";
  get("/latest/meta-data/instance-id");
  EXPECT_EQ(client.hop_limit, 64U) << "only the answer to PUT";
}

TEST_F(Imds, TheHopLimitOfATokensAnswerIsTheOption) {
  for (const unsigned hops : {2U, 64U}) {
    own.options.hop_limit = static_cast<std::uint8_t>(hops);
    EXPECT_EQ(put("60").status, "200 OK");
    EXPECT_EQ(client.hop_limit, hops);
  }
}

TEST_F(Imds, ATokensSecondsAreOneTo21600) {
  for (const char* good : {"1", "21600", "00060", " 60 "}) EXPECT_EQ(put(good).status, "200 OK") << good;
  for (const char* bad : {"0", "21601", "-1", "", "60s", "6 0", "99999999999", "0x10", "1.5"})
    EXPECT_EQ(put(bad).status, "400 Bad Request") << bad;
  EXPECT_EQ(http("PUT", "/latest/api/token").status, "400 Bad Request") << "without the field";
  const Response said = put("300");
  EXPECT_EQ(said.fields.at("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"), "300");
  EXPECT_EQ(said.body.size(), kTokenCharacters);
  EXPECT_EQ(said.fields.at("Content-Type"), "text/plain");
}

TEST_F(Imds, ATokenEndsInItsTimeAndIsItsInstancesOnly) {
  const std::string field = "X-aws-ec2-metadata-token: " + put("2").body + "\r\n";
  EXPECT_EQ(http("GET", "/latest/meta-data/mac", field).fields.at("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"), "2");
  now_ns += kSecond;
  EXPECT_EQ(http("GET", "/latest/meta-data/mac", field).body, "0a:00:0a:00:01:04");
  now_ns += kSecond;
  EXPECT_EQ(http("GET", "/latest/meta-data/mac", field).status, "401 Unauthorized");

  const std::string mine = "X-aws-ec2-metadata-token: " + put("60").body + "\r\n";
  Metadata others = metadata();
  others.instance = "i-0123456789abcdef1";
  view.metadata = &others;
  EXPECT_EQ(http("GET", "/latest/meta-data/mac", mine).status, "401 Unauthorized");
}

TEST_F(Imds, AChangedTokenIsNone) {
  const std::string token = put("600").body;
  const auto status = [&](const std::string& text) {
    return http("GET", "/latest/meta-data/mac", "X-aws-ec2-metadata-token: " + text + "\r\n").status;
  };
  EXPECT_EQ(status(token), "200 OK");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_EQ(status(changed), "401 Unauthorized") << i;
  }
  EXPECT_EQ(status(""), "401 Unauthorized");
  EXPECT_EQ(status(token + "0"), "401 Unauthorized");
  EXPECT_EQ(status(token.substr(1)), "401 Unauthorized");
  Memory other(TokenKeys{{5, 6}, {7, 8}});
  EXPECT_FALSE(check_token(other.token_keys, own.instance, now_ns / kSecond, token)) << "of an engine with other keys";
  EXPECT_EQ(check_token(memory.token_keys, own.instance, now_ns / kSecond, token), 600U);
}

TEST(TokenHash, IsThatOfThePaper) {
  // Appendix A of the SipHash paper: key 00..0f, message 00..0e.
  std::array<std::byte, 15> message;
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
  EXPECT_EQ(siphash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, message), 0xa129ca6149be45e5U);
}

TEST(TokenHash, KeysAreOtherOnesEachTime) {
  const TokenKeys one = TokenKeys::random(), other = TokenKeys::random();
  EXPECT_NE(one.first, other.first);
  EXPECT_NE(one.first, one.second);
}

TEST_F(Imds, WithoutATokenWhereTokensAreOptional) {
  own.options.tokens_required = false;
  EXPECT_EQ(http("GET", "/latest/meta-data/instance-id").body, "i-0123456789abcdef0");
  EXPECT_EQ(http("GET", "/latest/meta-data/instance-id", "X-aws-ec2-metadata-token: nonsense\r\n").status,
            "401 Unauthorized");
  EXPECT_EQ(get("/latest/meta-data/instance-id").status, "200 OK");
}

TEST_F(Imds, FoldersAreListedWithSlashes) {
  EXPECT_EQ(get("/latest/").body, "dynamic\nmeta-data");
  const std::string all = "instance-id\nmac\nnetwork/\nplacement-not\nplacement/";
  EXPECT_EQ(get("/latest/meta-data/").body, all);
  EXPECT_EQ(get("/latest/meta-data").body, all);
  EXPECT_EQ(get("/2021-03-23/meta-data/").body, all) << "a dated version";
  EXPECT_EQ(get("/latest/meta-data/network/interfaces/macs/").body, "0a:00:0a:00:01:04/\n0a:00:0a:00:01:05/");
  EXPECT_EQ(get(std::string("/latest/meta-data/") + kMacs).body, "ipv4-associations/\nlocal-ipv4s");
  EXPECT_EQ(get(std::string("/latest/meta-data/") + kMacs + "ipv4-associations/203.0.113.5").body, "10.0.1.4");
  EXPECT_EQ(get("/latest/meta-data/placement/").body, "region");
  EXPECT_EQ(get("/latest/dynamic/").body, "instance-identity/");
  const std::string versions = get("/").body;
  EXPECT_TRUE(versions.starts_with("1.0\n2007-01-19\n")) << versions;
  EXPECT_TRUE(versions.ends_with("\nlatest")) << versions;
}

TEST_F(Imds, PathsAreReadAsClientsWriteThem) {
  EXPECT_EQ(get("/latest/meta-data/network/interfaces/macs/0a%3A00%3a0a:00:01:05/device-number").body, "1");
  EXPECT_EQ(get("http://169.254.169.254/latest/meta-data/mac").body, "0a:00:0a:00:01:04") << "as to a proxy";
  EXPECT_EQ(get("/latest/meta-data/mac?x=/y").body, "0a:00:0a:00:01:04");
}

TEST_F(Imds, WhatThereIsNotIsThePageOfA404) {
  const std::string paths[] = {"/latest/meta-data/nothing", "/latest/meta-data/mac/",  "/latest/meta-data/placement/reg",
                               "/2000-01-01/meta-data/",    "/latest/user-data",        "/favicon.ico",
                               "/latest/meta-data/%zz",     "/latest/meta-data/%",      "/" + std::string(2000, 'a')};
  for (const std::string& path : paths) {
    const Response said = get(path);
    EXPECT_EQ(said.status, "404 Not Found") << path;
    EXPECT_NE(said.body.find("<title>404 - Not Found</title>"), std::string::npos);
    EXPECT_EQ(said.fields.at("Content-Type"), "text/html");
    EXPECT_EQ(said.fields.at("Content-Length"), std::to_string(said.body.size()));
  }
}

TEST_F(Imds, OtherMethodsAndPathsOfTokensAreRefused) {
  for (const char* method : {"POST", "DELETE", "OPTIONS", "get"})
    EXPECT_EQ(http(method, "/latest/meta-data/").status, "405 Method Not Allowed") << method;
  EXPECT_EQ(http("POST", "/").fields.at("Allow"), "GET, HEAD, PUT");
  EXPECT_EQ(http("PUT", "/latest/meta-data/mac").status, "405 Method Not Allowed");
  EXPECT_EQ(http("PUT", "/2021-03-23/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n").status,
            "403 Forbidden");
  EXPECT_EQ(get("/latest/api/token").status, "405 Method Not Allowed");
}

TEST_F(Imds, HeadSaysWhatGetWouldSend) {
  const std::string field = "X-aws-ec2-metadata-token: " + token() + "\r\n";
  const Response said = http("HEAD", "/latest/meta-data/mac", field);
  EXPECT_EQ(said.status, "200 OK");
  EXPECT_EQ(said.fields.at("Content-Length"), "17");
  EXPECT_EQ(said.body, "");
}

TEST_F(Imds, TheEndpointThatIsOffRefusesEverything) {
  const std::string field = "X-aws-ec2-metadata-token: " + token() + "\r\n";
  own.options.endpoint = false;
  EXPECT_EQ(http("GET", "/latest/meta-data/", field).status, "403 Forbidden");
  EXPECT_EQ(put("60").status, "403 Forbidden");
}

TEST_F(Imds, OverIpv6OnlyWhereTheOptionSaysSo) {
  TcpClient six(*this, "2001:db8:1:100::4", "fd00:ec2::254", 80);
  EXPECT_TRUE(dropped_for(ask(six.segment(0x02, 1, {})), Refusal::kNotOffered));
  own.options.ipv6 = true;
  ASSERT_TRUE(six.open());
  const Bytes said = six.ask(text("PUT /latest/api/token HTTP/1.1\r\nHost: [fd00:ec2::254]\r\n"
                                  "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n"));
  EXPECT_EQ(read_response(said).status, "200 OK");
  EXPECT_EQ(six.hop_limit, 1U);
}

TEST_F(Imds, NobodyAnswersAtOtherPortsOrWithoutAnInstance) {
  TcpClient other(*this, "10.0.1.4", "169.254.169.254", 81);
  EXPECT_TRUE(dropped_for(ask(other.segment(0x02, 1, {})), Refusal::kNotOffered));
  EXPECT_TRUE(dropped_for(ask(udp_frame("10.0.1.4", 5000, "169.254.169.254", 80, text("x"))), Refusal::kNotOffered));
  view.metadata = nullptr;
  EXPECT_TRUE(dropped_for(ask(client.segment(0x02, 1, {})), Refusal::kNotOffered));
}

TEST_F(Imds, AConnectionIsKeptAsTheClientSays) {
  own.options.tokens_required = false;
  const auto kept = [&](const std::string& version, const std::string& fields) {
    EXPECT_TRUE(client.open());
    const Response said =
        read_response(raw("GET /latest/meta-data/mac HTTP/" + version + "\r\nHost: x\r\n" + fields + "\r\n"));
    EXPECT_EQ(said.body, "0a:00:0a:00:01:04");
    EXPECT_EQ(said.fields.at("Connection"), client.closed_by_service ? "close" : "keep-alive");
    return !client.closed_by_service;
  };
  EXPECT_TRUE(kept("1.1", ""));
  EXPECT_FALSE(kept("1.1", "Connection: TE, Close\r\n"));
  EXPECT_FALSE(kept("1.0", ""));
  EXPECT_TRUE(kept("1.0", "connection: Keep-Alive\r\n"));
}

TEST_F(Imds, RequestsInOneSegmentAreAnsweredInOrder) {
  own.options.tokens_required = false;
  ASSERT_TRUE(client.open());
  const std::string one = "GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string two = "GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const Bytes both = raw(one + two);
  EXPECT_EQ(both, raw(one) + raw(two));
}

TEST_F(Imds, TheDateIsTheClients) {
  now_ns = 1709211599 * kSecond;  // a leap day
  EXPECT_EQ(put("60").fields.at("Date"), "Thu, 29 Feb 2024 12:59:59 GMT");
  now_ns = 0;
  client.open();
  EXPECT_EQ(put("60").fields.at("Date"), "Thu, 01 Jan 1970 00:00:00 GMT");
  now_ns = 4102444800 * kSecond;
  client.open();
  EXPECT_EQ(put("60").fields.at("Date"), "Fri, 01 Jan 2100 00:00:00 GMT");
}

TEST_F(Imds, HttpThatNobodyShouldWriteIsRefusedAndEndsTheConnection) {
  own.options.tokens_required = false;
  const std::string host = "Host: x\r\n", path = "GET /latest/meta-data/mac HTTP/1.1\r\n";
  struct { std::string request, status; } const cases[] = {
      {"\x16\x03\x01\x02\n\n", "400 Bad Request"},
      {"GET /latest/meta-data/mac\r\n\r\n", "400 Bad Request"},
      {"GET  /latest/meta-data/mac HTTP/1.1\r\n" + host + "\r\n", "400 Bad Request"},
      {"GET latest HTTP/1.1\r\n" + host + "\r\n", "400 Bad Request"},
      {"G@T / HTTP/1.1\r\n" + host + "\r\n", "400 Bad Request"},
      {"PRI * HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"},
      {path + "\r\n", "400 Bad Request"},  // HTTP/1.1 has a Host
      {path + host + host + "\r\n", "400 Bad Request"},
      {path + host + "X : y\r\n\r\n", "400 Bad Request"},
      {path + host + " folded\r\n\r\n", "400 Bad Request"},
      {path + host + "X: a\x01\r\n\r\n", "400 Bad Request"},
      {path + host + std::string("X: a\0b\r\n\r\n", 10), "400 Bad Request"},
      {path + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 Bad Request"},
      {path + host + "Content-Length: -1\r\n\r\n", "400 Bad Request"},
      {path + host + "Content-Length: 99999999999999999999\r\n\r\n", "400 Bad Request"},
      {path + host + "Content-Length: 5000\r\n\r\n", "413 Content Too Large"},
      {path + host + "Transfer-Encoding: chunked\r\n\r\n", "501 Not Implemented"},
      {path + host + "X-aws-ec2-metadata-token: a\r\nX-aws-ec2-metadata-token: b\r\n\r\n", "400 Bad Request"},
      {path + "X: " + std::string(4096, 'a'), "431 Request Header Fields Too Large"},
      {std::string(4096, '\n'), "431 Request Header Fields Too Large"}};
  for (const auto& one : cases) {
    client.room = kAnswerBytes;
    ASSERT_TRUE(client.open(8961));
    const Response said = read_response(raw(one.request.substr(0, TcpConnections::kAskedBytes)));
    EXPECT_EQ(said.status, one.status) << one.request.substr(0, 100);
    EXPECT_TRUE(client.closed_by_service || client.was_reset) << one.request.substr(0, 100);
    EXPECT_EQ(said.fields.contains("Connection") ? said.fields.at("Connection") : "", "close");
  }
  ASSERT_TRUE(client.open());
  EXPECT_EQ(read_response(raw("\r\nGET /latest/meta-data/mac HTTP/1.0\n\n")).body, "0a:00:0a:00:01:04") << "by hand";
}

TEST_F(Imds, ARequestMayComeByteByByte) {
  own.options.tokens_required = false;
  ASSERT_TRUE(client.open());
  const std::string request = "GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  Bytes said;
  for (const char c : request) said = said + raw(std::string(1, c));
  EXPECT_EQ(said, raw(request));
}

}  // namespace
}  // namespace weft::services
