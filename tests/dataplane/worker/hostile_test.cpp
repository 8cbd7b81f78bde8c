// Frames nobody sends by accident: cut at every byte, with every byte turned, and random ones. The engine says what is
// wrong, loses no packet buffer and keeps its balance. Run under the sanitizers as well.
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include <random>

#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

Deployment open_to_both_families() {
  SecurityGroup open = open_group();
  open.ingress.push_back(all(cidr("::/0")));
  open.egress.push_back(all(cidr("::/0")));
  return dual_stack({open}, four_guests({"open"}));
}

class Hostile : public ::testing::Test {
 protected:
  Hostile() : fabric(open_to_both_families()) {
    // Entries for the ICMP errors to be about.
    fabric.passes("b", "a", udp(fabric.path("b", "a"), 53, 5000));
    fabric.passes("b", "a", udp6(path6(fabric, "b", "a"), 53, 5000));
    free_ = rte_mempool_avail_count(fabric.engine().mempool());
  }
  ~Hostile() override {
    Fabric::advance_s(1);  // fragments that wait for a first one wait no longer
    fabric.turn();
    for (const std::string guest : {"a", "b", "c", "d"})
      while (fabric.receive(guest)) {}
    EXPECT_EQ(rte_mempool_avail_count(fabric.engine().mempool()), free_) << "packet buffers were lost";
    EXPECT_TRUE(fabric.engine().balance().holds());
  }

  std::vector<Frame> samples6() {
    const Path path = path6(fabric, "a", "b");
    const Frame segment = udp_segment(path, 1, 2);
    return {udp6(path, 1, 2),
            tcp6(path, 1, 2, TcpHeader::kSyn, 5),
            icmp6(path, 128, 0, 1),
            icmp6_error(path, 1, 4, udp6(path6(fabric, "b", "a"), 53, 5000)),
            icmp6_error(path, 2, 0, ipv6(path6(fabric, "b", "a"), kUdp, udp_segment(path6(fabric, "b", "a"), 53, 5000),
                                         kDestinationOptions, {options_header(kUdp)})),
            ipv6(path, kUdp, segment, kHopByHopOptions,
                 {options_header(kDestinationOptions), options_header(kRoutingHeader), Frame{kFragmentHeader, 0, 2, 0, 0, 0, 0, 0},
                  fragment_header(kAuthenticationHeader, 0, false), Frame{kUdp, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}),
            ipv6(path, kProtocolGre, pattern(20))};
  }
  std::vector<Frame> samples() {
    const Path path = fabric.path("a", "b");
    Frame options = udp(path, 1, 2);
    const std::uint8_t nops[] = {1, 1, 1, 0};
    options.insert(options.begin() + kIpv4L4Offset, nops, nops + 4);
    header_at<Ipv4Header>(options, kIpOffset).version_length = 0x46;
    header_at<Ipv4Header>(options, kIpOffset).total_length = Be16(static_cast<std::uint16_t>(options.size() - 14));
    return {udp(path, 1, 2),
            tcp(path, 1, 2, TcpHeader::kSyn, 5),
            icmp(path, 8, 0, 1),
            icmp_error(path, 3, 1, udp(fabric.path("b", "a"), 53, 5000)),
            arp(fabric.eni("a").mac, MacAddress::broadcast(), 1, fabric.eni("a").mac, "10.0.1.4", {}, "10.0.1.5"),
            icmp(fabric.path_to("a", "10.0.1.1"), 8, 0, 1),
            ipv4(path, kProtocolGre, pattern(20)),
            options};
  }
  void send_and_forget(const Frame& frame) {
    fabric.send("a", frame);
    for (const std::string guest : {"a", "b", "c", "d"})
      while (fabric.receive(guest)) {}
  }

  Fabric fabric;
  unsigned free_ = 0;
};

TEST_F(Hostile, AFrameCutAnywhereIsMalformedOrWhole) {
  for (const Frame& whole : samples()) {
    const bool arp_frame = header_at<EthernetHeader>(whole, 0).ether_type.host() == kEtherTypeArp;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      fabric.changes();
      const Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      send_and_forget(cut);
      if (arp_frame && length >= 42) continue;  // only padding is missing
      EXPECT_EQ(fabric.changes(), fabric.dropped("a", cut, DropReason::kMalformed)) << length << " of " << whole.size();
    }
  }
}

TEST_F(Hostile, AnIpv6FrameCutAnywhereIsMalformed) {
  for (const Frame& whole : samples6()) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      fabric.changes();
      const Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      send_and_forget(cut);
      EXPECT_EQ(fabric.changes(), fabric.dropped("a", cut, DropReason::kMalformed)) << length << " of " << whole.size();
    }
  }
}

TEST_F(Hostile, AnIpv6FrameWithAShortFirstPieceIsMalformed) {
  const Path path = path6(fabric, "a", "b");
  const Frame tcp_whole = tcp6(path, 1, 2, TcpHeader::kSyn, 30);
  const Frame chained = ipv6(path, kTcp, Frame(tcp_whole.begin() + kIpv6L4Offset, tcp_whole.end()), kHopByHopOptions,
                             {options_header(kDestinationOptions), options_header(kTcp)});
  for (const Frame& whole : {tcp_whole, chained}) {
    const std::size_t headers = whole.size() - 30;
    for (std::size_t first = 1; first < headers; ++first) {
      rte_mbuf* head = fabric.packet(Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
      rte_mbuf* tail = fabric.packet(Frame(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end()));
      ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
      fabric.changes();
      fabric.inject("a", head);
      fabric.turn();
      EXPECT_EQ(fabric.changes(), fabric.dropped("a", whole, DropReason::kMalformed)) << first;
    }
  }
}

TEST_F(Hostile, AFrameWithAShortFirstPieceIsMalformed) {
  // Headers must lie in the first mbuf: no stage looks further.
  const Frame whole = tcp(fabric.path("a", "b"), 1, 2, TcpHeader::kSyn, 30);
  for (std::uint16_t first = 1; first < 54; ++first) {
    rte_mbuf* head = fabric.packet(Frame(whole.begin(), whole.begin() + first));
    rte_mbuf* tail = fabric.packet(Frame(whole.begin() + first, whole.end()));
    ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
    fabric.changes();
    fabric.inject("a", head);
    fabric.turn();
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", whole, DropReason::kMalformed)) << first;
  }
}

TEST_F(Hostile, EveryByteTurnedEveryWayIsSurvived) {
  std::vector<Frame> frames = samples();
  for (Frame& frame : samples6()) frames.push_back(std::move(frame));
  for (const Frame& whole : frames) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const std::uint8_t mask : {0x01, 0x80, 0xff}) {
        Frame frame = whole;
        frame[at] = static_cast<std::uint8_t>(frame[at] ^ mask);
        send_and_forget(frame);
        ASSERT_TRUE(fabric.engine().balance().holds());
      }
    }
  }
}

TEST_F(Hostile, RandomBytesBehindAnEthernetHeaderAreSurvived) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    Frame frame(14 + random() % 100);
    for (std::uint8_t& byte : frame) byte = static_cast<std::uint8_t>(random());
    header_at<EthernetHeader>(frame, 0) = {fabric.eni("b").mac, fabric.eni("a").mac,
                                           Be16(random() % 4 == 0 ? kEtherTypeArp : kEtherTypeIpv4)};
    if (frame.size() >= 34) {
      auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
      if (random() % 2 == 0) ip.version_length = static_cast<std::uint8_t>(0x45 + random() % 3);
      if (random() % 2 == 0) ip.total_length = Be16(static_cast<std::uint16_t>(frame.size() - 14));
      if (random() % 2 == 0) ip.fragment = {};
      if (random() % 2 == 0) ip.source = Be32(v4("10.0.1.4"));
      if (random() % 2 == 0) ip.destination = Be32(v4("10.0.1.5"));
      if (random() % 2 == 0) ip.protocol = static_cast<std::uint8_t>(random() % 20);
    }
    send_and_forget(frame);
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST_F(Hostile, RandomIpv6ChainsAreSurvived) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::uint8_t kinds[] = {0, 43, 44, 51, 60, 6, 17, 58, 59, 50, 135};
  for (int i = 0; i < 20000; ++i) {
    Frame frame(kIpv6L4Offset + random() % 200);
    for (std::uint8_t& byte : frame)
      byte = random() % 4 == 0 ? kinds[random() % std::size(kinds)] : static_cast<std::uint8_t>(random() % 4);
    header_at<EthernetHeader>(frame, 0) = {random() % 8 == 0 ? mac("33:33:00:00:00:01") : fabric.eni("b").mac,
                                           fabric.eni("a").mac, Be16(kEtherTypeIpv6)};
    auto& header = header_at<Ipv6Header>(frame, kIpOffset);
    header.version_class_flow = Be32(0x60000000);
    header.next_header = kinds[random() % std::size(kinds)];
    header.source = ip(address6("a"));
    const char* const destinations[] = {"2001:db8:0:1::b", "2001:db8:0:2::d", "ff02::1", "fe80::1", "2001:db8:9::1"};
    header.destination = ip(destinations[random() % std::size(destinations)]);
    header.payload_length = Be16(static_cast<std::uint16_t>(frame.size() - kIpv6L4Offset));
    if (random() % 8 == 0) header.payload_length = Be16(static_cast<std::uint16_t>(random() % 300));
    rte_mbuf* packet = fabric.packet(frame);
    if (random() % 6 == 0) {  // and ports that say anything about it
      packet->ol_flags = random() % 2 == 0 ? RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_UDP_CKSUM;
      packet->l2_len = 14;
      packet->l3_len = static_cast<std::uint16_t>(40 + random() % 4 * 8);
      packet->l4_len = static_cast<std::uint8_t>(random() % 2 == 0 ? 20 : 8);
      packet->tso_segsz = static_cast<std::uint16_t>(random() % 200);
    }
    fabric.inject("a", packet);
    fabric.turn();
    for (const std::string guest : {"a", "b", "c", "d"})
      while (fabric.receive(guest)) {}
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST_F(Hostile, OffloadFieldsThatContradictTheFrameAreMalformed) {
  const Frame frame = tcp(fabric.path("a", "b"), 1, 2, TcpHeader::kAck, 500);
  struct Lie {
    const char* what;
    std::uint64_t flags;
    unsigned l2, l3, l4, segment;
  };
  const std::uint64_t segmentation = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
  for (const Lie& lie : std::initializer_list<Lie>{
           {"a segment size of one", segmentation, 14, 20, 20, 1},
           {"an IP header of 24 bytes", segmentation, 14, 24, 20, 100},
           {"a TCP header of 60 bytes", segmentation, 14, 20, 60, 100},
           {"an Ethernet header of 18 bytes", segmentation, 18, 20, 20, 100},
           {"a UDP checksum in TCP", RTE_MBUF_F_TX_UDP_CKSUM, 14, 20, 8, 0},
           {"an SCTP checksum", RTE_MBUF_F_TX_SCTP_CKSUM, 14, 20, 8, 0},
           {"UDP segmentation", RTE_MBUF_F_TX_UDP_SEG, 14, 20, 20, 100},
           {"a tunnel", RTE_MBUF_F_TX_TUNNEL_VXLAN | segmentation, 14, 20, 20, 100}}) {
    rte_mbuf* packet = fabric.packet(frame);
    packet->ol_flags = lie.flags;
    packet->l2_len = lie.l2;
    packet->l3_len = lie.l3;
    packet->l4_len = lie.l4;
    packet->tso_segsz = static_cast<std::uint16_t>(lie.segment);
    fabric.changes();
    fabric.inject("a", packet);
    fabric.turn();
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kMalformed)) << lie.what;
  }
}

}  // namespace
}  // namespace weft::test
