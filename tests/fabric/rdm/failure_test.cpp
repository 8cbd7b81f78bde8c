// Peers that stop, die, come back or may not be reached, and a device that goes away.
#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::size_t count(const Node& node, Status status) {
  return static_cast<std::size_t>(std::count_if(node.sink.all.begin(), node.sink.all.end(),
                                                [&](const Completion& c) { return c.status == status; }));
}

TEST(StoppedReceiver, HoldsUpNobodyButItsOwnSenders) {
  Cluster cluster({.nodes = 3});
  const unsigned stopped = 2;
  const auto data = pattern(5000, 1);
  // As much as it takes to hear EAGAIN, for the stopped one.
  unsigned accepted = 0;
  for (int result = 0; result == 0; cluster.turn(stopped)) {
    result = send(cluster[0], stopped, data, 1, kTagged);
    ASSERT_TRUE(result == 0 || result == -EAGAIN);
    accepted += result == 0;
    ASSERT_LT(accepted, 5000u);
  }
  EXPECT_GE(accepted, EndpointOptions{}.transmit_queue);
  // Everything else goes on as if nothing were.
  for (int i = 0; i < 500; ++i) {
    for (const unsigned from : {0u, 1u}) {
      const unsigned to = 1 - from;
      std::vector<std::byte> buffer(5000);
      ASSERT_EQ(receive(cluster[to], buffer, 9), 0);
      ASSERT_EQ(send(cluster[from], to, data, 9, kTagged), 0);
      ASSERT_TRUE(cluster.run_until([&] { return !cluster[to].sink.take().empty(); }, stopped, 20)) << i;
      ASSERT_EQ(buffer, data);
    }
  }
  // When it goes on it finds everything.
  std::vector<std::byte> buffer(5000);
  for (unsigned i = 0; i < accepted; ++i) ASSERT_EQ(receive(cluster[stopped], buffer, 1), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[stopped], accepted));
  EXPECT_EQ(buffer, data);
}

TEST(StoppedReceiver, ThatRunsOverIsTriedAgainMoreAndMoreSeldom) {
  // More first credits than it has room for.
  ClusterOptions options{.nodes = 3};
  options.queue_pair.rx_buffers = 8;
  Cluster cluster(options);
  const auto data = pattern(3000, 1);
  for (const unsigned from : {0u, 1u}) {
    for (int i = 0; i < 30; ++i) ASSERT_EQ(send(cluster[from], 2, data, from, kTagged | kCompletion), 0);
  }
  for (int i = 0; i < 1000; ++i) cluster.turn(2);  // 10 ms
  const std::uint64_t early = cluster[0]->counters().packets_resent;
  EXPECT_GT(early, 3u);
  for (int i = 0; i < 100'000; ++i) cluster.turn(2);  // a second
  const std::uint64_t late = cluster[0]->counters().packets_resent - early;
  EXPECT_LE(late, 110u) << "one packet every 10 ms is enough";
  EXPECT_GT(late, 90u);
  EXPECT_LT(cluster[0].sink.all.size() + cluster[1].sink.all.size(), 10u);
  std::vector<std::byte> buffer(3000);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(receive(cluster[2], buffer, 0, 1), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[2], 60));
  ASSERT_TRUE(cluster.wait_for(cluster[0], 30) && cluster.wait_for(cluster[1], 30));
  EXPECT_EQ(count(cluster[0], Status::kOk), 30u);
}

TEST(DeadPeer, FailsAllThatWasMeantForIt) {
  Cluster cluster;
  const auto small = pattern(100, 1), large = pattern(1 << 20, 2);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(send(cluster[0], 1, i % 2 ? small : large), 0);
  for (int i = 0; i < 5; ++i) cluster.turn();
  cluster.close(1);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 100)) << cluster[0].sink.all.size();
  EXPECT_GE(count(cluster[0], Status::kPeerGone), 50u);
  EXPECT_EQ(count(cluster[0], Status::kPeerGone) + count(cluster[0], Status::kOk), 100u);
  cluster.settle();
  EXPECT_TRUE(cluster[0]->drained());
  ASSERT_EQ(send(cluster[0], 1, small), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 101));
  EXPECT_EQ(cluster[0].sink.all.back().status, Status::kPeerGone);
  EXPECT_EQ(cluster[0].sink.all.back().device_status, static_cast<int>(efa::SendStatus::kRemoteBadDestQpn));
}

TEST(DeadPeer, IsNoticedByWhoWaitsForItsWord) {
  for (const std::size_t size : {std::size_t{100}, std::size_t{1} << 20}) {
    Cluster cluster;
    const auto data = pattern(size, 1);
    // Nobody receives it: the sender waits for a receipt, or for a window.
    ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kCompletion | kDeliveryComplete), 0);
    cluster.settle();
    cluster.close(1);
    const std::uint64_t begin = clock_ns;
    ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
    EXPECT_EQ(cluster[0].sink.all[0].status, Status::kPeerGone);
    EXPECT_LT(clock_ns - begin, 3 * kSecond);
    EXPECT_LE(cluster[0]->wait_limit_ms(), 1000);
  }
}

TEST(DeadPeer, FailsTheReceiveOfItsHalfMessage) {
  Cluster cluster;
  const auto data = pattern(10 << 20, 1);
  std::vector<std::byte> buffer(10 << 20);
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(send(cluster[0], 1, data), 0);
  for (int i = 0; i < 10; ++i) cluster.turn();
  ASSERT_TRUE(cluster[1].sink.all.empty());
  cluster.close(0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
  EXPECT_EQ(cluster[1].sink.all[0].status, Status::kPeerGone);
}

TEST(DeadPeer, LeavesWhatItHadSentCompletely) {
  Cluster cluster;
  const auto data = pattern(20'000, 1);
  ASSERT_EQ(send(cluster[0], 1, data), 0);
  cluster.settle();
  cluster.close(0);
  std::vector<std::byte> buffer(20'000);
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(cluster[1].sink.all.size(), 1u);
  EXPECT_EQ(cluster[1].sink.all[0].status, Status::kOk);
  EXPECT_EQ(buffer, data);
}

TEST(NewIncarnation, IsSpokenToAfterTheOldOneIsKnownToBeGone) {
  Cluster cluster;
  const std::uint32_t qpn = cluster[1].address.qpn;
  const auto data = pattern(100, 1);
  std::vector<std::byte> buffer(100);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(receive(cluster[1], buffer), 0);
      ASSERT_EQ(send(cluster[0], 1, data), 0);
      ASSERT_EQ(receive(cluster[0], buffer), 0);
      ASSERT_EQ(send(cluster[1], 0, data), 0);
    }
    ASSERT_TRUE(cluster.wait_for(cluster[0], 40) && cluster.wait_for(cluster[1], 40));
    EXPECT_EQ(count(cluster[0], Status::kOk), 40u);
    cluster[0].sink.take();
    cluster.close(1);
    cluster.reopen(1, qpn);
    ASSERT_EQ(cluster[1].address.qpn, qpn);
    // The first send still means the old one.
    ASSERT_EQ(send(cluster[0], 1, data), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
    EXPECT_EQ(cluster[0].sink.take()[0].status, Status::kPeerGone);
  }
}

TEST(NewIncarnation, ThatSpeaksFirstEndsWhatTheOldOneBegan) {
  Cluster cluster;
  const std::uint32_t qpn = cluster[1].address.qpn;
  const auto large = pattern(10 << 20, 1), small = pattern(100, 2);
  std::vector<std::byte> half(10 << 20), buffer(100);
  ASSERT_EQ(receive(cluster[0], half, 1), 0);
  ASSERT_EQ(send(cluster[1], 0, large, 1), 0);
  ASSERT_EQ(send(cluster[0], 1, large, 1), 0);
  for (int i = 0; i < 10; ++i) cluster.turn();
  cluster.close(1);
  cluster.reopen(1, qpn);
  ASSERT_EQ(receive(cluster[0], buffer, 2), 0);
  ASSERT_EQ(send(cluster[1], 0, small, 2), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 3));
  EXPECT_EQ(count(cluster[0], Status::kPeerGone), 2u);
  EXPECT_EQ(count(cluster[0], Status::kOk), 1u);
  EXPECT_EQ(buffer, small);
  // And both ways from then on.
  ASSERT_EQ(receive(cluster[1], buffer, 3), 0);
  ASSERT_EQ(send(cluster[0], 1, small, 3), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 2));
  EXPECT_EQ(count(cluster[1], Status::kOk), 2u);
}

TEST(NewIncarnation, OfAPeerThatNeverAnsweredAsksForANewBeginning) {
  Cluster cluster;
  const std::uint32_t qpn = cluster[1].address.qpn;
  const auto data = pattern(100, 1);
  // Delivered to the first one, which never looked, so its key is not known.
  ASSERT_EQ(send(cluster[0], 1, data), 0);
  ASSERT_TRUE(cluster.run_until([&] { return cluster[0]->drained(); }, 1));
  cluster.close(1);
  cluster.reopen(1, qpn);
  std::vector<std::byte> buffer(100);
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  // One that waits for a receipt learns that it waits in vain.
  ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kCompletion | kDeliveryComplete), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 2));
  EXPECT_EQ(cluster[0].sink.all[1].status, Status::kPeerGone);
  EXPECT_TRUE(cluster[1].sink.all.empty());
  ASSERT_EQ(send(cluster[0], 1, data), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
  EXPECT_EQ(buffer, data);
}

TEST(Policy, ThatForbidsIsUnreachableAndThatAllowsAgainWorksAgain) {
  Cluster cluster;
  const auto data = pattern(20'000, 1);
  std::vector<std::byte> buffer(20'000);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(receive(cluster[1], buffer, 1), 0);
    ASSERT_EQ(send(cluster[0], 1, data, 1), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[1], 1) && cluster.wait_for(cluster[0], 1));
    EXPECT_EQ(cluster[1].sink.take()[0].status, Status::kOk);
    EXPECT_EQ(buffer, data);
    cluster[0].sink.take();

    cluster.daemon().set_gate([](EniSlot, EniSlot) { return EfaVerdict::kGroupEgress; });
    for (int i = 0; i < 50; ++i) ASSERT_EQ(send(cluster[0], 1, data, 2), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[0], 50));
    EXPECT_EQ(count(cluster[0], Status::kUnreachable), 50u);
    cluster[0].sink.take();
    cluster.daemon().set_gate(nullptr);
  }
}

TEST(Policy, ThatCutsALongMessageFailsBothEnds) {
  Cluster cluster;
  const auto data = pattern(10 << 20, 1);
  std::vector<std::byte> buffer(10 << 20);
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(send(cluster[0], 1, data), 0);
  for (int i = 0; i < 10; ++i) cluster.turn();
  cluster.daemon().set_gate([](EniSlot, EniSlot) { return EfaVerdict::kGroupIngress; });
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1) && cluster.wait_for(cluster[1], 1));
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kUnreachable);
  EXPECT_EQ(cluster[1].sink.all[0].status, Status::kUnreachable);
  cluster.daemon().set_gate(nullptr);
  const auto small = pattern(10, 1);
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(send(cluster[0], 1, small), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 2));
  EXPECT_EQ(cluster[1].sink.all[1].status, Status::kOk);
}

void expect_all_gone(Cluster& cluster, std::size_t sends, std::size_t receives) {
  ASSERT_TRUE(cluster.wait_for(cluster[0], sends + receives)) << cluster[0].sink.all.size();
  EXPECT_EQ(count(cluster[0], Status::kDeviceGone), sends + receives);
  std::vector<std::byte> buffer(10);
  EXPECT_EQ(send(cluster[0], 1, buffer), -ENETDOWN);
  EXPECT_EQ(receive(cluster[0], buffer), -ENETDOWN);
  EXPECT_TRUE(cluster[0]->drained());
  EXPECT_EQ(cluster[0]->progress(), 0u);
}

void post_everything(Cluster& cluster, std::vector<std::byte>& large, std::vector<std::byte>& buffer) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(send(cluster[0], 1, large, 1), 0);
    ASSERT_EQ(send(cluster[0], 1, std::span(large).first(100), 1, kTagged | kCompletion | kDeliveryComplete), 0);
    ASSERT_EQ(receive(cluster[0], buffer, 2), 0);
  }
  for (int i = 0; i < 5; ++i) cluster.turn(1);
}

TEST(DeadDevice, FailsEverythingWhenTheFunctionIsTakenAway) {
  Cluster cluster;
  std::vector<std::byte> large(1 << 20), buffer(100);
  post_everything(cluster, large, buffer);
  ASSERT_FALSE(cluster.daemon().server().remove_function("eni-1"));
  expect_all_gone(cluster, 100, 50);
}

TEST(DeadDevice, FailsEverythingWhenTheDaemonDies) {
  Cluster cluster;
  std::vector<std::byte> large(1 << 20), buffer(100);
  post_everything(cluster, large, buffer);
  cluster.daemon().kill();
  const std::uint64_t begin = clock_ns;
  while (cluster[0].sink.all.size() < 150 && clock_ns - begin < kSecond) {
    cluster[0]->progress();
    clock_ns += 10'000;
  }
  EXPECT_EQ(count(cluster[0], Status::kDeviceGone), 150u);
  EXPECT_EQ(send(cluster[0], 1, buffer), -ENETDOWN);
}

}  // namespace
}  // namespace weft::rdm::testing
