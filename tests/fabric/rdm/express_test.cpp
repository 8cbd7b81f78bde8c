// Channels past the daemon: when they come, that packets take them, that nothing is lost or doubled when they go, and large
// data in one copy.
#include "fabric/rdm/regions.hpp"
#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {
namespace {

ClusterOptions express(bool direct) {
  ClusterOptions options;
  options.endpoint.express = true;
  options.endpoint.direct = direct;
  return options;
}

class ExpressTest : public ::testing::Test {
 protected:
  explicit ExpressTest(ClusterOptions options = express(true)) : cluster(options) {}

  /// One message there, and checks it.
  void exchange(unsigned from, unsigned to, std::size_t size, std::uint64_t seed, unsigned skip = ~0u) {
    const auto data = pattern(size, seed);
    std::vector<std::byte> into(size);
    ASSERT_EQ(receive(cluster[to], into, seed), 0);
    ASSERT_EQ(send(cluster[from], to, data, seed), 0);
    ASSERT_TRUE(cluster.run_until([&] { return !cluster[to].sink.all.empty() && !cluster[from].sink.all.empty(); }, skip));
    for (const unsigned end : {from, to}) {
      for (const Completion& completion : cluster[end].sink.take()) ASSERT_EQ(completion.status, Status::kOk);
    }
    ASSERT_EQ(into, data);
  }

  bool has_channel(unsigned from) {
    const auto before = cluster[from]->counters();
    exchange(from, 1 - from, 8, ++seed_);
    return cluster[from]->counters().express_packets > before.express_packets;
  }
  /// Sends until both directions go past the daemon.
  void connect() {
    for (unsigned i = 0; i < 10'000; ++i) {
      const bool there = has_channel(0), back = has_channel(1);
      if (there && back) return;
      usleep(100);  // the daemon's thread makes them
    }
    FAIL() << "no channel";
  }
  /// Everybody but the daemon.
  unsigned turn_without_daemon() {
    unsigned handled = 0;
    for (unsigned i = 0; i < cluster.size(); ++i) handled += cluster[i]->progress();
    return handled;
  }

  Cluster cluster;
  std::uint64_t seed_ = 1000;
};

TEST_F(ExpressTest, peers_that_talk_get_a_channel_and_the_daemon_is_not_needed_any_more) {
  connect();
  for (const std::size_t size : {0u, 1u, 8u, 16u, 17u, 80u, 81u, 4000u, 8888u, 8889u, 65'536u, 300'000u}) {
    const auto data = pattern(size, size);
    std::vector<std::byte> into(size);
    ASSERT_EQ(receive(cluster[1], into, 7), 0);
    ASSERT_EQ(send(cluster[0], 1, data, 7), 0);
    for (int i = 0; i < 1000 && (cluster[0].sink.all.empty() || cluster[1].sink.all.empty()); ++i) turn_without_daemon();
    ASSERT_EQ(cluster[0].sink.take().size(), 1u) << size;
    ASSERT_EQ(cluster[1].sink.take().size(), 1u) << size;
    ASSERT_EQ(into, data);
  }
}

TEST_F(ExpressTest, an_endpoint_that_does_not_ask_gets_none) {
  Cluster plain;
  for (int i = 0; i < 100; ++i) {
    std::byte into[8];
    ASSERT_EQ(receive(plain[1], into), 0);
    ASSERT_EQ(send(plain[0], 1, pattern(8, 1)), 0);
    ASSERT_TRUE(plain.wait_for(plain[1], 1));
    plain[1].sink.take();
  }
  EXPECT_EQ(plain[0]->counters().express_packets, 0u);
}

TEST_F(ExpressTest, a_receiver_that_does_not_look_stops_its_sender_and_nothing_is_lost) {
  connect();
  constexpr unsigned kMessages = 1000;
  std::vector<std::vector<std::byte>> data;
  for (unsigned i = 0; i < kMessages; ++i) {
    data.push_back(pattern(100, i));
    ASSERT_EQ(send(cluster[0], 1, data.back(), i), 0) << "within the transmit queue";
  }
  for (int i = 0; i < 1000; ++i) cluster.turn(1);
  EXPECT_LT(cluster[0].sink.all.size(), 200u) << "no more completes than there is credit and room for";
  for (unsigned i = 0; i < kMessages; ++i) {
    std::byte into[100];
    ASSERT_EQ(receive(cluster[1], into, i), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
    cluster[1].sink.take();
    ASSERT_EQ(std::vector<std::byte>(into, into + 100), data[i]);
  }
}

// Found by MPI: a channel that was used while packets were still with a daemon that had no time for them ran so far ahead that
// the receiver could not keep what came early.
TEST_F(ExpressTest, a_channel_is_not_used_before_what_is_with_the_daemon_has_arrived) {
  // The way back is open, so that credit comes without the daemon.
  for (unsigned i = 0; cluster[1]->counters().express_packets == 0; ++i) {
    ASSERT_LT(i, 12u) << "more, and node 0 has said so often what it has room for that it has a channel, too";
    exchange(1, 0, 8, i);
    usleep(5000);
  }
  ASSERT_EQ(cluster[0]->counters().express_packets, 0u);
  constexpr unsigned kMessages = 3000;
  std::vector<std::uint32_t> from(kMessages), into(kMessages, ~0u);
  for (unsigned i = 0; i < kMessages; ++i) {
    from[i] = i;
    ASSERT_EQ(receive(cluster[1], std::as_writable_bytes(std::span(&into[i], 1)), 0, 0, kAnyPeer, kTagged), 0);
  }
  unsigned sent = 0;
  const auto send_next = [&] { return send(cluster[0], 1, std::as_bytes(std::span(&from[sent], 1)), 0, kTagged) == 0 && ++sent; };
  for (unsigned i = 0; i < 4; ++i) ASSERT_TRUE(send_next());
  while (!cluster[0]->queue_pair().has_notices()) {
    cluster.daemon().run_once();
    usleep(100);  // the daemon's thread makes the channel
  }
  ASSERT_TRUE(send_next());  // through the daemon, which does not turn for a while
  for (unsigned i = 0; i < 3000; ++i) {
    while (sent < kMessages && send_next()) {
    }
    turn_without_daemon();
  }
  ASSERT_TRUE(cluster.run_until([&] {
    while (sent < kMessages && send_next()) {
    }
    return into.back() != ~0u;
  }));
  EXPECT_EQ(into, from);
  EXPECT_EQ(cluster[1]->counters().packets_dropped, 0u);
  EXPECT_GT(cluster[0]->counters().express_packets, 2000u);
}

// Found under load: the receiver opened the channel before the session's first packet had come through the daemon, looked
// there first, and sent the session back that it had not heard of.
TEST_F(ExpressTest, what_comes_through_a_channel_is_not_taken_before_the_beginning_of_its_session) {
  ASSERT_TRUE(cluster[0]->queue_pair().request_channel(cluster[1].address, cluster[1]->queue_pair().qkey()));
  while (!cluster[0]->queue_pair().has_notices() || !cluster[1]->queue_pair().has_notices()) {
    cluster.daemon().run_once();
    usleep(100);  // the daemon's thread makes the channel
  }
  for (int i = 0; i < 4; ++i) cluster[1]->progress();  // has it, and nothing else is there
  std::byte into[2][8];
  for (unsigned i = 0; i < 2; ++i) ASSERT_EQ(receive(cluster[1], into[i], i), 0);
  ASSERT_EQ(send(cluster[0], 1, pattern(8, 0), 0), 0);  // does not know of its channel yet
  cluster.daemon().run_once();
  cluster[0]->progress();
  ASSERT_EQ(send(cluster[0], 1, pattern(8, 1), 1), 0);
  ASSERT_EQ(cluster[0]->counters().express_packets, 1u);
  cluster[1]->progress();
  const auto received = cluster[1].sink.take();
  ASSERT_EQ(received.size(), 2u);
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_EQ(received[i].status, Status::kOk);
    EXPECT_EQ(received[i].tag, i);
  }
  EXPECT_EQ(cluster[1]->counters().packets_dropped, 0u);
}

TEST_F(ExpressTest, what_waited_for_a_channel_that_is_taken_back_goes_on_at_once) {
  std::vector<std::uint32_t> from(100), into(100, ~0u);
  for (unsigned i = 0; i < from.size(); ++i) {
    from[i] = i;
    ASSERT_EQ(receive(cluster[1], std::as_writable_bytes(std::span(&into[i], 1)), 0, 0, kAnyPeer, kTagged), 0);
  }
  const auto send_number = [&](unsigned i) {
    return send(cluster[0], 1, std::as_bytes(std::span(&from[i], 1)), 0, kTagged);
  };
  for (unsigned i = 0; i < 4; ++i) ASSERT_EQ(send_number(i), 0);
  while (!cluster[0]->queue_pair().has_notices()) {
    cluster.daemon().run_once();
    usleep(100);  // the daemon's thread makes the channel
  }
  // More than there is credit for: some are with the daemon, which does not turn, the others wait for the channel.
  for (unsigned i = 4; i < from.size(); ++i) ASSERT_EQ(send_number(i), 0);
  cluster[0]->progress();
  for (int i = 0; i < 20; ++i) turn_without_daemon();
  cluster.daemon().server().set_express(false);
  ASSERT_TRUE(cluster.run_until([&] { return into.back() != ~0u; }, ~0u, 5000)) << "and not by a probe, a second later";
  EXPECT_EQ(into, from);
}

TEST_F(ExpressTest, what_was_published_before_the_sender_died_is_delivered) {
  connect();
  ASSERT_EQ(send(cluster[0], 1, pattern(64, 5), 5), 0);
  ASSERT_EQ(send(cluster[0], 1, pattern(3000, 6), 6), 0);
  cluster.close(0);
  for (const std::uint64_t tag : {5u, 6u}) {
    std::vector<std::byte> into(tag == 5 ? 64 : 3000);
    ASSERT_EQ(receive(cluster[1], into, tag), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
    EXPECT_EQ(cluster[1].sink.take()[0].status, Status::kOk);
    EXPECT_EQ(into, pattern(into.size(), tag));
  }
}

TEST_F(ExpressTest, a_sender_that_waits_for_a_dead_receiver_is_told) {
  connect();
  ASSERT_EQ(send(cluster[0], 1, pattern(8, 5), 5, kTagged | kCompletion | kDeliveryComplete), 0);
  const auto data = pattern(500'000, 6);
  ASSERT_EQ(send(cluster[0], 1, data, 6), 0);
  cluster.close(1);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 2));
  for (const Completion& completion : cluster[0].sink.take()) EXPECT_EQ(completion.status, Status::kPeerGone);
}

TEST_F(ExpressTest, a_new_process_on_the_old_number_gets_nothing_of_the_old_ones) {
  connect();
  const std::uint32_t qpn = cluster[1].address.qpn;
  ASSERT_EQ(send(cluster[0], 1, pattern(8, 5), 5), 0);  // published, never consumed
  cluster[0].sink.take();
  cluster.close(1);
  cluster.reopen(1, qpn);
  std::byte into[8];
  ASSERT_EQ(receive(cluster[1], into, 0, ~0ull), 0);
  // The first may fail: it was for the former process.
  unsigned failed = 0;
  for (; cluster[1].sink.all.empty(); ++failed) {
    ASSERT_LT(failed, 3u);
    ASSERT_EQ(send(cluster[0], 1, pattern(8, 9), 9), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
    cluster[0].sink.take();
    cluster.settle();
  }
  EXPECT_EQ(cluster[1].sink.take()[0].tag, 9u);
  connect();
}

TEST_F(ExpressTest, an_unreachable_peer_loses_its_channel_at_once) {
  connect();
  cluster.daemon().resume();
  cluster.daemon().set_gate([](EniSlot, EniSlot) { return EfaVerdict::kGroupEgress; });
  cluster.daemon().pause();
  cluster.turn();
  ASSERT_EQ(send(cluster[0], 1, pattern(8, 5), 5), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(cluster[0].sink.take()[0].status, Status::kUnreachable);
}

// Large data in one copy.

TEST_F(ExpressTest, data_in_pieces_goes_from_process_to_process) {
  connect();
  const auto data = pattern(200'000, 3);
  std::vector<std::byte> into(200'000);
  iovec from[3] = {{const_cast<std::byte*>(data.data()), 1},
                   {const_cast<std::byte*>(data.data()) + 1, 99'999},
                   {const_cast<std::byte*>(data.data()) + 100'000, 100'000}};
  iovec to[2] = {{into.data(), 150'001}, {into.data() + 150'001, 49'999}};
  ASSERT_EQ(cluster[1]->receive({.iov = to, .tag = 1, .flags = kTagged | kCompletion}), 0);
  const auto packets = cluster[0]->counters().packets_sent;
  ASSERT_EQ(cluster[0]->send({.peer = 1, .iov = from, .tag = 1, .flags = kTagged | kCompletion}), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(into, data);
  EXPECT_LE(cluster[0]->counters().packets_sent - packets, 3u);
  cluster[1].sink.take(), cluster[0].sink.take();
}

TEST_F(ExpressTest, a_large_message_may_come_before_its_receive_be_cut_off_or_thrown_away) {
  connect();
  const auto data = pattern(100'000, 3);
  ASSERT_EQ(send(cluster[0], 1, data, 1), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 2), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 3), 0);
  cluster.settle();
  EXPECT_TRUE(cluster[0].sink.all.empty()) << "its memory is not the caller's before somebody has read it";
  EXPECT_EQ(cluster[1]->counters().unexpected_bytes, 0u);
  std::vector<std::byte> into(100'000), half(50'000);
  ASSERT_EQ(receive(cluster[1], into, 1), 0);
  ASSERT_EQ(receive(cluster[1], half, 2), 0);
  ASSERT_EQ(cluster[1]->peek({.iov = {}, .tag = 3, .flags = kTagged | kCompletion}, PeekMode::kPeekAndDiscard), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 3));
  const auto received = cluster[1].sink.take();
  ASSERT_EQ(received.size(), 3u);
  EXPECT_EQ(received[0].status, Status::kOk);
  EXPECT_EQ(into, data);
  EXPECT_EQ(received[1].status, Status::kTruncated);
  EXPECT_EQ(received[1].overflow, 50'000u);
  EXPECT_TRUE(std::equal(half.begin(), half.end(), data.begin()));
  for (const Completion& completion : cluster[0].sink.take()) EXPECT_EQ(completion.status, Status::kOk);
}

/// Node 1 cannot read node 0's memory; node 0 does not know.
class HalfDirectTest : public ExpressTest {
 protected:
  void SetUp() override {
    // The receiver's way is closed by making the sender's token wrong: as if the number were another process's.
    connect();
    device::ChannelReceiver* channel = cluster[1]->queue_pair().channel_from(cluster[0].address, cluster[0]->queue_pair().qkey());
    ASSERT_NE(channel, nullptr);
    channel->forget_sender_memory();
  }
};

TEST_F(HalfDirectTest, a_receiver_that_cannot_read_gets_the_data_in_packets) {
  for (const std::size_t size : {5000u, 20'000u, 500'000u}) exchange(0, 1, size, size);
  exchange(1, 0, 500'000, 9);
}

class ExpressMemoryTest : public ExpressTest {
 protected:
  static RegionTable& regions() {
    static RegionTable table;
    return table;
  }
  static ClusterOptions options() {
    ClusterOptions options = express(true);
    options.endpoint.regions = &regions();
    return options;
  }
  ExpressMemoryTest() : ExpressTest(options()), memory(300'000, std::byte{0x11}) {
    const iovec parts[2] = {{memory.data(), 100'000}, {memory.data() + 100'000, 200'000}};
    Region region;
    region.memory.assign(parts);
    region.size = memory.size();
    region.access = kRemoteRead | kRemoteWrite;
    regions().add(1, region);
  }
  ~ExpressMemoryTest() override { regions().remove(1); }

  Completion one_sided(OneSided kind, std::span<const iovec> local, std::span<const RemotePiece> remote) {
    const int result = cluster[0]->one_sided({.peer = 1, .kind = kind, .local = local, .remote = remote, .compare = {},
                                              .result = {}, .flags = kCompletion});
    EXPECT_EQ(result, 0);
    EXPECT_TRUE(cluster.wait_for(cluster[0], 1));
    const auto all = cluster[0].sink.take();
    return all.empty() ? Completion{} : all[0];
  }

  void write_and_read() {
    const auto data = pattern(150'000, 8);
    const iovec from[2] = {{const_cast<std::byte*>(data.data()), 5},
                           {const_cast<std::byte*>(data.data()) + 5, 149'995}};
    const RemotePiece there[2] = {{50'000, 100'000, 1}, {200'000, 50'000, 1}};
    EXPECT_EQ(one_sided(OneSided::kWrite, from, there).status, Status::kOk);
    EXPECT_TRUE(std::equal(data.begin(), data.begin() + 100'000, memory.begin() + 50'000));
    EXPECT_TRUE(std::equal(data.begin() + 100'000, data.end(), memory.begin() + 200'000));
    EXPECT_EQ(memory[49'999], std::byte{0x11});
    EXPECT_EQ(memory[250'000], std::byte{0x11});
    std::vector<std::byte> back(150'000);
    const iovec into[2] = {{back.data(), 149'000}, {back.data() + 149'000, 1000}};
    EXPECT_EQ(one_sided(OneSided::kRead, into, there).status, Status::kOk);
    EXPECT_EQ(back, data);
  }

  std::vector<std::byte> memory;
};

TEST_F(ExpressMemoryTest, memory_is_written_and_read_in_one_copy) {
  connect();
  const auto packets = cluster[0]->counters().packets_sent;
  write_and_read();
  EXPECT_LE(cluster[0]->counters().packets_sent - packets, 6u);
}

TEST_F(ExpressMemoryTest, and_in_packets_where_the_target_cannot_reach_the_initiator) {
  connect();
  device::ChannelReceiver* channel = cluster[1]->queue_pair().channel_from(cluster[0].address, cluster[0]->queue_pair().qkey());
  ASSERT_NE(channel, nullptr);
  channel->forget_sender_memory();
  write_and_read();
  write_and_read();
}

TEST_F(ExpressMemoryTest, the_targets_word_on_keys_and_bounds_holds) {
  connect();
  std::vector<std::byte> data(10'000);
  const iovec local{data.data(), data.size()};
  const RemotePiece wrong_key{0, 10'000, 2}, outside{295'000, 10'000, 1};
  EXPECT_EQ(one_sided(OneSided::kWrite, {&local, 1}, {&wrong_key, 1}).status, Status::kBadKey);
  EXPECT_EQ(one_sided(OneSided::kRead, {&local, 1}, {&wrong_key, 1}).status, Status::kBadKey);
  EXPECT_EQ(one_sided(OneSided::kWrite, {&local, 1}, {&outside, 1}).status, Status::kBadAddress);
  EXPECT_EQ(one_sided(OneSided::kRead, {&local, 1}, {&outside, 1}).status, Status::kBadAddress);
  EXPECT_EQ(memory[299'999], std::byte{0x11});
}

}  // namespace
}  // namespace weft::rdm::testing
