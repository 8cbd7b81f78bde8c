// Express channels on real sockets: what both sides are given, what is refused, how a channel ends.
#include <sys/wait.h>

#include <cerrno>
#include <set>

#include "tests/drivers/efa/express_client.hpp"

namespace weft::efa::test {
namespace {

EfaVerdict refuse_all(EniSlot, EniSlot) { return EfaVerdict::kGroupIngress; }

TEST_F(ChannelServerTest, both_sides_get_the_same_memory_and_the_daemons_word_on_each_other) {
  ExpressClient sender = client(1), receiver = client(3);
  EXPECT_EQ(sender.announced & kFeatureExpress, kFeatureExpress);
  ASSERT_EQ(sender.ask(receiver), 0U);
  const ChannelGranted& granted = sender.granted;
  EXPECT_EQ(granted.header.type, MessageType::kChannelGranted);
  EXPECT_EQ(granted.header.size, sizeof granted);
  EXPECT_NE(granted.id, 0U);
  EXPECT_EQ(granted.qpn, receiver.qpn);
  EXPECT_EQ(granted.qkey, receiver.qkey);
  EXPECT_EQ(std::memcmp(granted.destination, receiver.address, 16), 0);
  ASSERT_EQ(sender.talker.received.size(), 2U);

  const auto offered = receiver.talker.hear<ChannelOffered>();
  EXPECT_EQ(offered.header.type, MessageType::kChannelOffered);
  EXPECT_EQ(offered.header.size, sizeof offered);
  EXPECT_EQ(offered.id, granted.id);
  EXPECT_EQ(offered.qpn, sender.qpn);
  EXPECT_EQ(offered.qkey, sender.qkey);
  EXPECT_EQ(std::memcmp(offered.source, sender.address, 16), 0);
  EXPECT_EQ(offered.pid, getpid());
  ASSERT_EQ(receiver.talker.received.size(), 1U);

  const int memory = receiver.talker.received[0].get();
  EXPECT_EQ(fcntl(memory, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
  ChannelSide out(sender.talker.received[0]), in(receiver.talker.received[0]);
  const ChannelHeader& header = *in.header;
  EXPECT_EQ(header.magic, kChannelMagic);
  EXPECT_EQ(header.major, kAbiMajor);
  EXPECT_EQ(header.minor, kAbiMinor);
  EXPECT_EQ(header.header_size, sizeof(ChannelHeader));
  EXPECT_EQ(header.total_size, in.size());
  EXPECT_EQ(header.id, granted.id);
  EXPECT_EQ(header.slots, kChannelSlots);
  EXPECT_EQ(header.buffers, kChannelBuffers);
  EXPECT_EQ(header.buffer_stride, kBufferStride);
  EXPECT_EQ(header.mtu, kMtu);
  EXPECT_EQ(header.slot_offset, 4096U);
  EXPECT_EQ(header.buffer_offset % 4096, 0U);
  EXPECT_LE(header.buffer_offset + kChannelBuffers * kBufferStride, in.size());
  EXPECT_EQ(header.revoked, Revocation::kNone);
  EXPECT_EQ(header.sender_gone, 0U);

  const auto clients = daemon.server().clients();
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].channels_out, 1U);
  EXPECT_EQ(clients[0].channels_in, 0U);
  EXPECT_EQ(clients[1].channels_in, 1U);
}

TEST_F(ChannelServerTest, packets_cross_while_the_daemon_stands_still_and_are_counted) {
  Pair pair = connected();
  daemon.pause();
  const std::string large(5000, 'x');
  for (int round = 0; round < 100; ++round) {
    pair.out->publish("packet " + std::to_string(round));
    pair.out->publish(large);
    EXPECT_EQ(pair.in->take(), "packet " + std::to_string(round));
    EXPECT_EQ(pair.in->take(), large);
    EXPECT_EQ(pair.in->take(), std::nullopt);
  }
  const EfaCounters sent = daemon.server().counters(1), received = daemon.server().counters(3);
  EXPECT_EQ(sent.tx_pkts, 200U);
  EXPECT_EQ(sent.delivered, 200U);
  EXPECT_EQ(sent.tx_bytes, received.rx_bytes);
  EXPECT_EQ(received.rx_pkts, 200U);
  EXPECT_GT(received.rx_bytes, 100 * large.size());
  EXPECT_EQ(sent.rx_pkts + received.tx_pkts, 0U);
  daemon.resume();
  pair.release();
  EXPECT_TRUE(eventually([&] { return daemon.server().clients()[0].channels_out == 0; }));
  EXPECT_EQ(daemon.server().counters(1).tx_pkts, 200U) << "what went over channels that are gone counts";
  EXPECT_EQ(daemon.server().counters(3).rx_pkts, 200U);
}

TEST_F(ChannelServerTest, every_record_is_noticed_and_wakes) {
  ExpressClient sender = client(1), receiver = client(3);
  const std::uint32_t before = sender.header().notices;
  ASSERT_EQ(sender.ask(receiver), 0U);
  EXPECT_TRUE(sender.woken());
  EXPECT_TRUE(receiver.woken());
  EXPECT_EQ(sender.header().notices, before + 1);
  EXPECT_EQ(receiver.header().notices, 1U);
  EXPECT_EQ(sender.ask(receiver), static_cast<std::uint32_t>(EEXIST));
  EXPECT_TRUE(sender.woken());
  EXPECT_EQ(sender.header().notices, before + 2);
  EXPECT_EQ(receiver.header().notices, 1U);
}

TEST_F(ChannelServerTest, the_wake_pipe_wakes_the_receiver_and_is_a_description_of_its_own) {
  Pair pair = connected();
  EXPECT_TRUE(pair.receiver.woken());
  ASSERT_EQ(write(pair.wake.get(), "x", 1), 1);
  EXPECT_TRUE(pair.receiver.woken());
  const int flags = fcntl(pair.wake.get(), F_GETFL);
  EXPECT_NE(flags & O_NONBLOCK, 0);

  // A client fills the pipe and lets its own description block: the daemon's write must not.
  while (write(pair.wake.get(), "x", 1) == 1) {
  }
  ASSERT_EQ(fcntl(pair.wake.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
  const std::uint32_t before = pair.receiver.header().notices;
  daemon.set_gate(refuse_all);
  EXPECT_TRUE(eventually([&] { return pair.receiver.header().notices == before + 1; }));
  EXPECT_EQ(client(2).announced, kFeatureExpress | kFeatureFabric) << "the server goes on";
}

TEST_F(ChannelServerTest, waking_a_receiver_that_has_just_died_is_no_signal) {
  Pair pair = connected();
  { const ExpressClient dying = std::move(pair.receiver); }
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().size() == 1; }));
  EXPECT_EQ(write(pair.wake.get(), "x", 1), 1);
}

TEST_F(ChannelServerTest, refusals_say_why_and_echo_the_request) {
  ExpressClient sender = client(1), receiver = client(3), plain = client(2, 0);
  RequestChannel request = sender.request_to(receiver);
  request.qkey ^= 1;
  EXPECT_EQ(sender.ask(request), static_cast<std::uint32_t>(ENOENT));
  EXPECT_EQ(sender.granted.qkey, request.qkey);
  EXPECT_EQ(sender.granted.qpn, request.qpn);
  EXPECT_EQ(std::memcmp(sender.granted.destination, request.destination, 16), 0);
  EXPECT_EQ(sender.talker.received.size(), 0U);
  request = sender.request_to(receiver);
  request.qpn ^= 1;
  EXPECT_EQ(sender.ask(request), static_cast<std::uint32_t>(ENOENT));
  request = sender.request_to(receiver);
  request.destination[15] = 99;
  EXPECT_EQ(sender.ask(request), static_cast<std::uint32_t>(ENOENT));
  EXPECT_EQ(sender.ask(plain), static_cast<std::uint32_t>(ENOENT)) << "its client knows nothing of channels";
  EXPECT_EQ(plain.ask(receiver), static_cast<std::uint32_t>(EACCES));
  daemon.set_gate(refuse_all);
  EXPECT_EQ(sender.ask(receiver), static_cast<std::uint32_t>(EACCES));
  EXPECT_EQ(std::memcmp(sender.granted.destination, receiver.address, 16), 0);
  daemon.set_gate(nullptr);
  EXPECT_EQ(sender.ask(receiver), 0U) << "a refusal leaves nothing behind";
  EXPECT_EQ(sender.ask(receiver), static_cast<std::uint32_t>(EEXIST));
}

TEST_F(ChannelServerTest, a_change_of_policy_revokes_and_wakes_both_at_once) {
  Pair pair = connected();
  EXPECT_TRUE(pair.sender.woken());
  EXPECT_TRUE(pair.receiver.woken());
  pair.out->publish("before");
  daemon.set_gate([](EniSlot from, EniSlot) { return from == 1 ? EfaVerdict::kGroupEgress : EfaVerdict::kAllow; });
  EXPECT_TRUE(pair.sender.woken());
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_EQ(pair.out->header->revoked, Revocation::kPolicy);
  EXPECT_EQ(pair.in->header->sender_gone, 0U);
  EXPECT_EQ(pair.in->take(), "before") << "what was published stays delivered";
  EXPECT_EQ(pair.sender.ask(pair.receiver), static_cast<std::uint32_t>(EEXIST)) << "not released yet";
  pair.release();
  daemon.set_gate(nullptr);
  const std::uint32_t first = pair.id;
  EXPECT_TRUE(eventually([&] { return daemon.server().clients()[1].channels_in == 0; }));
  pair.connect();
  EXPECT_NE(pair.id, first);
  EXPECT_EQ(pair.out->header->revoked, Revocation::kNone);
}

// Nobody else would: the sender that let go looks at receiver_asleep no more (tests/model, NO_RELEASE_NOTICE).
TEST_F(ChannelServerTest, a_receiver_that_sleeps_is_woken_when_the_sender_has_let_go) {
  Pair pair = connected();
  EXPECT_TRUE(pair.receiver.woken());
  const std::uint32_t before = pair.receiver.header().notices;
  pair.out->header->quiesced = 1;
  pair.sender.release(pair.id);
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_EQ(pair.receiver.header().notices, before + 1);
}

TEST_F(ChannelServerTest, a_dead_receiver_revokes_and_a_dead_sender_is_told) {
  Pair pair = connected();
  ExpressClient other = client(2);
  ASSERT_EQ(other.ask(pair.sender), 0U);
  const ChannelSide into(other.talker.received[0]);
  pair.sender.talker.hear<ChannelOffered>();
  const ChannelSide from(pair.sender.talker.received[0]);
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_TRUE(other.woken());
  pair.out->publish("last words");
  { const ExpressClient dying = std::move(pair.sender); }
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_TRUE(other.woken());
  EXPECT_EQ(pair.in->header->sender_gone, 1U);
  EXPECT_EQ(pair.in->header->revoked, Revocation::kNone);
  EXPECT_EQ(pair.in->take(), "last words");
  EXPECT_EQ(into.header->revoked, Revocation::kReceiverGone);
  EXPECT_EQ(into.header->sender_gone, 0U);
  pair.receiver.release(pair.id);
  other.release(other.granted.id);
  EXPECT_TRUE(eventually([&] {
    for (const auto& view : daemon.server().clients())
      if (view.channels_in + view.channels_out != 0) return false;
    return true;
  }));
}

TEST_F(ChannelServerTest, a_removed_function_ends_its_channels_in_both_directions) {
  Pair pair = connected();
  ASSERT_EQ(pair.receiver.ask(pair.sender), 0U);
  const ChannelSide back(pair.receiver.talker.received[0]);
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_FALSE(daemon.server().remove_function("eni-1"));
  EXPECT_TRUE(pair.receiver.woken());
  EXPECT_TRUE(eventually([&] { return pair.in->header->sender_gone == 1; }));
  EXPECT_EQ(pair.out->header->revoked, Revocation::kPolicy) << "its process lives, and must stop";
  EXPECT_EQ(back.header->revoked, Revocation::kReceiverGone);
}

TEST_F(ChannelServerTest, without_express_there_are_no_channels) {
  Pair pair = connected();
  daemon.server().set_express(false);
  EXPECT_TRUE(eventually([&] { return pair.out->header->revoked == Revocation::kPolicy; }));
  ExpressClient late = client(2);
  EXPECT_EQ(late.announced, kFeatureFabric);
  EXPECT_EQ(late.ask(pair.receiver), static_cast<std::uint32_t>(EACCES));
  daemon.server().set_express(true);
  EXPECT_EQ(late.ask(pair.receiver), 0U);
}

TEST_F(ChannelServerTest, a_receiver_takes_so_many_and_no_more) {
  ExpressClient receiver = client(3);
  std::vector<std::unique_ptr<ExpressClient>> crowd;
  for (unsigned i = 0; i <= kMaxChannelsIn; ++i) crowd.push_back(std::make_unique<ExpressClient>(client(1)));
  for (unsigned i = 0; i < kMaxChannelsIn; ++i) EXPECT_EQ(crowd[i]->ask(receiver), 0U);
  EXPECT_EQ(crowd[kMaxChannelsIn]->ask(receiver), static_cast<std::uint32_t>(EMFILE));
  receiver.release(crowd[7]->granted.id);
  crowd[7]->release(crowd[7]->granted.id);
  EXPECT_TRUE(eventually([&] { return crowd[kMaxChannelsIn]->ask(receiver) == 0; }));
}

TEST_F(ChannelServerTest, a_receiver_that_is_full_gives_up_the_channel_used_least_recently) {
  ExpressClient receiver = client(3);
  std::vector<std::unique_ptr<ExpressClient>> crowd;
  std::vector<std::unique_ptr<ChannelSide>> sides;
  for (unsigned i = 0; i <= kMaxChannelsIn; ++i) crowd.push_back(std::make_unique<ExpressClient>(client(1)));
  for (unsigned i = 0; i < kMaxChannelsIn; ++i) {
    ASSERT_EQ(crowd[i]->ask(receiver), 0U);
    sides.push_back(std::make_unique<ChannelSide>(crowd[i]->talker.received.at(0)));
    receiver.talker.hear<ChannelOffered>();
  }
  ExpressClient& late = *crowd[kMaxChannelsIn];
  EXPECT_EQ(late.ask(receiver), static_cast<std::uint32_t>(EMFILE)) << "nobody has been idle for a second";
  std::this_thread::sleep_for(1100ms);
  for (unsigned i = 0; i < kMaxChannelsIn; ++i)
    if (i != 9) sides[i]->publish("x");
  EXPECT_EQ(late.ask(receiver), static_cast<std::uint32_t>(EAGAIN));
  for (unsigned i = 0; i < kMaxChannelsIn; ++i)
    EXPECT_EQ(sides[i]->header->revoked, i == 9 ? Revocation::kPolicy : Revocation::kNone) << i;
  EXPECT_TRUE(crowd[9]->woken());
  EXPECT_EQ(late.ask(receiver), static_cast<std::uint32_t>(EAGAIN)) << "one at a time";
  crowd[9]->release(crowd[9]->granted.id);
  receiver.release(crowd[9]->granted.id);
  EXPECT_TRUE(eventually([&] { return late.ask(receiver) == 0; }));
}

TEST_F(ChannelServerTest, a_queue_pair_may_have_a_channel_to_itself) {
  ExpressClient self = client(1);
  self.talker.say(self.request_to(self));
  const auto offered = self.talker.hear<ChannelOffered>();
  ASSERT_EQ(offered.header.error, 0U);
  ChannelSide in(self.talker.received[0]);
  ASSERT_EQ(self.talker.hear<ChannelGranted>().id, offered.id);
  ChannelSide out(self.talker.received[0]);
  out.publish("to me");
  EXPECT_EQ(in.take(), "to me");
  self.release(offered.id);
  self.release(offered.id);
  RequestChannel nobody = self.request_to(self);
  ++nobody.qkey;
  EXPECT_EQ(self.ask(nobody), static_cast<std::uint32_t>(ENOENT)) << "the connection lives";
  self.release(offered.id);
  EXPECT_EQ(self.talker.hear<HelloReply>().header.error, static_cast<std::uint32_t>(EPROTO)) << "nothing is left to release";
  EXPECT_TRUE(self.talker.hung_up());
}

TEST_F(ChannelServerTest, a_thousand_channels_leave_nothing_behind) {
  const auto descriptors = [] {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
  };
  const auto mappings = [] {
    std::size_t count = 0;
    FILE* maps = fopen("/proc/self/maps", "r");
    for (int c; (c = fgetc(maps)) != EOF;) count += c == '\n' ? 1 : 0;
    fclose(maps);
    return count;
  };
  Pair pair{client(1), client(3), nullptr, nullptr, {}, 0};
  std::size_t fds = 0, maps = 0;
  std::set<std::uint32_t> ids;
  for (int round = 0; round < 1000; ++round) {
    ASSERT_NO_FATAL_FAILURE(pair.connect());
    ids.insert(pair.id);
    pair.out->publish("x");
    if (round % 50 == 0) {
      daemon.set_gate(refuse_all);
      ASSERT_TRUE(eventually([&] { return pair.in->header->revoked == Revocation::kPolicy; }));
      daemon.set_gate(nullptr);
    }
    pair.receiver.release(pair.id);
    pair.sender.release(pair.id);
    pair.out.reset(), pair.in.reset(), pair.wake.reset();
    ASSERT_TRUE(eventually([&] { return daemon.server().clients()[1].channels_in == 0; }));
    if (round == 10) fds = descriptors(), maps = mappings();
  }
  EXPECT_EQ(ids.size(), 1000U) << "an id is never used twice";
  EXPECT_TRUE(eventually([&] { return descriptors() == fds; })) << descriptors() << " now, " << fds << " before";
  EXPECT_TRUE(eventually([&] { return mappings() <= maps + 4; })) << mappings() << " now, " << maps << " before";
  EXPECT_EQ(daemon.server().counters(1).tx_pkts, 1000U);
  EXPECT_EQ(daemon.server().counters(3).rx_pkts, 1000U);
}

}  // namespace
}  // namespace weft::efa::test
