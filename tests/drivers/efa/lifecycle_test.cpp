// Queue pairs and functions that come and go while others work, and who is woken when.
#include <gtest/gtest.h>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

class LifecycleTest : public SwitchTest {
 protected:
  void SetUp() override {
    add(function("a", 1));
    add(function("b", 2));
  }
};

TEST_F(LifecycleTest, a_queue_pair_is_announced_only_when_packets_reach_it) {
  Registry::Creation creation = registry.create_queue_pair("eni-1", {}, {});
  EXPECT_TRUE(registry.take_acknowledgements().ready.empty());
  EXPECT_EQ(settle().ready, std::vector{creation.queue_pair});
}

TEST_F(LifecycleTest, what_a_dead_client_posted_is_still_sent) {
  RawClient dead = open("eni-1"), peer = open("eni-2");
  for (int i = 0; i < 100; ++i) dead.post(dead.to(peer));  // more than a burst
  registry.drain(dead.device);
  Registry::News news;
  for (int turn = 0; turn < 10 && news.gone.empty(); ++turn) news = settle();
  EXPECT_EQ(news.gone, std::vector{dead.device});
  int received = 0;
  while (peer.take()) ++received;
  EXPECT_EQ(received, 100);
  EXPECT_TRUE(link->queue_pairs.count(dead.device) == 0);
}

TEST_F(LifecycleTest, a_dead_client_that_goes_on_writing_is_cut_off) {
  CreateQp small;
  small.sq_depth = 4;
  RawClient dead = open("eni-1", small), peer = open("eni-2");
  registry.drain(dead.device);
  std::uint32_t sent = 0;
  bool gone = false;
  for (int turn = 0; turn < 100000 && !gone; ++turn) {
    dead.post(dead.to(peer));
    sent += poll();
    const Registry::News news = registry.take_acknowledgements();
    gone = !news.gone.empty();
    while (peer.take()) {
    }
  }
  EXPECT_TRUE(gone);
  EXPECT_LE(sent, kMaxSqDepth);
}

TEST_F(LifecycleTest, packets_to_a_dead_client_are_refused_at_once) {
  RawClient a = open("eni-1"), dead = open("eni-2");
  const RawClient::Send send = a.to(dead);
  a.post(send);
  poll();
  registry.drain(dead.device);
  settle();
  a.post(send);
  poll();
  EXPECT_EQ(a.completed(), (std::vector{SendStatus::kOk, SendStatus::kRemoteBadDestQpn}));
}

TEST_F(LifecycleTest, a_number_used_again_is_another_incarnation) {
  RawClient a = open("eni-1");
  CreateQp numbered;
  numbered.qpn = 1000;
  RawClient first = open("eni-2", numbered);
  const RawClient::Send old = a.to(first);
  EXPECT_EQ(registry.create_queue_pair("eni-2", numbered, {}).error, EADDRINUSE);
  registry.drain(first.device);
  RawClient second = open("eni-2", numbered);  // the worker has not even heard of the drain
  EXPECT_EQ(second.header->qpn, 1000U);
  EXPECT_NE(second.header->generation, 1U);
  a.post(old);
  a.post(a.to(second));
  poll();
  EXPECT_EQ(a.completed(), (std::vector{SendStatus::kRemoteBadDestQpn, SendStatus::kOk}));
}

TEST_F(LifecycleTest, a_removed_function_closes_its_queue_pairs_and_starts_again_at_zero) {
  RawClient a = open("eni-1"), b = open("eni-2");
  a.post(a.to(b));
  poll();
  const AddressBytes address = b.device->function().declared.address.octets;
  EXPECT_EQ(registry.counters(2).rx_pkts, 1U);
  EXPECT_FALSE(registry.remove_function("eni-2"));
  EXPECT_EQ(registry.remove_function("eni-2").code, ENOENT);
  poll();
  EXPECT_EQ(b.header->closed, 1U);  // still mapped: the server has not taken the worker's word yet
  EXPECT_EQ(a.header->closed, 0U);
  EXPECT_EQ(registry.take_acknowledgements().gone, std::vector{b.device});

  RawClient::Send send;
  send.address = address;
  send.qpn = 49152;
  a.post(send);
  poll();
  EXPECT_EQ(a.completed().back(), SendStatus::kLocalUnreachRemote);
  EXPECT_EQ(registry.counters(2).rx_pkts, 0U);
  add(function("b", 2));
  EXPECT_EQ(registry.counters(2).rx_pkts, 0U);
  EXPECT_EQ(link->functions.size(), 2U);
}

TEST_F(LifecycleTest, a_function_may_go_while_a_dead_client_of_it_is_draining) {
  RawClient dead = open("eni-1"), peer = open("eni-2");
  for (int i = 0; i < 200; ++i) dead.post(dead.to(peer));
  registry.drain(dead.device);
  poll();
  EXPECT_FALSE(registry.remove_function("eni-1"));
  for (int turn = 0; turn < 3; ++turn) settle();
  EXPECT_EQ(link->functions.size(), 1U);
  EXPECT_EQ(link->queue_pairs.size(), 1U);
  int received = 0;
  while (peer.take()) ++received;
  EXPECT_EQ(received, 32);
}

// The order that is easy to get wrong: the worker is through with the drain, the server does not know it yet.
TEST_F(LifecycleTest, a_function_may_go_just_after_its_dead_client_was_drained) {
  RawClient dead = open("eni-1");
  registry.drain(dead.device);
  poll();
  EXPECT_FALSE(registry.remove_function("eni-1"));
  EXPECT_TRUE(registry.take_acknowledgements().gone.empty()) << "a command that names it is on its way";
  EXPECT_EQ(settle().gone.size(), 1U);
  EXPECT_EQ(link->functions.size(), 1U);
}

TEST_F(LifecycleTest, more_commands_than_the_link_holds_wait_their_turn) {
  std::vector<QueuePair*> all;
  CreateQp tiny;
  tiny.sq_depth = tiny.cq_depth = tiny.tx_buffers = tiny.rx_buffers = 1;
  for (const char* eni : {"eni-1", "eni-2"})
    for (unsigned i = 0; i < kMaxQueuePairs; ++i) all.push_back(registry.create_queue_pair(eni, tiny, {}).queue_pair);
  EXPECT_EQ(registry.create_queue_pair("eni-1", tiny, {}).error, EMFILE);
  for (QueuePair* queue_pair : all) registry.drain(queue_pair);
  for (unsigned i = 0; i < kMaxQueuePairs; ++i) registry.create_queue_pair("eni-1", tiny, {});
  std::size_t gone = 0, ready = 0;
  for (int turn = 0; turn < 5; ++turn) {
    const Registry::News news = settle();
    gone += news.gone.size();
    ready += news.ready.size();
  }
  EXPECT_EQ(gone, all.size());
  EXPECT_EQ(ready, kMaxQueuePairs);
  EXPECT_EQ(link->queue_pairs.size(), kMaxQueuePairs);
}

TEST_F(LifecycleTest, sizes_are_clamped_to_powers_of_two_and_zero_is_refused) {
  CreateQp odd;
  odd.sq_depth = 1000, odd.cq_depth = 0xffffffff, odd.tx_buffers = 3, odd.rx_buffers = 5000;
  RawClient client = open("eni-1", odd);
  EXPECT_EQ(client.header->sq_depth, 512U);
  EXPECT_EQ(client.header->cq_depth, kMaxCqDepth);
  EXPECT_EQ(client.header->tx_buffers, 2U);
  EXPECT_EQ(client.header->rx_buffers, kMaxBuffers);
  EXPECT_EQ(client.header->total_size, client.device->memory().size());
  for (std::uint32_t CreateQp::* field :
       {&CreateQp::sq_depth, &CreateQp::cq_depth, &CreateQp::tx_buffers, &CreateQp::rx_buffers}) {
    CreateQp none;
    none.*field = 0;
    EXPECT_EQ(registry.create_queue_pair("eni-1", none, {}).error, EINVAL);
  }
  CreateQp far;
  far.qpn = 65536;
  EXPECT_EQ(registry.create_queue_pair("eni-1", far, {}).error, EINVAL);
  EXPECT_EQ(registry.create_queue_pair("eni-9", {}, {}).error, ENODEV);
}

TEST_F(LifecycleTest, functions_that_do_not_fit_are_refused_with_a_reason) {
  EXPECT_EQ(registry.add_function(function("a", 1)).code, EEXIST);
  EfaFunction same_address = function("a", 3);
  same_address.address = function("a", 1).address;
  EXPECT_EQ(registry.add_function(same_address).code, EEXIST);
  EfaFunction same_slot = function("a", 3);
  same_slot.slot = 2;
  EXPECT_EQ(registry.add_function(same_slot).message, "EFA function eni-3: its slot belongs to eni-2 already");
  EfaFunction long_name = function("a", 3);
  long_name.eni_id = std::string(32, 'x');
  EXPECT_EQ(registry.add_function(long_name).code, EINVAL);
  for (std::uint8_t i = 10; i < 17; ++i) add(function("a", i));
  EXPECT_EQ(registry.add_function(function("a", 17)).code, ENOSPC);
}

TEST_F(LifecycleTest, a_sleeping_client_is_woken_once_for_each_time_it_goes_to_sleep) {
  RawClient a = open("eni-1"), b = open("eni-2");
  a.post(a.to(b));
  poll();
  EXPECT_FALSE(woken(b)) << "it did not say that it sleeps";
  b.header->client_asleep = 1;
  a.post(a.to(b));
  a.post(a.to(b));
  poll();
  EXPECT_TRUE(woken(b));
  EXPECT_FALSE(woken(b));
  a.post(a.to(b));
  poll();
  EXPECT_FALSE(woken(b)) << "it is being woken already";
  b.header->client_asleep = 2;
  a.post(a.to(b));
  poll();
  EXPECT_TRUE(woken(b));
  a.header->client_asleep = 1;
  a.post(a.to(b));
  poll();
  EXPECT_TRUE(woken(a)) << "for the completion";
}

TEST_F(LifecycleTest, a_sleeping_client_is_woken_to_see_that_its_function_is_gone) {
  RawClient a = open("eni-1");
  a.header->client_asleep = 1;
  EXPECT_FALSE(registry.remove_function("eni-1"));
  poll();
  EXPECT_TRUE(woken(a));
  EXPECT_EQ(a.header->closed, 1U);
}

TEST_F(LifecycleTest, a_refused_packet_does_not_wake_the_receiver) {
  RawClient a = open("eni-1"), b = open("eni-2");
  b.header->client_asleep = 1;
  a.post(a.to(b, 500));  // no buffer is posted
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kRemoteRnr});
  EXPECT_FALSE(woken(b));
}

TEST_F(LifecycleTest, the_worker_does_not_sleep_over_packets_or_commands) {
  RawClient a = open("eni-1"), b = open("eni-2");
  EXPECT_TRUE(messages.arm(wake.get()));
  EXPECT_EQ(a.header->daemon_asleep, 1U);
  EXPECT_EQ(b.header->daemon_asleep, 1U);
  messages.disarm();
  EXPECT_EQ(a.header->daemon_asleep, 0U);
  b.post(b.to(a));
  EXPECT_FALSE(messages.arm(wake.get()));
  EXPECT_EQ(a.header->daemon_asleep, 0U) << "clients would write the doorbell for nothing";
  poll();
  EXPECT_TRUE(messages.arm(wake.get()));
  messages.disarm();
  registry.drain(a.device);
  EXPECT_FALSE(messages.arm(wake.get()));
}

TEST_F(LifecycleTest, the_memory_outlives_the_server_while_the_switch_lives) {
  RawClient a = open("eni-1");
  registry.close_all();
  registry = Registry(std::make_shared<SwitchLink>(), wake.get());  // the server is gone
  poll();
  EXPECT_EQ(a.header->closed, 1U);
}

}  // namespace
}  // namespace weft::efa::test
