// The matching engine against two plain lists, on random posts, arrivals, cancels and peeks.
#include "fabric/rdm/matching.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <random>

#include "fabric/rdm/peer.hpp"

namespace weft::rdm {
namespace {

struct PlainReceive {
  std::uint64_t tag, ignore;
  const Peer* source;
  ReceiveOperation* operation;
};
struct PlainMessage {
  std::uint64_t tag;
  const Peer* source;
  Message* message;
};

/// What libfabric says, word for word.
bool fits(const PlainReceive& receive, std::uint64_t tag, const Peer* source) {
  return (receive.tag | receive.ignore) == (tag | receive.ignore) && (!receive.source || receive.source == source);
}

struct Traffic {
  unsigned tags;                       // different ones
  std::vector<std::uint64_t> ignores;  // what receives ignore, evenly
  unsigned directed_percent;
};

class MatchingTest : public ::testing::TestWithParam<Traffic> {
 protected:
  std::mt19937_64 random{20240731};
  std::vector<std::unique_ptr<Peer>> peers;
  Pool<ReceiveOperation> receives;
  Pool<Message> messages;
  MatchQueue queue;
  std::list<PlainReceive> plain_receives;
  std::list<PlainMessage> plain_messages;

  void SetUp() override {
    for (std::uint32_t i = 0; i < 5; ++i) peers.push_back(std::make_unique<Peer>(device::Address{.qpn = i}));
  }
  std::uint64_t pick(std::uint64_t n) { return random() % n; }
  std::uint64_t any_tag() { return (pick(GetParam().tags) << 8 | pick(4)) | (pick(3) << 60); }
  PlainReceive any_receive() {
    const auto& ignores = GetParam().ignores;
    Peer* source = pick(100) < GetParam().directed_percent ? peers[pick(peers.size())].get() : nullptr;
    return {any_tag(), ignores[pick(ignores.size())], source, nullptr};
  }

  Message* plain_find(const PlainReceive& receive) {
    const auto found = std::find_if(plain_messages.begin(), plain_messages.end(),
                                    [&](const PlainMessage& m) { return fits(receive, m.tag, m.source); });
    return found == plain_messages.end() ? nullptr : found->message;
  }

  void post() {
    PlainReceive receive = any_receive();
    Message* const expected = plain_find(receive);
    Message* const found = queue.match_receive(receive.tag, receive.ignore, receive.source);
    ASSERT_EQ(found, expected);
    if (found) {
      queue.remove_unexpected(*found);
      plain_messages.remove_if([&](const PlainMessage& m) { return m.message == found; });
      messages.give_back(found);
      return;
    }
    receive.operation = receives.take();
    receive.operation->tag = receive.tag;
    receive.operation->ignore = receive.ignore;
    receive.operation->source = const_cast<Peer*>(receive.source);
    receive.operation->context = receive.operation;
    queue.post(*receive.operation);
    plain_receives.push_back(receive);
  }

  void arrive() {
    const std::uint64_t tag = any_tag();
    Peer* const source = peers[pick(peers.size())].get();
    const auto expected = std::find_if(plain_receives.begin(), plain_receives.end(),
                                       [&](const PlainReceive& r) { return fits(r, tag, source); });
    ReceiveOperation* const found = queue.match_arrival(source, tag);
    ASSERT_EQ(found, expected == plain_receives.end() ? nullptr : expected->operation);
    if (found) {
      queue.unpost(*found);
      receives.give_back(found);
      plain_receives.erase(expected);
      return;
    }
    Message* const message = messages.take();
    message->tag = tag;
    message->peer = source;
    queue.add_unexpected(*message);
    plain_messages.push_back({tag, source, message});
  }

  void peek() {
    const PlainReceive receive = any_receive();
    ASSERT_EQ(queue.match_receive(receive.tag, receive.ignore, receive.source), plain_find(receive));
  }

  void cancel() {
    if (plain_receives.empty()) return;
    const auto victim = std::next(plain_receives.begin(), static_cast<std::ptrdiff_t>(pick(plain_receives.size())));
    ReceiveOperation* const found = queue.find_posted(victim->operation->context);
    ASSERT_EQ(found, victim->operation);
    queue.unpost(*found);
    receives.give_back(found);
    plain_receives.erase(victim);
  }
};

TEST_P(MatchingTest, AgreesWithPlainLists) {
  for (int round = 0; round < 18'000; ++round) {
    // Phases in which receives, then messages, prevail, so that both lists grow long and shrink again.
    const bool more_receives = round / 3000 % 2 == 0;
    const std::uint64_t what = pick(100);
    if (what < (more_receives ? 55u : 35u)) {
      post();
    } else if (what < 90) {
      arrive();
    } else if (what < 97) {
      peek();
    } else {
      cancel();
    }
    if (HasFatalFailure()) FAIL() << "in round " << round;
    ASSERT_EQ(queue.posted(), plain_receives.size());
    ASSERT_EQ(queue.unexpected(), plain_messages.size());
  }
}

constexpr std::uint64_t kSyncBits = 3ull << 60;  // where Open MPI's mtl marks synchronous sends

INSTANTIATE_TEST_SUITE_P(
    Traffic, MatchingTest,
    ::testing::Values(Traffic{4, {0}, 50}, Traffic{400, {0}, 50}, Traffic{50, {kSyncBits}, 90},
                      Traffic{50, {kSyncBits, kSyncBits | 0xffff}, 50}, Traffic{4, {0, ~0ull}, 0},
                      Traffic{300, {0, 1, 2, 0xff, 0xff00, kSyncBits, ~0ull, 0xf0f0f0f0}, 50}));

TEST(Matching, AReceiveOfACommonMaskIsFoundWithoutAWalk) {
  // 20,000 receives as Open MPI posts them, taken in reverse order: quadratic if the table did not know loose bits.
  constexpr std::uint64_t kCount = 20'000;
  Peer peer{device::Address{}};
  MatchQueue queue;
  std::deque<ReceiveOperation> receives(kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    receives[i].tag = i;
    receives[i].ignore = kSyncBits;
    receives[i].source = &peer;
    queue.post(receives[i]);
  }
  for (std::uint64_t i = kCount; i-- > 0;) {
    ReceiveOperation* const found = queue.match_arrival(&peer, i | 1ull << 60);
    ASSERT_EQ(found, &receives[i]);
    queue.unpost(*found);
  }
}

}  // namespace
}  // namespace weft::rdm
