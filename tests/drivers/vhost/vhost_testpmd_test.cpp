// The port against DPDK's virtio-user driver: both kinds of rings, several queues, both sides as the server.
#include <algorithm>
#include <set>

#include "tests/drivers/vhost/testpmd.hpp"
#include "tests/drivers/vhost/vhost_test.hpp"

namespace weft::test {
namespace {

class VhostTestpmd : public VhostTest {
 protected:
  void SetUp() override {
    if (!Testpmd::installed()) GTEST_SKIP() << "no dpdk-testpmd (package dpdk-dev)";
  }
  std::string device(const std::string& more) const { return "path=" + backend().socket + "," + more; }

  /// Sends `sent` until it comes back with its addresses exchanged, by testpmd's macswap.
  static void expect_echo(VhostTestpmd& test, Port& port, const Bytes& sent) {
    Bytes expected = sent;
    std::swap_ranges(expected.begin(), expected.begin() + 6, expected.begin() + 6);
    bool same = false;
    const auto comes_back = [&] {
      rte_mbuf* frame = test.packet(sent);
      if (port.transmit({&frame, 1}) == 0) rte_pktmbuf_free(frame);
      return eventually([&] {
        rte_mbuf* burst[32];
        const std::uint16_t count = port.receive(burst);
        for (unsigned i = 0; i < count; ++i) same = bytes_of(burst[i]) == expected || same;
        rte_pktmbuf_free_bulk(burst, count);
        return same;
      }, std::chrono::seconds(1));
    };
    // Again, for testpmd sets its card up twice before it forwards, and what is in a ring then is lost.
    EXPECT_TRUE(eventually(comes_back)) << sent.size() << " bytes do not come back";
  }
};

TEST_F(VhostTestpmd, FramesOfAllSizesComeBackWhole) {
  for (const char* ring : {"queues=1,packed_vq=0", "queues=1,packed_vq=1", "queues=1,packed_vq=1,in_order=0,mrg_rxbuf=1",
                           "queues=1,packed_vq=0,in_order=0"}) {
    SCOPED_TRACE(ring);
    Port& port = open();
    Testpmd guest(folder, device(ring), "--forward-mode=macswap --max-pkt-len=9018 --enable-scatter");
    ASSERT_TRUE(eventually([&] { return port.link_up(); }, std::chrono::seconds(60))) << guest.log();
    for (const std::size_t bytes : {60U, 1514U, 4000U, 9015U}) expect_echo(*this, port, plain_frame(bytes, 5));
    ports.clear();
  }
}

TEST_F(VhostTestpmd, AKilledGuestIsReplacedUnderTraffic) {
  Port& port = open();
  for (unsigned round = 0; round < 3; ++round) {
    Testpmd guest(folder, device(round % 2 != 0 ? "queues=1,packed_vq=1" : "queues=1"), "--forward-mode=txonly");
    std::uint64_t got = 0;
    const auto take = [&] {
      rte_mbuf* burst[32];
      const std::uint16_t count = port.receive(burst);
      const std::uint16_t sent = port.transmit({burst, count});
      rte_pktmbuf_free_bulk(burst + sent, count - sent);
      got += count;
      return got > 10000;
    };
    ASSERT_TRUE(eventually([&] { return take(); }, std::chrono::seconds(60))) << guest.log();
    guest.kill();
    EXPECT_TRUE(eventually([&] { return take(), !port.link_up(); }));
  }
}

TEST_F(VhostTestpmd, EachQueueIsAPort) {
  open(backend(true, 2));
  Testpmd guest(folder, device("queues=2"), "--forward-mode=macswap --rxq=2 --txq=2");
  ASSERT_TRUE(eventually([&] { return ports[0]->link_up() && ports[1]->link_up(); }, std::chrono::seconds(60)))
      << guest.log();
  for (const auto& port : ports) expect_echo(*this, *port, plain_frame(200, 9));
}

TEST_F(VhostTestpmd, TheGuestMayBeTheServerAndRestart) {
  Port& port = open(backend(false));
  for (unsigned round = 0; round < 2; ++round) {
    Testpmd guest(folder, device("queues=1,server=1"), "--forward-mode=macswap");
    ASSERT_TRUE(eventually([&] { return port.link_up(); }, std::chrono::seconds(60))) << guest.log();
    expect_echo(*this, port, plain_frame(300, 1));
    guest.kill();
    std::filesystem::remove(backend().socket);
    EXPECT_TRUE(eventually([&] { return !port.link_up(); }));
  }
}

TEST_F(VhostTestpmd, TheDaemonMayRestartWhileTheGuestIsTheServer) {
  Testpmd guest(folder, device("queues=1,server=1"), "--forward-mode=macswap");
  for (unsigned round = 0; round < 2; ++round) {
    Port& port = open(backend(false));
    ASSERT_TRUE(eventually([&] { return port.link_up(); }, std::chrono::seconds(60))) << guest.log();
    expect_echo(*this, port, plain_frame(300, 1));
    ports.clear();
  }
}

}  // namespace
}  // namespace weft::test
