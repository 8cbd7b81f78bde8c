// The fabric on real sockets and a polling thread: who crosses it is said at the greeting, the daemon does not sleep past an
// arrival, and channels step aside.
#include "tests/drivers/efa/express_client.hpp"
#include "tests/drivers/efa/mapped_client.hpp"

namespace weft::efa::test {
namespace {

constexpr std::uint8_t kOnWireByte = static_cast<std::uint8_t>(SendHint::kOnWire) << kStatusBits;

class FabricServerTest : public ChannelServerTest {
 protected:
  std::unique_ptr<GreetedClient> open(std::uint8_t number, std::uint64_t features) const {
    return std::make_unique<GreetedClient>(path(number == 3 ? "b" : "a"),
                                           LoopbackDaemon::function("", number).address.octets, features);
  }
};

TEST_F(FabricServerTest, who_recovers_losses_says_so_at_its_greeting) {
  const auto a = open(1, kFeatureFabric), b = open(3, kFeatureFabric), old = open(3, kFeatureExpress);
  daemon.set_fabric([](auto...) { return EfaPassage{.lost = true}; });
  EXPECT_EQ(a->send(*b, "lost"), kOnWireByte);
  EXPECT_EQ(a->send(*old, "as ever"), 0);
  EXPECT_TRUE(old->queue.take());
  daemon.set_fabric(nullptr);
  EXPECT_EQ(a->send(*b, "not lost"), 0);
  EXPECT_EQ(b->queue.take()->payload.size(), 8U);
}

TEST_F(FabricServerTest, the_fabric_is_told_both_ends_the_path_the_time_and_the_bytes) {
  const auto a = open(1, kFeatureFabric), b = open(3, kFeatureFabric);
  std::tuple<EniSlot, EniSlot, std::uint8_t, std::uint32_t> asked;
  std::uint64_t asked_ns = 0;
  daemon.set_fabric([&](EniSlot from, EniSlot to, std::uint8_t path, std::uint64_t now_ns, std::uint32_t bytes) {
    asked = {from, to, path, bytes};
    asked_ns = now_ns;
    return EfaPassage{.at_ns = now_ns};
  });
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  EXPECT_EQ(a->send(*b, "12345"), kOnWireByte);
  daemon.set_fabric(nullptr);  // and what the polling thread has written is ours
  EXPECT_EQ(asked, std::tuple(1, 3, 0, 5U));
  EXPECT_GE(asked_ns, static_cast<std::uint64_t>(before.count()) - 1'000'000);
  EXPECT_TRUE(b->queue.take());
}

TEST_F(FabricServerTest, a_sleeping_daemon_wakes_for_what_arrives) {
  const auto a = open(1, kFeatureFabric), b = open(3, kFeatureFabric);
  constexpr std::uint64_t kLatencyNs = 200'000'000;  // time enough to fall asleep on a busy machine
  daemon.set_fabric([](EniSlot, EniSlot, std::uint8_t, std::uint64_t now_ns, std::uint32_t) {
    return EfaPassage{.at_ns = now_ns + kLatencyNs};
  });
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(a->send(*b, "late"), kOnWireByte);
  bool slept = false;
  EXPECT_TRUE(MappedClient::wait([&] {
    slept = slept || b->queue.header()->daemon_asleep != 0;
    return b->queue.header()->delivered != 0;
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::nanoseconds(kLatencyNs - 1'000'000));
  EXPECT_TRUE(slept);
  EXPECT_TRUE(b->queue.take());
}

TEST_F(FabricServerTest, channels_step_aside_while_the_fabric_is_impaired) {
  Pair pair = connected();
  daemon.set_fabric([](auto...) { return EfaPassage{.lost = true}; });
  EXPECT_TRUE(eventually([&] { return pair.out->header->revoked == Revocation::kPolicy; }));
  pair.release();
  EXPECT_TRUE(eventually([&] { return daemon.server().clients()[1].channels_in == 0; }));
  EXPECT_EQ(pair.sender.ask(pair.receiver), static_cast<std::uint32_t>(EACCES));
  daemon.set_fabric(nullptr);
  pair.connect();
  EXPECT_EQ(pair.out->header->revoked, Revocation::kNone);
}

}  // namespace
}  // namespace weft::efa::test
