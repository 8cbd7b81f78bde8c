// Atomic operations on the memory of peers; what each computes is tested in atomic_test.cpp.
#include <array>

#include "tests/fabric/rdm/one_sided.hpp"

namespace weft::rdm::testing {
namespace {

TEST_F(OneSidedTest, atomics_fetch_what_was_there_in_the_order_they_were_posted) {
  std::memset(memory.data(), 0, 64);
  std::vector<std::uint64_t> operands(1000), before(1000);
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    operands[i] = i + 1;
    ASSERT_EQ(add(operands[i], 16, &before[i]), 0);
  }
  ASSERT_TRUE(cluster->wait_for((*cluster)[1], 1000));
  for (unsigned i = 0; i < 1000; ++i) {
    EXPECT_EQ(before[i], sum);
    sum += operands[i];
  }
  std::uint64_t after = 0;
  std::memcpy(&after, memory.data() + 16, 8);
  EXPECT_EQ(after, sum);
}

TEST_F(OneSidedTest, atomics_keep_their_order_when_some_are_refused_and_come_again) {
  // Node 0 does not read for a while: its queue is shorter than the first credits, the daemon refuses packets.
  ClusterOptions small = options;
  small.queue_pair.rx_buffers = 8;
  cluster = std::make_unique<Cluster>(small);
  // Sixty-four elements: too long for the queue entry itself, so that each needs a buffer there.
  constexpr unsigned kOperations = 300, kElements = 64;
  std::memset(memory.data(), 0, kElements * 8);
  std::vector<std::array<std::uint64_t, kElements>> operands(kOperations), before(kOperations);
  const RemotePiece remote = at(0, kElements * 8);
  for (unsigned i = 0; i < kOperations; ++i) {
    operands[i].fill(i + 1);
    const iovec local{operands[i].data(), kElements * 8}, result{before[i].data(), kElements * 8};
    ASSERT_EQ((*cluster)[1]->one_sided({.peer = 0,
                                        .kind = OneSided::kFetchAtomic,
                                        .local = {&local, 1},
                                        .remote = {&remote, 1},
                                        .compare = {},
                                        .result = {&result, 1},
                                        .op = AtomicOp::kSum,
                                        .type = AtomicType::kUint64,
                                        .flags = kCompletion}), 0);
    cluster->turn(0);
  }
  ASSERT_TRUE(cluster->wait_for((*cluster)[1], kOperations));
  EXPECT_GT((*cluster)[1]->counters().packets_resent, 0u) << "the test must see refusals";
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < kOperations; ++i) {
    EXPECT_EQ(before[i][0], sum);
    EXPECT_EQ(before[i][kElements - 1], sum);
    sum += i + 1;
  }
}

TEST_F(OneSidedTest, an_atomic_on_memory_it_may_not_touch_is_an_error) {
  regions.add(2, region(memory, kRemoteWrite));
  std::uint64_t operand = 1, before = 7;
  ASSERT_EQ(add(operand, 0, &before, 99), 0);
  EXPECT_EQ(outcome().status, Status::kBadKey);
  ASSERT_EQ(add(operand, 0, &before, 2), 0);
  EXPECT_EQ(outcome().status, Status::kNoAccess) << "fetching needs remote read";
  ASSERT_EQ(add(operand, 0, nullptr, 2), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
  ASSERT_EQ(add(operand, kMemory - 7, nullptr), 0);
  EXPECT_EQ(outcome().status, Status::kBadAddress);
  EXPECT_EQ(before, 7u);
}

TEST_F(OneSidedTest, a_target_that_came_anew_serves_from_the_first_atomic_on) {
  std::uint64_t operand = 1;
  for (int i = 0; i < 5; ++i) ASSERT_EQ(add(operand, 0, nullptr), 0);
  ASSERT_TRUE(cluster->wait_for((*cluster)[1], 5));
  (*cluster)[1].sink.take();
  const std::uint32_t qpn = (*cluster)[0].address.qpn;
  cluster->close(0);
  cluster->reopen(0, qpn);
  bool served = false;
  for (int tries = 0; tries < 5 && !served; ++tries) {
    ASSERT_EQ(add(operand, 0, nullptr), 0);
    served = outcome().status == Status::kOk;
  }
  EXPECT_TRUE(served) << "the first may fail with the old process, not all";
}

}  // namespace
}  // namespace weft::rdm::testing
