// Completion queues and counters: formats, sleeping, selective completion, overflow, several endpoints.
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <thread>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Queue : public ProviderTest {
 protected:
  std::int64_t milliseconds(std::chrono::steady_clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since).count();
  }
};

TEST_F(Queue, every_format_is_written_in_its_own_size) {
  const std::pair<fi_cq_format, std::size_t> formats[] = {{FI_CQ_FORMAT_UNSPEC, sizeof(fi_cq_entry)},
                                                          {FI_CQ_FORMAT_CONTEXT, sizeof(fi_cq_entry)},
                                                          {FI_CQ_FORMAT_MSG, sizeof(fi_cq_msg_entry)},
                                                          {FI_CQ_FORMAT_DATA, sizeof(fi_cq_data_entry)},
                                                          {FI_CQ_FORMAT_TAGGED, sizeof(fi_cq_tagged_entry)}};
  for (const auto& [format, size] : formats) {
    connect({}, {.format = format});
    char buffers[3][16];
    for (auto& buffer : buffers) ASSERT_EQ(fi_trecv(b_->ep, buffer, 16, nullptr, to_a_, 7, 0, buffer), 0);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(fi_tinjectdata(a_->ep, "content", 8, 55, to_b_, 7), 0);
    std::vector<std::byte> entries(4 * size, std::byte{0xcc});
    ssize_t read = 0;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (read < 3 && std::chrono::steady_clock::now() < end) {
      const ssize_t result = fi_cq_read(b_->cq, entries.data() + static_cast<std::size_t>(read) * size, 3);
      if (result > 0) read += result;
    }
    ASSERT_EQ(read, 3);
    for (std::size_t i = 0; i < 3; ++i) {
      fi_cq_tagged_entry entry{};
      std::memcpy(&entry, entries.data() + i * size, size);
      EXPECT_EQ(entry.op_context, buffers[i]);
      if (size >= sizeof(fi_cq_msg_entry)) {
        EXPECT_EQ(entry.len, 8u);
      }
      if (size >= sizeof(fi_cq_data_entry)) {
        EXPECT_EQ(entry.data, 55u);
      }
      if (size >= sizeof(fi_cq_tagged_entry)) {
        EXPECT_EQ(entry.tag, 7u);
      }
    }
    EXPECT_EQ(entries[3 * size], std::byte{0xcc}) << "wrote past what it returned";
    a_.reset(), b_.reset();
  }
}

// A rank that waits long must leave its core to others, weftd among them: a yield alone may come back at once.
TEST_F(Queue, a_long_wait_naps) {
  cpu_set_t cores;
  ASSERT_EQ(sched_getaffinity(0, sizeof cores, &cores), 0);
  if (CPU_COUNT(&cores) > 4) GTEST_SKIP() << "with more than 4 cores nothing yields (FI_WEFT_YIELD=auto)";
  connect({}, {});
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  // A nap leaves the core by itself; a yield counts as being put off it. On a machine that is busy, too.
  const auto naps = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  };
  fi_cq_tagged_entry entry;
  const auto start = std::chrono::steady_clock::now();
  const auto used_before = used();
  const long naps_before = naps();
  while (milliseconds(start) < 200) ASSERT_EQ(fi_cq_read(b_->cq, &entry, 1), -FI_EAGAIN);
  EXPECT_LT(used() - used_before, std::chrono::milliseconds(100));
  EXPECT_GE(naps() - naps_before, 10);
}

TEST_F(Queue, a_small_queue_never_loses_a_completion) {
  constexpr std::uintptr_t kMessages = 5000;
  connect({.queue_size = 1}, {.queue_size = 1});
  char buffer[8], word[8] = "word";
  for (std::uintptr_t i = 0; i < kMessages; ++i)
    ASSERT_EQ(fi_recv(b_->ep, buffer, sizeof buffer, nullptr, FI_ADDR_UNSPEC, reinterpret_cast<void*>(i)), 0);
  // Nobody reads b's queue while everything arrives: progress is made through its counterpart's retries only here.
  for (std::uintptr_t i = 0; i < kMessages; ++i)
    until_accepted([&] { return fi_send(a_->ep, word, 4, nullptr, to_b_, reinterpret_cast<void*>(i)); });
  for (std::uintptr_t i = 0; i < kMessages; ++i) {
    const Outcome received = next(*b_);
    ASSERT_EQ(received.error.err, 0);
    ASSERT_EQ(received.entry.op_context, reinterpret_cast<void*>(i));
  }
  std::vector<bool> completed(kMessages);
  for (std::uintptr_t i = 0; i < kMessages; ++i)
    completed[reinterpret_cast<std::uintptr_t>(next(*a_).entry.op_context)] = true;
  EXPECT_EQ(std::count(completed.begin(), completed.end(), true), static_cast<std::ptrdiff_t>(kMessages));
  EXPECT_TRUE(quiet(*a_));
  EXPECT_TRUE(quiet(*b_));
}

TEST_F(Queue, a_flood_without_receives_is_held_back_and_then_delivered) {
  connect({.transmit_size = 64});
  char word[2000] = "word";
  std::size_t accepted = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end && accepted < 200'000) {
    const ssize_t result = fi_tsend(a_->ep, word, sizeof word, nullptr, to_b_, 1, nullptr);
    if (result == 0) ++accepted;
    if (result == -FI_EAGAIN) {
      fi_cq_tagged_entry entries[16];
      fi_cq_read(a_->cq, entries, 16);
      fi_cq_read(b_->cq, entries, 0);
    }
  }
  EXPECT_LT(accepted * sizeof word, 200u << 20) << "somebody buffers without bound";
  char got[2000];
  for (std::size_t i = 0; i < accepted; ++i) {
    ASSERT_EQ(fi_trecv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
    ASSERT_EQ(next(*b_).error.err, 0) << i;
  }
}

TEST_F(Queue, selective_completion_reports_what_was_asked_for_and_all_failures) {
  connect({.bind_flags = FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION},
          {.bind_flags = FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION});
  char word[8] = "word", got[8];
  const iovec out{word, 8}, in{got, 8};
  const fi_msg message{&out, nullptr, 1, to_b_, word, 0}, request{&in, nullptr, 1, FI_ADDR_UNSPEC, got, 0};
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, nullptr), 0);
  ASSERT_EQ(fi_recvmsg(b_->ep, &request, FI_COMPLETION), 0);
  ASSERT_EQ(fi_sendmsg(a_->ep, &message, FI_COMPLETION), 0);
  EXPECT_EQ(next(*a_).entry.op_context, word);
  EXPECT_EQ(next(*b_).entry.op_context, got);
  EXPECT_TRUE(quiet(*a_));
  EXPECT_TRUE(quiet(*b_));
  ASSERT_EQ(fi_recv(b_->ep, got, 2, nullptr, FI_ADDR_UNSPEC, got), 0);
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, nullptr), 0);
  EXPECT_EQ(next(*b_).error.err, FI_ETRUNC);
}

TEST_F(Queue, sread_sleeps_until_a_message_comes) {
  connect();
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  fi_cq_tagged_entry entry{};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, 50), -FI_EAGAIN);
  EXPECT_GE(milliseconds(start), 49);
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(fi_inject(a_->ep, "word", 5, to_b_), 0);
  });
  fi_addr_t source = 99;
  EXPECT_EQ(fi_cq_sreadfrom(b_->cq, &entry, 1, &source, nullptr, 5000), 1);
  EXPECT_EQ(entry.op_context, got);
  EXPECT_EQ(source, to_a_);
  sender.join();
  EXPECT_LT(milliseconds(start), 3000);
}

TEST_F(Queue, signal_wakes_a_reader) {
  connect();
  const auto start = std::chrono::steady_clock::now();
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(fi_cq_signal(b_->cq), 0);
  });
  fi_cq_tagged_entry entry;
  EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, -1), -FI_EAGAIN);
  waker.join();
  EXPECT_LT(milliseconds(start), 1000);
}

TEST_F(Queue, a_wait_descriptor_becomes_readable_for_a_message) {
  connect({}, {.wait = FI_WAIT_FD});
  int descriptor = -1;
  ASSERT_EQ(fi_control(&b_->cq->fid, FI_GETWAIT, &descriptor), 0);
  fid* objects[] = {&b_->cq->fid};
  char got[8];
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
    fi_cq_tagged_entry entry;
    pollfd waiting{descriptor, POLLIN, 0};
    int early = 0;  // the endpoints' own packets may wake us, but not for ever
    do {
      while (fi_trywait(b_->fabric, objects, 1) == -FI_EAGAIN) ASSERT_EQ(fi_cq_read(b_->cq, &entry, 1), -FI_EAGAIN);
    } while (poll(&waiting, 1, 1) == 1 && ++early < 20);
    EXPECT_LT(early, 20) << "readable, but nothing was sent";
    ASSERT_EQ(fi_inject(a_->ep, "word", 5, to_b_), 0);
    ASSERT_EQ(poll(&waiting, 1, 5000), 1);
    ASSERT_EQ(next(*b_).entry.op_context, got);
  }
}

TEST_F(Queue, two_queues_of_one_endpoint_both_wake) {
  // The transmit queue is read by one thread, the receive queue by another: progress made through one must not leave
  // the sleeper on the other behind.
  a_ = std::make_unique<Side>(*daemon_, "node-0");
  b_ = std::make_unique<Side>(*daemon_, "node-1", SideOptions{.bind_flags = FI_RECV, .counters = true});
  to_b_ = a_->insert(*b_);
  to_a_ = b_->insert(*a_);
  constexpr std::uint64_t kMessages = 200;
  char got[8];
  for (std::uint64_t i = 0; i < kMessages; ++i)
    ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  std::atomic<bool> all_received = false;
  std::thread counting([&] { EXPECT_EQ(fi_cntr_wait(b_->received, kMessages, 10'000), 0); });
  std::thread sending([&] {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      while (fi_inject(a_->ep, "word", 5, to_b_) == -FI_EAGAIN) {
      }
      if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // Progress is manual: what waits for credits leaves in calls of ours.
    while (!all_received) fi_cq_read(a_->cq, nullptr, 0), std::this_thread::yield();
  });
  fi_cq_tagged_entry entry;
  for (std::uint64_t i = 0; i < kMessages; ++i) EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, 10'000), 1) << i;
  all_received = true;
  counting.join();
  sending.join();
}

TEST_F(Queue, several_endpoints_share_one_queue) {
  connect();
  std::vector<fid_ep*> more;
  daemon_->enter("node-1");
  for (int i = 0; i < 4; ++i) {
    fid_ep* ep = nullptr;
    ASSERT_EQ(fi_endpoint(b_->domain, b_->info.get(), &ep, nullptr), 0);
    ASSERT_EQ(fi_ep_bind(ep, &b_->cq->fid, FI_TRANSMIT | FI_RECV), 0);
    ASSERT_EQ(fi_ep_bind(ep, &b_->av->fid, 0), 0);
    ASSERT_EQ(fi_enable(ep), 0);
    sockaddr_in name{};
    std::size_t size = sizeof name;
    ASSERT_EQ(fi_getname(&ep->fid, &name, &size), 0);
    fi_addr_t to = 0;
    ASSERT_EQ(fi_av_insert(a_->av, &name, 1, &to, 0, nullptr), 1);
    char got[8];
    ASSERT_EQ(fi_recv(ep, got, 8, nullptr, FI_ADDR_UNSPEC, ep), 0);
    ASSERT_EQ(fi_inject(a_->ep, "word", 5, to), 0);
    EXPECT_EQ(next(*b_).entry.op_context, ep);
    more.push_back(ep);
  }
  EXPECT_EQ(fi_close(&b_->cq->fid), -FI_EBUSY);
  for (fid_ep* ep : more) EXPECT_EQ(fi_close(&ep->fid), 0);
}

TEST_F(Queue, counters_count_both_ways_with_and_without_completions) {
  connect({.counters = true}, {.counters = true});
  char got[16], word[8] = "word";
  for (int i = 0; i < 3; ++i) ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, word, 8, to_b_), 0);
  ASSERT_EQ(fi_inject(a_->ep, word, 8, to_b_), 0);
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, nullptr), 0);
  EXPECT_EQ(fi_cntr_wait(b_->received, 3, 5000), 0);
  EXPECT_EQ(fi_cntr_wait(a_->sent, 3, 5000), 0);
  EXPECT_EQ(fi_cntr_read(a_->sent), 3u);
  EXPECT_EQ(fi_cntr_read(b_->sent), 0u);
  EXPECT_EQ(fi_cntr_wait(b_->received, 4, 20), -FI_ETIMEDOUT);
  ASSERT_EQ(fi_cntr_add(b_->received, 10), 0);
  EXPECT_EQ(fi_cntr_read(b_->received), 13u);
  ASSERT_EQ(fi_cntr_set(b_->received, 1), 0);
  EXPECT_EQ(fi_cntr_read(b_->received), 1u);
  ASSERT_EQ(fi_cntr_seterr(b_->received, 4), 0);
  ASSERT_EQ(fi_cntr_adderr(b_->received, 1), 0);
  EXPECT_EQ(fi_cntr_readerr(b_->received), 5u);
}

TEST_F(Queue, a_failure_counts_as_error_and_ends_a_wait) {
  connect({}, {.counters = true});
  char got[2];
  ASSERT_EQ(fi_recv(b_->ep, got, 2, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, "longer", 7, to_b_), 0);
  EXPECT_EQ(fi_cntr_wait(b_->received, 1, 5000), -FI_EAVAIL);
  EXPECT_EQ(fi_cntr_readerr(b_->received), 1u);
}

TEST_F(Queue, thousands_of_unused_queues_are_cheap) {
  connect();
  std::vector<fid_cq*> queues(5000);
  fi_cq_attr attributes{};
  attributes.wait_obj = FI_WAIT_UNSPEC;
  attributes.size = 65536;
  for (fid_cq*& queue : queues) ASSERT_EQ(fi_cq_open(a_->domain, &attributes, &queue, nullptr), 0);
  for (fid_cq* queue : queues) ASSERT_EQ(fi_close(&queue->fid), 0);
}

TEST_F(Queue, threads_may_use_one_endpoint_together) {
  connect();
  constexpr int kThreads = 3, kMessages = 500;
  std::atomic<int> received = 0;
  std::atomic<bool> given_up = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      char word[8] = "word";
      for (int i = 0; i < kMessages; ++i) {
        while (fi_inject(a_->ep, word, 8, to_b_) == -FI_EAGAIN) {
          fi_cq_read(a_->cq, nullptr, 0);
        }
      }
      while (received < kThreads * kMessages && !given_up) fi_cq_read(a_->cq, nullptr, 0), std::this_thread::yield();
    });
  }
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      char got[8];
      fi_cq_tagged_entry entry;
      const auto end = std::chrono::steady_clock::now() + kPatience;
      for (bool posted = false; received < kThreads * kMessages && std::chrono::steady_clock::now() < end;) {
        if (!posted) posted = fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got) == 0;
        if (fi_cq_read(b_->cq, &entry, 1) != 1) continue;
        ++received;
        posted = fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got) == 0;
      }
      given_up = true;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(received, kThreads * kMessages);
}

TEST_F(Queue, a_poll_set_names_those_that_have_something) {
  connect({.counters = true}, {.counters = true});
  int queue_context = 0, counter_context = 0;
  b_->cq->fid.context = &queue_context;
  b_->received->fid.context = &counter_context;
  fi_poll_attr attributes{};
  fid_poll* set = nullptr;
  ASSERT_EQ(fi_poll_open(b_->domain, &attributes, &set), 0);
  ASSERT_EQ(fi_poll_add(set, &b_->cq->fid, 0), 0);
  ASSERT_EQ(fi_poll_add(set, &b_->received->fid, 0), 0);
  EXPECT_EQ(fi_poll_add(set, &b_->av->fid, 0), -FI_EINVAL) << "neither queue nor counter";
  EXPECT_EQ(fi_poll_add(set, &a_->cq->fid, 0), -FI_EINVAL) << "of another domain";
  void* found[2] = {};
  EXPECT_EQ(fi_poll(set, found, 2), 0);
  char word[8] = "word", got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), 0);
  int many = 0;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (many == 0 && std::chrono::steady_clock::now() < end) {
    fi_cq_read(a_->cq, nullptr, 0);
    many = fi_poll(set, found, 2);  // nobody else makes progress at node-1
  }
  ASSERT_EQ(many, 2);
  EXPECT_EQ(found[0], &queue_context);
  EXPECT_EQ(found[1], &counter_context);
  EXPECT_EQ(fi_poll(set, found, 1), 1) << "no more than asked for";
  EXPECT_EQ(fi_cntr_read(b_->received), 1u);
  EXPECT_EQ(fi_poll(set, found, 2), 1) << "the counter was read";
  fi_cq_tagged_entry entry;
  EXPECT_EQ(fi_cq_read(b_->cq, &entry, 1), 1);
  EXPECT_EQ(fi_poll(set, found, 2), 0);
  ASSERT_EQ(fi_poll_del(set, &b_->received->fid, 0), 0);
  EXPECT_EQ(fi_poll_del(set, &b_->received->fid, 0), -FI_EINVAL);
  EXPECT_EQ(fi_close(&b_->domain->fid), -FI_EBUSY);
  EXPECT_EQ(fi_close(&set->fid), 0);
}

}  // namespace
}  // namespace weft::provider_test
