// What the endpoint does over a fabric that is not to be trusted. The random traffic is in soak_test.cpp.
#include "tests/fabric/rdm/lossy.hpp"

namespace weft::rdm::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Fabric : public ::testing::Test {
 protected:
  static ClusterOptions impatient() {
    ClusterOptions options;
    options.endpoint.transport = srd::bare_metal();
    options.endpoint.transport.unresponsive_ns = 300'000'000;
    return options;
  }
  /// Turns of everybody but `skip`, for so long.
  static void turn_for(Cluster& cluster, milliseconds time, unsigned skip = ~0u) {
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) cluster.turn(skip);
  }

  RealTime clock_;
};

TEST_F(Fabric, a_message_over_it_is_complete_when_the_peer_has_acknowledged_it) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {}, 1);
  std::byte word[8]{}, into[8]{};
  ASSERT_EQ(receive(cluster[1], into), 0);
  ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(5), 1);
  EXPECT_TRUE(cluster[0].sink.all.empty()) << "the peer has not read it yet";
  EXPECT_FALSE(cluster[0]->drained());
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kOk);
  EXPECT_EQ(cluster[1].sink.all.size(), 1u);
  EXPECT_GE(cluster[1]->counters().acknowledgements, 1u);
}

TEST_F(Fabric, a_receiver_that_computes_is_not_lost) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {}, 2);
  std::byte word[8]{}, into[8]{};
  for (int i = 0; i < 20; ++i) ASSERT_EQ(receive(cluster[1], into), 0);
  // Acquainted: there is a round trip by which a time-out would be short.
  for (int i = 0; i < 10; ++i) ASSERT_EQ(send(cluster[0], 1, word), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 10));
  const std::uint64_t before = cluster[0]->counters().packets_resent;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(400), 1);  // longer than an unresponsive peer is waited for
  ASSERT_TRUE(cluster.wait_for(cluster[0], 20));
  EXPECT_EQ(cluster[0]->counters().packets_resent, before);
  for (const Completion& completion : cluster[0].sink.all) EXPECT_EQ(completion.status, Status::kOk);
}

TEST_F(Fabric, a_peer_beyond_a_dead_one_is_reported_as_unresponsive) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {.lost = 1000}, 3);
  std::byte word[8]{};
  const auto start = steady_clock::now();
  ASSERT_EQ(send(cluster[0], 1, word), 0);
  while (cluster[0].sink.all.empty() && steady_clock::now() - start < std::chrono::seconds(10)) cluster.turn();
  ASSERT_EQ(cluster[0].sink.all.size(), 1u);
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kUnreachable);
  EXPECT_EQ(cluster[0].sink.all[0].device_status, static_cast<int>(efa::SendStatus::kLocalUnrespRemote));
  EXPECT_GT(steady_clock::now() - start, milliseconds(290));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_TRUE(cluster[0]->drained());
}

TEST_F(Fabric, a_dead_path_costs_no_error_and_is_left) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {.dead_path = 5}, 4);
  std::vector<std::byte> data = pattern(300'000, 1), into(300'000);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(receive(cluster[1], into), 0);
    ASSERT_EQ(send(cluster[0], 1, data), 0);
    ASSERT_TRUE(cluster.run_until([&] { return cluster[0].sink.all.size() == 1 && cluster[1].sink.all.size() == 1; }));
    ASSERT_EQ(cluster[0].sink.take()[0].status, Status::kOk);
    ASSERT_EQ(cluster[1].sink.take()[0].status, Status::kOk);
    ASSERT_EQ(into, data);
  }
  // About 700 packets, of which a sixteenth would go there if nobody noticed.
  EXPECT_GE(cluster[0]->counters().packets_resent, 1u);
  EXPECT_LT(cluster[0]->counters().packets_resent, 40u);
}

TEST_F(Fabric, a_process_that_dies_meanwhile_is_noticed) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {.lost = 1000}, 5);
  std::byte word[8]{};
  ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(2));
  cluster.close(1);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1, 1));
  EXPECT_NE(cluster[0].sink.all[0].status, Status::kOk);
  EXPECT_TRUE(cluster[0]->drained());
}

}  // namespace
}  // namespace weft::rdm::testing
