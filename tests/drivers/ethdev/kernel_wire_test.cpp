// af_packet and af_xdp over veth pairs: a port at each end, or the kernel's own stack at one.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/drivers/ethdev/wires.hpp"

namespace weft::test {
namespace {

constexpr char kPacket[] = "net_af_packet", kXdp[] = "net_af_xdp";

int shell(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()); }

/// wire0 and wire1, which speak only when they are told to.
class KernelWire : public WireTest, public ::testing::WithParamInterface<const char*> {
 protected:
  KernelWire() { make(1500, 1); }
  ~KernelWire() override { shell("ip link del wire0"); }

  static void make(int mtu, int queues) {
    shell("ip link del wire0");
    const std::string channels = " numtxqueues " + std::to_string(queues) + " numrxqueues " + std::to_string(queues);
    ASSERT_EQ(shell("ip link add wire0" + channels + " type veth peer name wire1" + channels), 0);
    for (const char* const name : {"wire0", "wire1"}) {
      shell(std::string("sysctl -w net.ipv6.conf.") + name + ".disable_ipv6=1");
      ASSERT_EQ(shell(std::string("ip link set ") + name + " mtu " + std::to_string(mtu) + " up"), 0);
    }
  }

  std::string device(const char* interface) const { return std::string(GetParam()) + ",iface=" + interface; }
  /// Empty with the test skipped: this kernel does not let us.
  Ports open_or_skip(const char* interface, std::uint16_t queues = 1, std::uint16_t mtu = 9001) {
    auto opened = open_ethdev_ports(ethdev(device(interface), queues), pool.get(), mtu);
    if (opened) return std::move(*opened);
    if (GetParam() == std::string(kXdp)) skipped = opened.error().message;
    else ADD_FAILURE() << opened.error().to_string();
    return {};
  }
  bool is_xdp() const { return GetParam() == std::string(kXdp); }

  std::string skipped;
};

#define OPEN_OR_SKIP(name, ...)                          \
  Ports name = open_or_skip(__VA_ARGS__);                \
  if (name.empty()) GTEST_SKIP() << "refused: " << skipped

TEST_P(KernelWire, FramesPassBothWays) {
  {
    OPEN_OR_SKIP(one, "wire0");
    OPEN_OR_SKIP(other, "wire1");
    EXPECT_TRUE(eventually([&] { return one[0]->link_up() && other[0]->link_up(); }));
    EXPECT_EQ(one[0]->capabilities().mtu, 1500) << "the interface's own";
    EXPECT_FALSE(one[0]->capabilities().checksum);
    for (const std::size_t bytes : {0U, 1U, 100U, 1472U}) {
      const Frame there = udp(kThere, 1000, 2000, bytes);
      const Frame back = tcp(kBack, 2000, 1000, TcpHeader::kAck, std::min<std::size_t>(bytes, 1400));
      ASSERT_TRUE(send(*one[0], there));
      Frame received = next_bytes(*other[0]);
      received.resize(std::max(received.size(), there.size()));
      EXPECT_EQ(received, there);
      ASSERT_TRUE(send(*other[0], back));
      EXPECT_EQ(next_bytes(*one[0]), back);
    }
  }
  if (!is_xdp()) {
    EXPECT_EQ(packets_in_use(), 0U);
  }
}

TEST_P(KernelWire, ASleeperIsWokenByAFrame) {
  OPEN_OR_SKIP(one, "wire0");
  OPEN_OR_SKIP(other, "wire1");
  Port& sleeper = *other[0];
  ASSERT_GE(sleeper.wake_fd(), 0);
  EXPECT_EQ(sleeper.longest_sleep_us(), Port::kForever);
  pollfd ready{sleeper.wake_fd(), POLLIN, 0};
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(eventually([&] { return sleeper.arm(-1); }));
    ASSERT_EQ(::poll(&ready, 1, 0), 0) << "nothing has come";
    ASSERT_TRUE(send(*one[0], udp(kThere, 1, 1)));
    ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
    sleeper.disarm();
    ASSERT_FALSE(next_bytes(sleeper).empty());
    // The kernel's ring may say so a moment longer.
    rte_mbuf* none = nullptr;
    ASSERT_TRUE(eventually([&] { return sleeper.receive({&none, 1}) == 0 && ::poll(&ready, 1, 0) == 0; }));
  }
}

TEST_P(KernelWire, TheLinkFollowsTheOtherEnd) {
  OPEN_OR_SKIP(ports, "wire0");
  Port& port = *ports[0];
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  for (int round = 0; round < 2; ++round) {
    shell("ip link set wire1 down");
    ASSERT_TRUE(eventually([&] { return !port.link_up(); }));
    rte_mbuf* frame = packet(udp(kThere, 1, 1));
    EXPECT_EQ(port.transmit({&frame, 1}), 0);
    rte_pktmbuf_free(frame);
    shell("ip link set wire1 up");
    ASSERT_TRUE(eventually([&] { return port.link_up(); }));
    EXPECT_TRUE(send(port, udp(kThere, 1, 1)));
  }
  EXPECT_FALSE(wire_statistics().empty());
}

TEST_P(KernelWire, AnInterfaceThatGoesUnderTrafficIsALinkThatIsDown) {
  {
    OPEN_OR_SKIP(one, "wire0");
    OPEN_OR_SKIP(other, "wire1");
    ASSERT_TRUE(eventually([&] { return one[0]->link_up() && other[0]->link_up(); }));
    std::atomic<bool> stop{false};
    std::atomic<unsigned> received{0};
    std::thread sender([&] {
      while (!stop) {
        rte_mbuf* const frame = packet(udp(kThere, 1, 1));
        if (one[0]->transmit({&frame, 1}) == 0) rte_pktmbuf_free(frame);
      }
    });
    std::thread receiver([&] {
      while (!stop) {
        rte_mbuf* burst[32];
        const std::uint16_t count = other[0]->receive(burst);
        rte_pktmbuf_free_bulk(burst, count);
        received += count;
      }
    });
    EXPECT_TRUE(eventually([&] { return received > 100; }));
    shell("ip link del wire0");
    EXPECT_TRUE(eventually([&] { return !one[0]->link_up() && !other[0]->link_up(); }));
    stop = true;
    sender.join();
    receiver.join();
    wire_statistics();
  }
  if (!is_xdp()) {
    EXPECT_EQ(packets_in_use(), 0U);
  }
}

TEST_P(KernelWire, TwoQueues) {
  make(1500, 2);
  OPEN_OR_SKIP(one, "wire0", 2);
  ASSERT_EQ(one.size(), 2U);
  OPEN_OR_SKIP(other, "wire1", 2);
  EXPECT_NE(other[0]->wake_fd(), other[1]->wake_fd());
  unsigned received = 0;
  for (std::uint16_t i = 0; i < 64; ++i) ASSERT_TRUE(send(*one[i % 2], udp(kThere, static_cast<std::uint16_t>(1000 + i), 7)));
  EXPECT_TRUE(eventually([&] {
    for (const auto& port : other) {
      rte_mbuf* burst[32];
      const std::uint16_t count = port->receive(burst);
      rte_pktmbuf_free_bulk(burst, count);
      received += count;
    }
    return received == 64;
  })) << received;
}

/// What a program of the kernel sends has its checksum left to a card that a veth has not.
TEST_P(KernelWire, AChecksumThatTheKernelLeftOpenIsSaidToBePartial) {
  OPEN_OR_SKIP(ports, "wire0");
  ASSERT_EQ(shell("ip addr add 10.0.1.5/24 dev wire1"), 0);
  ASSERT_EQ(shell("ip neigh replace 10.0.1.4 lladdr 02:00:00:00:00:01 dev wire1"), 0);
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  ::inet_pton(AF_INET, "10.0.1.4", &to.sin_addr);
  ASSERT_EQ(::sendto(socket, "hello", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 5);
  ::close(socket);
  rte_mbuf* const frame = next_ipv4(*ports[0]);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM);
  EXPECT_EQ(frame->l2_len, 14);
  EXPECT_EQ(frame->l3_len, 20);
  rte_pktmbuf_free(frame);
}

INSTANTIATE_TEST_SUITE_P(, KernelWire, ::testing::Values(kPacket, kXdp),
                         [](const auto& parameter) { return std::string(parameter.param) == kXdp ? "xdp" : "packet"; });

class PacketWire : public KernelWire {};

TEST_P(PacketWire, JumboFramesAreReceivedInOnePiece) {
  make(9000, 1);
  {
    OPEN_OR_SKIP(one, "wire0");
    OPEN_OR_SKIP(other, "wire1");
    EXPECT_EQ(one[0]->capabilities().mtu, 9000);
    const Frame frame = udp(kThere, 1, 1, 8972);
    ASSERT_TRUE(send(*one[0], frame)) << "a chain of the engine's buffers";
    EXPECT_EQ(next_bytes(*other[0]), frame);
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, PacketWire, ::testing::Values(kPacket));

using RefusedWire = KernelWire;

TEST_P(RefusedWire, SaysWhy) {
  EXPECT_NE(refused(ethdev("net_af_packet,iface=nowhere")).find("there is no interface nowhere"), std::string::npos);
  EXPECT_NE(refused(ethdev("net_af_packet")).find("names no interface"), std::string::npos);
  const Ports first = open(ethdev("net_af_packet,iface=wire0"));
  EXPECT_NE(refused(ethdev("net_af_xdp,iface=wire0")).find("interface wire0 is another ENI's port"), std::string::npos);
  EXPECT_NE(refused(ethdev("net_af_packet,iface=wire1,framesz=128")).find("framesz is 128"), std::string::npos);
  EXPECT_NE(refused(ethdev("net_af_packet,iface=wire1,qpairs=1", 2)).find("has 1 queue in each direction, and queues: 2"),
            std::string::npos);
  const std::string channels = refused(ethdev("net_af_xdp,iface=wire1", 2));
  EXPECT_NE(channels.find("wire1 has 1 channel"), std::string::npos) << channels;
  EXPECT_EQ(open(ethdev("net_af_packet,iface=wire1")).size(), 1U) << "a refusal leaves nothing behind";
}

INSTANTIATE_TEST_SUITE_P(, RefusedWire, ::testing::Values(kPacket));

}  // namespace
}  // namespace weft::test
