// Statement 38 of facts ec2 10 on a wire that keeps no order and refuses packets (tests/fabric/rdm/shuffling_daemon.hpp).
// EFA's retrans_pkts is not counted yet; the endpoint knows how many packets it sent again.
#include <gtest/gtest.h>

#include "tests/fabric/rdm/cluster.hpp"
#include "tests/fabric/rdm/shuffling_daemon.hpp"

namespace weft::rdm::testing {
namespace {

constexpr unsigned kMessages = 10'000;

std::vector<std::vector<std::byte>> messages() {  // of one packet each
  std::vector<std::vector<std::byte>> all;
  for (unsigned i = 0; i < kMessages; ++i) all.push_back(pattern(8 + i * 7919 % 8800, i));
  return all;
}

TEST(Statement, S38_TenThousandSendsArriveExactlyOnceThoughTheWireRefusesAndShuffles) {
  BasicCluster<ShufflingDaemon> cluster({.nodes = 2});
  cluster.daemon().refuse_percent = 10;
  const std::vector<std::vector<std::byte>> data = messages();
  std::vector<bool> arrived(kMessages);
  std::vector<std::byte> buffer(9000);
  unsigned sent = 0, received = 0;
  ASSERT_EQ(receive(cluster[1], buffer, 0, ~0ULL), 0);
  for (unsigned turns = 0; received < kMessages; ++turns) {
    ASSERT_LT(turns, 1'000'000U) << received << " of " << kMessages;
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
  cluster.settle();
  EXPECT_TRUE(cluster[1].sink.all.empty());
  EXPECT_TRUE(cluster[0]->drained());
  EXPECT_GT(cluster[0]->counters().packets_resent, kMessages / 20);
}

}  // namespace
}  // namespace weft::rdm::testing
