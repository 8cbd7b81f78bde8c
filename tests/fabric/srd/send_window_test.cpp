// What becomes of a packet at its sender, by what device, peer and time say.
#include "fabric/srd/send_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "fabric/srd/receive_window.hpp"

namespace weft::srd::send_window_test {
namespace {

constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000;

struct SendWindowTest : testing::Test {
  TransportSettings settings;
  Random random{1};
  SendWindow window{settings, random};
  std::uint64_t now = 1'000'000;

  void with_paths(std::uint32_t paths) { settings.paths = paths; }

  Posting post() { return window.post(1'000 + window.outstanding(), now); }
  /// Posts and puts on the wire, a microsecond each.
  std::vector<Posting> put_on_wire(int count) {
    std::vector<Posting> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(window.post(1'000u + static_cast<unsigned>(i), now));
      window.on_wire(all.back().psn, now);
      now += kMicrosecond;
    }
    return all;
  }
  Heard hear(std::uint32_t cumulative, std::initializer_list<std::uint32_t> beyond = {}, std::vector<Echo> echoes = {},
             std::uint32_t incarnation = 1) {
    Acknowledgement said;
    said.session = window.session();
    said.incarnation = incarnation;
    said.cumulative = cumulative;
    for (const std::uint32_t psn : beyond) {
      const std::uint32_t at = psn - cumulative - 1;
      said.bitmap[at / 64] |= std::uint64_t{1} << (at % 64);
      said.words = std::max(said.words, static_cast<std::uint8_t>(at / 64 + 1));
    }
    for (const Echo& echo : echoes) said.echo[said.echoes++] = echo;
    return window.acknowledged(said, now);
  }
  /// All of them have come, except the oldest of each of so many paths, which others of those paths have overtaken.
  void hear_all_but_the_oldest_of(std::size_t paths, const std::vector<Posting>& sent) {
    std::vector<std::uint8_t> losing;
    std::vector<std::uint32_t> missing;
    for (const Posting& posting : sent) {
      const auto same = [&](const Posting& other) { return other.path == posting.path; };
      if (losing.size() == paths || std::ranges::count(losing, posting.path) != 0 || std::ranges::count_if(sent, same) < 4)
        continue;
      losing.push_back(posting.path);
      missing.push_back(posting.psn);
    }
    ASSERT_EQ(missing.size(), paths);
    Acknowledgement said;
    said.incarnation = 1;
    said.cumulative = missing.front();
    for (const Posting& posting : sent) {
      if (!after(posting.psn, said.cumulative) || std::ranges::count(missing, posting.psn) != 0) continue;
      const std::uint32_t at = posting.psn - said.cumulative - 1;
      said.bitmap[at / 64] |= std::uint64_t{1} << (at % 64);
      said.words = std::max(said.words, static_cast<std::uint8_t>(at / 64 + 1));
    }
    window.acknowledged(said, now);
  }
  std::vector<std::uint64_t> reports(bool arrived) {
    std::vector<std::uint64_t> cookies;
    for (Report report; window.take_report(report);) {
      EXPECT_EQ(report.arrived, arrived) << report.cookie;
      cookies.push_back(report.cookie);
    }
    return cookies;
  }
  std::vector<Posting> again() {
    std::vector<Posting> all;
    for (Posting posting; window.post_again(now, posting);) all.push_back(posting);
    return all;
  }
  /// A round trip is known: 100 us.
  void measure() {
    const Posting first = put_on_wire(1)[0];
    now += 100 * kMicrosecond - kMicrosecond;
    hear(first.psn + 1, {}, {{.psn = first.psn, .delay_ns = 0, .path = first.path}});
    reports(true);
  }
  void expire() {
    now = window.deadline_ns();
    window.expire(now);
  }
};

TEST_F(SendWindowTest, WhatTheCardDeliversHasArrivedWithoutTimerOrAcknowledgement) {
  const Posting posting = post();
  window.delivered(posting.psn);
  EXPECT_EQ(window.deadline_ns(), kNever);
  EXPECT_EQ(reports(true), std::vector<std::uint64_t>{1'000});
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.paths(), nullptr);
}

TEST_F(SendWindowTest, ThroughTheCardTheWholeRingMayBeUnderWay) {
  std::uint32_t posted = 0;
  for (; window.room(); ++posted) post();
  EXPECT_EQ(posted, kMaxOutstanding);
  window.delivered(0);
  EXPECT_FALSE(window.room()) << "its report was not taken";
  reports(true);
  EXPECT_TRUE(window.room());
}

TEST_F(SendWindowTest, OverTheWireTheWindowIsThirtyTwoAtFirstAndItsLastAsksForAnAnswer) {
  put_on_wire(1);
  Posting last;
  int posted = 1;
  for (; window.room(); ++posted) {
    EXPECT_FALSE(last.ack_requested);
    last = post();
    window.on_wire(last.psn, now);
  }
  EXPECT_EQ(posted, 32);
  EXPECT_TRUE(last.ack_requested);
}

TEST_F(SendWindowTest, APacketWithTheDeviceIsNotReportedBeforeTheDeviceAnswers) {
  const Posting posting = post();
  hear(posting.psn + 1);
  EXPECT_TRUE(reports(true).empty());
  window.on_wire(posting.psn, now);
  EXPECT_EQ(reports(true).size(), 1u);

  const Posting other = post();
  window.fail();
  EXPECT_TRUE(reports(false).empty());
  window.on_wire(other.psn, now);
  EXPECT_EQ(reports(false).size(), 1u);
}

TEST_F(SendWindowTest, IgnoresAcknowledgementsOfWhatWasNeverSentAndOfOtherSessions) {
  put_on_wire(4);
  EXPECT_EQ(hear(5), Heard::kIgnored);
  EXPECT_EQ(hear(2, {4}), Heard::kIgnored);
  EXPECT_EQ(hear(0u - 600), Heard::kIgnored);
  Acknowledgement other;
  other.session = 9;
  other.cumulative = 4;
  EXPECT_EQ(window.acknowledged(other, now), Heard::kIgnored);
  EXPECT_TRUE(reports(true).empty());
  EXPECT_EQ(hear(2, {3}), Heard::kTaken);
  EXPECT_EQ(reports(true).size(), 3u);
}

TEST_F(SendWindowTest, AnAnswerForAPacketThatTheDeviceDoesNotHaveChangesNothing) {
  const Posting posting = put_on_wire(1)[0];
  window.delivered(posting.psn);
  window.refused(posting.psn);
  window.on_wire(posting.psn + 1, now);
  window.delivered(12345);
  EXPECT_EQ(window.on_wire(), 1u);
  EXPECT_TRUE(reports(true).empty());
}

TEST_F(SendWindowTest, ThreeLaterPacketsOfTheSamePathSayThatOneIsLost) {
  with_paths(1);
  measure();
  put_on_wire(4);
  hear(1, {2, 3});
  EXPECT_FALSE(window.has_lost());
  hear(1, {2, 3, 4});
  const auto posted = again();
  ASSERT_EQ(posted.size(), 1u);
  EXPECT_EQ(posted[0].psn, 1u);
  EXPECT_EQ(posted[0].cookie, 1'000u);
  EXPECT_EQ(posted[0].path, 0);
  EXPECT_TRUE(posted[0].ack_requested);
}

TEST_F(SendWindowTest, LaterPacketsOfOtherPathsDoNot) {
  with_paths(64);
  measure();
  const auto sent = put_on_wire(20);
  // Every packet but those of the first one's path.
  std::uint32_t others = 0;
  for (std::size_t i = 1; i < sent.size(); ++i)
    if (sent[i].path != sent[0].path) {
      hear(1, {sent[i].psn});
      ++others;
    }
  EXPECT_GT(others, 10u);
  EXPECT_FALSE(window.has_lost());
}

TEST_F(SendWindowTest, ALongLeadOfALaterPacketSaysThatOneIsLostWhateverThePath) {
  with_paths(2);
  measure();
  const Posting first = put_on_wire(1)[0];
  now += 100 * kMicrosecond;  // the slowest path, without the reorder window of 25 us
  put_on_wire(1);
  hear(1, {2});
  EXPECT_FALSE(window.has_lost());
  now += 30 * kMicrosecond;
  put_on_wire(1);
  hear(1, {2, 3});
  EXPECT_EQ(window.take_events().impairments, 1u) << "of sixteen paths one is left";
  const auto posted = again();
  ASSERT_EQ(posted.size(), 1u);
  EXPECT_EQ(posted[0].psn, first.psn);
  EXPECT_NE(posted[0].path, first.path);
}

TEST_F(SendWindowTest, WhatWasThoughtLostAndComesIsReportedOnceAndNotSentAgain) {
  with_paths(1);
  measure();
  put_on_wire(4);
  hear(1, {2, 3, 4});
  ASSERT_TRUE(window.has_lost());
  hear(5);
  EXPECT_TRUE(again().empty());
  EXPECT_EQ(reports(true).size(), 4u);
  EXPECT_TRUE(window.empty());
}

TEST_F(SendWindowTest, SilenceIsProbedAfterTwoRoundTripsByTheNewestPacketThatAsksForAnAnswer) {
  measure();
  put_on_wire(3);
  EXPECT_EQ(window.deadline_ns(), now - 3 * kMicrosecond + 220 * kMicrosecond);
  expire();
  ASSERT_TRUE(window.wants_progress());
  window.progress({.delivered = 7, .consumed = 7}, now);
  EXPECT_FALSE(window.has_lost()) << "it may have read this moment";
  expire();
  const auto posted = again();
  ASSERT_EQ(posted.size(), 1u);
  EXPECT_EQ(posted[0].psn, 3u);
  EXPECT_TRUE(posted[0].ack_requested);
}

TEST_F(SendWindowTest, ThenComesATimeoutForAllAndEachLaterOneTakesAboutTwiceAsLong) {
  measure();
  put_on_wire(3);
  std::uint64_t before = 0;
  for (const std::size_t count : {1u, 3u}) {  // the probe, the timeout
    expire();
    window.progress({.known = false}, now);
    EXPECT_EQ(window.outstanding() - window.on_wire(), count);
    for (const Posting& posting : again()) window.on_wire(posting.psn, now);
    before = now;
  }
  expire();
  const std::uint64_t second = now - before;
  window.progress({.known = false}, now);
  for (const Posting& posting : again()) window.on_wire(posting.psn, now);
  before = now;
  expire();
  EXPECT_NEAR(static_cast<double>(now - before), 2.0 * static_cast<double>(second), static_cast<double>(second));
  EXPECT_GT(now - before, second * 3 / 2);
}

TEST_F(SendWindowTest, OnePathThatLosesWhileTheOthersAreFastIsNoCongestion) {
  with_paths(4);
  measure();
  hear_all_but_the_oldest_of(1, put_on_wire(32));
  EXPECT_TRUE(window.has_lost());
  EXPECT_GE(window.window(), Congestion::kInitialWindow);
}

TEST_F(SendWindowTest, TwoPathsThatLoseAtOnceAreCongestion) {
  with_paths(4);
  measure();
  hear_all_but_the_oldest_of(2, put_on_wire(32));
  EXPECT_TRUE(window.has_lost());
  EXPECT_LT(window.window(), Congestion::kInitialWindow);
}

TEST_F(SendWindowTest, PathsThatLoseOneAfterTheOtherAreCongestion) {
  with_paths(4);
  measure();
  hear_all_but_the_oldest_of(1, put_on_wire(32));
  const std::uint32_t before = window.window();
  reports(true);
  hear_all_but_the_oldest_of(1, put_on_wire(32));  // on another path, for that one is left alone
  EXPECT_LT(window.window(), before);
}

TEST_F(SendWindowTest, ASilentReceiverThatIsBusyCausesNoRetransmissionAndNoBlame) {
  measure();
  put_on_wire(8);
  const std::uint64_t until = now + 200 * kMillisecond;
  while (window.deadline_ns() < until) {
    expire();
    ASSERT_TRUE(window.wants_progress());
    window.progress({.delivered = 9, .consumed = 1}, now);
    ASSERT_FALSE(window.has_lost());
  }
  // It reads all; its word is on the way for one deadline more.
  expire();
  window.progress({.delivered = 9, .consumed = 9}, now);
  EXPECT_FALSE(window.has_lost());
  now += 50 * kMicrosecond;
  hear(9);
  EXPECT_EQ(reports(true).size(), 8u);
  EXPECT_EQ(window.sent_again(), 0u);
  EXPECT_EQ(window.window(), Congestion::kInitialWindow);
}

TEST_F(SendWindowTest, ATimeoutIsAnEventAndAProbeIsNone) {
  measure();
  put_on_wire(3);
  for (const std::uint32_t timeouts : {0u, 1u, 1u}) {  // the probe first
    expire();
    window.progress({.known = false}, now);
    EXPECT_EQ(window.take_events().timeouts, timeouts);
    EXPECT_EQ(window.take_events().timeouts, 0u) << "it was asked for";
    for (const Posting& posting : again()) window.on_wire(posting.psn, now);
  }
}

TEST_F(SendWindowTest, OnlyWhatWasLostOnTheWireIsARetransmission) {
  with_paths(1);
  const Posting refused = post();
  EXPECT_FALSE(refused.retransmission);
  window.refused(refused.psn);
  const auto posted = again();
  ASSERT_EQ(posted.size(), 1u);
  EXPECT_FALSE(posted[0].retransmission);
  window.on_wire(posted[0].psn, now);
  put_on_wire(3);
  hear(0, {1, 2, 3});
  EXPECT_EQ(window.lost(), 1u);
  const auto lost = again();
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_TRUE(lost[0].retransmission);
}

TEST_F(SendWindowTest, OneThatHasReadAllAndStaysSilentIsSentToAgain) {
  measure();
  put_on_wire(2);
  expire();
  window.progress({.delivered = 2, .consumed = 1}, now);
  expire();
  window.progress({.delivered = 200, .consumed = 2}, now);
  EXPECT_FALSE(window.has_lost());
  expire();
  EXPECT_FALSE(window.wants_progress());
  EXPECT_TRUE(window.has_lost());
}

TEST_F(SendWindowTest, AfterTheBoundEveryPacketIsReportedAsFailedOnceAndASessionBeginsAnew) {
  put_on_wire(5);
  const std::uint64_t start = now;
  while (!window.ended()) {
    expire();
    window.progress({.known = false}, now);
    for (const Posting& posting : again()) window.on_wire(posting.psn, now);
    ASSERT_LT(now, start + 8'000 * kMillisecond);
  }
  EXPECT_GE(now, start + settings.unresponsive_ns - 5 * kMicrosecond);
  EXPECT_FALSE(window.room());
  EXPECT_EQ(reports(false).size(), 5u);
  EXPECT_TRUE(window.empty());
  window.begin(1);
  EXPECT_EQ(post().psn, 0u);
}

TEST_F(SendWindowTest, APeerWhoseProcessIsGoneIsNotWaitedFor) {
  put_on_wire(5);
  expire();
  window.progress({.alive = false}, now);
  EXPECT_TRUE(window.ended());
  EXPECT_EQ(reports(false).size(), 5u);
}

TEST_F(SendWindowTest, AnotherProcessThatAnswersEndsTheSession) {
  put_on_wire(5);
  hear(2);
  EXPECT_EQ(reports(true).size(), 2u);
  EXPECT_EQ(hear(1, {}, {}, 2), Heard::kPeerRestarted);
  EXPECT_EQ(reports(false).size(), 3u);
  EXPECT_EQ(hear(5), Heard::kIgnored);
}

TEST_F(SendWindowTest, ARefusedPacketIsSentAgainWithoutBlameHoweverLongItTakes) {
  const Posting posting = post();
  window.refused(posting.psn);
  EXPECT_EQ(window.deadline_ns(), kNever);
  now += 60'000 * kMillisecond;
  const auto posted = again();
  ASSERT_EQ(posted.size(), 1u);
  EXPECT_EQ(posted[0].psn, posting.psn);
  window.on_wire(posting.psn, now);
  EXPECT_EQ(window.sent_again(), 0u);
  EXPECT_GT(window.deadline_ns(), now);
}

TEST_F(SendWindowTest, TheEchoOfAnEarlierTransmissionIsNoSample) {
  with_paths(2);
  measure();
  const Posting first = put_on_wire(1)[0];
  expire();
  window.progress({.known = false}, now);
  window.on_wire(again().at(0).psn, now);
  now += 10;
  hear(2, {}, {{.psn = 1, .delay_ns = 0, .path = first.path}});
  EXPECT_EQ(window.round_trip().shortest_ns(), 100 * kMicrosecond);
  EXPECT_EQ(reports(true).size(), 1u);
}

TEST_F(SendWindowTest, TimeInTheReceiversRingIsNoRoundTrip) {
  const Posting first = put_on_wire(1)[0];
  now += 10 * kMillisecond;
  hear(1, {}, {{.psn = 0, .delay_ns = 9'981'000, .path = first.path}});
  EXPECT_EQ(window.round_trip().smoothed_ns(), 20 * kMicrosecond);
}

TEST_F(SendWindowTest, TheWindowHoldsFiveHundredAndTwelveInAnyOrderOfAnswers) {
  while (window.room()) post();
  for (std::uint32_t psn = kMaxOutstanding; psn-- != 0;) window.delivered(psn);
  EXPECT_EQ(reports(true).size(), kMaxOutstanding);
  EXPECT_TRUE(window.empty());
  window.shrink();
  EXPECT_EQ(post().psn, kMaxOutstanding);
}

TEST_F(SendWindowTest, AnIdlePeerFitsInto512Bytes) { EXPECT_LE(sizeof(SendWindow) + sizeof(ReceiveWindow), 512u); }

}  // namespace
}  // namespace weft::srd::send_window_test
