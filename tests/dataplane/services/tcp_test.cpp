// Connections of services over TCP, with a service that tells whatever happened to what it was told: it answers each
// line with "<" and the line twice.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <random>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/tcp_connections.hpp"
#include "tests/dataplane/services/tcp_client.hpp"

namespace weft::services {
namespace {

/// A line's answer; "quit" closes, "reset" is refused.
constexpr auto answer_line = [](std::span<const std::byte> asked, std::span<std::byte> room) {
  const auto end = std::ranges::find(asked, std::byte{'\n'});
  if (end == asked.end()) return Reaction::more();
  const auto line = asked.first(static_cast<std::size_t>(end - asked.begin()) + 1);
  const std::string_view word(reinterpret_cast<const char*>(line.data()), line.size() - 1);
  if (word == "reset") return Reaction::reset();
  Writer writer(room);
  if (word != "silence") {
    writer.text("<");
    writer.bytes(line);
    writer.bytes(line);
  }
  return Reaction{Reaction::Kind::kAnswer, line.size(), writer.size(), word == "quit", 7};
};

/// The same to a stream that no network has touched.
Bytes plain_answers(const Bytes& asked) {
  Bytes said;
  Bytes line;
  for (const std::uint8_t byte : asked) {
    line.push_back(byte);
    if (byte != '\n') continue;
    const bool quit = line == text("quit\n");
    if (line != text("silence\n")) said = said + text("<") + line + line;
    if (quit) return said;
    line.clear();
  }
  return said;
}

/// Asks TcpConnections and not answer(): the frames' other checks are answer_test.cpp's.
struct Tcp : Guest {
  Tcp() : client(*this, "10.0.1.4", "169.254.169.253", 53) {}
  static constexpr std::uint64_t kSecond = 1'000'000'000;

  Answer take(const Bytes& frame, std::size_t room = kAnswerBytes) {
    written.assign(room, 0);
    const auto request = read_request(view_of(frame));
    const auto segment = request ? read_tcp(request->payload) : std::nullopt;
    if (!segment) return Answer::dropped(Refusal::kMalformed);
    const Answer answer = memory.tcp.take(view, *request, *segment, answer_line, now_ns,
                                          std::as_writable_bytes(std::span(written)));
    written.resize(answer.outcome == Answer::Outcome::kAnswered ? answer.length : 0);
    return answer;
  }
  Answer answer_frame(const Bytes& frame, std::size_t room) override { return take(frame, room); }

  /// What the clock brings about, if anything.
  std::optional<Bytes> wait(std::uint64_t ns) {
    now_ns += ns;
    Bytes frame(kAnswerBytes);
    const auto due = memory.tcp.take_due(now_ns, std::as_writable_bytes(std::span(frame)));
    if (!due) return std::nullopt;
    EXPECT_EQ(due->eni, view.eni);
    frame.resize(due->length);
    return frame;
  }
  TcpClient client;
};

TEST_F(Tcp, AHandshakeLeavesNothingBehind) {
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(client.open());
  EXPECT_EQ(memory.tcp.size(), 0U);
  EXPECT_FALSE(memory.tcp.due(~std::uint64_t{0}));
}

TEST_F(Tcp, TheSynAckSaysOurSegmentSizeForTheFamily) {
  ASSERT_EQ(take(client.segment(2, 1, {}, 1460)).outcome, Answer::Outcome::kAnswered);
  EXPECT_EQ(read_tcp_reply(written).segment_size, 9001U - 40);
  TcpClient six(*this, "2001:db8:1:100::4", "fd00:ec2::253", 53);
  ASSERT_EQ(take(six.segment(2, 1, {}, 1440)).outcome, Answer::Outcome::kAnswered);
  EXPECT_EQ(read_tcp_reply(written).segment_size, 9001U - 60);
}

TEST_F(Tcp, ALineIsAnsweredAndTheConnectionGoesOnAndEnds) {
  ASSERT_TRUE(client.open());
  EXPECT_EQ(client.ask(text("one\n")), text("<one\none\n"));
  EXPECT_EQ(client.hop_limit, 7U) << "the service's";
  EXPECT_EQ(client.ask(text("two\n")), text("<two\ntwo\n"));
  EXPECT_EQ(memory.tcp.size(), 1U);
  EXPECT_TRUE(client.close());
}

TEST_F(Tcp, ALineInPiecesIsAcknowledgedPieceByPiece) {
  ASSERT_TRUE(client.open());
  EXPECT_EQ(client.ask(text("on")), Bytes{});
  EXPECT_EQ(read_tcp_reply(written).acknowledgment, client.sent);
  EXPECT_EQ(read_tcp_reply(written).window, TcpConnections::kAskedBytes - 2);
  EXPECT_EQ(client.ask(text("e")), Bytes{});
  EXPECT_EQ(client.ask(text("\n")), text("<one\none\n"));
}

TEST_F(Tcp, WhatOvertookIsAskedForAgain) {
  ASSERT_TRUE(client.open());
  const Bytes second = client.segment(0x18, client.sent + 2, text("e\n"));
  const auto before = client.tell(second);
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->acknowledgment, client.sent);
  EXPECT_EQ(before->flags, 0x10U);
  EXPECT_EQ(memory.tcp.size(), 0U) << "and nothing is kept of it";
  EXPECT_EQ(client.ask(text("on")), Bytes{});
  client.sent += 2;
  EXPECT_EQ(client.follow(second), text("<one\none\n"));
}

TEST_F(Tcp, ARequestThatComesAgainIsAnsweredAgain) {
  ASSERT_TRUE(client.open());
  const Bytes asked = client.segment(0x18, client.sent, text("one\n"));
  ASSERT_EQ(take(asked).outcome, Answer::Outcome::kAnswered);
  const Bytes said = written;
  ASSERT_EQ(take(asked).outcome, Answer::Outcome::kAnswered);
  EXPECT_EQ(written, said);
  client.sent += 4;
  EXPECT_EQ(client.meet(said)->data, text("<one\none\n"));
  EXPECT_TRUE(was_consumed(take(client.segment(0x10, client.sent, {}))));
  const auto reply = client.tell(asked);
  EXPECT_TRUE(reply && reply->data.empty()) << "once it has arrived, it is only acknowledged";
}

TEST_F(Tcp, AnAnswerIsCutToTheClientsSegmentSizeItsWindowAndOurBuffers) {
  const Bytes line = Bytes(3000, 'x') + text("\n");
  struct { unsigned segment_size, window; std::size_t room; unsigned least_segments; } const cases[] = {
      {9000, 65535, kAnswerBytes, 1}, {1460, 65535, kAnswerBytes, 5}, {0, 65535, kAnswerBytes, 12},
      {1, 65535, kAnswerBytes, 94},   {1460, 100, kAnswerBytes, 61},  {9000, 65535, 500, 14}};
  for (const auto& one : cases) {
    client.window = one.window;
    client.room = one.room;
    ASSERT_TRUE(client.open(one.segment_size));
    EXPECT_EQ(client.ask(line), text("<") + line + line);
    EXPECT_GE(client.segments, one.least_segments);
    EXPECT_LE(client.segments, one.least_segments * 2);
    EXPECT_TRUE(client.close());
  }
}

TEST_F(Tcp, AShutWindowIsProbedUntilItOpens) {
  ASSERT_TRUE(client.open());
  client.window = 0;
  EXPECT_EQ(client.ask(text("one\n")), Bytes{});
  EXPECT_EQ(read_tcp_reply(written).acknowledgment, client.sent) << "it was heard";
  const auto probe = wait(kSecond);
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(read_tcp_reply(*probe).data, text("<"));
  client.window = 65535;
  EXPECT_EQ(client.meet(*probe)->data.size(), 1U);
  EXPECT_EQ(client.follow(client.segment(0x10, client.sent, {})), text("one\none\n"));
}

TEST_F(Tcp, ALostAnswerComesAgainByTheClockAndIsGivenUpAtLast) {
  ASSERT_TRUE(client.open());
  ASSERT_EQ(take(client.segment(0x18, client.sent, text("one\n"))).outcome, Answer::Outcome::kAnswered);
  const Bytes said = written;
  std::uint64_t interval = kSecond;
  for (unsigned i = 0; i < TcpConnections::kMostTimesAgain; ++i, interval *= 2) {
    EXPECT_EQ(wait(interval - 1), std::nullopt);
    EXPECT_EQ(wait(1), said);
  }
  EXPECT_EQ(wait(interval), std::nullopt);
  EXPECT_EQ(memory.tcp.size(), 0U);
  client.sent += 4;
  const auto reply = client.tell(client.segment(0x18, client.sent - 4, text("one\n")));
  EXPECT_TRUE(reply && reply->data == text("<one\none\n")) << "a client that still is there begins anew";
}

TEST_F(Tcp, ASilentConnectionIsClosedAndThenForgotten) {
  ASSERT_TRUE(client.open());
  client.ask(text("one\n"));
  EXPECT_EQ(wait(TcpConnections::kIdleNs - 1), std::nullopt);
  const auto fin = wait(1);
  ASSERT_TRUE(fin.has_value());
  EXPECT_EQ(read_tcp_reply(*fin).flags, 0x11U);
  client.meet(*fin);
  EXPECT_TRUE(client.closed_by_service);
  take(client.segment(0x10, client.sent, {}));
  EXPECT_EQ(memory.tcp.size(), 1U) << "half closed";
  EXPECT_EQ(wait(TcpConnections::kIdleNs), std::nullopt);
  EXPECT_EQ(memory.tcp.size(), 0U);
}

TEST_F(Tcp, AServiceThatClosesSaysSoWithItsAnswer) {
  ASSERT_TRUE(client.open());
  EXPECT_EQ(client.ask(text("quit\nmore\n")), text("<quit\nquit\n"));
  EXPECT_TRUE(client.closed_by_service);
  const auto reply = client.tell(client.segment(0x11, client.sent, {}));
  EXPECT_EQ(reply->acknowledgment, client.sent + 1);
  EXPECT_EQ(memory.tcp.size(), 0U);
}

TEST_F(Tcp, AClientThatSaysNothingMoreIsAnsweredFirst) {
  ASSERT_TRUE(client.open());
  EXPECT_EQ(client.ask(text("one\ntwo\nthr"), 0x19), text("<one\none\n<two\ntwo\n"));
  EXPECT_TRUE(client.closed_by_service);
  EXPECT_EQ(memory.tcp.size(), 0U);
}

TEST_F(Tcp, ResetsAndSynsEndWhatIsThereOnlyWhenTheyFit) {
  ASSERT_TRUE(client.open());
  client.ask(text("one\n"));
  EXPECT_TRUE(was_consumed(take(client.segment(0x04, client.sent - 1, {}))));
  EXPECT_TRUE(was_consumed(take(client.segment(0x04, client.sent + 9000, {}))));
  EXPECT_EQ(memory.tcp.size(), 1U) << "late or forged";
  EXPECT_EQ(take(client.segment(0x02, client.initial, {}, 1460)).outcome, Answer::Outcome::kAnswered);
  EXPECT_EQ(memory.tcp.size(), 1U) << "its own SYN again";
  EXPECT_TRUE(was_consumed(take(client.segment(0x04, client.sent, {}))));
  EXPECT_EQ(memory.tcp.size(), 0U);

  ASSERT_TRUE(client.open());
  client.ask(text("one\n"));
  EXPECT_EQ(take(client.segment(0x02, client.initial + 77, {}, 1460)).outcome, Answer::Outcome::kAnswered);
  EXPECT_EQ(memory.tcp.size(), 0U) << "the client has begun anew";
}

TEST_F(Tcp, WhatIsNoConnectionIsRefused) {
  EXPECT_TRUE(dropped_for(take(client.segment(0x00, 1, text("x"))), Refusal::kMalformed)) << "no ACK";
  EXPECT_TRUE(dropped_for(take(client.segment(0x03, 1, {})), Refusal::kMalformed)) << "SYN FIN";
  EXPECT_TRUE(dropped_for(take(client.segment(0x12, 1, {})), Refusal::kMalformed)) << "SYN ACK of a client";
  client.received = 5;
  client.tell(client.segment(0x18, 1, text("one\n")));
  EXPECT_TRUE(client.was_reset) << "data of a connection that nobody remembers";
  client.was_reset = false;
  const auto fin = client.tell(client.segment(0x11, 1, {}));
  EXPECT_TRUE(fin && fin->flags == 0x11 && fin->acknowledgment == 2) << "its end";
  EXPECT_TRUE(was_consumed(take(client.segment(0x10, 1, {}))));
  ASSERT_TRUE(client.open());
  client.ask(text("reset\n"));
  EXPECT_TRUE(client.was_reset) << "the service wants none of it";
  ASSERT_TRUE(client.open());
  client.ask(Bytes(TcpConnections::kAskedBytes, 'x'));
  EXPECT_TRUE(client.was_reset) << "more than anybody asks";
  EXPECT_EQ(memory.tcp.size(), 0U);
}

TEST_F(Tcp, AConnectionThatWasForgottenIsNotTakenForANewOne) {
  for (unsigned length = 0; length < 4000; ++length) {
    ASSERT_TRUE(client.open());
    client.sent += length % 100 + 1;
    client.received += length * 2 + 3;  // as long as its answer was
    client.ask(text("two\n"));
    ASSERT_TRUE(client.was_reset) << length;
  }
}

TEST_F(Tcp, AnAcknowledgmentOfWhatWasNeverSentChangesNothing) {
  ASSERT_TRUE(client.open());
  client.ask(text("one\n"));
  client.received += 1000;
  const auto reply = client.tell(client.segment(0x18, client.sent, text("two\n")));
  client.received -= 1000;
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->data.empty());
  EXPECT_EQ(reply->acknowledgment, client.sent);
  EXPECT_EQ(client.ask(text("two\n")), text("<two\ntwo\n"));
}

TEST_F(Tcp, AnEniKeepsSoManyConnectionsAndLosesItsOwnOldest) {
  view.eni = 1;
  TcpClient other(*this, "10.0.1.4", "10.0.0.2", 53);
  ASSERT_TRUE(other.open());
  other.ask(text("first\n"));
  ++now_ns;
  view.eni = 2;
  std::vector<TcpClient> clients;
  for (std::size_t i = 0; i < TcpConnections::kMostOfEni + 3; ++i) {
    ++now_ns;
    client.port = 2000 + static_cast<unsigned>(i);
    clients.push_back(client);
    ASSERT_TRUE(clients.back().open());
    clients.back().ask(text("one\n"));
  }
  EXPECT_EQ(memory.tcp.size(), TcpConnections::kMostOfEni + 1);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i < 3) clients[i].ask(text("two\n"));
    EXPECT_EQ(clients[i].was_reset, i < 3) << i;
  }
  EXPECT_EQ(clients.back().ask(text("two\n")), text("<two\ntwo\n"));
  view.eni = 1;
  EXPECT_EQ(other.ask(text("two\n")), text("<two\ntwo\n")) << "another's is not touched";
}

TEST_F(Tcp, AWorkerKeepsSoManyConnections) {
  for (unsigned i = 0; i < TcpConnections::kMost + 100; ++i) {
    view.eni = i / 10;
    ++now_ns;
    ASSERT_TRUE(client.open());
    ASSERT_EQ(client.ask(text("one\n")), text("<one\none\n"));
  }
  EXPECT_EQ(memory.tcp.size(), TcpConnections::kMost);
}

TEST_F(Tcp, OneEnisConnectionIsNotAnothersWithTheSameAddresses) {
  view.eni = 1;
  ASSERT_TRUE(client.open());
  client.ask(text("on"));
  view.eni = 2;
  client.tell(client.segment(0x18, client.sent, text("e\n")));
  EXPECT_EQ(read_tcp_reply(written).acknowledgment, client.sent - 2) << "begins at its own beginning";
}

/// A network that cuts, loses, doubles and swaps between a client that does what RFC 9293 says and the service.
struct Rough {
  Tcp& tcp;
  std::mt19937& random;
  TcpClient client;
  Bytes said = {};         // all that the client has to say
  std::size_t acked = 0;   // of it
  Bytes came = {};
  std::deque<Bytes> to_service = {}, to_client = {};

  bool chance(unsigned percent) { return random() % 100 < percent; }

  void send(std::deque<Bytes>& way, Bytes frame) {
    if (chance(3) || way.size() > 20) return;  // so few that six times in a row does not happen: then it is given up
    if (chance(10)) way.push_back(frame);
    if (chance(15) && !way.empty()) way.insert(way.end() - 1, std::move(frame));
    else way.push_back(std::move(frame));
  }
  void say_something() {
    const std::size_t from = acked + (chance(70) ? 0 : random() % (said.size() - acked + 1));
    const std::size_t count = std::min<std::size_t>(said.size() - from, 1 + random() % 700);
    if (from - acked + count > TcpConnections::kAskedBytes / 2) return;
    const auto sequence = client.initial + 1 + static_cast<std::uint32_t>(from);
    send(to_service, client.segment(0x18, sequence, slice(said, from, count)));
  }
  void meet(const Bytes& frame) {
    const auto reply = client.meet(frame);
    if (!reply) return;
    const std::uint32_t done = reply->acknowledgment - (client.initial + 1);
    if (done <= said.size() && done > acked) acked = done;
    came = came + reply->data;
    if ((reply->flags & 0x09) == 0) return;  // an acknowledgment is not acknowledged
    acknowledge();
  }
  void acknowledge() {
    send(to_service, client.segment(0x10, client.initial + 1 + static_cast<std::uint32_t>(acked), {}));
  }
  void change_window() {
    if (chance(3)) {
      client.window = chance(50) ? 0 : random() % 3000;
    } else if (client.window != 65535 && chance(20)) {
      client.window = 65535;
      acknowledge();  // a client says so when it reads again
    }
  }
  void step() {
    if (acked < said.size() && chance(25)) say_something();
    if (!to_service.empty()) {
      if (tcp.take(to_service.front(), client.room).outcome == Answer::Outcome::kAnswered) send(to_client, tcp.written);
      to_service.pop_front();
    }
    if (!to_client.empty()) {
      const Bytes frame = to_client.front();
      to_client.pop_front();
      meet(frame);
    }
    if (const auto frame = tcp.wait(chance(30) ? 700'000'000 : 1'000'000)) send(to_client, *frame);
  }
};

TEST_F(Tcp, ThroughANetworkThatCutsLosesDoublesAndSwapsTheAnswersAreThoseOfAPlainStream) {
  const char* const again = std::getenv("WEFT_SEED");
  const unsigned seed = again != nullptr ? static_cast<unsigned>(std::stoul(again)) : std::random_device{}();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    Rough rough{*this, random, client};
    client.port += 1;
    rough.client.initial = static_cast<std::uint32_t>(random());
    rough.client.room = round % 3 == 0 ? 300 : kAnswerBytes;
    const unsigned sizes[] = {0, 100, 536, 1460, 8961};
    ASSERT_TRUE(rough.client.open(sizes[random() % 5]));
    const unsigned lines = 1 + random() % 12;
    for (unsigned i = 0; i < lines; ++i) {
      const std::size_t length = random() % 5 == 0 ? random() % 1900 : random() % 40;
      Bytes line(length, static_cast<std::uint8_t>('a' + i));
      if (random() % 8 == 0) line = text("silence");
      rough.said = rough.said + line + text("\n");
    }
    const Bytes expected = plain_answers(rough.said);
    const auto unfinished = [&] { return rough.came.size() < expected.size() || rough.acked < rough.said.size(); };
    for (int turn = 0; turn < 20000 && unfinished(); ++turn) {
      rough.change_window();
      rough.step();
      ASSERT_FALSE(rough.client.was_reset) << "turn " << turn;
    }
    ASSERT_EQ(rough.came.size(), expected.size()) << "round " << round << ", acknowledged " << rough.acked;
    ASSERT_EQ(rough.came, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace weft::services
