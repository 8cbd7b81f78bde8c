// What an application is told when something is gone or forbidden, and that nothing hangs.
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Failure : public ProviderTest {
 protected:
  void forbid() {
    daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kGroupIngress; });
  }
  void allow() {
    daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kAllow; });
  }
  std::string text(Side& side, int provider_error) {
    char buffer[300];
    const std::string sentence = fi_cq_strerror(side.cq, provider_error, nullptr, buffer, sizeof buffer);
    EXPECT_EQ(sentence, buffer);
    return sentence;
  }
};

TEST_F(Failure, a_forbidden_send_names_efas_error_and_what_to_check) {
  connect();
  forbid();
  char word[8] = "word";
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(fi_tsend(a_->ep, word, 8, nullptr, to_b_, 1, word), 0);
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, FI_EHOSTUNREACH);
    EXPECT_EQ(outcome.error.op_context, word);
    EXPECT_EQ(outcome.error.flags & (FI_SEND | FI_TAGGED), FI_SEND | FI_TAGGED);
    EXPECT_EQ(outcome.error.prov_errno, 4126);
    EXPECT_NE(text(*a_, outcome.error.prov_errno).find("security group of both ENIs references itself"),
              std::string::npos);
  }
}

TEST_F(Failure, the_error_says_which_of_its_causes_it_was) {
  connect();
  const auto hint_of = [&](const char* what) {
    char word[8] = "word", buffer[500];
    EXPECT_EQ(fi_tsend(a_->ep, word, 8, nullptr, to_b_, 1, word), 0);
    const fi_cq_err_entry error = next(*a_).error;
    EXPECT_NE(error.err_data, nullptr) << what;
    EXPECT_EQ(error.err_data_size, std::strlen(static_cast<char*>(error.err_data)) + 1) << what;
    const std::string both = fi_cq_strerror(a_->cq, error.prov_errno, error.err_data, buffer, sizeof buffer);
    EXPECT_EQ(both, fi_cq_strerror(a_->cq, error.prov_errno, error.err_data, nullptr, 0)) << what;
    EXPECT_EQ(both, text(*a_, error.prov_errno) + ". Here: " + static_cast<char*>(error.err_data)) << what;
    char strange[] = "not ours";
    EXPECT_EQ(fi_cq_strerror(a_->cq, error.prov_errno, strange, buffer, sizeof buffer), text(*a_, error.prov_errno));
    return std::string(static_cast<char*>(error.err_data));
  };
  forbid();
  EXPECT_NE(hint_of("ingress").find("ingress rule that names a group of this ENI"), std::string::npos);
  daemon_->set_gate([](EniSlot, EniSlot) { return EfaVerdict::kUnreachable; });
  EXPECT_NE(hint_of("zone").find("another availability zone"), std::string::npos);
  allow();
  sockaddr_in nobody = b_->name;
  nobody.sin_addr.s_addr = htonl(0x0a000163);
  ASSERT_EQ(fi_av_insert(a_->av, &nobody, 1, &to_b_, 0, nullptr), 1);
  EXPECT_NE(hint_of("address").find("it is stale"), std::string::npos);
  nobody = b_->name;
  nobody.sin_port = htons(7);
  ASSERT_EQ(fi_av_insert(a_->av, &nobody, 1, &to_b_, 0, nullptr), 1);
  EXPECT_NE(hint_of("queue pair").find("ended or closed its endpoint"), std::string::npos);
}

TEST_F(Failure, a_forbidden_inject_is_refused_in_the_call) {
  connect();
  forbid();
  EXPECT_EQ(fi_inject(a_->ep, "word", 5, to_b_), -FI_EHOSTUNREACH);
  EXPECT_EQ(fi_tinjectdata(a_->ep, "word", 5, 1, to_b_, 1), -FI_EHOSTUNREACH);
  EXPECT_TRUE(quiet(*a_)) << "no completion without a context";
}

TEST_F(Failure, after_the_rule_is_added_messages_pass) {
  connect();
  forbid();
  EXPECT_EQ(fi_inject(a_->ep, "word", 5, to_b_), -FI_EHOSTUNREACH);
  allow();
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, "again", 6, to_b_), 0);
  EXPECT_EQ(next(*b_).error.err, 0);
  EXPECT_STREQ(got, "again");
}

TEST_F(Failure, a_closed_peer_is_not_connected) {
  connect();
  char word[8] = "word", got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), 0);
  ASSERT_EQ(next(*a_).error.err, 0);
  b_->close_endpoint();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the daemon learns of it by a hang-up
  ASSERT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), 0);
  const Outcome outcome = next(*a_);
  EXPECT_EQ(outcome.error.err, FI_ENOTCONN);
  EXPECT_NE(text(*a_, outcome.error.prov_errno).find("does not exist any more"), std::string::npos);
}

TEST_F(Failure, a_large_message_to_a_peer_that_closes_midway_ends) {
  connect();
  std::vector<char> large(8 << 20);
  ASSERT_EQ(fi_tsend(a_->ep, large.data(), large.size(), nullptr, to_b_, 1, large.data()), 0);
  drive_both();
  b_->close_endpoint();
  EXPECT_EQ(next(*a_).error.err, FI_ENOTCONN);
}

TEST_F(Failure, a_dead_daemon_ends_every_operation) {
  connect();
  char word[8] = "word", got[8];
  std::vector<char> large(8 << 20);
  ASSERT_EQ(fi_trecv(a_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, got), 0);
  ASSERT_EQ(fi_recv(a_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, word), 0);
  ASSERT_EQ(fi_tsend(a_->ep, large.data(), large.size(), nullptr, to_b_, 1, large.data()), 0);
  daemon_->kill();
  std::vector<void*> ended;
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = next(*a_);
    EXPECT_EQ(outcome.error.err, FI_ENETDOWN);
    EXPECT_NE(text(*a_, outcome.error.prov_errno).find("weftd stopped"), std::string::npos);
    ended.push_back(outcome.error.op_context);
  }
  EXPECT_EQ(std::count(ended.begin(), ended.end(), got) + std::count(ended.begin(), ended.end(), word) +
                std::count(ended.begin(), ended.end(), large.data()),
            3);
  EXPECT_EQ(fi_send(a_->ep, word, 8, nullptr, to_b_, word), -FI_ENETDOWN);
  EXPECT_EQ(fi_inject(a_->ep, word, 8, to_b_), -FI_ENETDOWN);
  EXPECT_EQ(fi_trecv(a_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, got), -FI_ENETDOWN);
}

TEST_F(Failure, a_dead_daemon_wakes_a_sleeper) {
  connect();
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, got), 0);
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    daemon_->kill();
  });
  fi_cq_tagged_entry entry;
  EXPECT_EQ(fi_cq_sread(b_->cq, &entry, 1, nullptr, 8000), -FI_EAVAIL);
  killer.join();
  fi_cq_err_entry error{};
  ASSERT_EQ(fi_cq_readerr(b_->cq, &error, 0), 1);
  EXPECT_EQ(error.err, FI_ENETDOWN);
}

TEST_F(Failure, close_waits_for_what_is_in_flight_but_not_for_ever) {
  connect();
  std::vector<char> large(1 << 20);
  // Nobody drives b: the message cannot be delivered.
  ASSERT_EQ(fi_tsend(a_->ep, large.data(), large.size(), nullptr, to_b_, 1, nullptr), 0);
  const auto start = std::chrono::steady_clock::now();
  a_->close_endpoint();
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took, std::chrono::seconds(3));
}

TEST_F(Failure, what_was_sent_before_close_arrives) {
  connect();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(fi_tinject(a_->ep, "word", 5, to_b_, 1), 0);
  std::atomic<bool> closed = false;
  std::thread receiving([&] {
    while (!closed) fi_cq_read(b_->cq, nullptr, 0);
  });
  a_->close_endpoint();
  closed = true;
  receiving.join();
  char got[8];
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(fi_trecv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
    ASSERT_EQ(next(*b_).error.err, 0) << i;
    if (HasFailure()) return;
  }
}

TEST_F(Failure, a_silent_receiver_does_not_hold_up_another) {
  connect();
  auto c = std::make_unique<Side>(*daemon_, "node-1");
  // Fill everything that b, which nobody drives, may get.
  std::vector<char> message(4000);
  int refused = 0;
  for (int i = 0; i < 20'000 && refused < 100; ++i) {
    if (fi_tsend(a_->ep, message.data(), message.size(), nullptr, to_b_, 1, nullptr) == -FI_EAGAIN) ++refused;
  }
  char got[8];
  ASSERT_EQ(fi_trecv(c->ep, got, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, got), 0);
  auto d = std::make_unique<Side>(*daemon_, "node-0");
  const fi_addr_t d_to_c = d->insert(*c);
  ASSERT_EQ(fi_tinject(d->ep, "word", 5, d_to_c, 1), 0) << "another sender is not concerned at all";
  EXPECT_EQ(next(*c).entry.op_context, got);
  a_->close_endpoint();  // before the memory of what it still has in flight goes
}

TEST_F(Failure, an_address_is_used_again_after_its_owner_closed) {
  connect();
  const sockaddr_in name = b_->name;
  char word[8];  // each has heard of the other: that is how it knows an owner from the next one
  ASSERT_EQ(fi_tinject(a_->ep, "word", 5, to_b_, 1), 0);
  ASSERT_EQ(fi_tinject(b_->ep, "word", 5, to_a_, 1), 0);
  ASSERT_EQ(fi_trecv(a_->ep, word, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
  ASSERT_EQ(next(*a_).error.err, 0);
  for (int round = 0; round < 5; ++round) {
    b_->close_endpoint();
    Info info(fi_dupinfo(b_->info.get()));
    static_cast<sockaddr_in*>(info->src_addr)->sin_port = name.sin_port;
    daemon_->enter("node-1");
    ASSERT_EQ(fi_endpoint(b_->domain, info.get(), &b_->ep, nullptr), 0);
    ASSERT_EQ(fi_ep_bind(b_->ep, &b_->av->fid, 0), 0);
    ASSERT_EQ(fi_ep_bind(b_->ep, &b_->cq->fid, FI_TRANSMIT | FI_RECV), 0);
    ASSERT_EQ(fi_enable(b_->ep), 0);
    sockaddr_in now{};
    std::size_t size = sizeof now;
    ASSERT_EQ(fi_getname(&b_->ep->fid, &now, &size), 0);
    ASSERT_EQ(now.sin_port, name.sin_port) << "the requested number is honoured";
    char got[8] = {};
    ASSERT_EQ(fi_trecv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, 2, 0, got), 0);
    // The first one may still be meant for the owner before, and must then fail, not reach the new one.
    int failures = 0;
    for (;; ++failures) {
      ASSERT_LE(failures, 1);
      ASSERT_EQ(fi_tsend(a_->ep, "fresh", 6, nullptr, to_b_, 2, nullptr), 0);
      const int error = next(*a_).error.err;
      if (error == 0) break;
      ASSERT_EQ(error, FI_ENOTCONN);
    }
    ASSERT_EQ(next(*b_).error.err, 0) << "round " << round << " after " << failures << " failures";
    EXPECT_STREQ(got, "fresh");
    ASSERT_EQ(fi_tinject(b_->ep, "reply", 6, to_a_, 1), 0);
    ASSERT_EQ(fi_trecv(a_->ep, word, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
    ASSERT_EQ(next(*a_).error.err, 0);
    EXPECT_STREQ(word, "reply");
  }
}

TEST_F(Failure, a_taken_number_is_in_use) {
  connect();
  Info info(fi_dupinfo(b_->info.get()));
  static_cast<sockaddr_in*>(info->src_addr)->sin_port = b_->name.sin_port;
  daemon_->enter("node-1");
  fid_ep* ep = nullptr;
  ASSERT_EQ(fi_endpoint(b_->domain, info.get(), &ep, nullptr), 0);
  ASSERT_EQ(fi_ep_bind(ep, &b_->av->fid, 0), 0);
  ASSERT_EQ(fi_ep_bind(ep, &b_->cq->fid, FI_TRANSMIT | FI_RECV), 0);
  EXPECT_EQ(fi_enable(ep), -FI_EADDRINUSE);
  EXPECT_EQ(fi_close(&ep->fid), 0);
}

TEST_F(Failure, a_forked_child_is_refused_and_harms_nobody) {
  connect();
  const pid_t child = fork();
  if (child == 0) {
    char word[8] = "word";
    fi_cq_tagged_entry entry;
    int wrong = 0;
    wrong |= fi_send(a_->ep, word, 8, nullptr, to_b_, nullptr) != -FI_EOPNOTSUPP ? 1 : 0;
    wrong |= fi_recv(a_->ep, word, 8, nullptr, to_b_, nullptr) != -FI_EOPNOTSUPP ? 2 : 0;
    wrong |= fi_inject(a_->ep, word, 8, to_b_) != -FI_EOPNOTSUPP ? 4 : 0;
    wrong |= fi_cq_read(a_->cq, &entry, 1) != -FI_EOPNOTSUPP ? 8 : 0;
    wrong |= fi_cq_sread(a_->cq, &entry, 1, nullptr, 1000) != -FI_EOPNOTSUPP ? 16 : 0;
    wrong |= fi_close(&a_->ep->fid) != -FI_EOPNOTSUPP ? 32 : 0;
    _exit(wrong);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  char got[8];
  ASSERT_EQ(fi_recv(b_->ep, got, 8, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
  ASSERT_EQ(fi_inject(a_->ep, "alive", 6, to_b_), 0);
  EXPECT_EQ(next(*b_).error.err, 0);
}

TEST_F(Failure, endpoints_must_be_complete_and_enabled) {
  connect();
  daemon_->enter("node-0");
  fid_ep* ep = nullptr;
  ASSERT_EQ(fi_endpoint(a_->domain, a_->info.get(), &ep, nullptr), 0);
  char word[8] = {};
  EXPECT_EQ(fi_send(ep, word, 8, nullptr, to_b_, nullptr), -FI_EOPBADSTATE);
  EXPECT_EQ(fi_recv(ep, word, 8, nullptr, FI_ADDR_UNSPEC, nullptr), -FI_EOPBADSTATE);
  EXPECT_EQ(fi_enable(ep), -FI_ENOAV);
  ASSERT_EQ(fi_ep_bind(ep, &a_->av->fid, 0), 0);
  EXPECT_EQ(fi_enable(ep), -FI_ENOCQ);
  ASSERT_EQ(fi_ep_bind(ep, &a_->cq->fid, FI_TRANSMIT), 0);
  EXPECT_EQ(fi_enable(ep), -FI_ENOCQ);
  EXPECT_EQ(fi_ep_bind(ep, &a_->cq->fid, FI_TRANSMIT), -FI_EINVAL);
  EXPECT_EQ(fi_ep_bind(ep, &a_->cq->fid, 0), -FI_EINVAL);
  ASSERT_EQ(fi_ep_bind(ep, &a_->cq->fid, FI_RECV), 0);
  EXPECT_EQ(fi_enable(ep), 0);
  EXPECT_EQ(fi_enable(ep), 0) << "twice is harmless";
  EXPECT_EQ(fi_ep_bind(ep, &b_->cq->fid, FI_RECV), -FI_EOPBADSTATE);
  EXPECT_EQ(fi_close(&a_->domain->fid), -FI_EBUSY);
  EXPECT_EQ(fi_close(&a_->fabric->fid), -FI_EBUSY);
  EXPECT_EQ(fi_close(&ep->fid), 0);
}

}  // namespace
}  // namespace weft::provider_test
