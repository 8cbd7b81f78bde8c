// Track states and time-outs as sequences of packets (facts ec2 2.4; numbers are statements of its section 10).
#include "dataplane/flow/track.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft {
namespace {

constexpr std::uint8_t kFin = TcpHeader::kFin, kSyn = TcpHeader::kSyn, kRst = TcpHeader::kRst, kAck = TcpHeader::kAck;
constexpr std::uint32_t kSecond = kTicksPerSecond;

FlowEntry4 entry_of(std::uint8_t protocol, bool tracked = true) {
  FlowEntry4 entry;
  entry.key = normalise(1, 0x0a000104, 0x0a000105, protocol, 40000, 80).key;
  entry.half[0].tracked = entry.half[1].tracked = tracked;
  return entry;
}

struct Packet {
  std::uint8_t direction;
  std::uint8_t flags;
};

/// Runs the packets through an entry, the first by begin().
FlowEntry4 after(std::uint8_t protocol, const std::vector<Packet>& packets) {
  FlowEntry4 entry = entry_of(protocol);
  std::uint32_t now = 100;
  for (const Packet& packet : packets) {
    if (now == 100)
      begin(entry, packet.direction, packet.flags, now);
    else
      track(entry, packet.direction, packet.flags, now);
    ++now;
  }
  return entry;
}

struct TcpCase {
  const char* description;
  std::vector<Packet> packets;
  TrackState state;
};

TEST(Track, FollowsTcp) {
  const std::vector<TcpCase> cases = {
      {"SYN", {{0, kSyn}}, TrackState::kTcpOpening},
      {"SYN again", {{0, kSyn}, {0, kSyn}}, TrackState::kTcpOpening},
      {"SYN-ACK", {{0, kSyn}, {1, kSyn | kAck}}, TrackState::kTcpOpening},
      {"handshake", {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}}, TrackState::kTcpEstablished},
      {"handshake from the other end", {{1, kSyn}, {0, kSyn | kAck}, {1, kAck}}, TrackState::kTcpEstablished},
      {"handshake with a lost SYN-ACK",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kSyn}, {1, kSyn | kAck}, {0, kAck}},
       TrackState::kTcpEstablished},
      {"a lost SYN-ACK alone does not establish",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kSyn}, {1, kSyn | kAck}},
       TrackState::kTcpOpening},
      {"refused", {{0, kSyn}, {1, kRst | kAck}}, TrackState::kTcpClosing},
      {"scanned half open", {{0, kSyn}, {1, kSyn | kAck}, {0, kRst}}, TrackState::kTcpClosing},
      {"one way only, as with asymmetric routing",
       {{0, kSyn}, {0, kAck}, {0, kAck}, {0, kAck}},
       TrackState::kTcpOpening},
      {"picked up in the middle", {{0, kAck}, {1, kAck}, {0, kAck}}, TrackState::kTcpEstablished},
      {"one end has closed",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {0, kFin | kAck}, {1, kAck}, {1, kAck}},
       TrackState::kTcpEstablished},
      {"both have",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {0, kFin | kAck}, {1, kFin | kAck}},
       TrackState::kTcpClosing},
      {"the last ACK changes nothing",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {0, kFin | kAck}, {1, kFin | kAck}, {0, kAck}},
       TrackState::kTcpClosing},
      {"one end's FIN twice is not both",
       {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {0, kFin | kAck}, {0, kFin | kAck}},
       TrackState::kTcpEstablished},
      {"reset", {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {1, kRst}}, TrackState::kTcpClosing},
      {"a reset as first packet", {{0, kRst}}, TrackState::kTcpClosing},
  };
  for (const TcpCase& c : cases) EXPECT_EQ(after(kProtocolTcp, c.packets).state, c.state) << c.description;
}

TEST(Track, CallsUdpAStreamAfterTheSecondAnswer) {  // statement 22
  EXPECT_EQ(after(kProtocolUdp, {{0, 0}}).state, TrackState::kUdpSingle);
  EXPECT_EQ(after(kProtocolUdp, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}).state, TrackState::kUdpSingle) << "one direction";
  EXPECT_EQ(after(kProtocolUdp, {{0, 0}, {1, 0}, {1, 0}}).state, TrackState::kUdpSingle) << "one answer in two packets";
  EXPECT_EQ(after(kProtocolUdp, {{0, 0}, {1, 0}, {0, 0}}).state, TrackState::kUdpSingle);
  EXPECT_EQ(after(kProtocolUdp, {{0, 0}, {1, 0}, {0, 0}, {1, 0}}).state, TrackState::kUdpStream);
  EXPECT_EQ(after(kProtocolUdp, {{1, 0}, {0, 0}, {1, 0}, {0, 0}}).state, TrackState::kUdpStream) << "begun by end 1";
}

TEST(Track, CountsExchangesWithoutLosingTheLastSenderWhenItSaturates) {
  FlowEntry4 entry = entry_of(kProtocolUdp);
  begin(entry, 1, 0, 0);
  for (std::uint32_t i = 0; i < 200'001; ++i) track(entry, i % 2 == 0 ? 0 : 1, 0, i);
  EXPECT_EQ(entry.exchanges, 0xffff);
  EXPECT_EQ((entry.initiator ^ entry.exchanges) & 1, 0) << "end 0 sent last";
  track(entry, 0, 0, 1);
  EXPECT_EQ(entry.exchanges, 0xffff) << "the same sender again is no exchange";
  track(entry, 1, 0, 2);
  EXPECT_EQ((entry.initiator ^ entry.exchanges) & 1, 1) << "end 1 sent last";
  EXPECT_GE(entry.exchanges, 0xfffe);
}

TEST(Track, KnowsTheOtherProtocols) {
  EXPECT_EQ(after(kProtocolIcmp, {{0, 0}, {1, 0}}).state, TrackState::kIcmp);
  EXPECT_EQ(after(kProtocolGre, {{0, 0}, {1, 0}, {0, 0}, {1, 0}}).state, TrackState::kOther);
  FlowEntry4 untracked = entry_of(kProtocolTcp, false);
  begin(untracked, 0, kSyn, 1);
  track(untracked, 1, kSyn | kAck, 2);
  track(untracked, 0, kAck, 3);
  EXPECT_EQ(untracked.state, TrackState::kUntracked);
  EXPECT_EQ(untracked.last_seen, 3U);
  untracked.half[1].tracked = 1;
  begin(untracked, 0, kAck, 4);
  EXPECT_EQ(untracked.state, TrackState::kTcpOpening) << "judged again after a change of rules, tracked now";
}

TEST(Track, KnowsEachFamilysOwnIcmpOnly) {
  const auto state_of = [](auto key) {
    FlowEntry<decltype(key)> entry;
    entry.key = key;
    begin(entry, 0, 0, 1);
    return TrackState{entry.state};
  };
  const IpAddress a = *IpAddress::parse("2001:db8::1"), b = *IpAddress::parse("2001:db8::2");
  EXPECT_EQ(state_of(normalise(1, a, b, kProtocolIcmpv6, 7, 128 << 8).key), TrackState::kIcmp);
  EXPECT_EQ(state_of(normalise(1, a, b, kProtocolIcmp, 0, 0).key), TrackState::kOther);
  EXPECT_EQ(state_of(normalise(1, 1, 2, kProtocolIcmpv6, 0, 0).key), TrackState::kOther);
  EXPECT_EQ(state_of(normalise(1, a, b, kProtocolTcp, 7, 8).key), TrackState::kTcpOpening);
  EXPECT_EQ(state_of(normalise(1, a, b, kProtocolUdp, 7, 8).key), TrackState::kUdpSingle);
}

TEST(Track, KeepsTheMarkOfOwnTimeoutsWhenTheStateChanges) {
  TimeoutTable timeouts;
  IdleTimeouts short_lived = kIdleTimeouts;
  short_lived[static_cast<unsigned>(TrackState::kTcpEstablished)] = 60 * kSecond;
  timeouts.set(5, short_lived);
  FlowEntry4 entry = entry_of(kProtocolTcp);
  entry.half[0].eni = 4;
  entry.half[1].eni = 5;
  begin(entry, 0, kSyn, 0);
  mark_own_timeouts(entry, timeouts);
  EXPECT_TRUE(entry.state.own_timeouts());
  EXPECT_EQ(entry.state, TrackState::kTcpOpening);
  track(entry, 1, kSyn | kAck, 0);
  track(entry, 0, kAck, 0);
  EXPECT_EQ(entry.state, TrackState::kTcpEstablished);
  EXPECT_TRUE(entry.state.own_timeouts());
  EXPECT_FALSE(needs_judging(entry, kAck, 60 * kSecond, timeouts));
  EXPECT_TRUE(needs_judging(entry, kAck, 61 * kSecond, timeouts)) << "statement 21: end 1 has forgotten it";
  EXPECT_FALSE(expired(entry, 61 * kSecond, timeouts)) << "and end 0 has not";
  EXPECT_TRUE(expired(entry, 432'001 * kSecond, timeouts));
  track(entry, 0, TcpHeader::kFin | kAck, 1);
  track(entry, 1, TcpHeader::kFin | kAck, 1);
  EXPECT_EQ(entry.state, TrackState::kTcpClosing);
  EXPECT_TRUE(needs_judging(entry, kSyn, 2, timeouts));
  EXPECT_FALSE(needs_judging(entry, kAck, 2, timeouts));
  mark_own_timeouts(entry, kDefaultTimeouts);
  EXPECT_FALSE(entry.state.own_timeouts());
  EXPECT_EQ(entry.state, TrackState::kTcpClosing);
}

TEST(Track, StartsAnewOnlyWithASynOnAClosedConnection) {
  const auto closed = after(kProtocolTcp, {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}, {0, kFin | kAck}, {1, kFin | kAck}});
  EXPECT_TRUE(starts_anew(closed, kSyn));
  EXPECT_TRUE(starts_anew(closed, kSyn | 0xc0)) << "with ECN's flags";
  EXPECT_FALSE(starts_anew(closed, kSyn | kAck));
  EXPECT_FALSE(starts_anew(closed, kFin | kAck));
  EXPECT_FALSE(starts_anew(closed, kSyn | kRst));
  EXPECT_FALSE(starts_anew(after(kProtocolTcp, {{0, kSyn}}), kSyn)) << "a SYN sent again";
  EXPECT_FALSE(starts_anew(after(kProtocolTcp, {{0, kSyn}, {1, kSyn | kAck}, {0, kAck}}), kSyn));
}

struct TimeoutCase {
  TrackState state;
  std::uint32_t seconds;
};

TEST(Timeouts, AreEc2sWhereItPublishesThem) {
  const TimeoutCase cases[] = {
      {TrackState::kUdpSingle, 30}, {TrackState::kUdpStream, 180}, {TrackState::kTcpEstablished, 432'000},
      {TrackState::kOther, 600},    {TrackState::kTcpOpening, 60}, {TrackState::kTcpClosing, 60},
      {TrackState::kIcmp, 30},      {TrackState::kUntracked, 30}};
  for (const TimeoutCase& c : cases) {
    for (const std::uint32_t start : {0U, 5'000U, 0xffffff00U}) {  // the last: ticks wrap around every 49.7 days
      FlowEntry4 entry = entry_of(kProtocolTcp);
      entry.state = c.state;
      entry.last_seen = start;
      EXPECT_FALSE(expired(entry, start)) << static_cast<int>(c.state);
      EXPECT_FALSE(expired(entry, start + c.seconds * kSecond)) << static_cast<int>(c.state);
      EXPECT_TRUE(expired(entry, start + c.seconds * kSecond + 1)) << static_cast<int>(c.state);
      EXPECT_FALSE(expired(entry, start - 1)) << "a clock one tick behind";
    }
  }
}

TEST(Timeouts, AnswerWithinThirtySecondsAndEveryPacketStartsTheClockAgain) {  // statement 22
  FlowEntry4 entry = entry_of(kProtocolUdp);
  begin(entry, 0, 0, 0);
  EXPECT_FALSE(expired(entry, 29 * kSecond));
  EXPECT_TRUE(expired(entry, 31 * kSecond));
  track(entry, 1, 0, 29 * kSecond);
  EXPECT_FALSE(expired(entry, 58 * kSecond));
  track(entry, 0, 0, 58 * kSecond);
  track(entry, 1, 0, 59 * kSecond);
  EXPECT_FALSE(expired(entry, (59 + 180) * kSecond)) << "a stream now";
  EXPECT_TRUE(expired(entry, (59 + 181) * kSecond));
}

}  // namespace
}  // namespace weft
