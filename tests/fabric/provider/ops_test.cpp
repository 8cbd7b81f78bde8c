// The entries of ops structs that no other test calls: those without an implementation, called as libfabric's inline
// wrappers do and beside them, on every object; and the flags and modes that many calls share. README.md has the table.
#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_rma.h>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Ops : public ProviderTest {
 protected:
  ~Ops() override {
    for (fid* object : {event_queue_ ? &event_queue_->fid : nullptr, poll_ ? &poll_->fid : nullptr,
                        region_ ? &region_->fid : nullptr}) {
      if (object != nullptr) {
        EXPECT_EQ(fi_close(object), 0);
      }
    }
  }
  /// One of each kind of object.
  std::vector<std::pair<const char*, fid*>> objects() {
    connect({.counters = true});
    fi_eq_attr attributes{};
    EXPECT_EQ(fi_eq_open(a_->fabric, &attributes, &event_queue_, nullptr), 0);
    EXPECT_EQ(fi_poll_open(a_->domain, nullptr, &poll_), 0);
    EXPECT_EQ(fi_mr_reg(a_->domain, memory_, sizeof memory_, FI_SEND, 0, 1, 0, &region_, nullptr), 0);
    return {{"fabric", &a_->fabric->fid}, {"domain", &a_->domain->fid}, {"av", &a_->av->fid},
            {"cq", &a_->cq->fid},         {"cntr", &a_->sent->fid},     {"eq", &event_queue_->fid},
            {"ep", &a_->ep->fid},         {"poll", &poll_->fid},        {"mr", &region_->fid}};
  }
  ssize_t send_message(std::uint64_t* word, std::uint64_t flags, std::uint64_t tag = 1) {
    const iovec from{word, sizeof *word};
    const fi_msg_tagged message{.msg_iov = &from, .desc = nullptr, .iov_count = 1, .addr = to_b_, .tag = tag,
                                .ignore = 0, .context = word, .data = 0};
    return fi_tsendmsg(a_->ep, &message, flags);
  }

  fid_eq* event_queue_ = nullptr;
  fid_poll* poll_ = nullptr;
  fid_mr* region_ = nullptr;
  char memory_[64] = {};
};

TEST_F(Ops, no_object_has_private_ops_or_a_text) {
  for (const auto& [name, object] : objects()) {
    void* ops = nullptr;
    EXPECT_EQ(fi_open_ops(object, "nothing", 0, &ops, nullptr), -FI_ENOSYS) << name;
    EXPECT_EQ(fi_set_ops(object, "nothing", 0, memory_, nullptr), -FI_ENOSYS) << name;
    EXPECT_NE(object->ops->tostr(object, memory_, sizeof memory_), 0) << name;
  }
}

TEST_F(Ops, commands_that_nobody_knows_are_refused_by_every_object) {
  for (const auto& [name, object] : objects()) {
    for (const int command : {int{FI_BACKLOG}, int{FI_ALIAS}, int{FI_GET_VAL}, int{FI_MAP_RAW_MR}, 4711}) {
      EXPECT_EQ(fi_control(object, command, memory_), -FI_ENOSYS) << name << " " << command;
    }
  }
}

TEST_F(Ops, what_cannot_be_bound_is_refused_by_every_object) {
  for (const auto& [name, object] : objects()) {
    const int error = object->ops->bind(object, &a_->fabric->fid, 0);
    EXPECT_TRUE(error == -FI_ENOSYS || error == -FI_EINVAL || error == -FI_EOPBADSTATE) << name << " " << error;
  }
}

TEST_F(Ops, everything_in_use_is_busy) {
  objects();
  for (fid* object : {&a_->fabric->fid, &a_->domain->fid, &a_->av->fid, &a_->cq->fid, &a_->sent->fid})
    EXPECT_EQ(fi_close(object), -FI_EBUSY);
}

TEST_F(Ops, fabric_and_domain_slots_without_an_implementation_say_so) {
  connect();
  fid_pep* passive = nullptr;
  fid_wait* wait = nullptr;
  fid_domain* domain = nullptr;
  fid_ep* endpoint = nullptr;
  fid_stx* context = nullptr;
  fi_collective_attr collective{};
  EXPECT_EQ(fi_passive_ep(a_->fabric, a_->info.get(), &passive, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_wait_open(a_->fabric, nullptr, &wait), -FI_ENOSYS);
  EXPECT_EQ(a_->fabric->ops->domain2(a_->fabric, a_->info.get(), &domain, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_scalable_ep(a_->domain, a_->info.get(), &endpoint, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_stx_context(a_->domain, nullptr, &context, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_srx_context(a_->domain, nullptr, &endpoint, nullptr), -FI_ENOSYS);
  EXPECT_EQ(a_->domain->ops->endpoint2(a_->domain, a_->info.get(), &endpoint, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_query_collective(a_->domain, FI_BARRIER, &collective, 0), -FI_ENOSYS);
  fid_av_set* set = nullptr;
  EXPECT_EQ(fi_av_set(a_->av, nullptr, &set, nullptr), -FI_ENOSYS);
}

TEST_F(Ops, endpoint_slots_without_an_implementation_say_so) {
  connect();
  std::size_t size = sizeof memory_;
  fid_ep* context = nullptr;
  fid_mc* multicast = nullptr;
  EXPECT_EQ(fi_tx_context(a_->ep, 0, nullptr, &context, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_rx_context(a_->ep, 0, nullptr, &context, nullptr), -FI_ENOSYS);
  EXPECT_EQ(a_->ep->ops->rx_size_left(a_->ep), -FI_ENOSYS);
  EXPECT_EQ(a_->ep->ops->tx_size_left(a_->ep), -FI_ENOSYS);
  EXPECT_EQ(fi_getpeer(a_->ep, memory_, &size), -FI_ENOSYS);
  EXPECT_EQ(fi_connect(a_->ep, &b_->name, nullptr, 0), -FI_ENOSYS);
  EXPECT_EQ(a_->ep->cm->listen(reinterpret_cast<fid_pep*>(a_->ep)), -FI_ENOSYS);
  EXPECT_EQ(fi_accept(a_->ep, nullptr, 0), -FI_ENOSYS);
  EXPECT_EQ(a_->ep->cm->reject(reinterpret_cast<fid_pep*>(a_->ep), nullptr, nullptr, 0), -FI_ENOSYS);
  EXPECT_EQ(fi_shutdown(a_->ep, 0), -FI_ENOSYS);
  EXPECT_EQ(fi_join(a_->ep, &b_->name, 0, &multicast, nullptr), -FI_ENOSYS);
}

TEST_F(Ops, collectives_say_so) {
  connect();
  char in[8] = {}, out[8] = {};
  const fi_addr_t group = 0;
  EXPECT_EQ(fi_barrier(a_->ep, group, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_barrier2(a_->ep, group, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_broadcast(a_->ep, in, 1, nullptr, group, 0, FI_UINT64, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_alltoall(a_->ep, in, 1, nullptr, out, nullptr, group, FI_UINT64, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_allreduce(a_->ep, in, 1, nullptr, out, nullptr, group, FI_UINT64, FI_SUM, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_allgather(a_->ep, in, 1, nullptr, out, nullptr, group, FI_UINT64, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_reduce_scatter(a_->ep, in, 1, nullptr, out, nullptr, group, FI_UINT64, FI_SUM, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_reduce(a_->ep, in, 1, nullptr, out, nullptr, group, 0, FI_UINT64, FI_SUM, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_scatter(a_->ep, in, 1, nullptr, out, nullptr, group, 0, FI_UINT64, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_gather(a_->ep, in, 1, nullptr, out, nullptr, group, 0, FI_UINT64, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(a_->ep->collective->msg(a_->ep, nullptr, nullptr, nullptr, 0, 0), -FI_ENOSYS);
}

TEST_F(Ops, a_name_can_be_set_until_the_endpoint_is_enabled) {
  connect();
  sockaddr_in other = a_->name;
  EXPECT_EQ(fi_setname(&a_->ep->fid, &other, sizeof other), -FI_EOPBADSTATE);
  fid_ep* endpoint = nullptr;
  ASSERT_EQ(fi_endpoint(a_->domain, a_->info.get(), &endpoint, nullptr), 0);
  std::size_t size = sizeof other;
  EXPECT_EQ(fi_getname(&endpoint->fid, &other, &size), -FI_EOPBADSTATE);
  other = a_->name;
  other.sin_port = htons(static_cast<std::uint16_t>(ntohs(a_->name.sin_port) + 11));
  EXPECT_EQ(fi_setname(&endpoint->fid, &other, 4), -FI_EINVAL);
  ASSERT_EQ(fi_setname(&endpoint->fid, &other, sizeof other), 0);
  sockaddr_in foreign = b_->name;
  EXPECT_EQ(fi_setname(&endpoint->fid, &foreign, sizeof foreign), -FI_EADDRNOTAVAIL) << "node-1's";
  ASSERT_EQ(fi_ep_bind(endpoint, &a_->av->fid, 0), 0);
  ASSERT_EQ(fi_ep_bind(endpoint, &a_->cq->fid, FI_TRANSMIT | FI_RECV), 0);
  daemon_->enter("node-0");
  ASSERT_EQ(fi_enable(endpoint), 0);
  sockaddr_in got{};
  size = sizeof got;
  ASSERT_EQ(fi_getname(&endpoint->fid, &got, &size), 0);
  EXPECT_EQ(got.sin_port, other.sin_port);
  size = 4;
  EXPECT_EQ(fi_getname(&endpoint->fid, &got, &size), -FI_ETOOSMALL);
  EXPECT_EQ(size, sizeof got);
  EXPECT_EQ(fi_close(&endpoint->fid), 0);
}

TEST_F(Ops, more_is_a_promise_that_may_be_kept_or_not) {
  connect();
  constexpr int kMessages = 20;
  std::uint64_t words[kMessages], got[kMessages] = {};
  for (int i = 0; i < kMessages; ++i) {
    words[i] = static_cast<std::uint64_t>(100 + i);
    const iovec into{&got[i], sizeof got[i]};
    const fi_msg_tagged receive{.msg_iov = &into, .desc = nullptr, .iov_count = 1, .addr = FI_ADDR_UNSPEC, .tag = 1,
                                .ignore = 0, .context = nullptr, .data = 0};
    ASSERT_EQ(fi_trecvmsg(b_->ep, &receive, FI_MORE), 0);
  }
  for (std::uint64_t& word : words) ASSERT_EQ(send_message(&word, FI_MORE), 0);  // the last too: nothing follows
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(next(*b_).error.err, 0);
  EXPECT_EQ(std::memcmp(words, got, sizeof got), 0);
}

TEST_F(Ops, every_level_of_completion_goes_with_inject_and_with_selection) {
  SideOptions selective;
  selective.bind_flags |= FI_SELECTIVE_COMPLETION;
  connect(selective);
  constexpr std::uint64_t kLevels[] = {0, FI_INJECT_COMPLETE, FI_TRANSMIT_COMPLETE, FI_DELIVERY_COMPLETE,
                                       FI_MATCH_COMPLETE};
  constexpr std::uint64_t kInject[] = {0, FI_INJECT};
  for (const std::uint64_t level : kLevels) {
    for (const std::uint64_t inject : kInject) {
      std::uint64_t word = 7 + level, got = 0;
      ASSERT_EQ(fi_trecv(b_->ep, &got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, &got), 0);
      ASSERT_EQ(send_message(&word, level | inject), 0);
      EXPECT_EQ(next(*b_).entry.op_context, &got);
      EXPECT_EQ(got, 7 + level);
      EXPECT_TRUE(quiet(*a_)) << "not selected";
      ASSERT_EQ(fi_trecv(b_->ep, &got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, &got), 0);
      ASSERT_EQ(send_message(&word, level | inject | FI_COMPLETION), 0);
      EXPECT_EQ(next(*a_).entry.op_context, &word);
      EXPECT_EQ(next(*b_).entry.op_context, &got);
    }
  }
  std::uint64_t word = 0;
  EXPECT_EQ(send_message(&word, FI_COMMIT_COMPLETE), -FI_EINVAL) << "there is no persistent memory";
}

TEST_F(Ops, untagged_receives_may_name_their_source) {
  connect();
  const fi_addr_t self = b_->insert(*b_);
  char from_a[16] = {}, from_self[16] = {};
  ASSERT_EQ(fi_recv(b_->ep, from_self, 16, nullptr, self, from_self), 0);
  ASSERT_EQ(fi_recv(b_->ep, from_a, 16, nullptr, to_a_, from_a), 0);
  ASSERT_EQ(fi_inject(a_->ep, "from node-0", 12, to_b_), 0);
  Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.entry.op_context, from_a);
  EXPECT_EQ(outcome.source, to_a_);
  ASSERT_EQ(fi_inject(b_->ep, "from itself", 12, self), 0);
  outcome = next(*b_);
  EXPECT_EQ(outcome.entry.op_context, from_self);
  EXPECT_EQ(outcome.source, self);
  EXPECT_STREQ(from_a, "from node-0");
  EXPECT_STREQ(from_self, "from itself");
}

// Every combination of the basic modes, set in the info that opens the domain: keys are whose they should be, addresses
// count from where they should, and memory that is not registered may be sent from.
TEST_F(Ops, every_combination_of_registration_modes_is_accepted) {
  constexpr int kModes[] = {FI_MR_LOCAL, FI_MR_VIRT_ADDR, FI_MR_ALLOCATED, FI_MR_PROV_KEY, FI_MR_ENDPOINT,
                            FI_MR_RMA_EVENT};
  connect({.caps = FI_MSG | FI_RMA}, {.caps = FI_MSG | FI_RMA});
  daemon_->enter("node-1");
  for (unsigned subset = 0; subset < 1u << std::size(kModes); ++subset) {
    int mode = 0;
    for (std::size_t i = 0; i < std::size(kModes); ++i) mode |= (subset >> i & 1) != 0 ? kModes[i] : 0;
    Info hints = make_hints();
    hints->caps = FI_MSG | FI_RMA;
    hints->domain_attr->mr_mode = mode;
    Info info = get_info(hints.get());
    ASSERT_NE(info, nullptr) << mode;
    info->domain_attr->mr_mode = mode;
    fid_domain* domain = nullptr;
    fid_ep* endpoint = nullptr;
    fid_mr* region = nullptr;
    fid_av* vector = nullptr;
    fid_cq* queue = nullptr;
    std::uint64_t memory[4] = {};
    ASSERT_EQ(fi_domain(b_->fabric, info.get(), &domain, nullptr), 0);
    fi_av_attr av_attributes{};
    fi_cq_attr cq_attributes{};
    ASSERT_EQ(fi_av_open(domain, &av_attributes, &vector, nullptr), 0);
    ASSERT_EQ(fi_cq_open(domain, &cq_attributes, &queue, nullptr), 0);
    ASSERT_EQ(fi_endpoint(domain, info.get(), &endpoint, nullptr), 0);
    ASSERT_EQ(fi_ep_bind(endpoint, &vector->fid, 0), 0);
    ASSERT_EQ(fi_ep_bind(endpoint, &queue->fid, FI_TRANSMIT | FI_RECV), 0);
    ASSERT_EQ(fi_enable(endpoint), 0);
    ASSERT_EQ(fi_mr_reg(domain, memory, sizeof memory, FI_REMOTE_WRITE, 0, 0xC0DE, 0, &region, nullptr), 0);
    if ((mode & FI_MR_ENDPOINT) != 0) {
      ASSERT_EQ(fi_mr_bind(region, &endpoint->fid, 0), 0);
    }
    ASSERT_EQ(fi_mr_enable(region), 0);
    if ((mode & FI_MR_PROV_KEY) == 0) {
      EXPECT_EQ(fi_mr_key(region), 0xC0DEu);
    } else {
      EXPECT_NE(fi_mr_key(region), 0xC0DEu);
    }
    sockaddr_in name;
    std::size_t size = sizeof name;
    fi_addr_t target = FI_ADDR_NOTAVAIL;
    ASSERT_EQ(fi_getname(&endpoint->fid, &name, &size), 0);
    ASSERT_EQ(fi_av_insert(a_->av, &name, 1, &target, 0, nullptr), 1);
    const std::uint64_t start = (mode & FI_MR_VIRT_ADDR) != 0 ? reinterpret_cast<std::uintptr_t>(memory) : 0;
    std::uint64_t value = 1000u + subset;
    ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, target, start + 8, fi_mr_key(region), &value), 0);
    fi_cq_tagged_entry entry{};
    const auto end = std::chrono::steady_clock::now() + kPatience;
    ssize_t result = -FI_EAGAIN;
    while (result == -FI_EAGAIN && std::chrono::steady_clock::now() < end) {
      fi_cq_read(queue, nullptr, 0);
      result = fi_cq_read(a_->cq, &entry, 1);
    }
    EXPECT_EQ(result, 1) << mode;
    EXPECT_EQ(memory[1], value) << mode;
    for (fid* object : {&region->fid, &endpoint->fid, &queue->fid, &vector->fid, &domain->fid})
      ASSERT_EQ(fi_close(object), 0);
    ASSERT_EQ(fi_av_remove(a_->av, &target, 1, 0), 0);
  }
}

TEST_F(Ops, registrations_with_flags_that_change_their_meaning_are_refused) {
  connect();
  constexpr std::uint64_t kDmabuf = 1ull << 40, kSingleUse = 1ull << 41;  // of libfabric 2
  const iovec part{memory_, sizeof memory_};
  fi_mr_attr attributes{};
  attributes.mr_iov = &part;
  attributes.iov_count = 1;
  attributes.requested_key = 3;
  EXPECT_EQ(fi_mr_regattr(a_->domain, &attributes, kDmabuf, &region_), -FI_EBADFLAGS);
  ASSERT_EQ(fi_mr_regattr(a_->domain, &attributes, kSingleUse, &region_), 0);
}

TEST_F(Ops, an_event_queue_has_the_sentences_of_its_errors) {
  objects();
  char text[100] = {};
  const std::string sentence = fi_eq_strerror(event_queue_, FI_EADDRNOTAVAIL, nullptr, text, sizeof text);
  EXPECT_FALSE(sentence.empty());
  EXPECT_EQ(sentence.substr(0, sizeof text - 1), text);
}

TEST_F(Ops, a_signal_reaches_a_reader_that_waits_for_sources_too) {
  connect();
  ASSERT_EQ(fi_cq_signal(a_->cq), 0);
  fi_cq_tagged_entry entry;
  fi_addr_t source;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(fi_cq_sreadfrom(a_->cq, &entry, 1, &source, nullptr, 10'000), -FI_EAGAIN);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace weft::provider_test
