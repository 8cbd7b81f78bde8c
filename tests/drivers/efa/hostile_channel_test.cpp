// Clients of express channels that do not keep to the protocol, read nothing, or die in the middle of it.
#include <random>

#include "tests/drivers/efa/express_client.hpp"

namespace weft::efa::test {
namespace {

std::size_t descriptors_now() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

EfaVerdict refuse_everything(EniSlot, EniSlot) { return EfaVerdict::kGroupEgress; }

TEST_F(ChannelServerTest, records_about_channels_out_of_place_end_the_connection) {
  const auto request = Talker::prepared<RequestChannel>(MessageType::kRequestChannel);
  const auto release = Talker::prepared<ReleaseChannel>(MessageType::kReleaseChannel);
  for (const bool has_queue_pair : {false, true}) {
    for (int record = 0; record < 6; ++record) {
      ExpressClient whole = client(1);
      Talker greeted_only = greeted();
      Talker& talker = has_queue_pair ? whole.talker : greeted_only;
      RequestChannel short_request = request;
      ReleaseChannel short_release = release;
      switch (record) {
        case 0: short_request.header.size -= 4, talker.say(&short_request, sizeof request - 4); break;
        case 1: short_release.header.size -= 8, talker.say(&short_release, sizeof release - 8); break;
        case 2: talker.say(Talker::prepared<ChannelGranted>(MessageType::kChannelGranted)); break;
        case 3: talker.say(Talker::prepared<ChannelOffered>(MessageType::kChannelOffered)); break;
        case 4: talker.say(release); break;  // of no channel
        default:
          if (has_queue_pair) continue;  // in place then
          talker.say(request);
      }
      EXPECT_EQ(talker.hear<HelloReply>().header.error, static_cast<std::uint32_t>(EPROTO)) << record;
      EXPECT_TRUE(talker.hung_up()) << record;
    }
  }
}

TEST_F(ChannelServerTest, a_request_before_the_queue_pair_was_answered_is_out_of_place) {
  daemon.pause();
  Talker talker(path("a"));
  talker.say(Talker::hello());
  talker.hear<HelloReply>();
  talker.say(Talker::create_qp());
  talker.say(Talker::prepared<RequestChannel>(MessageType::kRequestChannel));
  EXPECT_EQ(talker.hear<HelloReply>().header.error, static_cast<std::uint32_t>(EPROTO));
  daemon.resume();
}

/// How many answers the daemon can put into the socket of a client that reads none.
std::uint32_t answers_that_fit(ExpressClient victim) {
  RequestChannel nobody = victim.request_to(victim);
  ++nobody.qkey;
  std::uint32_t answered = 0;
  while (victim.talker.say(nobody)) answered = victim.header().notices;
  return std::max(answered, victim.header().notices.load());
}

TEST_F(ChannelServerTest, a_receiver_that_does_not_read_costs_the_sender_a_refusal_and_nobody_else_anything) {
  const std::uint32_t fit = answers_that_fit(client(3));
  ExpressClient deaf = client(3), sender = client(1), other = client(2);
  RequestChannel nobody = deaf.request_to(deaf);
  ++nobody.qkey;
  for (std::uint32_t i = 0; i < fit; ++i) {
    deaf.talker.say(nobody);
    ASSERT_TRUE(eventually([&] { return deaf.header().notices == i + 1; }));
  }
  EXPECT_EQ(sender.ask(deaf), static_cast<std::uint32_t>(ENOBUFS));
  EXPECT_EQ(sender.ask(other), 0U);
  for (std::uint32_t i = 0; i < fit; ++i)
    EXPECT_EQ(deaf.talker.hear<ChannelGranted>().header.error, static_cast<std::uint32_t>(ENOENT));
  EXPECT_EQ(sender.ask(deaf), 0U) << "it reads again";
}

TEST_F(ChannelServerTest, a_requester_that_does_not_read_is_hung_up_on) {
  ExpressClient deaf = client(1);
  RequestChannel nobody = deaf.request_to(deaf);
  ++nobody.qkey;
  int said = 0;
  while (deaf.talker.say(nobody) && said < 100000) ++said;
  EXPECT_LT(said, 100000);
  EXPECT_EQ(client(3).announced, kFeatureExpress | kFeatureFabric);
}

TEST_F(ChannelServerTest, clients_that_die_at_any_step_leave_nothing) {
  std::mt19937 random(3);
  const std::size_t before = descriptors_now();
  for (int round = 0; round < 150; ++round) {
    auto sender = std::make_unique<ExpressClient>(client(1)), receiver = std::make_unique<ExpressClient>(client(3));
    const auto die = [&](unsigned step) {
      if (random() % 6 != step) return;
      (random() % 2 == 0 ? sender : receiver).reset();
    };
    const RequestChannel request = sender->request_to(*receiver);
    die(0);
    if (sender) sender->talker.say(request);
    die(1);
    std::uint32_t id = 0;
    if (sender) id = sender->talker.hear<ChannelGranted>().id;
    die(2);
    if (receiver && id != 0) receiver->talker.hear<ChannelOffered>();
    die(3);
    if (sender && id != 0) sender->release(id);
    die(4);
    if (receiver && id != 0) receiver->release(id);
    die(5);
  }
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().empty(); }));
  EXPECT_TRUE(eventually([&] { return descriptors_now() <= before; })) << descriptors_now() << " now, " << before << " before";
}

TEST_F(ChannelServerTest, random_records_and_scribbled_channels_never_harm_the_daemon) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    ExpressClient sender = client(1), receiver = client(3);
    if (sender.ask(receiver) == 0) {
      const ChannelSide side(sender.talker.received[0]);
      auto* words = reinterpret_cast<volatile std::uint32_t*>(side.header);
      for (std::size_t i = 0; i < side.size() / 4; i += 1 + random() % 50) words[i] = random();
    }
    for (int step = 0; step < 4; ++step) {
      unsigned char record[sizeof(RequestChannel)];
      const RequestChannel request = sender.request_to(receiver);
      auto release = Talker::prepared<ReleaseChannel>(MessageType::kReleaseChannel);
      release.id = sender.granted.id;
      const std::size_t size = step % 2 == 0 ? sizeof request : sizeof release;
      std::memcpy(record, step % 2 == 0 ? static_cast<const void*>(&request) : &release, size);
      if (random() % 2 == 0) record[random() % size] ^= static_cast<unsigned char>(1U << random() % 8);
      (random() % 2 == 0 ? sender : receiver).talker.say(record, size);
      if (random() % 8 == 0) daemon.set_gate(random() % 2 == 0 ? &refuse_everything : nullptr);
    }
  }
  daemon.set_gate(nullptr);
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().empty(); }));
  EXPECT_EQ(client(1).ask(client(3)), 0U);
}

}  // namespace
}  // namespace weft::efa::test
