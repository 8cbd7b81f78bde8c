// GET /v1/capture: the question, whom it means, and the stream over a real socket, filled by a tap in a worker's place.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "dataplane/control/api_server.hpp"
#include "dataplane/control/capture_request.hpp"
#include "dataplane/control/drop_explanation.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/observe/efa_frame.hpp"
#include "tests/dataplane/control/fakes.hpp"
#include "tests/dataplane/observe/pcapng_reader.hpp"

namespace weft::testing {
namespace {

using test::PcapngBlock;

struct CaptureApi : ::testing::Test {
  CaptureApi() {
    const Result<Outcome> applied = world.controller.apply("t.yaml", topology({plain("a"), plain("b")}));
    EXPECT_TRUE(applied) << applied.error().to_string();
    char pattern[] = "/tmp/weft-capture-test-XXXXXX";
    directory = ::mkdtemp(pattern);
    Result<std::unique_ptr<ApiServer>> listening = ApiServer::listen(directory + "/api.sock", routes, [] {});
    EXPECT_TRUE(listening);
    server = std::move(*listening);
  }
  ~CaptureApi() override {
    server.reset();
    ::rmdir(directory.c_str());
  }
  const Deployment& deployment() { return *world.engine.published; }
  Result<CaptureRequest> read(const std::string& query) {
    return read_capture_request("/v1/capture" + query, deployment());
  }
  std::vector<std::string> whom(const std::string& query) {
    std::vector<std::string> names;
    for (const CaptureInterface& one : capture_selection(*read(query))(deployment())) names.push_back(one.name);
    return names;
  }
  bool capturing() {
    return world.controller.with_engine([&](Engine&) { return world.engine.capture != nullptr; });
  }

  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 1, false, false, [] { return std::uint64_t{0}; }}};
  std::string directory;
  std::unique_ptr<ApiServer> server;
};

template <typename Condition>
bool comes_true(Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Asks for a capture and reads what comes.
class CaptureClient {
 public:
  CaptureClient(const std::string& path, const std::string& query) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const std::string request = "GET /v1/capture" + query + " HTTP/1.1\r\nHost: weft\r\n\r\n";
    EXPECT_EQ(::send(fd_, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  }
  ~CaptureClient() { ::close(fd_); }
  CaptureClient(const CaptureClient&) = delete;
  CaptureClient& operator=(const CaptureClient&) = delete;

  void end() { ::shutdown(fd_, SHUT_WR); }
  /// Until `text` has come; false when the connection ended, or nothing comes, before that.
  bool read_until(const std::string& text) {
    while (got_.find(text) == std::string::npos)
      if (!receive()) return false;
    return true;
  }
  /// To the end of the connection: everything.
  const std::string& read_all() {
    while (receive()) {
    }
    return got_;
  }

 private:
  bool receive() {
    pollfd readable{fd_, POLLIN, 0};
    char buffer[65536];
    if (::poll(&readable, 1, 20'000) <= 0) return false;
    const ssize_t count = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (count > 0) got_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }
  int fd_;
  std::string got_;
};

/// The body of a chunked answer; nothing when its last chunk is not there.
std::optional<std::string> dechunked(const std::string& answer) {
  std::size_t at = answer.find("\r\n\r\n");
  if (at == std::string::npos || answer.find("Transfer-Encoding: chunked") > at) return std::nullopt;
  std::string body;
  for (at += 4; at < answer.size();) {
    const std::size_t line = answer.find("\r\n", at);
    if (line == std::string::npos) return std::nullopt;
    const std::size_t size = std::stoul(answer.substr(at, line - at), nullptr, 16);
    if (size == 0) return body;
    body += answer.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
  return std::nullopt;
}

/// An Ethernet frame of TCP, as a worker would have it.
std::string tcp_frame(const Eni& from, const Eni& to, std::uint16_t port) {
  std::string frame(kIpv4L4Offset + sizeof(TcpHeader), '\0');
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame.data());
  ethernet = {to.mac, from.mac, Be16(kEtherTypeIpv4)};
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + kIpOffset);
  ip = Ipv4Header{};
  ip.total_length = Be16(40);
  ip.protocol = kProtocolTcp;
  ip.source = Be32(from.private_ip.v4().value);
  ip.destination = Be32(to.private_ip.v4().value);
  auto& tcp = *reinterpret_cast<TcpHeader*>(frame.data() + kIpv4L4Offset);
  tcp = TcpHeader{};
  tcp.source_port = Be16(40000);
  tcp.destination_port = Be16(port);
  return frame;
}

CaptureRecord* offer_frame(CaptureTap& tap, std::uint16_t slot, CaptureDirection direction, const std::string& frame) {
  const std::span<const std::byte> piece(reinterpret_cast<const std::byte*>(frame.data()), frame.size());
  return tap.offer(slot, direction, 1000, {&piece, 1}, static_cast<std::uint32_t>(frame.size()));
}

TEST_F(CaptureApi, TheQuestionIsReadWhole) {
  const std::string eni = deployment().instances[0].enis[0].id;
  const auto request = read("?interface=a&interface=b%2Feth0&interface=" + eni + "&snaplen=96&count=10&duration=2.5&drops_only=true");
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->interfaces, (std::vector<std::string>{"a", "b/eth0", eni}));
  EXPECT_EQ(request->snap_length, 96U);
  EXPECT_EQ(request->most, 10U);
  EXPECT_EQ(request->duration, std::chrono::milliseconds(2500));
  EXPECT_TRUE(request->drops_only);
}

TEST_F(CaptureApi, AWrongQuestionSaysWhatIsWrong) {
  const std::vector<std::array<const char*, 3>> wrong = {
      {"", "MissingParameter", "say whom"},
      {"?count=3", "MissingParameter", "say whom"},
      {"?interface=nobody", "InvalidInstanceID.NotFound", "'nobody'"},
      {"?interface=", "InvalidInstanceID.NotFound", "''"},
      {"?interface=a/eth7", "InvalidNetworkInterfaceID.NotFound", "no interface 'eth7'"},
      {"?interface=eni-1", "InvalidNetworkInterfaceID.NotFound", "'eni-1' does not exist"},
      {"?interface=internet", "InvalidInstanceID.NotFound", "'internet'"},
      {"?interface=a&snaplen=0", "InvalidParameterValue", "from 1 to 262144"},
      {"?interface=a&snaplen=1e3", "InvalidParameterValue", "'snaplen' is '1e3'"},
      {"?interface=a&count=-1", "InvalidParameterValue", "count"},
      {"?interface=a&duration=nan", "InvalidParameterValue", "duration"},
      {"?interface=a&duration=1e10", "InvalidParameterValue", "duration"},
      {"?interface=a&drops_only=yes", "InvalidParameterValue", "true or false"},
      {"?interface=a&colour=red", "InvalidRequest", "no 'colour'"},
      {"?interface=a%2", "InvalidRequest", "percent-encoded"},
      {"?interface=a%zz", "InvalidRequest", "percent-encoded"},
  };
  for (const auto& [query, code, sentence] : wrong) {
    const auto request = read(query);
    ASSERT_FALSE(request) << query;
    EXPECT_EQ(request.error().code, code) << query;
    EXPECT_NE(request.error().message.find(sentence), std::string::npos) << query << ": " << request.error().message;
  }
}

TEST_F(CaptureApi, AWordMeansAnInstanceAnInterfaceOrAnEni) {
  const Eni& eni = deployment().instances[1].enis[0];
  EXPECT_EQ(whom("?interface=a"), (std::vector<std::string>{"a/eth0"}));
  EXPECT_EQ(whom("?interface=b/eth0&interface=b"), (std::vector<std::string>{"b/eth0"})) << "once";
  EXPECT_EQ(whom("?interface=" + eni.id), (std::vector<std::string>{"b/eth0"}));
  EXPECT_EQ(whom("?interface=" + deployment().instances[0].id + "&interface=b"), (std::vector<std::string>{"a/eth0", "b/eth0"}));
}

TEST_F(CaptureApi, TheFileComesAsThePacketsDoAndIsWholeWhenTheClientEndsIt) {
  CaptureClient client(directory + "/api.sock", "?interface=a&interface=b");
  ASSERT_TRUE(client.read_until("b/eth0")) << "the interfaces come at once";
  CaptureTap tap(0);
  tap.arm(*world.engine.capture);
  const Instance &a = deployment().instances[0], &b = deployment().instances[1];
  const std::string frame = tcp_frame(a.enis[0], b.enis[0], 81);
  offer_frame(tap, 1, CaptureDirection::kOut, frame)->dropped(DropReason::kGroupIngress);
  tap.publish();
  ASSERT_TRUE(client.read_until("dropped: group-ingress: tcp 81 from a (")) << "while the capture goes on";
  offer_frame(tap, 2, CaptureDirection::kIn, frame);
  offer_frame(tap, 1, CaptureDirection::kOut, frame)->dropped(DropReason::kPortFull);
  tap.publish();
  client.end();
  const std::optional<std::string> file = dechunked(client.read_all());
  ASSERT_TRUE(file);
  const std::vector<PcapngBlock> blocks = test::read_pcapng(*file);
  ASSERT_EQ(blocks.size(), 1 + 2 + 3 + 2U);
  EXPECT_NE(blocks[3].option(1).find("no ingress rule of the destination ENI's security groups"), std::string::npos);
  EXPECT_EQ(blocks[4].options.count(1), 0U);
  EXPECT_EQ(blocks[5].option(1), "dropped: port-full: the destination's receive queue is full");
  EXPECT_EQ(blocks[6].option(4), std::string("\x02\0\0\0\0\0\0\0", 8));
  EXPECT_FALSE(capturing());
}

TEST_F(CaptureApi, ThereIsOneAtATimeAndTheNextOneWhenItsClientHasGone) {
  auto first = std::make_unique<CaptureClient>(directory + "/api.sock", "?interface=a");
  ASSERT_TRUE(first->read_until("a/eth0"));
  CaptureClient second(directory + "/api.sock", "?interface=b");
  EXPECT_TRUE(second.read_until("HTTP/1.1 409 "));
  EXPECT_TRUE(second.read_until("IncorrectState"));
  first.reset();
  EXPECT_TRUE(comes_true([&] { return !capturing(); }));
  CaptureClient third(directory + "/api.sock", "?interface=b&duration=0.01");
  EXPECT_TRUE(dechunked(third.read_all()));
  EXPECT_FALSE(capturing());
}

TEST_F(CaptureApi, ACountEndsItAtThatPacket) {
  CaptureClient client(directory + "/api.sock", "?interface=a&count=3&drops_only=true");
  ASSERT_TRUE(client.read_until("a/eth0"));
  CaptureTap tap(0);
  tap.arm(*world.engine.capture);
  const std::string frame(60, 'x');
  for (int n = 0; n < 10; ++n) {
    CaptureRecord* const record = offer_frame(tap, 1, CaptureDirection::kOut, frame);
    if (n % 2 == 0) record->dropped(DropReason::kMalformed);
  }
  tap.publish();
  const std::optional<std::string> file = dechunked(client.read_all());
  ASSERT_TRUE(file);
  unsigned packets = 0;
  for (const PcapngBlock& block : test::read_pcapng(*file)) packets += block.type == 6 ? 1 : 0;
  EXPECT_EQ(packets, 3U);
  EXPECT_EQ(test::read_pcapng(*file).back().option(8), std::string("\x03\0\0\0\0\0\0\0", 8));
}

TEST_F(CaptureApi, AReaderThatDoesNotReadCostsPacketsAndTheServerStillEnds) {
  CaptureClient client(directory + "/api.sock", "?interface=a");
  ASSERT_TRUE(client.read_until("a/eth0"));
  const std::shared_ptr<CaptureSession> session = world.engine.capture;
  CaptureTap tap(0);
  tap.arm(*session);
  const std::string frame(9000, 'x');
  ASSERT_TRUE(comes_true([&] {
    for (int n = 0; n < 100; ++n) offer_frame(tap, 1, CaptureDirection::kOut, frame);
    tap.publish();
    return session->missed() > 0;
  }));
  server.reset();
  EXPECT_FALSE(capturing());
}

TEST_F(CaptureApi, NothingDeployedIsNothingToCapture) {
  World empty;
  ApiRoutes none{empty.controller, {"1.2.3", 1, false, false, [] { return std::uint64_t{0}; }}};
  EXPECT_EQ(none.handle({"GET", "/v1/capture?interface=a", ""}).status, 404U);
}

TEST_F(CaptureApi, ACommentIsOfTheRulesOfNowAndOnlyWhereTheyAgree) {
  DropComments comments(world.controller);
  CaptureSession session({});
  CaptureTap tap(0);
  tap.arm(session);
  const Instance &a = deployment().instances[0], &b = deployment().instances[1];
  const CaptureInterface of_a{"a/eth0", "", a.enis[0].mac, a.enis[0].id}, of_b{"b/eth0", "", b.enis[0].mac, b.enis[0].id};
  session.add(1, of_a);
  CaptureRecord* record = offer_frame(tap, 1, CaptureDirection::kOut, tcp_frame(a.enis[0], b.enis[0], 22));
  record->dropped(DropReason::kGroupIngress);
  EXPECT_TRUE(comments(*record, of_a).starts_with("dropped: group-ingress: tcp 22 from a ("));
  record->direction = CaptureDirection::kIn;
  EXPECT_TRUE(comments(*record, of_b).starts_with("dropped: group-ingress: tcp 22 from a ("));
  record->dropped(DropReason::kGroupEgress);
  EXPECT_EQ(comments(*record, of_b), "") << "that gate lets it pass now";
  record->dropped(DropReason::kPortFull);
  EXPECT_EQ(comments(*record, of_b), "") << "no rule says so";

  Eni stranger = a.enis[0];
  stranger.private_ip = *IpAddress::parse("10.0.0.99");
  CaptureRecord* spoofed = offer_frame(tap, 1, CaptureDirection::kOut, tcp_frame(stranger, b.enis[0], 22));
  spoofed->dropped(DropReason::kSpoofedIp);
  EXPECT_TRUE(comments(*spoofed, of_a).starts_with("dropped: spoofed-ip: "));
  CaptureRecord* cut = offer_frame(tap, 1, CaptureDirection::kOut, std::string(20, 'x'));
  cut->dropped(DropReason::kGroupIngress);
  EXPECT_EQ(comments(*cut, of_a), "");
}

TEST_F(CaptureApi, ACommentOnAnEfaPacketIsOfEfasRules) {
  ASSERT_TRUE(world.controller.apply("t.yaml", topology({efa("c"), efa("d")})));
  DropComments comments(world.controller);
  CaptureSession session({});
  CaptureTap tap(0);
  tap.arm(session);
  const Eni &c = deployment().find_instance("c")->enis[0], &d = deployment().find_instance("d")->enis[0];
  const CaptureInterface of_c{"c/eth0", "", c.mac, c.id};
  session.add(1, of_c);
  const auto head = efa_frame_head({.source_mac = c.mac,
                                    .destination_mac = d.mac,
                                    .source = c.private_ip.v4(),
                                    .destination = d.private_ip.v4()});
  const std::string frame(reinterpret_cast<const char*>(head.data()), head.size());
  CaptureRecord* const record = offer_frame(tap, 1, CaptureDirection::kOut, frame);
  record->dropped(DropReason::kEfaGroupEgress);
  const std::string comment = comments(*record, of_c);
  EXPECT_TRUE(comment.starts_with("dropped: efa-group-egress: ")) << comment;
  EXPECT_NE(comment.find("c ("), std::string::npos) << "rules of addresses say nothing of EFA, and it says whose: " << comment;
  record->dropped(DropReason::kEfaGroupIngress);
  EXPECT_EQ(comments(*record, of_c), "") << "it does not come as far as that gate now";
}

}  // namespace
}  // namespace weft::testing
