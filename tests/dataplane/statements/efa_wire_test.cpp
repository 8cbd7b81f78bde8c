// Statement 38 of facts ec2 10 on a wire that keeps no order and refuses packets (tests/fabric/rdm/shuffling_daemon.hpp), and on
// a fabric that loses, doubles and reorders them.
#include <gtest/gtest.h>

#include "tests/fabric/rdm/lossy.hpp"
#include "tests/fabric/rdm/shuffling_daemon.hpp"

namespace weft::rdm::testing {
namespace {

constexpr unsigned kMessages = 10'000;

std::vector<std::vector<std::byte>> messages() {  // of one packet each
  std::vector<std::vector<std::byte>> all;
  for (unsigned i = 0; i < kMessages; ++i) all.push_back(pattern(8 + i * 7919 % 8800, i));
  return all;
}

/// Sends all of them from node 0 to node 1; each must come once and whole.
template <typename AnyCluster>
void send_all(AnyCluster& cluster) {
  const std::vector<std::vector<std::byte>> data = messages();
  std::vector<bool> arrived(kMessages);
  std::vector<std::byte> buffer(9000);
  unsigned sent = 0, received = 0;
  ASSERT_EQ(receive(cluster[1], buffer, 0, ~0ULL), 0);
  for (unsigned turns = 0; received < kMessages; ++turns) {
    ASSERT_LT(turns, 10'000'000U) << received << " of " << kMessages;
    while (sent < kMessages && send(cluster[0], 1, data[sent], sent, kTagged) == 0) ++sent;
    cluster.turn();
    for (const Completion& completion : cluster[1].sink.take()) {
      ASSERT_EQ(completion.status, Status::kOk);
      ASSERT_LT(completion.tag, kMessages);
      ASSERT_FALSE(arrived[completion.tag]) << completion.tag << " came twice";
      arrived[completion.tag] = true;
      ++received;
      ASSERT_EQ(completion.length, data[completion.tag].size());
      ASSERT_TRUE(std::equal(data[completion.tag].begin(), data[completion.tag].end(), buffer.begin()));
      ASSERT_EQ(receive(cluster[1], buffer, 0, ~0ULL), 0);
    }
  }
}

TEST(Statement, S38_TenThousandSendsArriveExactlyOnceThoughTheWireRefusesAndShuffles) {
  BasicCluster<ShufflingDaemon> cluster({.nodes = 2});
  cluster.daemon().refuse_percent = 10;
  send_all(cluster);
  cluster.settle();
  EXPECT_TRUE(cluster[1].sink.all.empty());
  EXPECT_TRUE(cluster[0]->drained());
  EXPECT_GT(cluster[0]->counters().packets_resent, kMessages / 20);
}

TEST(Statement, S38_TenThousandSendsArriveExactlyOnceThoughTheFabricLosesAndReordersAndRetransmissionsAreCounted) {
  Cluster cluster({.nodes = 2});
  set_weather(cluster.daemon(), {.lost = 20, .doubled = 20}, 38);
  send_all(cluster);
  ASSERT_TRUE(cluster.run_until([&] { return cluster[0]->drained(); }));
  EXPECT_TRUE(cluster[1].sink.all.empty());
  const EfaCounters counters = cluster.daemon().server().counters(1);
  EXPECT_GT(counters.retrans_pkts, kMessages / 100);
  EXPECT_GT(counters.retrans_bytes, counters.retrans_pkts);
  EXPECT_EQ(counters.unresponsive_remotes, 0U);
}

}  // namespace
}  // namespace weft::rdm::testing
