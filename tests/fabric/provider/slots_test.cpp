// Every slot of every ops struct may be called: libfabric's wrappers do not look for null (fi_provider(7)).
#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_rma.h>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Slots : public ProviderTest {};

// An ops struct is its size and then function pointers only.
template <typename Ops>
void expect_full(const Ops* ops, const char* name) {
  ASSERT_NE(ops, nullptr) << name;
  EXPECT_EQ(ops->size, sizeof(Ops)) << name;
  constexpr std::size_t kSlots = (sizeof(Ops) - sizeof(std::size_t)) / sizeof(void*);
  void* slots[kSlots];
  std::memcpy(slots, reinterpret_cast<const char*>(ops) + sizeof(std::size_t), sizeof slots);
  for (std::size_t i = 0; i < kSlots; ++i) EXPECT_NE(slots[i], nullptr) << name << " slot " << i;
}

TEST_F(Slots, none_is_null) {
  connect({.counters = true});
  fi_eq_attr attributes{};
  fid_eq* eq = nullptr;
  ASSERT_EQ(fi_eq_open(a_->fabric, &attributes, &eq, nullptr), 0);
  fid_mr* region = nullptr;
  fid_poll* poll = nullptr;
  ASSERT_EQ(fi_poll_open(a_->domain, nullptr, &poll), 0);
  expect_full(poll->fid.ops, "poll");
  expect_full(poll->ops, "fi_ops_poll");
  EXPECT_EQ(fi_close(&poll->fid), 0);
  char memory[64];
  ASSERT_EQ(fi_mr_reg(a_->domain, memory, sizeof memory, FI_SEND | FI_RECV, 0, 1, 0, &region, nullptr), 0);
  for (const auto& [name, object] : {std::pair<const char*, fid*>{"fabric", &a_->fabric->fid},
                                     {"domain", &a_->domain->fid},
                                     {"av", &a_->av->fid},
                                     {"cq", &a_->cq->fid},
                                     {"cntr", &a_->sent->fid},
                                     {"eq", &eq->fid},
                                     {"ep", &a_->ep->fid},
                                     {"mr", &region->fid},
                                     {"nic", &a_->info->nic->fid}})
    expect_full(object->ops, name);
  expect_full(a_->fabric->ops, "fi_ops_fabric");
  expect_full(a_->domain->ops, "fi_ops_domain");
  expect_full(a_->domain->mr, "fi_ops_mr");
  expect_full(a_->av->ops, "fi_ops_av");
  expect_full(a_->cq->ops, "fi_ops_cq");
  expect_full(a_->sent->ops, "fi_ops_cntr");
  expect_full(eq->ops, "fi_ops_eq");
  expect_full(a_->ep->ops, "fi_ops_ep");
  expect_full(a_->ep->cm, "fi_ops_cm");
  expect_full(a_->ep->msg, "fi_ops_msg");
  expect_full(a_->ep->tagged, "fi_ops_tagged");
  expect_full(a_->ep->rma, "fi_ops_rma");
  expect_full(a_->ep->atomic, "fi_ops_atomic");
  expect_full(a_->ep->collective, "fi_ops_collective");
  EXPECT_EQ(fi_close(&region->fid), 0);
  EXPECT_EQ(fi_close(&eq->fid), 0);
}

TEST_F(Slots, what_is_not_there_says_so) {
  connect();
  fid_ep* ep = nullptr;
  fid_wait* wait = nullptr;
  fid_stx* shared = nullptr;
  char memory[8] = {};
  std::size_t size = 8;
  EXPECT_EQ(fi_scalable_ep(a_->domain, a_->info.get(), &ep, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_wait_open(a_->fabric, nullptr, &wait), -FI_ENOSYS);
  EXPECT_EQ(fi_stx_context(a_->domain, nullptr, &shared, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_barrier(a_->ep, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_getpeer(a_->ep, memory, &size), -FI_ENOSYS);
  EXPECT_EQ(fi_shutdown(a_->ep, 0), -FI_ENOSYS);
  EXPECT_EQ(fi_getopt(&a_->ep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, memory, &size), -FI_ENOPROTOOPT);
  fi_cq_attr attributes{};
  fid_cq* cq = nullptr;
  attributes.wait_obj = FI_WAIT_MUTEX_COND;
  EXPECT_EQ(fi_cq_open(a_->domain, &attributes, &cq, nullptr), -FI_ENOSYS);
}

TEST_F(Slots, registration_is_accepted_with_distinct_keys) {
  connect();
  std::vector<char> memory(4 << 20);
  const iovec parts[2] = {{memory.data(), 100}, {memory.data() + 200, 100}};
  fid_mr *one = nullptr, *two = nullptr, *three = nullptr;
  ASSERT_EQ(fi_mr_reg(a_->domain, memory.data(), memory.size(), FI_SEND | FI_RECV, 0, 0xC0DE, 0, &one, nullptr), 0);
  EXPECT_EQ(fi_mr_key(one), 0xC0DEu);
  EXPECT_NE(fi_mr_desc(one), nullptr);
  EXPECT_EQ(fi_mr_regv(a_->domain, parts, 2, FI_RECV, 0, 0xC0DE, 0, &two, nullptr), -FI_ENOKEY);
  ASSERT_EQ(fi_mr_regv(a_->domain, parts, 2, FI_RECV, 0, 2, 0, &two, nullptr), 0);
  fi_mr_attr attributes{};
  attributes.mr_iov = parts;
  attributes.iov_count = 2;
  attributes.requested_key = 3;
  ASSERT_EQ(fi_mr_regattr(a_->domain, &attributes, 0, &three), 0);
  EXPECT_EQ(fi_mr_enable(three), 0);
  for (fid_mr* region : {one, two, three}) EXPECT_EQ(fi_close(&region->fid), 0);
  ASSERT_EQ(fi_mr_reg(a_->domain, memory.data(), 1, FI_SEND, 0, 0xC0DE, 0, &one, nullptr), 0) << "free again";
  EXPECT_EQ(fi_close(&one->fid), 0);
}

TEST_F(Slots, default_flags_can_be_read_and_changed) {
  connect();
  std::uint64_t flags = FI_TRANSMIT;
  ASSERT_EQ(fi_control(&a_->ep->fid, FI_GETOPSFLAG, &flags), 0);
  EXPECT_EQ(flags, 0u);
  flags = FI_TRANSMIT | FI_DELIVERY_COMPLETE;
  ASSERT_EQ(fi_control(&a_->ep->fid, FI_SETOPSFLAG, &flags), 0);
  flags = FI_TRANSMIT;
  ASSERT_EQ(fi_control(&a_->ep->fid, FI_GETOPSFLAG, &flags), 0);
  EXPECT_EQ(flags, FI_DELIVERY_COMPLETE);
  flags = FI_TRANSMIT | FI_RECV;
  EXPECT_EQ(fi_control(&a_->ep->fid, FI_GETOPSFLAG, &flags), -FI_EINVAL);
}

}  // namespace
}  // namespace weft::provider_test
