// Receives in all their forms: peek, claim, discard, cancel, multi-receive, limits.
#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {
namespace {

int peek(Node& node, std::uint64_t tag, PeekMode mode, void* context = nullptr, PeerIndex source = kAnyPeer) {
  return node->peek({.source = source, .iov = {}, .tag = tag, .context = context, .flags = kTagged | kCompletion}, mode);
}

int claim(Node& node, std::span<std::byte> data, void* context, bool discard = false) {
  const iovec piece{data.data(), data.size()};
  return node->claim({.iov = {&piece, 1}, .context = context, .flags = kTagged | kCompletion}, discard);
}

class PeekTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  Cluster cluster;
  std::vector<std::byte> data = pattern(GetParam(), 1), buffer = std::vector<std::byte>(GetParam());
  Node& sender = cluster[0];
  Node& receiver = cluster[1];
  int one = 0, other = 0;  // contexts

  void SetUp() override {
    ASSERT_EQ(send(sender, 1, data, 4, kTagged | kCompletion | kDeliveryComplete | kRemoteData, nullptr, 77), 0);
    cluster.settle();
  }
  Completion last() {
    EXPECT_FALSE(receiver.sink.all.empty());
    return receiver.sink.all.empty() ? Completion{} : receiver.sink.all.back();
  }
};

TEST_P(PeekTest, TellsWhatIsThereAndLeavesIt) {
  ASSERT_EQ(peek(receiver, 5, PeekMode::kPeek, &one), 0);
  EXPECT_EQ(last().status, Status::kNoMessage);
  EXPECT_EQ(last().context, &one);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(peek(receiver, 4, PeekMode::kPeek, &one, 0), 0);
    EXPECT_EQ(last().status, Status::kOk);
    EXPECT_EQ(last().length, GetParam());
    EXPECT_EQ(last().tag, 4u);
    EXPECT_EQ(last().remote_data, 77u);
    EXPECT_EQ(last().source, 0u);
    EXPECT_FALSE(last().is_claimable);
  }
  ASSERT_EQ(receive(receiver, buffer, 4), 0);
  ASSERT_TRUE(cluster.wait_for(receiver, 4));
  EXPECT_EQ(buffer, data);
}

TEST_P(PeekTest, TakesTheMessageForAClaim) {
  ASSERT_EQ(peek(receiver, 4, PeekMode::kPeekAndClaim, &one), 0);
  EXPECT_TRUE(last().is_claimable);
  EXPECT_EQ(last().length, GetParam());
  // It is nobody else's now.
  ASSERT_EQ(peek(receiver, 4, PeekMode::kPeek, &other), 0);
  EXPECT_EQ(last().status, Status::kNoMessage);
  EXPECT_EQ(claim(receiver, buffer, &other), -EINVAL);
  ASSERT_EQ(claim(receiver, buffer, &one), 0);
  ASSERT_TRUE(cluster.wait_for(receiver, 3));
  EXPECT_EQ(last().status, Status::kOk);
  EXPECT_EQ(last().context, &one);
  EXPECT_EQ(buffer, data);
  ASSERT_TRUE(cluster.wait_for(sender, 1));
  EXPECT_EQ(claim(receiver, buffer, &one), -EINVAL);
}

TEST_P(PeekTest, ThrowsAwayAndTheSenderIsDone) {
  for (const bool in_two_steps : {false, true}) {
    if (in_two_steps) {
      ASSERT_EQ(send(sender, 1, data, 4, kTagged | kCompletion | kDeliveryComplete), 0);
      cluster.settle();
      ASSERT_EQ(peek(receiver, 4, PeekMode::kPeekAndClaim, &one), 0);
      ASSERT_EQ(claim(receiver, {}, &one, true), 0);
    } else {
      ASSERT_EQ(peek(receiver, 4, PeekMode::kPeekAndDiscard, &one), 0);
    }
    EXPECT_EQ(last().status, Status::kOk);
    ASSERT_TRUE(cluster.wait_for(sender, in_two_steps ? 2 : 1));
    EXPECT_EQ(sender.sink.all.back().status, Status::kOk);
    ASSERT_EQ(peek(receiver, 4, PeekMode::kPeek, &one), 0);
    EXPECT_EQ(last().status, Status::kNoMessage);
    cluster.settle();
    EXPECT_TRUE(sender->drained() && receiver->drained());
    EXPECT_EQ(receiver->counters().unexpected_bytes, 0u);
  }
}

TEST_P(PeekTest, AClaimedMessageSurvivesItsSenderAsFarAsItIsHere) {
  ASSERT_EQ(peek(receiver, 4, PeekMode::kPeekAndClaim, &one), 0);
  cluster.close(0);
  // Whoever misses data asks the peer every second, and learns.
  for (int i = 0; i < 250'000; ++i) cluster.turn();
  ASSERT_EQ(claim(receiver, buffer, &one), 0);
  ASSERT_EQ(receiver.sink.all.size(), 2u);
  const bool complete = GetParam() <= kMediumMax;
  EXPECT_EQ(last().status, complete ? Status::kOk : Status::kPeerGone);
  if (complete) {
    EXPECT_EQ(buffer, data);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PeekTest, ::testing::Values(0, 10, 30'000, 200'000));

TEST(Cancel, TakesBackTheReceiveWithThatContext) {
  Cluster cluster;
  std::vector<std::byte> buffer(10), other(10);
  int context = 0, other_context = 0;
  ASSERT_EQ(receive(cluster[1], buffer, 1, 0, kAnyPeer, kTagged | kCompletion, &context), 0);
  ASSERT_EQ(receive(cluster[1], other, 1, 0, kAnyPeer, kTagged | kCompletion, &other_context), 0);
  EXPECT_FALSE(cluster[1]->cancel(&context, false));
  EXPECT_TRUE(cluster[1]->cancel(&context, true));
  ASSERT_EQ(cluster[1].sink.all.size(), 1u);
  EXPECT_EQ(cluster[1].sink.all[0].status, Status::kCanceled);
  EXPECT_EQ(cluster[1].sink.all[0].context, &context);
  EXPECT_FALSE(cluster[1]->cancel(&context, true));
  const auto data = pattern(10, 1);
  ASSERT_EQ(send(cluster[0], 1, data, 1), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 2));
  EXPECT_EQ(cluster[1].sink.all[1].context, &other_context);
  EXPECT_EQ(other, data);
}

TEST(MultiReceive, PutsMessagesBehindEachOther) {
  for (const bool posted_first : {true, false}) {
    Cluster cluster;
    cluster[1]->set_min_multi_receive(1000);
    std::vector<std::byte> buffer(100'000);
    const std::size_t sizes[] = {10, 70'000, 0, 20'000, 8'990};  // 1000 are left
    std::vector<std::vector<std::byte>> data;
    const auto post = [&] {
      ASSERT_EQ(receive(cluster[1], buffer, 0, 0, kAnyPeer, kCompletion | kMultiReceive, &buffer), 0);
    };
    if (posted_first) post();
    for (const std::size_t size : sizes) {
      data.push_back(pattern(size, size));
      ASSERT_EQ(send(cluster[0], 1, data.back(), 0, kCompletion), 0);
    }
    if (!posted_first) {
      cluster.settle();
      post();
    }
    ASSERT_TRUE(cluster.wait_for(cluster[1], 5));
    // One byte more and the buffer is given back.
    data.push_back(pattern(1, 9));
    ASSERT_EQ(send(cluster[0], 1, data.back(), 0, kCompletion), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[1], 6));
    const auto& all = cluster[1].sink.all;
    std::size_t found = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].buffer_released, i == 5);
      EXPECT_EQ(all[i].context, &buffer);
      for (const auto& sent : data) {
        if (sent.size() != all[i].length) continue;
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), static_cast<const std::byte*>(all[i].buffer)));
        ++found;
      }
    }
    EXPECT_EQ(found, 6u);
    ASSERT_EQ(send(cluster[0], 1, data.back(), 0, kCompletion), 0);
    cluster.settle();
    EXPECT_EQ(all.size(), 6u);
  }
}

TEST(MultiReceive, IsGivenBackAfterItsLastMessageHasArrived) {
  Cluster cluster;
  cluster[1]->set_min_multi_receive(100);
  std::vector<std::byte> buffer(1'000'000);
  const auto large = pattern(999'000, 1), small = pattern(950, 2);
  ASSERT_EQ(receive(cluster[1], buffer, 0, 0, kAnyPeer, kCompletion | kMultiReceive), 0);
  ASSERT_EQ(send(cluster[0], 1, large, 0, kCompletion), 0);
  ASSERT_EQ(send(cluster[0], 1, small, 0, kCompletion), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 2));
  // The small one overtakes the large one, but its completion must not give the buffer back.
  EXPECT_EQ(cluster[1].sink.all[0].length, 950u);
  EXPECT_FALSE(cluster[1].sink.all[0].buffer_released);
  EXPECT_EQ(cluster[1].sink.all[1].length, 999'000u);
  EXPECT_TRUE(cluster[1].sink.all[1].buffer_released);
  EXPECT_EQ(std::memcmp(buffer.data(), large.data(), large.size()), 0);
  EXPECT_EQ(std::memcmp(buffer.data() + large.size(), small.data(), small.size()), 0);
}

TEST(MultiReceive, ThatIsCanceledWhileSomethingArrivesEndsAfterIt) {
  Cluster cluster;
  std::vector<std::byte> buffer(3'000'000);
  const auto large = pattern(2'000'000, 1);
  ASSERT_EQ(receive(cluster[1], buffer, 0, 0, kAnyPeer, kCompletion | kMultiReceive, &buffer), 0);
  ASSERT_EQ(send(cluster[0], 1, large, 0, kCompletion), 0);
  for (int i = 0; i < 6; ++i) cluster.turn();
  ASSERT_TRUE(cluster[1].sink.all.empty());
  EXPECT_TRUE(cluster[1]->cancel(&buffer, false));
  EXPECT_TRUE(cluster[1].sink.all.empty());
  ASSERT_TRUE(cluster.wait_for(cluster[1], 2));
  EXPECT_EQ(cluster[1].sink.all[0].status, Status::kOk);
  EXPECT_FALSE(cluster[1].sink.all[0].buffer_released);
  EXPECT_EQ(cluster[1].sink.all[1].status, Status::kCanceled);
  EXPECT_TRUE(cluster[1].sink.all[1].buffer_released);
  EXPECT_EQ(std::memcmp(buffer.data(), large.data(), large.size()), 0);
}

TEST(Limits, AreErrorsOfTheCall) {
  ClusterOptions options;
  options.endpoint.receive_queue = 3;
  Cluster cluster(options);
  std::vector<std::byte> buffer(10);
  const iovec five[5] = {};
  EXPECT_EQ(cluster[0]->send({.peer = 1, .iov = five}), -EINVAL);
  EXPECT_EQ(cluster[0]->receive({.iov = five}), -EINVAL);
  EXPECT_EQ(cluster[0]->receive({.iov = {five, 2}, .flags = kMultiReceive}), -EINVAL);
  EXPECT_EQ(send(cluster[0], 5, buffer), -EINVAL);
  EXPECT_EQ(receive(cluster[0], buffer, 0, 0, 5), -EINVAL);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(receive(cluster[0], buffer), 0);
  EXPECT_EQ(receive(cluster[0], buffer), -EAGAIN);
  EXPECT_EQ(receive(cluster[0], buffer, 0, 0, kAnyPeer, kCompletion), 0) << "untagged ones are counted by themselves";
  cluster[0]->remove_peer(1);
  EXPECT_EQ(send(cluster[0], 1, buffer), -EINVAL);
}

}  // namespace
}  // namespace weft::rdm::testing
