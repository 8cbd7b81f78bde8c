// What the endpoint does over a fabric that is not to be trusted. The random traffic is in soak_test.cpp.
#include <regex>
#include <sstream>

#include "tests/fabric/rdm/lossy.hpp"

namespace weft::rdm::testing {
namespace {

using std::chrono::milliseconds;

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
    const std::uint64_t end_ns = clock_ns + static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
    while (clock_ns < end_ns) cluster.turn(skip);
  }

  /// What the daemon's statistics say of a node's function.
  static EfaCounters counted(Cluster& cluster, unsigned node) { return cluster.daemon().server().counters(node + 1); }
  /// The lines of its dump that are about packets on the fabric.
  static std::string wires(Node& node) {
    std::string text, chosen;
    node->dump(text);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (line.find(" packets on the fabric, ") != std::string::npos) chosen += line + "\n";
    return chosen;
  }
  static bool matches(const std::string& text, const std::string& pattern) {
    return std::regex_match(text, std::regex(pattern));
  }
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
  const std::uint64_t timeouts = counted(cluster, 0).retrans_timeout_events;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(400), 1);  // longer than an unresponsive peer is waited for
  ASSERT_TRUE(cluster.wait_for(cluster[0], 20));
  EXPECT_EQ(cluster[0]->counters().packets_resent, before);
  EXPECT_EQ(counted(cluster, 0).retrans_timeout_events, timeouts);
  for (const Completion& completion : cluster[0].sink.all) EXPECT_EQ(completion.status, Status::kOk);
}

TEST_F(Fabric, a_peer_beyond_a_dead_one_is_reported_as_unresponsive) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {.lost = 1000}, 3);
  std::byte word[8]{};
  const std::uint64_t start_ns = clock_ns;
  ASSERT_EQ(send(cluster[0], 1, word), 0);
  while (cluster[0].sink.all.empty() && clock_ns - start_ns < 10'000'000'000) cluster.turn();
  ASSERT_EQ(cluster[0].sink.all.size(), 1u);
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kUnreachable);
  EXPECT_EQ(cluster[0].sink.all[0].device_status, static_cast<int>(efa::SendStatus::kLocalUnrespRemote));
  EXPECT_GT(clock_ns - start_ns, 290'000'000U);
  EXPECT_LT(clock_ns - start_ns, 2'000'000'000U);
  EXPECT_TRUE(cluster[0]->drained());
  const EfaCounters here = counted(cluster, 0);
  EXPECT_EQ(here.unresponsive_remotes, 1u);
  EXPECT_GE(here.retrans_timeout_events, 1u);
  EXPECT_EQ(here.retrans_pkts, cluster[0]->counters().packets_resent);
  EXPECT_EQ(counted(cluster, 1).unresponsive_remotes, 0u);
}

TEST_F(Fabric, what_was_lost_and_sent_again_is_counted_with_its_bytes) {
  Cluster cluster(impatient());
  set_weather(cluster.daemon(), {.lost = 50}, 6);
  const std::vector<std::byte> data = pattern(8000, 1);
  std::vector<std::byte> into(8000);
  constexpr unsigned kRounds = 20, kAtOnce = 20;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kAtOnce; ++i) {
      ASSERT_EQ(receive(cluster[1], into), 0);
      ASSERT_EQ(send(cluster[0], 1, data), 0);
    }
    ASSERT_TRUE(cluster.wait_for(cluster[0], kAtOnce));
    for (const Completion& completion : cluster[0].sink.take()) ASSERT_EQ(completion.status, Status::kOk);
  }
  const EfaCounters here = counted(cluster, 0);
  EXPECT_GE(here.retrans_pkts, 3u);
  EXPECT_EQ(here.retrans_pkts, cluster[0]->counters().packets_resent);
  EXPECT_GT(here.retrans_bytes, here.retrans_pkts * 8000);  // its headers
  EXPECT_LT(here.retrans_bytes, here.retrans_pkts * 8200);
  EXPECT_GE(here.tx_pkts, kRounds * kAtOnce + here.retrans_pkts) << "each of them is one more";
  EXPECT_GE(here.wire_drops, 3u);
  EXPECT_GE(here.impaired_remotes, 1u);
  EXPECT_EQ(here.unresponsive_remotes, 0u);
}

TEST_F(Fabric, what_the_peer_had_no_room_for_is_not_counted_as_lost) {
  ClusterOptions options = impatient();
  options.nodes = 3;
  options.queue_pair.rx_buffers = 8;
  Cluster cluster(options);
  const std::vector<std::byte> data = pattern(3000, 1);
  std::vector<std::byte> into(3000);
  for (const unsigned from : {0u, 1u}) {
    for (int i = 0; i < 30; ++i) ASSERT_EQ(send(cluster[from], 2, data, from), 0);
  }
  turn_for(cluster, milliseconds(20), 2);
  for (const unsigned from : {0u, 1u}) {
    for (int i = 0; i < 30; ++i) ASSERT_EQ(receive(cluster[2], into, from), 0);
  }
  ASSERT_TRUE(cluster.run_until([&] { return cluster[2].sink.all.size() == 60; }));
  EXPECT_GT(cluster[0]->counters().packets_resent + cluster[1]->counters().packets_resent, 0u);
  EXPECT_GT(counted(cluster, 2).rx_drops, 0u);
  for (const unsigned from : {0u, 1u}) {
    EXPECT_EQ(counted(cluster, from).retrans_pkts, 0u);
    EXPECT_EQ(counted(cluster, from).retrans_bytes, 0u);
  }
}

TEST_F(Fabric, a_dump_says_what_the_transport_waits_for) {
  ClusterOptions options = impatient();
  options.endpoint.transport.unresponsive_ns = 10'000'000'000;
  Cluster cluster(options);
  set_weather(cluster.daemon(), {}, 7);
  std::byte word[8]{}, into[8]{};
  const std::string to = "  to 10\\.0\\.1\\.2:" + std::to_string(cluster[1].address.qpn) + ": ";
  for (int i = 0; i < 6; ++i) ASSERT_EQ(receive(cluster[1], into), 0);
  EXPECT_EQ(wires(cluster[0]), "");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(1), 1);
  std::string text = wires(cluster[0]);
  EXPECT_TRUE(matches(text, to + "3 packets on the fabric, 0 to be sent again, window 32, round trip unknown, "
                                 "0 of 16 paths left alone, no news for \\d\\.\\d s\n"))
      << text;
  ASSERT_TRUE(cluster.wait_for(cluster[0], 3));
  EXPECT_EQ(wires(cluster[0]), "");

  set_weather(cluster.daemon(), {.lost = 1000}, 8);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(send(cluster[0], 1, word), 0);
  turn_for(cluster, milliseconds(160));
  text = wires(cluster[0]);
  EXPECT_TRUE(matches(text, to + "\\d packets on the fabric, \\d to be sent again, window \\d+, round trip \\d+ us, "
                                 "[1-9]\\d* of 16 paths left alone, no news for (0\\.[1-9]|[1-9]\\.\\d) s\n"))
      << text;
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
  const EfaCounters here = counted(cluster, 0);
  EXPECT_GE(here.wire_drops, 1u);  // only that path loses; what is late on a busy machine is sent again, too
  EXPECT_LT(here.wire_drops, 40u);
  EXPECT_GE(here.impaired_remotes, 1u);
  EXPECT_EQ(here.unresponsive_remotes, 0u);
}

TEST_F(Fabric, the_daemon_is_shown_the_round_trip_of_each_path_and_of_nothing_where_the_fabric_is_fine) {
  Cluster cluster(impatient());
  std::vector<std::byte> data = pattern(300'000, 1), into(300'000);
  const auto exchange = [&](int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(receive(cluster[1], into), 0);
      ASSERT_EQ(send(cluster[0], 1, data), 0);
      ASSERT_TRUE(cluster.run_until([&] { return cluster[0].sink.all.size() == 1 && cluster[1].sink.all.size() == 1; }));
      cluster[0].sink.take();
      cluster[1].sink.take();
    }
  };
  exchange(5);
  EXPECT_TRUE(cluster.daemon().server().round_trips("node-0").empty());
  set_weather(cluster.daemon(), {}, 4);
  exchange(80);  // of some 34 packets and as many paths' acknowledgements: each path has been used when they are shown again
  const std::vector<EfaRoundTrip> shown = cluster.daemon().server().round_trips("node-0");
  std::uint32_t paths = 0;
  for (const EfaRoundTrip& one : shown) {
    EXPECT_EQ(std::memcmp(one.peer.data(), cluster[1].address.ip, 16), 0);
    EXPECT_LT(one.ns, 5'000'000'000U);
    paths |= 1U << one.path;
  }
  EXPECT_EQ(paths, 0xffffU) << shown.size();
}

TEST_F(Fabric, what_the_card_says_of_a_peer_that_was_unknown_when_it_was_asked_is_asked_again) {
  // The daemon serves them by turns. So in one of the two the acknowledgement, which says who the peer is, comes before the
  // answer to a question that did not know.
  for (const unsigned from : {0u, 1u}) {
    Cluster cluster(impatient());
    unsigned packets = 0;
    cluster.daemon().set_fabric([&](EniSlot source, EniSlot, std::uint8_t, std::uint64_t now_ns, std::uint32_t) {
      return EfaPassage{.lost = source == from + 1 && ++packets == 2, .at_ns = now_ns};
    });
    Node &sender = cluster[from], &receiver = cluster[1 - from];
    std::byte word[8]{}, into[8]{};
    for (int i = 0; i < 2; ++i) ASSERT_EQ(receive(receiver, into), 0);
    for (int i = 0; i < 2; ++i) ASSERT_EQ(send(sender, 1 - from, word), 0);
    cluster.daemon().run_once();
    sender->progress();
    ASSERT_EQ(packets, 2u);
    while (sender->queue_pair().sends_in_flight() == 0) {
      clock_ns += 10'000;
      sender->progress();  // asks at last
    }
    receiver->progress();
    cluster.daemon().run_once();
    sender->progress();
    ASSERT_EQ(sender.sink.all.size(), 1u) << "the acknowledgement";
    ASSERT_TRUE(cluster.wait_for(sender, 2));
    EXPECT_EQ(sender.sink.all[1].status, Status::kOk);
  }
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
