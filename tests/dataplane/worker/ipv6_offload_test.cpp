// IPv6 in the last stage, as offload_test.cpp has IPv4: segments against a twin that builds each from nothing, with and
// without extension headers; partial checksums; the MTU.
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include <random>

#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

constexpr std::uint8_t kCwr = 0x80;
constexpr std::uint64_t kSegmentation6 = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;

Deployment members6() { return dual_stack({open_group6("members")}, four_guests({"members"})); }
Fabric::Options plain() { return {.port = {.mtu = 9001, .checksum = false, .tso = false, .chains = true}}; }

IpAddress source_of(const Path& path) { return *IpAddress::parse(path.from); }
IpAddress destination_of(const Path& path) { return *IpAddress::parse(path.to); }

/// Payload as one TCP segment; its checksum finished, or the pseudo-header's sum alone.
Frame tcp_frame(const Path& path, TcpHeader header, const Frame& payload, bool options, bool partial) {
  Frame l4;
  header.checksum = {};
  put(l4, header);
  l4.insert(l4.end(), payload.begin(), payload.end());
  header_at<TcpHeader>(l4, 0).checksum =
      partial ? checksum_fold(pseudo_header_sum(source_of(path), destination_of(path), kProtocolTcp,
                                                static_cast<std::uint32_t>(l4.size())))
              : l4_checksum(path, kProtocolTcp, l4);
  if (options) return ipv6(path, kProtocolTcp, l4, kHopByHopOptions, {options_header(kProtocolTcp)});
  return ipv6(path, kProtocolTcp, l4);
}

rte_mbuf* with_offload6(Fabric& fabric, const Frame& frame, std::uint64_t flags, unsigned l3, unsigned l4,
                        unsigned segment) {
  rte_mbuf* packet = fabric.packet(frame);
  packet->ol_flags = flags;
  packet->l2_len = 14;
  packet->l3_len = l3;
  packet->l4_len = l4;
  packet->tso_segsz = static_cast<std::uint16_t>(segment);
  return packet;
}

TEST(Ipv6Offload, SegmentsAreThoseOfTheTwin) {
  const std::uint32_t seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int round = 0; round < 40; ++round) {
    Fabric fabric(members6(), plain());
    const Path path = path6(fabric, "a", "b");
    const bool options = random() % 2 == 0;
    const Frame data = pattern(1 + random() % 60000, 3);
    const unsigned size = round % 3 == 0 ? 8900 : 536 + random() % 3000;
    TcpHeader header;
    header.source_port = Be16(1000);
    header.destination_port = Be16(80);
    header.sequence = Be32(0xfffff000);  // wraps within the segment
    header.flags = static_cast<std::uint8_t>(TcpHeader::kAck | (random() % 2 == 0 ? TcpHeader::kPsh : 0) |
                                             (random() % 2 == 0 ? TcpHeader::kFin : 0) | (random() % 2 == 0 ? kCwr : 0));
    const unsigned free_before = rte_mempool_avail_count(fabric.engine().mempool());
    fabric.inject("a", with_offload6(fabric, tcp_frame(path, header, data, options, true), kSegmentation6,
                                     options ? 48 : 40, 20, size));
    fabric.turn();
    const std::size_t count = (data.size() + size - 1) / size;
    ASSERT_EQ(fabric.changes().at("b.rx_packets"), static_cast<long long>(count)) << "seed " << seed;
    for (std::size_t number = 0; number < count; ++number) {
      const std::size_t at = number * size, piece = std::min<std::size_t>(size, data.size() - at);
      TcpHeader own = header;
      own.sequence = Be32(header.sequence.host() + static_cast<std::uint32_t>(at));
      if (at + piece != data.size()) own.flags = static_cast<std::uint8_t>(own.flags & ~(TcpHeader::kFin | TcpHeader::kPsh));
      if (number > 0) own.flags = static_cast<std::uint8_t>(own.flags & ~kCwr);
      const auto first = data.begin() + static_cast<std::ptrdiff_t>(at);
      const Frame expected = tcp_frame(path, own, Frame(first, first + static_cast<std::ptrdiff_t>(piece)), options, false);
      ASSERT_EQ(fabric.receive("b"), expected) << "segment " << number << " of " << count << ", seed " << seed;
    }
    EXPECT_TRUE(fabric.engine().balance().holds());
    EXPECT_EQ(rte_mempool_avail_count(fabric.engine().mempool()), free_before);
  }
}

TEST(Ipv6Offload, APortThatTakesSuperSegmentsGetsThemWholeWhateverItsMtu) {
  Fabric fabric(members6(), {.port = {.mtu = 1500, .checksum = true, .tso = true, .chains = true}});
  const Frame whole = tcp_frame(path6(fabric, "a", "b"), {}, pattern(30000), false, true);
  fabric.inject("a", with_offload6(fabric, whole, kSegmentation6, 40, 20, 1440));
  fabric.turn();
  rte_mbuf* got = fabric.receive_packet("b");
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(bytes_of(got), whole);
  EXPECT_EQ(got->tso_segsz, 1440);
  EXPECT_EQ(got->ol_flags, kSegmentation6);
  rte_pktmbuf_free(got);
  fabric.changes();
  fabric.inject("a", with_offload6(fabric, whole, kSegmentation6, 40, 20, 1441));
  fabric.turn();
  EXPECT_FALSE(fabric.receive("b")) << "a segment of 1501 bytes does not fit";
}

TEST(Ipv6Offload, PartialChecksumsAreCompletedForPortsThatCannot) {
  for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    for (const bool options : {false, true}) {
      Fabric fabric(members6(), plain());
      const Path path = path6(fabric, "a", "b");
      Frame l4 = udp_segment(path, 1, 2, 3001);
      if (protocol == kProtocolTcp) {
        const Frame whole = tcp6(path, 1, 2, TcpHeader::kAck, 3001);
        l4 = Frame(whole.begin() + kIpv6L4Offset, whole.end());
      }
      const auto frame_of = [&](const Frame& segment) {
        return options ? ipv6(path, protocol, segment, kDestinationOptions, {options_header(protocol)})
                       : ipv6(path, protocol, segment);
      };
      const Frame finished = frame_of(l4);
      const Be16 sum = checksum_fold(pseudo_header_sum(source_of(path), destination_of(path), protocol,
                                                       static_cast<std::uint32_t>(l4.size())));
      if (protocol == kProtocolTcp) header_at<TcpHeader>(l4, 0).checksum = sum;
      else header_at<UdpHeader>(l4, 0).checksum = sum;
      fabric.inject("a", with_offload6(fabric, frame_of(l4),
                                       protocol == kProtocolTcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM,
                                       options ? 48 : 40, protocol == kProtocolTcp ? 20 : 8, 0));
      fabric.turn();
      EXPECT_EQ(fabric.receive("b"), finished) << int{protocol} << (options ? " behind options" : "");
    }
  }
}

TEST(Ipv6Offload, FieldsThatContradictTheFrameAreMalformed) {
  Fabric fabric(members6());
  const Frame frame = tcp6(path6(fabric, "a", "b"), 1, 2, TcpHeader::kAck, 500);
  struct Lie {
    const char* what;
    std::uint64_t flags;
    unsigned l3, l4, segment;
  };
  for (const Lie& lie : std::initializer_list<Lie>{
           {"a segment size of one", kSegmentation6, 40, 20, 1},
           {"IPv4's header length", kSegmentation6, 20, 20, 100},
           {"extension headers that are not there", kSegmentation6, 48, 20, 100},
           {"a TCP header of 60 bytes", kSegmentation6, 40, 60, 100},
           {"IPv4", RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 40, 20, 100},
           {"a UDP checksum in TCP", RTE_MBUF_F_TX_UDP_CKSUM, 40, 8, 0},
           {"UDP segmentation", RTE_MBUF_F_TX_UDP_SEG, 40, 20, 100}}) {
    fabric.changes();
    fabric.inject("a", with_offload6(fabric, frame, lie.flags, lie.l3, lie.l4, lie.segment));
    fabric.turn();
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kMalformed)) << lie.what;
  }
}

}  // namespace
}  // namespace weft::test
