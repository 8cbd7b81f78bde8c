// fi_rma(3) and fi_atomic(3) as an application sees them: every call, who is told of what, and memory registration.
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include <complex>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

constexpr std::uint64_t kKey = 7;
constexpr SideOptions kRemote{.caps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SOURCE};

class Rma : public ProviderTest {
 protected:
  static constexpr std::size_t kMemory = 200'000;

  Rma() : memory_(kMemory) {}
  ~Rma() override { close(region_); }

  void connect_with_memory(const SideOptions& a = kRemote, const SideOptions& b = kRemote) {
    connect(a, b);
    ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), memory_.size(), FI_REMOTE_READ | FI_REMOTE_WRITE, 0, kKey, 0,
                        &region_, nullptr), 0);
  }
  void close(fid_mr*& region) {
    if (region != nullptr) {
      EXPECT_EQ(fi_close(&region->fid), 0);
    }
    region = nullptr;
  }
  /// The next completion of a_ is this success.
  void expect_done(void* context, std::uint64_t flags) {
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, 0) << fi_strerror(outcome.error.err);
    EXPECT_EQ(outcome.entry.op_context, context);
    EXPECT_EQ(outcome.entry.flags, flags);
  }
  template <typename Value>
  Value at(std::size_t offset) const {
    Value value;
    std::memcpy(static_cast<void*>(&value), memory_.data() + offset, sizeof value);
    return value;
  }
  template <typename Value>
  void put(std::size_t offset, Value value) {
    std::memcpy(memory_.data() + offset, &value, sizeof value);
  }

  std::vector<std::uint8_t> memory_;  // of node-1
  fid_mr* region_ = nullptr;
  int context_ = 0;
};

TEST_F(Rma, every_form_of_write_arrives) {
  connect_with_memory();
  const auto data = pattern(100'000, 3);
  const iovec pieces[2] = {{const_cast<std::uint8_t*>(data.data()), 40'000},
                           {const_cast<std::uint8_t*>(data.data()) + 40'000, 60'000}};
  ASSERT_EQ(fi_write(a_->ep, data.data(), data.size(), nullptr, to_b_, 5, kKey, &context_), 0);
  expect_done(&context_, FI_RMA | FI_WRITE);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory_.begin() + 5));
  std::fill(memory_.begin(), memory_.end(), 0);
  ASSERT_EQ(fi_writev(a_->ep, pieces, nullptr, 2, to_b_, 6, kKey, &context_), 0);
  expect_done(&context_, FI_RMA | FI_WRITE);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory_.begin() + 6));
  std::fill(memory_.begin(), memory_.end(), 0);
  const fi_rma_iov places[2] = {{100'000, 10'000, kKey}, {1, 90'000, kKey}};
  const fi_msg_rma message{.msg_iov = pieces, .desc = nullptr, .iov_count = 2, .addr = to_b_, .rma_iov = places,
                           .rma_iov_count = 2, .context = &context_, .data = 0};
  ASSERT_EQ(fi_writemsg(a_->ep, &message, FI_DELIVERY_COMPLETE), 0);
  expect_done(&context_, FI_RMA | FI_WRITE);
  EXPECT_TRUE(std::equal(data.begin(), data.begin() + 10'000, memory_.begin() + 100'000));
  EXPECT_TRUE(std::equal(data.begin() + 10'000, data.end(), memory_.begin() + 1));
  EXPECT_TRUE(quiet(*b_)) << "the target hears of none of them";
}

TEST_F(Rma, every_form_of_read_brings_the_memory) {
  connect_with_memory();
  memory_ = pattern(kMemory, 9);
  close(region_);
  ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), memory_.size(), FI_REMOTE_READ, 0, kKey, 0, &region_, nullptr), 0);
  std::vector<std::uint8_t> into(100'000);
  const iovec pieces[2] = {{into.data(), 99'000}, {into.data() + 99'000, 1000}};
  ASSERT_EQ(fi_read(a_->ep, into.data(), into.size(), nullptr, to_b_, 11, kKey, &context_), 0);
  expect_done(&context_, FI_RMA | FI_READ);
  EXPECT_TRUE(std::equal(into.begin(), into.end(), memory_.begin() + 11));
  ASSERT_EQ(fi_readv(a_->ep, pieces, nullptr, 2, to_b_, 12, kKey, &context_), 0);
  expect_done(&context_, FI_RMA | FI_READ);
  EXPECT_TRUE(std::equal(into.begin(), into.end(), memory_.begin() + 12));
  const fi_rma_iov places[2] = {{100'000, 10'000, kKey}, {1, 90'000, kKey}};
  const fi_msg_rma message{.msg_iov = pieces, .desc = nullptr, .iov_count = 2, .addr = to_b_, .rma_iov = places,
                           .rma_iov_count = 2, .context = &context_, .data = 0};
  ASSERT_EQ(fi_readmsg(a_->ep, &message, FI_COMPLETION), 0);
  expect_done(&context_, FI_RMA | FI_READ);
  EXPECT_TRUE(std::equal(into.begin(), into.begin() + 10'000, memory_.begin() + 100'000));
  EXPECT_TRUE(std::equal(into.begin() + 10'000, into.end(), memory_.begin() + 1));
}

TEST_F(Rma, written_data_is_announced_at_the_target) {
  connect_with_memory();
  const auto data = pattern(50'000, 1);
  ASSERT_EQ(fi_writedata(a_->ep, data.data(), data.size(), nullptr, 0x1122334455667788, to_b_, 0, kKey, &context_), 0);
  const Outcome told = next(*b_);
  EXPECT_EQ(told.entry.flags, FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA);
  EXPECT_EQ(told.entry.data, 0x1122334455667788u);
  EXPECT_EQ(told.entry.len, data.size());
  EXPECT_EQ(told.entry.op_context, nullptr);
  EXPECT_EQ(told.source, to_a_);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory_.begin()));
  expect_done(&context_, FI_RMA | FI_WRITE);
  ASSERT_EQ(fi_inject_writedata(a_->ep, data.data(), 100, 42, to_b_, 60'000, kKey), 0);
  EXPECT_EQ(next(*b_).entry.data, 42u);
  EXPECT_TRUE(std::equal(data.begin(), data.begin() + 100, memory_.begin() + 60'000));
  EXPECT_TRUE(quiet(*a_)) << "an inject has no completion";
}

TEST_F(Rma, counters_at_both_ends_and_at_the_region_count_by_kind) {
  connect(kRemote, kRemote);
  a_->close_endpoint();
  fid_cntr *reads = nullptr, *writes = nullptr;
  fi_cntr_attr attributes{};
  ASSERT_EQ(fi_cntr_open(a_->domain, &attributes, &reads, nullptr), 0);
  ASSERT_EQ(fi_cntr_open(a_->domain, &attributes, &writes, nullptr), 0);
  ASSERT_EQ(fi_endpoint(a_->domain, a_->info.get(), &a_->ep, nullptr), 0);
  ASSERT_EQ(fi_ep_bind(a_->ep, &a_->av->fid, 0), 0);
  ASSERT_EQ(fi_ep_bind(a_->ep, &a_->cq->fid, FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION), 0);
  ASSERT_EQ(fi_ep_bind(a_->ep, &reads->fid, FI_READ), 0);
  ASSERT_EQ(fi_ep_bind(a_->ep, &writes->fid, FI_WRITE), 0);
  EXPECT_EQ(fi_ep_bind(a_->ep, &writes->fid, FI_WRITE), -FI_EINVAL) << "one of a kind";
  daemon_->enter("node-0");
  ASSERT_EQ(fi_enable(a_->ep), 0);
  fid_cntr* touched = nullptr;
  ASSERT_EQ(fi_cntr_open(b_->domain, &attributes, &touched, nullptr), 0);
  ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), memory_.size(), FI_REMOTE_READ | FI_REMOTE_WRITE, 0, kKey, 0, &region_,
                      nullptr), 0);
  EXPECT_EQ(fi_mr_bind(region_, &touched->fid, FI_SEND), -FI_EBADFLAGS);
  ASSERT_EQ(fi_mr_bind(region_, &touched->fid, FI_REMOTE_WRITE), 0);
  ASSERT_EQ(fi_mr_enable(region_), 0);
  EXPECT_EQ(fi_close(&touched->fid), -FI_EBUSY);

  std::uint64_t value = 1, before = 0;
  ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, to_b_, 0, kKey, nullptr), 0);
  ASSERT_EQ(fi_inject_write(a_->ep, &value, 8, to_b_, 8, kKey), 0);
  ASSERT_EQ(fi_atomic(a_->ep, &value, 1, nullptr, to_b_, 0, kKey, FI_UINT64, FI_SUM, nullptr), 0);
  ASSERT_EQ(fi_read(a_->ep, &before, 8, nullptr, to_b_, 0, kKey, nullptr), 0);
  ASSERT_EQ(fi_fetch_atomic(a_->ep, &value, 1, nullptr, &before, nullptr, to_b_, 0, kKey, FI_UINT64, FI_SUM, nullptr), 0);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while ((fi_cntr_read(writes) < 3 || fi_cntr_read(reads) < 2) && std::chrono::steady_clock::now() < end) drive_both();
  EXPECT_EQ(fi_cntr_read(writes), 3u) << "writes and base atomics";
  EXPECT_EQ(fi_cntr_read(reads), 2u) << "reads and fetching atomics";
  EXPECT_EQ(fi_cntr_read(touched), 3u);
  EXPECT_TRUE(quiet(*a_)) << "selective completion, and nobody asked";
  a_->close_endpoint();
  EXPECT_EQ(fi_close(&reads->fid), 0);
  EXPECT_EQ(fi_close(&writes->fid), 0);
  close(region_);
  EXPECT_EQ(fi_close(&touched->fid), 0);
}

TEST_F(Rma, waiting_on_the_counter_of_a_region_makes_progress) {
  connect(kRemote, kRemote);
  fi_cntr_attr attributes{};
  attributes.wait_obj = FI_WAIT_UNSPEC;
  fid_cntr* touched = nullptr;
  ASSERT_EQ(fi_cntr_open(b_->domain, &attributes, &touched, nullptr), 0);
  ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), memory_.size(), FI_REMOTE_WRITE, 0, kKey, 0, &region_, nullptr), 0);
  ASSERT_EQ(fi_mr_bind(region_, &touched->fid, FI_REMOTE_WRITE), 0);
  std::uint64_t value = 3;
  ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, to_b_, 0, kKey, &context_), 0);
  EXPECT_EQ(fi_cntr_wait(touched, 1, 10'000), 0) << "nobody reads node-1's queue meanwhile";
  EXPECT_EQ(at<std::uint64_t>(0), 3u);
  expect_done(&context_, FI_RMA | FI_WRITE);
  EXPECT_EQ(fi_cntr_wait(touched, 2, 10), -FI_ETIMEDOUT);
  close(region_);
  EXPECT_EQ(fi_close(&touched->fid), 0) << "while the endpoint that it watched goes on";
  ASSERT_EQ(fi_send(a_->ep, &value, 8, nullptr, to_b_, &context_), 0);
  expect_done(&context_, FI_SEND | FI_MSG);
}

TEST_F(Rma, what_a_region_does_not_allow_is_an_error_with_a_sentence) {
  connect_with_memory();
  fid_mr* read_only = nullptr;
  ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), 100, FI_REMOTE_READ, 0, 8, 0, &read_only, nullptr), 0);
  std::uint64_t value = 0;
  const auto fails = [&](std::uint64_t address, std::uint64_t key, int error) {
    ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, to_b_, address, key, &context_), 0);
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, error) << fi_strerror(outcome.error.err);
    EXPECT_EQ(outcome.error.op_context, &context_);
    EXPECT_EQ(outcome.error.flags, FI_RMA | FI_WRITE);
    const std::string text = fi_cq_strerror(a_->cq, outcome.error.prov_errno, nullptr, nullptr, 0);
    EXPECT_NE(text.find("target"), std::string::npos) << text;
  };
  fails(0, 99, FI_ENOKEY);
  fails(0, 8, FI_EACCES);
  fails(kMemory - 7, kKey, FI_EFAULT);
  fails(reinterpret_cast<std::uintptr_t>(memory_.data()), kKey, FI_EFAULT);
  close(region_);
  fails(0, kKey, FI_ENOKEY);
  close(read_only);
}

TEST_F(Rma, virtual_addresses_and_our_keys_are_there_for_who_sets_them) {
  connect(kRemote, kRemote);
  b_->info->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_PROV_KEY | FI_MR_ALLOCATED;
  fid_domain* domain = nullptr;
  ASSERT_EQ(fi_domain(b_->fabric, b_->info.get(), &domain, nullptr), 0);
  fid_mr *one = nullptr, *two = nullptr;
  ASSERT_EQ(fi_mr_reg(domain, memory_.data(), 8, FI_REMOTE_WRITE, 0, 7, 0, &one, nullptr), 0);
  ASSERT_EQ(fi_mr_reg(domain, memory_.data(), 8, FI_REMOTE_WRITE, 0, 7, 0, &two, nullptr), 0);
  EXPECT_NE(fi_mr_key(one), fi_mr_key(two));
  EXPECT_NE(fi_mr_key(one), FI_KEY_NOTAVAIL);
  fid_ep* ep = nullptr;
  ASSERT_EQ(fi_endpoint(domain, b_->info.get(), &ep, nullptr), 0);
  fid_av* av = nullptr;
  fid_cq* cq = nullptr;
  fi_av_attr av_attributes{};
  fi_cq_attr cq_attributes{};
  ASSERT_EQ(fi_av_open(domain, &av_attributes, &av, nullptr), 0);
  ASSERT_EQ(fi_cq_open(domain, &cq_attributes, &cq, nullptr), 0);
  ASSERT_EQ(fi_ep_bind(ep, &av->fid, 0), 0);
  ASSERT_EQ(fi_ep_bind(ep, &cq->fid, FI_TRANSMIT | FI_RECV), 0);
  daemon_->enter("node-1");
  ASSERT_EQ(fi_enable(ep), 0);
  EXPECT_EQ(fi_mr_bind(one, &ep->fid, 0), 0) << "FI_MR_ENDPOINT habits";
  sockaddr_in name{};
  std::size_t size = sizeof name;
  ASSERT_EQ(fi_getname(&ep->fid, &name, &size), 0);
  fi_addr_t there = 0;
  ASSERT_EQ(fi_av_insert(a_->av, &name, 1, &there, 0, nullptr), 1);
  std::uint64_t value = 0x0123456789abcdef;
  ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, there, reinterpret_cast<std::uintptr_t>(memory_.data()), fi_mr_key(one),
                     &context_), 0);
  fi_cq_tagged_entry entry;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (fi_cq_read(a_->cq, &entry, 1) == -FI_EAGAIN && std::chrono::steady_clock::now() < end) fi_cq_read(cq, nullptr, 0);
  EXPECT_EQ(at<std::uint64_t>(0), value);
  EXPECT_EQ(fi_close(&one->fid), 0);
  EXPECT_EQ(fi_close(&two->fid), 0);
  EXPECT_EQ(fi_close(&ep->fid), 0);
  EXPECT_EQ(fi_close(&cq->fid), 0);
  EXPECT_EQ(fi_close(&av->fid), 0);
  EXPECT_EQ(fi_close(&domain->fid), 0);
}

TEST_F(Rma, registrations_that_cannot_be_are_refused) {
  connect(kRemote, kRemote);
  fid_mr* region = nullptr;
  const iovec wraps[2] = {{memory_.data(), SIZE_MAX}, {memory_.data(), 1}};
  EXPECT_EQ(fi_mr_regv(b_->domain, wraps, 2, FI_REMOTE_WRITE, 0, 1, 0, &region, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_mr_regv(b_->domain, wraps, 5, FI_REMOTE_WRITE, 0, 1, 0, &region, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_mr_reg(b_->domain, memory_.data(), 1, FI_REMOTE_WRITE, 1, 1, 0, &region, nullptr), -FI_EINVAL) << "offset";
  EXPECT_EQ(fi_mr_reg(b_->domain, memory_.data(), 1, FI_REMOTE_WRITE, 0, FI_KEY_NOTAVAIL, 0, &region, nullptr),
            -FI_EKEYREJECTED);
}

TEST_F(Rma, an_endpoint_without_the_capability_neither_asks_nor_serves) {
  connect_with_memory(kRemote, {});
  std::uint64_t value = 1;
  EXPECT_EQ(fi_write(b_->ep, &value, 8, nullptr, to_a_, 0, kKey, nullptr), -FI_EOPNOTSUPP);
  EXPECT_EQ(fi_atomic(b_->ep, &value, 1, nullptr, to_a_, 0, kKey, FI_UINT64, FI_SUM, nullptr), -FI_EOPNOTSUPP);
  ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, to_b_, 0, kKey, nullptr), 0);
  EXPECT_EQ(next(*a_).error.err, FI_ENOKEY);
  EXPECT_EQ(at<std::uint64_t>(0), 0u);
}

TEST_F(Rma, limits_are_checked_where_they_are_announced) {
  connect_with_memory();
  EXPECT_EQ(a_->info->tx_attr->rma_iov_limit, 4u);
  std::vector<char> large(5000);
  EXPECT_EQ(fi_inject_write(a_->ep, large.data(), 4097, to_b_, 0, kKey), -FI_EMSGSIZE);
  iovec pieces[5];
  for (iovec& piece : pieces) piece = {large.data(), 1};
  EXPECT_EQ(fi_writev(a_->ep, pieces, nullptr, 5, to_b_, 0, kKey, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_write(a_->ep, large.data(), 1, nullptr, FI_ADDR_UNSPEC, 0, kKey, nullptr), -FI_EINVAL);
  fi_rma_iov places[5] = {};
  const fi_msg_rma message{.msg_iov = pieces, .desc = nullptr, .iov_count = 1, .addr = to_b_, .rma_iov = places,
                           .rma_iov_count = 5, .context = nullptr, .data = 0};
  EXPECT_EQ(fi_writemsg(a_->ep, &message, 0), -FI_EINVAL);
  EXPECT_EQ(fi_atomic(a_->ep, large.data(), 4097, nullptr, to_b_, 0, kKey, FI_INT8, FI_SUM, nullptr), -FI_EMSGSIZE);
}

TEST_F(Rma, every_form_of_atomic_changes_the_memory) {
  connect_with_memory();
  put<std::uint32_t>(0, 10), put<std::uint32_t>(4, 20), put<std::uint32_t>(8, 30);
  std::uint32_t one[3] = {1, 2, 3}, before[3] = {}, compare[3] = {11, 0, 33};
  const fi_ioc local[2] = {{one, 1}, {one + 1, 2}};
  fi_ioc result[2] = {{before, 2}, {before + 2, 1}};
  const fi_ioc against[1] = {{compare, 3}};
  const fi_rma_ioc places[2] = {{0, 2, kKey}, {8, 1, kKey}};
  ASSERT_EQ(fi_atomic(a_->ep, one, 3, nullptr, to_b_, 0, kKey, FI_UINT32, FI_SUM, &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_WRITE);
  EXPECT_EQ(at<std::uint32_t>(8), 33u);
  ASSERT_EQ(fi_atomicv(a_->ep, local, nullptr, 2, to_b_, 0, kKey, FI_UINT32, FI_SUM, &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_WRITE);
  fi_msg_atomic message{.msg_iov = local, .desc = nullptr, .iov_count = 2, .addr = to_b_, .rma_iov = places,
                        .rma_iov_count = 2, .datatype = FI_UINT32, .op = FI_SUM, .context = &context_, .data = 5};
  ASSERT_EQ(fi_atomicmsg(a_->ep, &message, FI_REMOTE_CQ_DATA), 0);
  const Outcome told = next(*b_);
  EXPECT_EQ(told.entry.flags, FI_ATOMIC | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA);
  EXPECT_EQ(told.entry.data, 5u);
  expect_done(&context_, FI_ATOMIC | FI_WRITE);
  ASSERT_EQ(fi_inject_atomic(a_->ep, one, 3, to_b_, 0, kKey, FI_UINT32, FI_SUM), 0);
  ASSERT_EQ(fi_fetch_atomic(a_->ep, nullptr, 3, nullptr, before, nullptr, to_b_, 0, kKey, FI_UINT32, FI_ATOMIC_READ,
                            &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  EXPECT_EQ(before[0], 14u);
  EXPECT_EQ(before[1], 28u);
  EXPECT_EQ(before[2], 42u);
  ASSERT_EQ(fi_fetch_atomicv(a_->ep, local, nullptr, 2, result, nullptr, 2, to_b_, 0, kKey, FI_UINT32, FI_ATOMIC_WRITE,
                             &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  EXPECT_EQ(before[2], 42u);
  EXPECT_EQ(at<std::uint32_t>(8), 3u);
  message.op = FI_MAX;
  ASSERT_EQ(fi_fetch_atomicmsg(a_->ep, &message, result, nullptr, 2, 0), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  EXPECT_EQ(before[1], 2u);
  put<std::uint32_t>(0, 11), put<std::uint32_t>(4, 20), put<std::uint32_t>(8, 33);
  ASSERT_EQ(fi_compare_atomic(a_->ep, one, 3, nullptr, compare, nullptr, before, nullptr, to_b_, 0, kKey, FI_UINT32,
                              FI_CSWAP, &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  EXPECT_EQ(at<std::uint32_t>(0), 1u);
  EXPECT_EQ(at<std::uint32_t>(4), 20u) << "not equal, not swapped";
  EXPECT_EQ(at<std::uint32_t>(8), 3u);
  EXPECT_EQ(before[0], 11u);
  ASSERT_EQ(fi_compare_atomicv(a_->ep, local, nullptr, 2, against, nullptr, 1, result, nullptr, 2, to_b_, 0, kKey,
                               FI_UINT32, FI_MSWAP, &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  message.op = FI_CSWAP_NE;
  ASSERT_EQ(fi_compare_atomicmsg(a_->ep, &message, against, nullptr, 1, result, nullptr, 2, 0), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
}

TEST_F(Rma, the_largest_atomic_of_every_type_goes_through) {
  connect_with_memory();
  for (int type = FI_INT8; type < FI_DATATYPE_LAST; ++type) {
    const auto datatype = static_cast<fi_datatype>(type);
    std::size_t count = 0;
    ASSERT_EQ(fi_atomicvalid(a_->ep, datatype, FI_ATOMIC_WRITE, &count), 0);
    fi_atomic_attr attributes{};
    ASSERT_EQ(fi_query_atomic(a_->domain, datatype, FI_CSWAP, &attributes, FI_COMPARE_ATOMIC), 0);
    EXPECT_EQ(attributes.count, count);
    EXPECT_EQ(attributes.size * attributes.count, 4096u);
    std::vector<std::uint8_t> zero(4096), result(4096);
    std::fill(memory_.begin(), memory_.begin() + 4096, 0);
    ASSERT_EQ(fi_compare_atomic(a_->ep, zero.data(), count, nullptr, zero.data(), nullptr, result.data(), nullptr, to_b_, 0,
                                kKey, datatype, FI_CSWAP, &context_), 0);
    expect_done(&context_, FI_ATOMIC | FI_READ);
  }
  std::complex<double> value{1, 2}, before;
  put(16, std::complex<double>{10, 20});
  ASSERT_EQ(fi_fetch_atomic(a_->ep, &value, 1, nullptr, &before, nullptr, to_b_, 16, kKey, FI_DOUBLE_COMPLEX, FI_PROD,
                            &context_), 0);
  expect_done(&context_, FI_ATOMIC | FI_READ);
  EXPECT_EQ(before, (std::complex<double>{10, 20}));
  EXPECT_EQ(at<std::complex<double>>(16), (std::complex<double>{-30, 40}));
}

TEST_F(Rma, queries_tell_what_there_is_and_what_there_is_not) {
  connect(kRemote, kRemote);
  std::size_t count = 0;
  EXPECT_EQ(fi_atomicvalid(a_->ep, FI_DOUBLE, FI_BOR, &count), -FI_EOPNOTSUPP);
  EXPECT_EQ(fi_atomicvalid(a_->ep, FI_UINT64, FI_ATOMIC_READ, &count), -FI_EOPNOTSUPP) << "only fetching";
  EXPECT_EQ(fi_fetch_atomicvalid(a_->ep, FI_UINT64, FI_ATOMIC_READ, &count), 0);
  EXPECT_EQ(fi_fetch_atomicvalid(a_->ep, FI_UINT64, FI_CSWAP, &count), -FI_EOPNOTSUPP);
  EXPECT_EQ(fi_compare_atomicvalid(a_->ep, FI_LONG_DOUBLE, FI_CSWAP_GT, &count), 0);
  EXPECT_EQ(fi_compare_atomicvalid(a_->ep, FI_FLOAT_COMPLEX, FI_CSWAP_GT, &count), -FI_EOPNOTSUPP);
  fi_atomic_attr attributes{};
  EXPECT_EQ(fi_query_atomic(a_->domain, FI_FLOAT, FI_MIN, &attributes, 0), 0);
  EXPECT_EQ(fi_query_atomic(a_->domain, FI_FLOAT, FI_MIN, &attributes, FI_TAGGED), -FI_EINVAL);
  EXPECT_EQ(fi_query_atomic(a_->domain, FI_FLOAT, FI_MIN, &attributes, FI_FETCH_ATOMIC | FI_COMPARE_ATOMIC), -FI_EINVAL);
  EXPECT_EQ(fi_query_atomic(a_->domain, FI_FLOAT, static_cast<fi_op>(77), &attributes, 0), -FI_EOPNOTSUPP);
}

}  // namespace
}  // namespace weft::provider_test
