// FI_PROGRESS_AUTO: node-1 makes no libfabric call while node-0 works on it.
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

constexpr std::uint64_t kProgressKey = 7;
constexpr std::uint64_t kProgressCaps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SOURCE;
constexpr SideOptions kManual{.caps = kProgressCaps};
constexpr SideOptions kAuto{.caps = kProgressCaps, .progress = FI_PROGRESS_AUTO};

/// The nanoseconds that each of our progress threads has had of a core.
std::vector<std::uint64_t> progress_threads() {
  std::vector<std::uint64_t> found;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name != "weft-progress") continue;
    std::uint64_t ran = 0;
    std::ifstream(task.path() / "schedstat") >> ran;
    found.push_back(ran);
  }
  return found;
}

class Progress : public ProviderTest {
 protected:
  Progress() : memory_(300'000) {}
  ~Progress() override {
    if (region_ != nullptr) {
      EXPECT_EQ(fi_close(&region_->fid), 0);
    }
  }
  void connect_with_memory(const SideOptions& target = kAuto) {
    connect(kManual, target);
    ASSERT_EQ(fi_mr_reg(b_->domain, memory_.data(), memory_.size(), FI_REMOTE_READ | FI_REMOTE_WRITE, 0, kProgressKey, 0,
                        &region_, nullptr), 0);
  }
  /// The next completion of node-0, while nobody calls for node-1.
  Outcome alone(Side& side) {
    std::unique_ptr<Side> hidden = std::move(b_);  // next() drives the others
    const Outcome outcome = next(side);
    b_ = std::move(hidden);
    return outcome;
  }
  void expect_done(void* context) {
    const Outcome outcome = alone(*a_);
    EXPECT_EQ(outcome.error.err, 0) << fi_strerror(outcome.error.err);
    EXPECT_EQ(outcome.entry.op_context, context);
  }
  void use_the_memory_of_b() {
    auto data = pattern(250'000, 3);
    ASSERT_EQ(fi_write(a_->ep, data.data(), data.size(), nullptr, to_b_, 8, kProgressKey, &data), 0);
    expect_done(&data);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), memory_.begin() + 8));
    std::vector<std::uint8_t> back(data.size());
    ASSERT_EQ(fi_read(a_->ep, back.data(), back.size(), nullptr, to_b_, 8, kProgressKey, &back), 0);
    expect_done(&back);
    EXPECT_EQ(back, data);
    std::uint64_t add = 40, before = 1;
    std::memset(memory_.data(), 0, 8);
    ASSERT_EQ(fi_fetch_atomic(a_->ep, &add, 1, nullptr, &before, nullptr, to_b_, 0, kProgressKey, FI_UINT64, FI_SUM, &add), 0);
    expect_done(&add);
    EXPECT_EQ(before, 0u);
    EXPECT_EQ(memory_[0], 40);
  }

  std::vector<std::uint8_t> memory_;  // of node-1
  fid_mr* region_ = nullptr;
};

TEST_F(Progress, a_target_that_makes_no_call_serves_writes_reads_and_atomics) {
  connect_with_memory();
  EXPECT_EQ(b_->info->domain_attr->data_progress, FI_PROGRESS_AUTO);
  use_the_memory_of_b();
}

TEST_F(Progress, without_it_such_a_target_serves_nothing) {
  connect_with_memory(kManual);
  std::uint64_t value = 1;
  ASSERT_EQ(fi_write(a_->ep, &value, 8, nullptr, to_b_, 0, kProgressKey, &value), 0);
  fi_cq_tagged_entry entry;
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(fi_cq_read(a_->cq, &entry, 1), -FI_EAGAIN);
  EXPECT_EQ(next(*a_).entry.op_context, &value) << "with calls it does";
}

TEST_F(Progress, a_large_message_arrives_while_the_receiver_computes) {
  connect_with_memory();
  const auto data = pattern(3 << 20, 8);
  std::vector<std::uint8_t> got(data.size());
  ASSERT_EQ(fi_trecv(b_->ep, got.data(), got.size(), nullptr, FI_ADDR_UNSPEC, 4, 0, &got), 0);
  ASSERT_EQ(fi_tsend(a_->ep, data.data(), data.size(), nullptr, to_b_, 4, nullptr), 0);
  expect_done(nullptr);
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.entry.op_context, &got);
  EXPECT_EQ(got, data);
}

TEST_F(Progress, works_for_domains_whose_application_promised_to_serialise) {
  SideOptions serialised = kAuto;
  serialised.threading = FI_THREAD_DOMAIN;
  connect_with_memory(serialised);
  use_the_memory_of_b();
}

TEST_F(Progress, an_application_that_reads_its_queue_and_then_stops_is_taken_over_from) {
  connect_with_memory();
  for (int round = 0; round < 3; ++round) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < end) drive_both();
    use_the_memory_of_b();
  }
}

TEST_F(Progress, an_endpoint_enabled_while_the_thread_sleeps_is_served) {
  connect_with_memory();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  daemon_->enter("node-1");
  fid_ep* late = nullptr;
  ASSERT_EQ(fi_endpoint(b_->domain, b_->info.get(), &late, nullptr), 0);
  ASSERT_EQ(fi_ep_bind(late, &b_->av->fid, 0), 0);
  ASSERT_EQ(fi_ep_bind(late, &b_->cq->fid, FI_TRANSMIT | FI_RECV), 0);
  ASSERT_EQ(fi_enable(late), 0);
  sockaddr_in name;
  std::size_t size = sizeof name;
  ASSERT_EQ(fi_getname(&late->fid, &name, &size), 0);
  ASSERT_EQ(fi_av_insert(a_->av, &name, 1, &to_b_, 0, nullptr), 1);
  use_the_memory_of_b();
  EXPECT_EQ(fi_close(&late->fid), 0);
  ASSERT_EQ(fi_av_insert(a_->av, &b_->name, 1, &to_b_, 0, nullptr), 1);
  use_the_memory_of_b();
}

TEST_F(Progress, both_sides_hammer_while_the_threads_help) {
  connect(kAuto, kAuto);
  constexpr std::uint64_t kMessages = 5000;
  const auto exchange = [](Side& side, fi_addr_t peer, std::atomic<std::uint64_t>& wrong) {
    std::uint64_t out = 0, in = 0, received = 0, sent = 0;
    bool posted = false;
    fi_cq_tagged_entry entry;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((received < kMessages || sent < kMessages) && std::chrono::steady_clock::now() < end) {
      if (!posted && received < kMessages)
        posted = fi_trecv(side.ep, &in, 8, nullptr, FI_ADDR_UNSPEC, received, 0, &in) == 0;
      if (sent < kMessages && fi_tinject(side.ep, &out, 8, peer, sent) == 0) out = ++sent;
      if (fi_cq_read(side.cq, &entry, 1) != 1) continue;
      wrong += in != received;
      ++received;
      posted = false;
    }
    wrong += received != kMessages;
  };
  std::atomic<std::uint64_t> wrong = 0;
  std::thread other([&] { exchange(*b_, to_a_, wrong); });
  exchange(*a_, to_b_, wrong);
  other.join();
  EXPECT_EQ(wrong.load(), 0u);
}

TEST_F(Progress, there_is_a_thread_only_where_one_was_asked_for_and_it_goes_with_its_domain) {
  connect(kManual, kManual);
  EXPECT_EQ(progress_threads().size(), 0u);
  {
    const Side third(*daemon_, "node-0", kAuto);
    EXPECT_EQ(progress_threads().size(), 1u);
  }
  EXPECT_EQ(progress_threads().size(), 0u);
}

TEST_F(Progress, the_thread_sleeps_when_nothing_comes) {
  connect_with_memory();
  use_the_memory_of_b();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::vector<std::uint64_t> before = progress_threads();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const std::vector<std::uint64_t> after = progress_threads();
  ASSERT_EQ(before.size(), 1u);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_LT(after[0] - before[0], 5'000'000u) << "nanoseconds of a core in half a second";
}

TEST_F(Progress, a_reader_that_sleeps_is_woken_beside_the_thread) {
  connect_with_memory();
  char got[8] = {};
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
    std::thread sender([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      EXPECT_EQ(fi_inject(a_->ep, "hello", 6, to_b_), 0);
    });
    fi_cq_tagged_entry entry;
    EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, 10'000), 1);
    sender.join();
  }
}

}  // namespace
}  // namespace weft::provider_test
