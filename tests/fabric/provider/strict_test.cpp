// EFA strict mode (this program runs with WEFT_EFA_STRICT=1): what the device cannot, weft cannot, and it says so in EFA's
// numbers. node-1 is of an instance type without RDMA write, node-2 of one without any.
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

constexpr int kMrMode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
constexpr std::size_t kMtu = 8928, kGigabyte = std::size_t{1} << 30;

std::vector<EfaFunction> functions() {
  std::vector all{LoopbackDaemon::function("node-0", 1), LoopbackDaemon::function("node-1", 2),
                  LoopbackDaemon::function("node-2", 3)};
  all[1].rdma_write = false;
  all[2].rdma_read = all[2].rdma_write = false;
  return all;
}

SideOptions device() {
  SideOptions options;
  options.caps = FI_MSG;
  options.mr_mode = kMrMode;
  return options;
}

class Strict : public ProviderTest {
 protected:
  Strict() { daemon_ = nullptr, daemon_ = std::make_unique<LoopbackDaemon>(path(), functions()); }
  static std::string path() { return "/tmp/weft-strict-test-" + std::to_string(getpid()); }

  Info ask(const std::string& instance, std::uint64_t caps, int mr_mode = kMrMode, std::uint64_t mode = FI_CONTEXT2) {
    daemon_->enter(instance);
    Info hints = make_hints();
    hints->caps = caps;
    hints->mode = mode;
    hints->ep_attr->type = FI_EP_RDM;
    hints->domain_attr->mr_mode = mr_mode;
    return get_info(hints.get());
  }
  std::string text(const fi_cq_err_entry& error) {
    char buffer[500];
    return fi_cq_strerror(a_->cq, error.prov_errno, error.err_data, buffer, sizeof buffer);
  }
};

TEST_F(Strict, the_offer_is_the_device) {
  const Info info = ask("node-0", FI_MSG | FI_RMA);
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->caps & (FI_TAGGED | FI_ATOMIC | FI_MULTI_RECV | FI_RMA_EVENT | FI_DIRECTED_RECV), 0u);
  EXPECT_EQ(info->caps & (FI_WRITE | FI_REMOTE_WRITE), FI_WRITE | FI_REMOTE_WRITE);
  EXPECT_EQ(info->domain_attr->mr_mode, kMrMode);
  EXPECT_EQ(info->domain_attr->mr_key_size, 4u);
  EXPECT_EQ(info->domain_attr->mr_iov_limit, 1u);
  EXPECT_EQ(info->domain_attr->ep_cnt, 256u);
  EXPECT_EQ(info->domain_attr->cq_cnt, 512u);
  EXPECT_EQ(info->domain_attr->mr_cnt, 262144u);
  EXPECT_EQ(info->tx_attr->inject_size, 32u);
  EXPECT_EQ(info->tx_attr->iov_limit, 2u);
  EXPECT_EQ(info->tx_attr->rma_iov_limit, 1u);
  EXPECT_EQ(info->tx_attr->msg_order, 0u);
  EXPECT_EQ(info->rx_attr->iov_limit, 3u);
  EXPECT_EQ(info->ep_attr->max_msg_size, kGigabyte);
}

TEST_F(Strict, hints_must_bring_what_the_device_needs) {
  EXPECT_EQ(ask("node-0", FI_TAGGED), nullptr);
  EXPECT_EQ(ask("node-0", FI_ATOMIC), nullptr);
  EXPECT_EQ(ask("node-0", FI_MSG, 0), nullptr);
  EXPECT_EQ(ask("node-0", FI_MSG, kMrMode & ~FI_MR_LOCAL), nullptr);
  EXPECT_EQ(ask("node-0", FI_MSG, kMrMode, 0), nullptr);
  EXPECT_NE(ask("node-0", FI_MSG), nullptr);
}

TEST_F(Strict, an_instance_type_without_rdma_write_has_none) {
  EXPECT_EQ(ask("node-1", FI_MSG | FI_RMA | FI_WRITE), nullptr);
  const Info reads = ask("node-1", FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ);
  ASSERT_NE(reads, nullptr);
  EXPECT_EQ(reads->caps & (FI_WRITE | FI_REMOTE_WRITE), 0u);
  EXPECT_EQ(ask("node-2", FI_RMA), nullptr);
  const Info messages = ask("node-2", FI_MSG);
  ASSERT_NE(messages, nullptr);
  EXPECT_EQ(messages->ep_attr->max_msg_size, kMtu);
}

TEST_F(Strict, a_message_is_one_packet) {
  connect(device(), device());
  std::vector<char> data(kMtu + 1), got(kMtu);
  EXPECT_EQ(fi_send(a_->ep, data.data(), kMtu + 1, nullptr, to_b_, nullptr), -FI_EMSGSIZE);
  EXPECT_EQ(fi_inject(a_->ep, data.data(), 33, to_b_), -FI_EMSGSIZE);
  const iovec three[] = {{data.data(), 1}, {data.data(), 1}, {data.data(), 1}};
  EXPECT_EQ(fi_sendv(a_->ep, three, nullptr, 3, to_b_, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_tsend(a_->ep, data.data(), 1, nullptr, to_b_, 1, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_trecv(a_->ep, data.data(), 1, nullptr, to_b_, 1, 0, nullptr), -FI_ENOSYS);
  EXPECT_EQ(fi_atomic(a_->ep, data.data(), 1, nullptr, to_b_, 0, 1, FI_UINT64, FI_SUM, nullptr), -FI_EOPNOTSUPP);
  for (const std::size_t size : {std::size_t{0}, std::size_t{32}, kMtu}) {
    ASSERT_EQ(fi_recv(b_->ep, got.data(), kMtu, nullptr, FI_ADDR_UNSPEC, got.data()), 0);
    ASSERT_EQ(fi_send(a_->ep, data.data(), size, nullptr, to_b_, nullptr), 0);
    const Outcome outcome = next(*b_);
    EXPECT_EQ(outcome.error.err, 0);
    EXPECT_EQ(outcome.entry.len, size);
    EXPECT_EQ(next(*a_).error.err, 0);
  }
}

TEST_F(Strict, rdma_is_what_both_devices_have) {
  SideOptions options = device();
  options.caps = FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ;
  connect(options, options);
  std::vector<char> memory(4096);
  fid_mr* region = nullptr;
  ASSERT_EQ(fi_mr_reg(b_->domain, memory.data(), memory.size(), FI_REMOTE_READ | FI_REMOTE_WRITE, 0, 0, 0, &region, nullptr), 0);
  const std::uint64_t key = fi_mr_key(region), address = reinterpret_cast<std::uint64_t>(memory.data());
  EXPECT_LE(key, 0xffffffffu);
  char local[64];
  // b's type has no RDMA write.
  EXPECT_EQ(fi_write(b_->ep, local, 64, nullptr, to_a_, address, key, nullptr), -FI_EOPNOTSUPP);
  EXPECT_EQ(fi_read(a_->ep, local, kGigabyte + 1, nullptr, to_b_, address, key, nullptr), -FI_EMSGSIZE);
  ASSERT_EQ(fi_read(a_->ep, local, 64, nullptr, to_b_, address, key, local), 0);
  EXPECT_EQ(next(*a_).error.err, 0);
  // The device tells a wrong key, address or right by one number.
  ASSERT_EQ(fi_read(a_->ep, local, 64, nullptr, to_b_, address, key ^ 1, local), 0);
  const Outcome outcome = next(*a_);
  EXPECT_EQ(outcome.error.err, FI_EINVAL);
  EXPECT_EQ(outcome.error.prov_errno, 7);
  EXPECT_EQ(text(outcome.error), "Remote key (RKEY) not registered or does not match remote IOVA");
  EXPECT_EQ(fi_close(&region->fid), 0);
}

TEST_F(Strict, errors_are_efas) {
  connect(device(), device());
  char word[8] = "word", got[8];
  const auto refuse = [&](EfaVerdict verdict) {
    daemon_->set_gate([verdict](EniSlot, EniSlot) { return verdict; });
    EXPECT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), 0);
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, FI_ECONNABORTED);
    return outcome.error;
  };
  fi_cq_err_entry error = refuse(EfaVerdict::kGroupEgress);
  EXPECT_EQ(error.prov_errno, 4126);
  EXPECT_EQ(text(error).find("Unresponsive receiver (reachable by EFA device but handshake failed)"), 0u);
  EXPECT_NE(text(error).find("this ENI's groups do not let it send"), std::string::npos) << text(error);

  daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kAllow; });
  ASSERT_EQ(fi_recv(a_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  ASSERT_EQ(fi_send(b_->ep, word, 8, nullptr, to_a_, word), 0);
  ASSERT_EQ(next(*a_).error.err, 0);
  ASSERT_EQ(next(*b_).error.err, 0);
  error = refuse(EfaVerdict::kGroupIngress);
  EXPECT_EQ(error.prov_errno, 4124) << "it has answered before";
  EXPECT_EQ(text(error).find("Unresponsive receiver (connection previously established)"), 0u);
  EXPECT_NE(text(error).find("the peer's groups do not let it receive"), std::string::npos) << text(error);
  error = refuse(EfaVerdict::kUnreachable);
  EXPECT_NE(text(error).find("another availability zone"), std::string::npos) << text(error);

  daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kAllow; });
  b_->close_endpoint();
  error = {};
  for (int i = 0; i < 100 && error.err == 0; ++i) {  // the daemon learns of it by a hang-up
    ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), 0);
    error = next(*a_).error;
    usleep(10'000);
  }
  EXPECT_EQ(error.err, FI_ENOTCONN);
  EXPECT_EQ(error.prov_errno, 9);
  EXPECT_EQ(text(error).find("Bad queue pair (QP) number"), 0u) << text(error);
}

TEST_F(Strict, a_device_has_512_completion_queues) {
  connect(device(), device());
  std::vector<fid_cq*> queues;
  fi_cq_attr attributes{};
  fid_cq* queue = nullptr;
  while (queues.size() < 600 && fi_cq_open(a_->domain, &attributes, &queue, nullptr) == 0) queues.push_back(queue);
  EXPECT_EQ(queues.size(), 511u) << "and one that the endpoint has";
  EXPECT_EQ(fi_cq_open(a_->domain, &attributes, &queue, nullptr), -FI_ENOMEM);
  for (fid_cq* open : queues) EXPECT_EQ(fi_close(&open->fid), 0);
}

}  // namespace
}  // namespace weft::provider_test
