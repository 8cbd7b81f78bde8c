// Ports over DPDK's devices of pure software: what goes in comes out, clean, and nothing is left behind.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "tests/drivers/ethdev/wires.hpp"

namespace weft::test {
namespace {

using RingDevice = WireTest;

TEST_F(RingDevice, ALoopGivesBackWhatWasSent) {
  {
    const Ports ports = open(ethdev("net_ring"));
    ASSERT_EQ(ports.size(), 1U);
    EXPECT_TRUE(eventually([&] { return ports[0]->link_up(); }));
    const Frame frame = udp(kThere, 1000, 2000, 40);
    ASSERT_TRUE(send(*ports[0], frame));
    EXPECT_EQ(next_bytes(*ports[0]), frame);
  }
  EXPECT_EQ(packets_in_use(), 0U);
  EXPECT_EQ(rte_eth_dev_count_total(), 0U) << "the device is removed with its last port";
}

TEST_F(RingDevice, NothingOfTheSendersOffloadsIsLeft) {
  const Ports ports = open(ethdev("net_ring"));
  rte_mbuf* frame = packet(udp(kThere, 1000, 2000, 40));
  frame->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH;
  frame->l2_len = 14;
  frame->l3_len = 20;
  ASSERT_EQ(ports[0]->transmit({&frame, 1}), 1);
  frame = next_ipv4(*ports[0]);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  EXPECT_EQ(frame->tx_offload, 0U);
  rte_pktmbuf_free(frame);
}

TEST_F(RingDevice, AFrameWithABadIpChecksumEndsHereAndIsCounted) {
  const Ports ports = open(ethdev("net_ring"));
  rte_mbuf* bad = packet(udp(kThere, 1, 1));
  bad->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_BAD;
  rte_mbuf* wrong = packet(udp(kThere, 2, 2));
  wrong->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
  rte_mbuf* const both[] = {bad, wrong};
  ASSERT_EQ(ports[0]->transmit(both), 2);
  rte_mbuf* received[4];
  ASSERT_EQ(ports[0]->receive(received), 1) << "a wrong L4 checksum is for the receiver to find";
  EXPECT_EQ(received[0], wrong);
  EXPECT_EQ(wrong->ol_flags, 0U);
  rte_pktmbuf_free(wrong);
  EXPECT_EQ(packets_in_use(), 0U);
  EXPECT_EQ(counted("weft_rx_bad_ip_checksum"), 1U);
}

TEST_F(RingDevice, AVlanTagThatTheCardTookOffIsPutBack) {
  const Ports ports = open(ethdev("net_ring"));
  rte_mbuf* frame = packet(udp(kThere, 1, 1));
  const std::uint32_t before = frame->pkt_len;
  frame->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  frame->vlan_tci = 5;
  ASSERT_EQ(ports[0]->transmit({&frame, 1}), 1);
  ASSERT_EQ(ports[0]->receive({&frame, 1}), 1);
  EXPECT_EQ(frame->pkt_len, before + 4);
  EXPECT_EQ(rte_pktmbuf_mtod(frame, EthernetHeader*)->ether_type.host(), kEtherTypeVlan);
  EXPECT_EQ(frame->ol_flags, 0U);
  EXPECT_EQ(frame->tx_offload, 0U);
  rte_pktmbuf_free(frame);
}

TEST_F(RingDevice, JumboFramesPassAsChains) {
  const Ports ports = open(ethdev("net_ring"), 9001);
  EXPECT_EQ(ports[0]->capabilities().mtu, 9001);
  EXPECT_TRUE(ports[0]->capabilities().chains);
  EXPECT_FALSE(ports[0]->capabilities().checksum);
  EXPECT_FALSE(ports[0]->capabilities().tso);
  const Frame frame = udp(kThere, 1000, 2000, 8900);
  ASSERT_TRUE(send(*ports[0], frame));
  EXPECT_EQ(next_bytes(*ports[0]), frame);
}

TEST_F(RingDevice, TwoQueuesAreTwoPortsOfOneDevice) {
  Ports ports = open(ethdev("net_ring", 2));
  ASSERT_EQ(ports.size(), 2U);
  EXPECT_EQ(rte_eth_dev_count_total(), 1U);
  for (const std::uint16_t queue : {0, 1}) {
    const Frame frame = udp(kThere, queue, 7);
    ASSERT_TRUE(send(*ports[queue], frame));
    rte_mbuf* other = nullptr;
    EXPECT_EQ(ports[1U - queue]->receive({&other, 1}), 0);
    EXPECT_EQ(next_bytes(*ports[queue]), frame);
  }
  ports.erase(ports.begin());
  EXPECT_EQ(rte_eth_dev_count_total(), 1U);
  const Frame frame = udp(kThere, 3, 7);
  ASSERT_TRUE(send(*ports[0], frame));
  EXPECT_EQ(next_bytes(*ports[0]), frame);
}

TEST_F(RingDevice, WhatIsThereWhenAWorkerWouldSleepKeepsItAwakeAndComesInOrder) {
  const Ports ports = open(ethdev("net_ring"));
  EXPECT_TRUE(ports[0]->arm(-1));
  ports[0]->disarm();
  EXPECT_EQ(ports[0]->wake_fd(), -1);
  EXPECT_LE(ports[0]->longest_sleep_us(), 1000U) << "nothing can wake it";
  std::vector<Frame> sent;
  for (std::uint16_t i = 0; i < 20; ++i) {
    sent.push_back(udp(kThere, i, 7));
    ASSERT_TRUE(send(*ports[0], sent.back()));
  }
  EXPECT_FALSE(ports[0]->arm(-1));
  ports[0]->disarm();
  EXPECT_FALSE(ports[0]->arm(-1)) << "and stays so until they are received";
  ports[0]->disarm();
  for (const Frame& frame : sent) EXPECT_EQ(next_bytes(*ports[0]), frame);
  EXPECT_TRUE(ports[0]->arm(-1));
}

TEST_F(RingDevice, WhatArmFoundIsFreedWithThePort) {
  {
    const Ports ports = open(ethdev("net_ring"));
    ASSERT_TRUE(send(*ports[0], udp(kThere, 1, 1)));
    EXPECT_FALSE(ports[0]->arm(-1));
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

TEST_F(RingDevice, ADeviceThatIsRemovedUnderItsPortIsALinkThatIsDown) {
  {
    const Ports ports = open(ethdev("net_ring77", 2));
    ASSERT_TRUE(eventually([&] { return ports[0]->link_up(); }));
    ASSERT_TRUE(send(*ports[1], udp(kThere, 1, 1)));
    EXPECT_EQ(next_bytes(*ports[1]).size(), 60U);
    rte_eth_dev_info info{};
    std::uint16_t number = 0;
    ASSERT_EQ(rte_eth_dev_get_port_by_name("net_ring77", &number), 0);
    ASSERT_EQ(rte_eth_dev_info_get(number, &info), 0);
    ASSERT_EQ(rte_eth_dev_stop(number), 0);
    ASSERT_EQ(rte_dev_remove(info.device), 0);
    rte_mbuf* frame = packet(udp(kThere, 1, 1));
    for (const auto& port : ports) {
      EXPECT_FALSE(port->link_up());
      EXPECT_EQ(port->transmit({&frame, 1}), 0) << "the frame stays the caller's";
      rte_mbuf* received = nullptr;
      EXPECT_EQ(port->receive({&received, 1}), 0);
      EXPECT_TRUE(port->arm(-1));
      port->disarm();
    }
    rte_pktmbuf_free(frame);
    EXPECT_FALSE(wire_statistics().at(0).link_up);
  }
  EXPECT_TRUE(wire_statistics().empty());
  EXPECT_EQ(packets_in_use(), 0U);
  EXPECT_EQ(open(ethdev("net_ring77")).size(), 1U) << "and can be opened again";
}

TEST_F(RingDevice, StatisticsAreReadWhileFramesPass) {
  const Ports ports = open(ethdev("net_ring"));
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) EXPECT_EQ(wire_statistics().size(), 1U);
  });
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(send(*ports[0], udp(kThere, 1, 1)));
    ASSERT_FALSE(next_bytes(*ports[0]).empty());
  }
  stop = true;
  reader.join();
  const WireStatistics found = wire_statistics().at(0);
  EXPECT_EQ(found.device, "net_ring");
  EXPECT_EQ(found.driver, "net_ring");
  EXPECT_EQ(counted("rx_good_packets"), 1000U);
}

TEST_F(RingDevice, ADeviceOpensOftenWithoutLeavingAnything) {
  for (int i = 0; i < 50; ++i) {
    const Ports ports = open(ethdev("net_ring"));
    ASSERT_TRUE(send(*ports[0], udp(kThere, 1, 1)));
    ASSERT_FALSE(next_bytes(*ports[0]).empty());
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

using NullDevice = WireTest;

TEST_F(NullDevice, TakesEverythingAndGivesFramesWithoutEnd) {
  {
    const Ports ports = open(ethdev("net_null,size=100"), 9001);
    rte_mbuf* received[32];
    ASSERT_EQ(ports[0]->receive(received), 32);
    EXPECT_EQ(received[31]->pkt_len, 100U);
    EXPECT_EQ(ports[0]->transmit(received), 32);
    EXPECT_FALSE(ports[0]->arm(-1)) << "there is always something";
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

class PcapDevice : public WireTest {
 protected:
  PcapDevice() : folder(std::filesystem::temp_directory_path() / ("ethdev-pcap-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder);
  }
  ~PcapDevice() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
};

TEST_F(PcapDevice, WhatOneWritesAnotherReads) {
  const std::string file = folder / "frames.pcap";
  const Frame small = udp(kThere, 1, 1), large = udp(kThere, 2, 2, 8000);
  {
    const Ports out = open(ethdev("net_pcap,tx_pcap=" + file), 9001);
    ASSERT_EQ(out.size(), 1U);
    ASSERT_TRUE(send(*out[0], small));
    ASSERT_TRUE(send(*out[0], large));
  }
  {
    const Ports in = open(ethdev("net_pcap,rx_pcap=" + file), 9001);
    ASSERT_EQ(in.size(), 1U);
    EXPECT_EQ(next_bytes(*in[0]), small);
    EXPECT_EQ(next_bytes(*in[0]), large);
    rte_mbuf* none = nullptr;
    EXPECT_EQ(in[0]->receive({&none, 1}), 0) << "the file is over";
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

}  // namespace
}  // namespace weft::test
