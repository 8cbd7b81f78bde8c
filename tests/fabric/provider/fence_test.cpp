// FI_FENCE: what was posted to a peer before it is complete before it begins, and it begins before what comes after.
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

constexpr std::uint64_t kFenceKey = 7;
constexpr SideOptions kFenceSide{.caps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_FENCE};

class Fence : public ProviderTest {
 protected:
  Fence() : large_(pattern(1 << 20, 5)), taken_(large_.size()) {}
  ~Fence() override {
    if (region_ != nullptr) {
      EXPECT_EQ(fi_close(&region_->fid), 0);
    }
  }

  void connect_with_memory(SideOptions options = kFenceSide) {
    connect(options, kFenceSide);
    ASSERT_EQ(fi_mr_reg(b_->domain, memory_, sizeof memory_, FI_REMOTE_READ | FI_REMOTE_WRITE, 0, kFenceKey, 0, &region_,
                        nullptr), 0);
  }
  /// Something that stays incomplete until accept_large().
  void send_large() {
    ASSERT_EQ(fi_tsend(a_->ep, large_.data(), large_.size(), nullptr, to_b_, 1, &large_), 0);
    ASSERT_TRUE(quiet(*a_));
  }
  void accept_large() {
    ASSERT_EQ(fi_trecv(b_->ep, taken_.data(), taken_.size(), nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
  }
  ssize_t write(std::uint64_t* value, std::uint64_t flags, std::size_t offset = 0) {
    const iovec from{value, sizeof *value};
    const fi_rma_iov to{offset, sizeof *value, kFenceKey};
    const fi_msg_rma message{.msg_iov = &from, .desc = nullptr, .iov_count = 1, .addr = to_b_, .rma_iov = &to,
                             .rma_iov_count = 1, .context = value, .data = 0};
    return fi_writemsg(a_->ep, &message, flags);
  }

  std::vector<std::uint8_t> large_, taken_;
  std::uint64_t memory_[16] = {};  // of node-1
  fid_mr* region_ = nullptr;
};

TEST_F(Fence, is_granted_to_who_asks_and_to_who_does_not) {
  connect_with_memory();
  EXPECT_NE(a_->info->caps & FI_FENCE, 0u);
  EXPECT_NE(a_->info->tx_attr->caps & FI_FENCE, 0u);
  Info hints = make_hints();
  hints->caps = FI_MSG;
  EXPECT_NE(get_info(hints.get())->caps & FI_FENCE, 0u) << "a secondary capability that costs nothing";
}

TEST_F(Fence, with_nothing_before_it_goes_at_once) {
  connect_with_memory();
  std::uint64_t value = 11;
  ASSERT_EQ(write(&value, FI_FENCE), 0);
  EXPECT_EQ(next(*a_).entry.op_context, &value);
  EXPECT_EQ(memory_[0], 11u);
}

TEST_F(Fence, waits_for_what_was_posted_before_and_holds_up_what_comes_after) {
  connect_with_memory();
  send_large();
  std::uint64_t fenced = 21, after = 22, unfenced = 23;
  ASSERT_EQ(write(&unfenced, 0, 16), 0);
  EXPECT_EQ(next(*a_).entry.op_context, &unfenced) << "without a fence nothing waits";
  ASSERT_EQ(write(&fenced, FI_FENCE), 0);
  ASSERT_EQ(write(&after, 0), 0);
  EXPECT_TRUE(quiet(*a_));
  EXPECT_EQ(memory_[0], 0u);
  accept_large();
  EXPECT_EQ(next(*a_).entry.op_context, &large_);
  EXPECT_EQ(next(*a_).entry.op_context, &fenced);
  EXPECT_EQ(next(*a_).entry.op_context, &after);
  EXPECT_EQ(memory_[0], 22u);
  EXPECT_EQ(taken_, large_);
}

TEST_F(Fence, messages_and_atomics_wait_in_their_order_too) {
  connect_with_memory();
  send_large();
  std::uint64_t add = 5, before = 99, word = 77, got[2] = {};
  const iovec from{&word, sizeof word};
  const fi_msg_tagged message{.msg_iov = &from, .desc = nullptr, .iov_count = 1, .addr = to_b_, .tag = 2, .ignore = 0,
                              .context = &word, .data = 0};
  ASSERT_EQ(fi_tsendmsg(a_->ep, &message, FI_FENCE | FI_INJECT), 0);
  word = 0;  // injected: ours again
  ASSERT_EQ(fi_fetch_atomic(a_->ep, &add, 1, nullptr, &before, nullptr, to_b_, 0, kFenceKey, FI_UINT64, FI_SUM, &add), 0);
  std::uint64_t injected = 78;
  ASSERT_EQ(fi_tinject(a_->ep, &injected, 8, to_b_, 2), 0);
  injected = 0;
  EXPECT_TRUE(quiet(*a_));
  for (std::uint64_t& value : got) {
    ASSERT_EQ(fi_trecv(b_->ep, &value, 8, nullptr, FI_ADDR_UNSPEC, 2, 0, nullptr), 0);
  }
  EXPECT_TRUE(quiet(*b_));
  accept_large();
  EXPECT_EQ(next(*a_).entry.op_context, &large_);
  EXPECT_EQ(next(*a_).entry.op_context, &word);
  EXPECT_EQ(next(*a_).entry.op_context, &add);
  EXPECT_EQ(before, 0u);
  EXPECT_EQ(memory_[0], 5u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(*b_).error.err, 0);
  EXPECT_EQ(got[0], 77u);
  EXPECT_EQ(got[1], 78u);
}

TEST_F(Fence, one_peers_fence_is_not_anothers) {
  connect_with_memory();
  const fi_addr_t to_self = a_->insert(*a_);
  send_large();
  std::uint64_t fenced = 31, word = 1, got = 0;
  ASSERT_EQ(write(&fenced, FI_FENCE), 0);
  ASSERT_EQ(fi_trecv(a_->ep, &got, 8, nullptr, FI_ADDR_UNSPEC, 9, 0, &got), 0);
  ASSERT_EQ(fi_tsend(a_->ep, &word, 8, nullptr, to_self, 9, &word), 0);
  const void* first = next(*a_).entry.op_context;
  const void* second = next(*a_).entry.op_context;
  EXPECT_TRUE((first == &got && second == &word) || (first == &word && second == &got));
  EXPECT_EQ(memory_[0], 0u);
  accept_large();
  EXPECT_EQ(next(*a_).entry.op_context, &large_);
  EXPECT_EQ(next(*a_).entry.op_context, &fenced);
}

TEST_F(Fence, those_that_wait_are_bounded) {
  SideOptions few = kFenceSide;
  few.transmit_size = 8;
  connect_with_memory(few);
  send_large();
  std::uint64_t value = 1;
  for (int i = 0; i < 8; ++i) ASSERT_EQ(write(&value, FI_FENCE), 0);
  EXPECT_EQ(write(&value, FI_FENCE), -FI_EAGAIN);
  accept_large();
  EXPECT_EQ(next(*a_).entry.op_context, &large_);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(next(*a_).entry.op_context, &value);
  ASSERT_EQ(write(&value, FI_FENCE), 0) << "there is room again";
  EXPECT_EQ(next(*a_).entry.op_context, &value);
}

TEST_F(Fence, a_dead_daemon_ends_those_that_wait) {
  connect_with_memory();
  send_large();
  std::uint64_t fenced = 1;
  ASSERT_EQ(write(&fenced, FI_FENCE), 0);
  daemon_->kill();
  int fenced_errors = 0;
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, FI_ENETDOWN);
    fenced_errors += outcome.error.op_context == &fenced;
  }
  EXPECT_EQ(fenced_errors, 1);
}

TEST_F(Fence, a_receive_has_none) {
  connect_with_memory();
  char got[8];
  const iovec into{got, sizeof got};
  const fi_msg message{.msg_iov = &into, .desc = nullptr, .iov_count = 1, .addr = FI_ADDR_UNSPEC, .context = nullptr,
                       .data = 0};
  EXPECT_EQ(fi_recvmsg(b_->ep, &message, FI_FENCE), -FI_EINVAL);
}

}  // namespace
}  // namespace weft::provider_test
