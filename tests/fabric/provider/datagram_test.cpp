// FI_EP_DGRAM: messages of one packet, as they are; what is lost is lost and counted.
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include <thread>

#include "tests/fabric/provider/fixture.hpp"
#include "tests/sanitized.hpp"

#if defined(WEFT_SANITIZED) && !defined(WEFT_THREAD_SANITIZED)
#define WEFT_HAS_LEAK_CHECK
#include <sanitizer/lsan_interface.h>
#endif

namespace weft::provider_test {
namespace {

/// What is allocated meanwhile is not looked for at the end.
struct LeaksOfLibfabric {
#ifdef WEFT_HAS_LEAK_CHECK
  LeaksOfLibfabric() { __lsan_disable(); }
  ~LeaksOfLibfabric() { __lsan_enable(); }
#else
  LeaksOfLibfabric() {}
#endif
};

constexpr SideOptions kDatagram{.caps = FI_MSG | FI_SOURCE, .type = FI_EP_DGRAM};
constexpr std::size_t kLargest = 8928 - 16;  // EFA's MTU less the header

class Datagram : public ProviderTest {
 protected:
  void expect_received(const void* data, std::size_t size, const void* buffer, std::uint64_t extra = 0) {
    const Outcome outcome = next(*b_);
    EXPECT_EQ(outcome.error.err, 0) << fi_strerror(outcome.error.err);
    EXPECT_EQ(outcome.entry.flags, FI_MSG | FI_RECV | extra);
    EXPECT_EQ(outcome.entry.len, size);
    EXPECT_EQ(outcome.source, to_a_);
    EXPECT_TRUE(size == 0 || std::memcmp(buffer, data, size) == 0);
  }
  void expect_sent(const void* context) {
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, 0) << fi_strerror(outcome.error.err);
    EXPECT_EQ(outcome.entry.op_context, context);
    EXPECT_EQ(outcome.entry.flags, FI_MSG | FI_SEND);
  }
};

TEST_F(Datagram, has_its_own_info_behind_the_reliable_one) {
  daemon_->enter("node-0");
  Info both = get_info(make_hints().get());
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(both->ep_attr->type, FI_EP_RDM) << "who takes the first gets reliable endpoints";
  Info hints = make_hints();
  hints->ep_attr->type = FI_EP_DGRAM;
  const Info info = get_info(hints.get());
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->fabric_attr->prov_name, "weft");
  EXPECT_STREQ(info->domain_attr->name, "weft0-dgrm");
  EXPECT_EQ(info->ep_attr->max_msg_size, kLargest);
  EXPECT_EQ(info->ep_attr->max_order_waw_size, 0u);
  EXPECT_EQ(info->tx_attr->msg_order, 0u);
  EXPECT_EQ(info->caps & (FI_TAGGED | FI_RMA | FI_ATOMIC | FI_MULTI_RECV | FI_DIRECTED_RECV | FI_FENCE), 0u);
  const Info again = get_info(info.get());
  EXPECT_NE(again, nullptr) << "the answer satisfies itself";
}

TEST_F(Datagram, reliable_hints_get_the_native_endpoint_before_one_layered_on_datagrams) {
  daemon_->enter("node-0");
  fi_info* all = nullptr;
  Info hints = make_hints();
  std::free(hints->fabric_attr->prov_name);
  hints->fabric_attr->prov_name = nullptr;
  hints->ep_attr->type = FI_EP_RDM;
  hints->caps = FI_MSG | FI_TAGGED;
  ASSERT_EQ(fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, hints.get(), &all), 0);
  for (const fi_info* info = all; info != nullptr; info = info->next) {
    if (std::strstr(info->fabric_attr->prov_name, "weft") != nullptr) {
      EXPECT_STREQ(info->fabric_attr->prov_name, "weft");
    }
  }
  fi_freeinfo(all);
  setenv("FI_PROVIDER", "weft;ofi_rxd", 1);  // read by us at every question, by libfabric once
  {
    const LeaksOfLibfabric ignored;  // 1.17's rxd forgets the hints that it makes for the provider below
    ASSERT_EQ(fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, hints.get(), &all), 0);
  }
  unsetenv("FI_PROVIDER");
  bool layered = false;
  for (const fi_info* info = all; info != nullptr; info = info->next)
    layered |= std::strcmp(info->fabric_attr->prov_name, "weft;ofi_rxd") == 0;
  EXPECT_TRUE(layered) << "for those who name it";
  fi_freeinfo(all);
}

TEST_F(Datagram, all_nine_calls_carry_their_message) {
  connect(kDatagram, kDatagram);
  char got[64] = {};
  const iovec halves[2] = {{got, 3}, {got + 3, 61}};
  char text[] = "datagram";
  const iovec pieces[2] = {{text, 4}, {text + 4, 5}};
  fi_msg in{.msg_iov = halves, .desc = nullptr, .iov_count = 2, .addr = FI_ADDR_UNSPEC, .context = got, .data = 0};
  fi_msg out{.msg_iov = pieces, .desc = nullptr, .iov_count = 2, .addr = to_b_, .context = text, .data = 0x77};

  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_send(a_->ep, text, 9, nullptr, to_b_, text), 0);
  expect_received("datagram", 9, got);
  expect_sent(text);
  ASSERT_EQ(fi_recvv(b_->ep, halves, nullptr, 2, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_sendv(a_->ep, pieces, nullptr, 2, to_b_, text), 0);
  expect_received("datagram", 9, got);
  expect_sent(text);
  ASSERT_EQ(fi_recvmsg(b_->ep, &in, 0), 0);
  ASSERT_EQ(fi_sendmsg(a_->ep, &out, FI_REMOTE_CQ_DATA), 0);
  expect_received("datagram", 9, got, FI_REMOTE_CQ_DATA);
  expect_sent(text);
  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_senddata(a_->ep, text, 9, nullptr, 0x1234567890, to_b_, text), 0);
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.entry.data, 0x1234567890u);
  expect_sent(text);
  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, text, 9, to_b_), 0);
  expect_received("datagram", 9, got);
  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_injectdata(a_->ep, text, 9, 5, to_b_), 0);
  expect_received("datagram", 9, got, FI_REMOTE_CQ_DATA);
  EXPECT_TRUE(quiet(*a_)) << "an inject has no completion";
}

TEST_F(Datagram, up_to_the_largest_and_no_further) {
  connect(kDatagram, kDatagram);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{72}, std::size_t{73}, kLargest}) {
    const auto data = pattern(size, 4);
    std::vector<std::uint8_t> got(kLargest);
    ASSERT_EQ(fi_recv(b_->ep, got.data(), got.size(), nullptr, FI_ADDR_UNSPEC, nullptr), 0);
    ASSERT_EQ(fi_send(a_->ep, data.data(), size, nullptr, to_b_, got.data()), 0);
    expect_received(data.data(), size, got.data());
    expect_sent(got.data());
  }
  const auto data = pattern(kLargest + 1, 4);
  EXPECT_EQ(fi_send(a_->ep, data.data(), kLargest + 1, nullptr, to_b_, nullptr), -FI_EMSGSIZE);
  EXPECT_EQ(fi_inject(a_->ep, data.data(), 4097, to_b_), -FI_EMSGSIZE);
}

TEST_F(Datagram, longer_than_the_buffer_says_how_much_is_missing) {
  connect(kDatagram, kDatagram);
  char got[4] = {};
  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, got), 0);
  ASSERT_EQ(fi_inject(a_->ep, "datagram", 8, to_b_), 0);
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.error.err, FI_ETRUNC);
  EXPECT_EQ(outcome.error.olen, 4u);
  EXPECT_EQ(outcome.error.op_context, got);
  EXPECT_EQ(std::memcmp(got, "data", 4), 0);
}

TEST_F(Datagram, without_receives_some_wait_and_the_rest_is_dropped_and_counted) {
  connect(kDatagram, kDatagram);
  constexpr unsigned kSends = 3000;
  unsigned sent = 0;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  fi_cq_tagged_entry entry;
  for (unsigned posted = 0; sent < kSends && std::chrono::steady_clock::now() < end;) {
    if (posted < kSends && fi_send(a_->ep, &posted, sizeof posted, nullptr, to_b_, nullptr) == 0) ++posted;
    if (fi_cq_read(a_->cq, &entry, 1) == 1) ++sent;
  }
  ASSERT_EQ(sent, kSends) << "the sender is never held up";
  const std::uint64_t dropped = daemon_->server().counters(2).rx_drops;
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(dropped, daemon_->server().counters(1).rnr) << "and the sender's function counts them too";
  for (unsigned i = 0; i < kSends - dropped; ++i) {
    unsigned number = ~0u;
    ASSERT_EQ(fi_recv(b_->ep, &number, sizeof number, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
    ASSERT_EQ(next(*b_).error.err, 0);
    EXPECT_EQ(number, i);
  }
  unsigned none;
  ASSERT_EQ(fi_recv(b_->ep, &none, sizeof none, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  EXPECT_TRUE(quiet(*b_));
}

TEST_F(Datagram, to_nobody_is_lost_in_silence_and_a_forbidden_one_is_an_error) {
  connect(kDatagram, kDatagram);
  sockaddr_in nobody = b_->name;
  nobody.sin_port = htons(static_cast<std::uint16_t>(ntohs(nobody.sin_port) + 7));
  fi_addr_t to_nobody = FI_ADDR_NOTAVAIL;
  ASSERT_EQ(fi_av_insert(a_->av, &nobody, 1, &to_nobody, 0, nullptr), 1);
  ASSERT_EQ(fi_send(a_->ep, "x", 1, nullptr, to_nobody, &nobody), 0);
  expect_sent(&nobody);
  daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kGroupIngress; });
  ASSERT_EQ(fi_send(a_->ep, "x", 1, nullptr, to_b_, &nobody), 0);
  const Outcome outcome = next(*a_);
  EXPECT_EQ(outcome.error.err, FI_EHOSTUNREACH);
  EXPECT_EQ(outcome.error.prov_errno, 4126);
  EXPECT_EQ(outcome.error.op_context, &nobody);
  EXPECT_EQ(fi_send(a_->ep, "x", 1, nullptr, 12345, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_send(a_->ep, "x", 1, nullptr, FI_ADDR_UNSPEC, nullptr), -FI_EINVAL);
}

TEST_F(Datagram, and_reliable_packets_are_not_taken_for_each_other) {
  connect(kDatagram, {});
  char got[16] = {};
  ASSERT_EQ(fi_recv(a_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, "datagram, 40 bytes of nothing in it....", 40, to_b_), 0);
  ASSERT_EQ(fi_inject(b_->ep, "message", 8, to_a_), 0);
  EXPECT_TRUE(quiet(*a_));
  EXPECT_TRUE(quiet(*b_));
  EXPECT_EQ(got[0], '\0');
}

TEST_F(Datagram, receives_can_be_cancelled) {
  connect(kDatagram, kDatagram);
  char first[8], second[8] = {};
  ASSERT_EQ(fi_recv(b_->ep, first, 8, nullptr, FI_ADDR_UNSPEC, first), 0);
  ASSERT_EQ(fi_recv(b_->ep, second, 8, nullptr, FI_ADDR_UNSPEC, second), 0);
  EXPECT_EQ(fi_cancel(&b_->ep->fid, first), 0);
  EXPECT_EQ(fi_cancel(&b_->ep->fid, first), -FI_ENOENT);
  const Outcome cancelled = next(*b_);
  EXPECT_EQ(cancelled.error.err, FI_ECANCELED);
  EXPECT_EQ(cancelled.error.op_context, first);
  ASSERT_EQ(fi_inject(a_->ep, "stays", 6, to_b_), 0);
  EXPECT_EQ(next(*b_).entry.op_context, second);
  EXPECT_STREQ(second, "stays");
}

TEST_F(Datagram, counters_selective_completion_and_sleeping_readers_work) {
  SideOptions counted = kDatagram;
  counted.counters = true;
  counted.bind_flags |= FI_SELECTIVE_COMPLETION;
  connect(counted, kDatagram);
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(fi_send(a_->ep, "hello", 6, nullptr, to_b_, nullptr), 0);
  });
  fi_cq_tagged_entry entry;
  EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, 10'000), 1);
  sender.join();
  EXPECT_EQ(fi_cntr_wait(a_->sent, 1, 10'000), 0);
  ASSERT_EQ(fi_inject(a_->ep, "hello", 6, to_b_), 0);
  EXPECT_EQ(fi_cntr_wait(a_->sent, 2, 10'000), 0);
  EXPECT_TRUE(quiet(*a_));
}

TEST_F(Datagram, a_dead_daemon_ends_every_operation) {
  connect(kDatagram, kDatagram);
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  daemon_->kill();
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.error.err, FI_ENETDOWN);
  EXPECT_EQ(outcome.error.op_context, got);
  EXPECT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), -FI_ENETDOWN);
}

TEST_F(Datagram, what_it_does_not_have_says_so) {
  connect(kDatagram, kDatagram);
  char memory[8] = {};
  const iovec iov{memory, 8};
  fi_msg message{.msg_iov = &iov, .desc = nullptr, .iov_count = 1, .addr = to_b_, .context = nullptr, .data = 0};
  EXPECT_EQ(fi_sendmsg(a_->ep, &message, FI_DELIVERY_COMPLETE), -FI_EINVAL);
  EXPECT_EQ(fi_sendmsg(a_->ep, &message, FI_FENCE), -FI_EINVAL);
  EXPECT_EQ(fi_recvmsg(a_->ep, &message, FI_MULTI_RECV), -FI_EINVAL);
  EXPECT_EQ(fi_tsend(a_->ep, memory, 8, nullptr, to_b_, 1, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_trecv(a_->ep, memory, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_write(a_->ep, memory, 8, nullptr, to_b_, 0, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_read(a_->ep, memory, 8, nullptr, to_b_, 0, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_inject_atomic(a_->ep, memory, 1, to_b_, 0, 0, FI_UINT64, FI_SUM), -FI_ENOSYS);
  std::size_t size = sizeof memory;
  EXPECT_EQ(fi_getopt(&a_->ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, memory, &size), -FI_ENOPROTOOPT);
}

}  // namespace
}  // namespace weft::provider_test
