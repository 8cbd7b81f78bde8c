// Two namespaces, two TAPs, one worker: real TCP through the engine, with offloads and without.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "dataplane/worker/engine.hpp"
#include "drivers/tap/tap_port.hpp"
#include "tests/dataplane/policy/fixtures.hpp"
#include "tests/dataplane/worker/frames.hpp"
#include "tests/drivers/tap/namespace_guest.hpp"

namespace weft::test {
namespace {

/// A TAP that says it can do nothing, and vouches for nothing: the guest's kernel then checks what the engine computed.
class PlainTap final : public Port {
 public:
  PlainTap(int fd, Engine& engine, std::uint16_t mtu)
      : tap_(fd, engine.mempool(), mtu, engine.large_mempool()), mtu_(mtu) {}
  PortCapabilities capabilities() const noexcept override {
    return {.mtu = mtu_, .checksum = false, .tso = false, .chains = true};
  }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return tap_.receive(burst); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    for (rte_mbuf* frame : burst) {
      if ((frame->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) != 0) unfinished = true;
      frame->ol_flags = 0;
    }
    return tap_.transmit(burst);
  }
  int readiness_fd() const noexcept override { return tap_.readiness_fd(); }

  static inline std::atomic<bool> unfinished{false};

 private:
  TapPort tap_;
  std::uint16_t mtu_;
};

class TapEngine : public ::testing::Test {
 protected:
  static constexpr char kMacs[2][18] = {"02:00:0a:00:01:04", "02:00:0a:00:01:05"};

  void start(bool plain, int mtu) {
    SecurityGroup group{.id = "sg-1", .name = "all", .description = "", .ingress = {all(cidr("0.0.0.0/0"))},
                        .egress = {all(cidr("0.0.0.0/0"))}};
    Deployment deployment = make_deployment({group}, {make_instance("a", "10.0.1.4", {"all"}),
                                                      make_instance("b", "10.0.1.5", {"all"})});
    auto made = Engine::create({});
    ASSERT_TRUE(made);
    engine = std::move(*made);
    std::vector<Engine::Attachment> ports;
    for (unsigned i = 0; i < 2; ++i) {
      guests[i] = std::make_unique<NamespaceGuest>(i == 0 ? "10.0.1.4" : "10.0.1.5", kMacs[i], mtu);
      Eni& eni = deployment.instances[i].enis[0];
      eni.mac = mac(kMacs[i]);
      const auto size = static_cast<std::uint16_t>(mtu);
      std::unique_ptr<Port> port;
      if (plain) port = std::make_unique<PlainTap>(guests[i]->release_tap(), *engine, size);
      else port = std::make_unique<TapPort>(guests[i]->release_tap(), engine->mempool(), size, engine->large_mempool());
      ports.push_back({eni.id, std::move(port)});
    }
    ASSERT_TRUE(engine->apply(std::make_shared<const Deployment>(deployment), std::move(ports)));
    engine->start();
  }

  /// 16 MiB by TCP from guest 0 to guest 1; every byte is compared.
  void transfer() {
    constexpr std::size_t kTotal = 16 << 20;
    int listener = -1, client = -1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(5001);
    ::inet_pton(AF_INET, "10.0.1.5", &address.sin_addr);
    const timeval patience{20, 0};
    guests[1]->inside([&] {
      listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      ASSERT_EQ(::listen(listener, 1), 0);
      ::setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    });
    std::size_t received = 0;
    bool intact = true;
    std::thread server([&] {
      const int connection = ::accept(listener, nullptr, nullptr);
      ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      std::vector<std::uint8_t> room(1 << 16);
      for (ssize_t got; (got = ::recv(connection, room.data(), room.size(), 0)) > 0;)
        for (ssize_t i = 0; i < got; ++i, ++received) intact = intact && room[static_cast<std::size_t>(i)] == byte_at(received);
      ::close(connection);
    });
    guests[0]->inside([&] {
      client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
      std::vector<std::uint8_t> data(1 << 20);
      for (std::size_t sent = 0; sent < kTotal;) {
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = byte_at(sent + i);
        const ssize_t now = ::send(client, data.data(), std::min(data.size(), kTotal - sent), MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<std::size_t>(now);
      }
      ::close(client);
    });
    server.join();
    ::close(listener);
    EXPECT_EQ(received, kTotal);
    EXPECT_TRUE(intact);
  }
  static std::uint8_t byte_at(std::size_t at) { return static_cast<std::uint8_t>(at * 31 + (at >> 13)); }

  std::unique_ptr<NamespaceGuest> guests[2];
  std::unique_ptr<Engine> engine;
};

TEST_F(TapEngine, TcpCrossesInSuperSegments) {
  start(false, 9001);
  transfer();
  engine->stop();
  const EniStatistics b = engine->statistics().at(1);
  EXPECT_GT(b.rx_bytes / b.rx_packets, 9015U) << "frames are larger than any MTU, so they crossed whole";
  EXPECT_EQ(engine->balance().copies, 0U);
  EXPECT_TRUE(engine->balance().holds());
}

TEST_F(TapEngine, SegmentsAndChecksumsMadeInSoftwareSatisfyTheKernel) {
  for (const int mtu : {1500, 9001}) {
    PlainTap::unfinished = false;
    start(true, mtu);
    transfer();
    engine->stop();
    EXPECT_FALSE(PlainTap::unfinished) << "a port that can do nothing got something to do";
    EXPECT_GT(engine->balance().copies, 1000U);
    const EniStatistics b = engine->statistics().at(1);
    EXPECT_LE(b.rx_bytes / b.rx_packets, static_cast<std::uint64_t>(mtu) + 14);
    EXPECT_TRUE(engine->balance().holds());
    engine.reset();
  }
}

TEST_F(TapEngine, AnIdleWorkerIsWokenByATap) {
  start(false, 9001);
  EXPECT_EQ(guests[0]->command("ping -c1 -W5 10.0.1.5 >/dev/null"), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const std::uint64_t before = engine->idle_times().at(0).asleep_ns;
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(guests[0]->command("ping -c2 -i0.2 -W5 -M do -s 8973 10.0.1.5 >/dev/null"), 0) << "9001 bytes of IP";
  EXPECT_GT(engine->idle_times().at(0).asleep_ns, before + 200'000'000);
}

TEST_F(TapEngine, AGuestThatTakesItsInterfaceDownTakesNobodyAlong) {
  start(false, 9001);
  ASSERT_EQ(guests[1]->command("ip link set eth0 down"), 0);
  EXPECT_NE(guests[0]->command("ping -c1 -W1 10.0.1.5 >/dev/null"), 0);
  EXPECT_EQ(guests[0]->command("ping -c1 -W5 10.0.1.1 >/dev/null"), 0) << "the router still answers";
  EXPECT_EQ(engine->statistics().at(0).drops[static_cast<std::size_t>(DropReason::kPortFull)], 1U);
  ASSERT_EQ(guests[1]->command("ip link set eth0 up"), 0);
  EXPECT_EQ(guests[0]->command("ping -c1 -W5 10.0.1.5 >/dev/null"), 0);
}

TEST_F(TapEngine, AGuestThatDeletesItsInterfaceDoesNotKeepTheWorkerAwake) {
  start(false, 9001);
  ASSERT_EQ(guests[1]->command("ip link del eth0"), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const std::uint64_t before = engine->idle_times().at(0).asleep_ns;
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_GT(engine->idle_times().at(0).asleep_ns, before + 400'000'000);
  EXPECT_EQ(guests[0]->command("ping -c1 -W5 10.0.1.1 >/dev/null"), 0);
}

}  // namespace
}  // namespace weft::test
