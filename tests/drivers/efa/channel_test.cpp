// Express channels in one thread, without sockets: what the worker does in which turn, and what is left of a channel.
#include <random>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

class ChannelTest : public SwitchTest {
 protected:
  void SetUp() override {
    add(function("a", 1));
    add(function("b", 2));
  }

  RawClient open_express(const std::string& eni_id, uid_t uid = 1000, std::uint64_t features = kFeatureExpress) {
    CreateQp tiny;
    tiny.sq_depth = tiny.cq_depth = tiny.tx_buffers = tiny.rx_buffers = 1;
    Registry::Creation creation = registry.create_queue_pair(eni_id, tiny, {77, uid, features});
    EXPECT_EQ(creation.error, 0);
    settle();
    arrivals[creation.queue_pair] = std::move(creation.arrival);
    return RawClient(*creation.queue_pair);
  }

  static RequestChannel request_to(const RawClient& peer) {
    RequestChannel request;
    request.qpn = peer.device->qpn(), request.qkey = peer.device->qkey();
    const AddressBytes& address = peer.device->function().declared.address.octets;
    std::memcpy(request.destination, address.data(), address.size());
    return request;
  }
  int ask(const RawClient& sender, const RawClient& receiver) {
    return registry.request_channel(sender.device, request_to(receiver));
  }

  struct Granted {
    std::uint32_t id;
    Channel* channel;
    ChannelHeader* header;
  };
  Granted granted(const RawClient& sender, const RawClient& receiver) {
    EXPECT_EQ(ask(sender, receiver), 0);
    const Registry::News news = settle();
    EXPECT_EQ(news.answers.size(), 1U);
    EXPECT_EQ(news.answers.at(0).error, 0);
    const std::uint32_t id = news.answers.at(0).id;
    Channel* channel = registry.parties(id).channel;
    return {id, channel, reinterpret_cast<ChannelHeader*>(channel->memory().data())};
  }

  void close(const RawClient& client) { registry.drain(client.device); }
};

TEST_F(ChannelTest, the_worker_asks_both_gates_once_and_again_only_when_the_policy_may_have_changed) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  gate.asked = 0;
  const Granted channel = granted(a, b);
  EXPECT_EQ(gate.asked, 1U);
  for (int turn = 0; turn < 100; ++turn) poll();
  EXPECT_EQ(gate.asked, 1U);
  ++gate.changes;
  poll();
  EXPECT_EQ(gate.asked, 2U);
  EXPECT_EQ(channel.header->revoked, Revocation::kNone);

  gate.verdicts[{1, 2}] = EfaVerdict::kGroupIngress;
  ++gate.changes;
  const std::uint32_t notices = a.header->notices;
  poll();
  EXPECT_EQ(channel.header->revoked, Revocation::kPolicy) << "in the turn that sees the new policy";
  registry.take_acknowledgements();
  EXPECT_EQ(a.header->notices, notices + 1);
  EXPECT_TRUE(woken(a));
  EXPECT_TRUE(woken(b));
  ++gate.changes;
  poll();
  EXPECT_EQ(gate.asked, 3U) << "what is revoked stays revoked";
  registry.take_acknowledgements();
  EXPECT_EQ(a.header->notices, notices + 1);
}

TEST_F(ChannelTest, each_direction_is_a_channel_and_a_verdict_of_its_own) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  const Granted there = granted(a, b), back = granted(b, a);
  gate.verdicts[{2, 1}] = EfaVerdict::kGroupEgress;
  ++gate.changes;
  settle();
  EXPECT_EQ(there.header->revoked, Revocation::kNone);
  EXPECT_EQ(back.header->revoked, Revocation::kPolicy);
}

TEST_F(ChannelTest, a_refused_channel_leaves_nothing) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  gate.verdicts[{1, 2}] = EfaVerdict::kUnreachable;
  EXPECT_EQ(ask(a, b), 0);
  const Registry::News news = settle();
  ASSERT_EQ(news.answers.size(), 1U);
  EXPECT_EQ(news.answers[0].error, EACCES);
  EXPECT_EQ(news.answers[0].requester, a.device);
  EXPECT_EQ(news.answers[0].destination.qkey, b.device->qkey());
  settle();
  EXPECT_TRUE(link->channels.empty());
}

TEST_F(ChannelTest, who_may_not_have_one_is_told_at_once) {
  add(function("c", 3, 7));  // another VPC
  RawClient a = open_express("eni-1"), b = open_express("eni-2"), other_user = open_express("eni-2", 1001),
            plain = open_express("eni-2", 1000, 0), far = open_express("eni-3");
  EXPECT_EQ(ask(a, other_user), EACCES);
  EXPECT_EQ(ask(a, plain), ENOENT);
  EXPECT_EQ(ask(plain, a), EACCES);
  EXPECT_EQ(ask(a, far), ENOENT);
  RequestChannel wrong = request_to(b);
  ++wrong.qkey;
  EXPECT_EQ(registry.request_channel(a.device, wrong), ENOENT) << "another process had that number";
  RequestChannel any = request_to(b);
  any.qkey = 0;
  EXPECT_EQ(registry.request_channel(a.device, any), 0) << "whoever has the number, as for packets";
  EXPECT_EQ(ask(a, b), EBUSY) << "asked already";
  settle();
  EXPECT_EQ(ask(a, b), EEXIST);
  close(b);
  EXPECT_EQ(ask(a, b), ENOENT) << "it is dying";
  Registry::Creation unborn = registry.create_queue_pair("eni-2", {}, {1, 1000, kFeatureExpress});
  EXPECT_EQ(registry.request_channel(a.device, request_to(RawClient(*unborn.queue_pair))), ENOENT)
      << "packets do not reach it yet";
}

TEST_F(ChannelTest, a_client_has_so_many_requests_unanswered_and_no_more) {
  RawClient greedy = open_express("eni-1"), modest = open_express("eni-1");
  std::vector<RawClient> peers;
  for (int i = 0; i < 66; ++i) peers.push_back(open_express("eni-2"));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(ask(greedy, peers[static_cast<std::size_t>(i)]), 0);
  EXPECT_EQ(ask(greedy, peers[64]), EBUSY);
  EXPECT_EQ(ask(modest, peers[64]), 0);
  EXPECT_EQ(settle().answers.size(), 65U);
  EXPECT_EQ(ask(greedy, peers[65]), 0);
}

TEST_F(ChannelTest, a_dying_sender_is_gone_from_its_channels_before_its_last_packets_are) {
  RawClient b = open_express("eni-2");
  Registry::Creation creation = registry.create_queue_pair("eni-1", {}, {77, 1000, kFeatureExpress});
  settle();
  RawClient a(*creation.queue_pair);
  const Granted channel = granted(a, b);
  for (int i = 0; i < 100; ++i) a.post(a.to(b));
  close(a);
  poll();
  EXPECT_EQ(channel.header->sender_gone, 1U);
  EXPECT_EQ(channel.header->revoked, Revocation::kNone);
  const std::uint32_t notices = b.header->notices;
  for (int turn = 0; turn < 5; ++turn) settle();
  EXPECT_EQ(b.header->notices, notices + 1);
  EXPECT_EQ(link->queue_pairs.size(), 1U);
  EXPECT_EQ(link->channels.size(), 1U) << "the receiver still takes packets out";
  ++gate.changes;
  gate.asked = 0;
  poll();
  EXPECT_EQ(gate.asked, 0U) << "its slot may be another interface's";
  EXPECT_TRUE(registry.release_channel(b.device, channel.id));
  settle();
  EXPECT_TRUE(link->channels.empty());
}

TEST_F(ChannelTest, either_end_may_die_while_the_worker_is_being_asked) {
  for (const bool sender_dies : {true, false}) {
    for (const bool receiver_dies : {true, false}) {
      RawClient a = open_express("eni-1"), b = open_express("eni-2");
      EXPECT_EQ(ask(a, b), 0);
      if (sender_dies) close(a);
      if (receiver_dies) close(b);
      Registry::News news = settle();
      ASSERT_EQ(news.answers.size(), sender_dies ? 0U : 1U);
      if (!sender_dies) {
        const Registry::ChannelParties parties = registry.parties(news.answers[0].id);
        EXPECT_EQ(parties.sender, a.device);
        EXPECT_EQ(parties.receiver, receiver_dies ? nullptr : b.device);
        registry.drop_channel(news.answers[0].id);
      }
      settle();
      EXPECT_TRUE(link->channels.empty());
      if (!sender_dies) close(a);
      if (!receiver_dies) close(b);
      settle();
      EXPECT_TRUE(link->queue_pairs.empty());
    }
  }
}

TEST_F(ChannelTest, a_function_that_goes_takes_its_count_along_and_leaves_the_others) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  const Granted channel = granted(a, b);
  channel.header->packets = 5, channel.header->bytes = 500;
  EXPECT_EQ(registry.counters(1).tx_pkts, 5U);
  EXPECT_FALSE(registry.remove_function("eni-1"));
  settle();
  EXPECT_EQ(link->functions.size(), 1U);
  EXPECT_EQ(channel.header->sender_gone, 1U);
  EXPECT_EQ(channel.header->revoked, Revocation::kPolicy);
  add(function("a", 1));
  EXPECT_EQ(registry.counters(1).tx_pkts, 0U);
  EXPECT_EQ(registry.counters(2).rx_pkts, 5U);
  EXPECT_TRUE(registry.release_channel(b.device, channel.id));
  settle();
  EXPECT_TRUE(link->channels.empty());
  EXPECT_EQ(registry.counters(1).tx_pkts, 0U);
  EXPECT_EQ(registry.counters(2).rx_pkts, 5U);
  EXPECT_EQ(registry.counters(2).rx_bytes, 500U);
}

TEST_F(ChannelTest, the_sum_of_a_senders_counters_stays_whole) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  a.post(a.to(b));  // through the daemon
  const Granted channel = granted(a, b);
  channel.header->packets = 41, channel.header->bytes = 4100;
  const EfaCounters sent = registry.counters(1), received = registry.counters(2);
  EXPECT_EQ(sent.tx_pkts, 42U);
  EXPECT_EQ(sent.delivered, 42U);
  EXPECT_EQ(sent.tx_bytes, 4108U);
  EXPECT_EQ(received.rx_pkts, 42U);
  EXPECT_EQ(received.rx_bytes, 4108U);
}

TEST_F(ChannelTest, only_its_two_sides_release_a_channel_once_each) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2"), stranger = open_express("eni-2");
  EXPECT_EQ(ask(a, b), 0);
  EXPECT_FALSE(registry.release_channel(a.device, 1)) << "not granted yet";
  settle();
  EXPECT_FALSE(registry.release_channel(stranger.device, 1));
  EXPECT_FALSE(registry.release_channel(a.device, 2));
  EXPECT_TRUE(registry.release_channel(a.device, 1));
  EXPECT_FALSE(registry.release_channel(a.device, 1));
  EXPECT_EQ(ask(a, b), EEXIST);
  EXPECT_TRUE(registry.release_channel(b.device, 1));
  EXPECT_EQ(link->channels.size(), 1U) << "the worker has not said that it is through with it";
  EXPECT_EQ(granted(a, b).id, 2U);
  EXPECT_EQ(link->channels.size(), 1U);
}

TEST_F(ChannelTest, a_channel_that_the_sender_could_not_be_given_ends_for_the_receiver) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  const Granted channel = granted(a, b);
  const std::uint32_t notices = b.header->notices;
  registry.withhold_channel(channel.id);
  EXPECT_EQ(channel.header->sender_gone, 1U);
  EXPECT_EQ(b.header->notices, notices + 1);
  EXPECT_TRUE(registry.release_channel(b.device, channel.id));
  settle();
  EXPECT_TRUE(link->channels.empty());
}

TEST_F(ChannelTest, nothing_that_clients_write_keeps_a_channel_from_being_revoked_or_destroyed) {
  std::mt19937 random(7);
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  for (int round = 0; round < 200; ++round) {
    const Granted channel = granted(a, b);
    auto* words = reinterpret_cast<volatile std::uint32_t*>(channel.header);
    for (unsigned i = 0; i < sizeof(ChannelHeader) / 4; ++i) words[i] = random();
    switch (round % 3) {
      case 0:
        gate.verdicts[{1, 2}] = EfaVerdict::kGroupEgress;
        ++gate.changes;
        settle();
        EXPECT_EQ(channel.header->revoked, Revocation::kPolicy);
        gate.verdicts.clear();
        break;
      case 1:
        close(b);
        settle();
        EXPECT_EQ(channel.header->revoked, Revocation::kReceiverGone);
        b = open_express("eni-2");
        break;
      default:
        close(a);
        settle();
        EXPECT_EQ(channel.header->sender_gone, 1U);
        a = open_express("eni-1");
    }
    registry.release_channel(a.device, channel.id);
    registry.release_channel(b.device, channel.id);
    settle();
    ASSERT_TRUE(link->channels.empty());
  }
}

TEST_F(ChannelTest, everything_at_once_ends_with_nothing) {
  std::mt19937 random(11);
  const std::string names[] = {"eni-1", "eni-2"};
  std::vector<RawClient> clients;
  std::vector<std::uint32_t> ids;
  for (int step = 0; step < 20000; ++step) {
    const auto any = [&] { return clients[random() % clients.size()]; };
    switch (random() % 8) {
      case 0:
        if (clients.size() < 20) clients.push_back(open_express(names[random() % 2]));
        break;
      case 1:
        if (clients.size() < 2) break;
        close(clients.back());
        clients.pop_back();
        break;
      case 2: ++gate.changes; break;
      case 3: gate.verdicts[{1 + random() % 2, 1 + random() % 2}] = random() % 4 == 0 ? EfaVerdict::kGroupEgress : EfaVerdict::kAllow; break;
      case 4:
      case 5:
        if (!clients.empty()) ask(any(), any());
        break;
      case 6:
        if (!clients.empty() && !ids.empty()) registry.release_channel(any().device, ids[random() % ids.size()]);
        break;
      default:
        for (const Registry::ChannelAnswer& answer : settle().answers) {
          ids.push_back(answer.id);
          if (random() % 8 == 0) registry.drop_channel(answer.id);
        }
        if (ids.size() > 64) ids.erase(ids.begin(), ids.begin() + 32);
    }
  }
  for (const RawClient& client : clients) close(client);
  for (int turn = 0; turn < 5; ++turn) settle();
  EXPECT_TRUE(link->channels.empty());
  EXPECT_TRUE(link->queue_pairs.empty());
}

TEST_F(ChannelTest, closing_the_server_ends_every_channel_and_the_memory_stays_for_the_switch) {
  RawClient a = open_express("eni-1"), b = open_express("eni-2");
  const Granted channel = granted(a, b);
  registry.close_all();
  registry = Registry(std::make_shared<SwitchLink>(), wake.get());  // the server is gone
  poll();
  EXPECT_EQ(channel.header->sender_gone, 1U);
  EXPECT_NE(channel.header->revoked, Revocation::kNone);
}

}  // namespace
}  // namespace weft::efa::test
