// The last stage finishes frames for ports that cannot (DESIGN D15), compared with a twin that builds every segment from
// nothing; and leaves them alone for ports that can.
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include <random>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test::offload_test {
namespace {

constexpr std::uint8_t kCwr = 0x80;

Deployment members() { return make_deployment({members_group()}, four_guests({"members"})); }
Fabric::Options plain_port(std::uint16_t mtu = 9001) {
  return {.port = {.mtu = mtu, .checksum = false, .tso = false, .chains = true}};
}

/// What a kernel hands to a device: one TCP header, up to 64 KiB of payload, the pseudo-header sum as checksum.
Frame super_segment(const Path& path, std::size_t payload, std::uint8_t flags, bool timestamps) {
  Frame l4;
  TcpHeader header;
  header.source_port = Be16(1000);
  header.destination_port = Be16(80);
  header.sequence = Be32(0xfffff000);  // wraps within the segment
  header.acknowledgment = Be32(77);
  header.flags = flags;
  header.window = Be16(500);
  if (timestamps) header.data_offset = 0x80;
  put(l4, header);
  if (timestamps) l4.insert(l4.end(), {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2});
  const Frame data = pattern(payload, 3);
  l4.insert(l4.end(), data.begin(), data.end());
  header_at<TcpHeader>(l4, 0).checksum = checksum_fold(pseudo_header_sum(
      *IpAddress::parse(path.from), *IpAddress::parse(path.to), kProtocolTcp, static_cast<std::uint32_t>(l4.size())));
  Frame frame = ipv4(path, kProtocolTcp, l4);
  header_at<Ipv4Header>(frame, kIpOffset).identification = Be16(0xfffe);
  fix_ip_checksum(frame);
  return frame;
}

/// The twin: segment `number` of the whole, made from its parts.
Frame twin_segment(const Path& path, const Frame& whole, unsigned number, std::size_t size) {
  const auto& tcp_header = header_at<TcpHeader>(whole, kIpv4L4Offset);
  const std::size_t headers = kIpv4L4Offset + tcp_header.header_bytes();
  const std::size_t payload = whole.size() - headers, at = number * size;
  const std::size_t piece = std::min(size, payload - at);
  Frame l4(whole.begin() + kIpv4L4Offset, whole.begin() + static_cast<std::ptrdiff_t>(headers));
  auto& own = header_at<TcpHeader>(l4, 0);
  own.sequence = Be32(tcp_header.sequence.host() + static_cast<std::uint32_t>(at));
  const bool last = at + piece == payload;
  if (!last) own.flags = static_cast<std::uint8_t>(own.flags & ~(TcpHeader::kFin | TcpHeader::kPsh));
  if (number > 0) own.flags = static_cast<std::uint8_t>(own.flags & ~kCwr);
  own.checksum = {};
  l4.insert(l4.end(), whole.begin() + static_cast<std::ptrdiff_t>(headers + at),
            whole.begin() + static_cast<std::ptrdiff_t>(headers + at + piece));
  header_at<TcpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolTcp, l4);
  Frame frame = ipv4(path, kProtocolTcp, l4);
  header_at<Ipv4Header>(frame, kIpOffset).identification = Be16(static_cast<std::uint16_t>(0xfffe + number));
  fix_ip_checksum(frame);
  return frame;
}

rte_mbuf* with_offload(Fabric& fabric, const Frame& frame, std::uint64_t flags, unsigned l4_bytes, unsigned segment) {
  rte_mbuf* packet = fabric.packet(frame);
  packet->ol_flags = flags;
  packet->l2_len = 14;
  packet->l3_len = 20;
  packet->l4_len = l4_bytes;
  packet->tso_segsz = static_cast<std::uint16_t>(segment);
  return packet;
}
constexpr std::uint64_t kSegmentation = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;

TEST(Offload, SegmentsAreThoseOfTheTwin) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    Fabric fabric(members(), plain_port());
    const bool timestamps = random() % 2 == 0;
    const std::size_t payload = 1 + random() % 60000;
    const unsigned size = round % 3 == 0 ? 8900 : 536 + random() % 3000;
    const std::uint8_t flags = TcpHeader::kAck | (random() % 2 == 0 ? TcpHeader::kPsh : 0) |
                               (random() % 2 == 0 ? TcpHeader::kFin : 0) | (random() % 2 == 0 ? kCwr : 0);
    const Path path = fabric.path("a", "b");
    const Frame whole = super_segment(path, payload, flags, timestamps);
    const unsigned free_before = rte_mempool_avail_count(fabric.engine().mempool());
    fabric.inject("a", with_offload(fabric, whole, kSegmentation, timestamps ? 32 : 20, size));
    fabric.turn();
    const unsigned count = static_cast<unsigned>((payload + size - 1) / size);
    const Changes changes = fabric.changes();
    EXPECT_EQ(changes.contains("copies") ? changes.at("copies") : 0, count - 1);
    ASSERT_EQ(changes.at("b.rx_packets"), count);
    long long bytes = 0;
    for (unsigned number = 0; number < count; ++number) {
      const std::optional<Frame> got = fabric.receive("b");
      ASSERT_TRUE(got.has_value());
      ASSERT_EQ(*got, with_macs(twin_segment(path, whole, number, size), fabric.eni("b").mac, fabric.eni("a").mac))
          << "segment " << number << " of " << count << ", " << payload << " bytes by " << size;
      bytes += static_cast<long long>(got->size());
    }
    EXPECT_EQ(changes.at("b.rx_bytes"), bytes);
    EXPECT_TRUE(fabric.engine().balance().holds());
    EXPECT_EQ(rte_mempool_avail_count(fabric.engine().mempool()), free_before);
  }
}

TEST(Offload, APortThatTakesSuperSegmentsGetsThemWholeWhateverItsMtu) {
  Fabric fabric(members(), {.port = {.mtu = 1500, .checksum = true, .tso = true, .chains = true}});
  const Frame whole = super_segment(fabric.path("a", "b"), 30000, TcpHeader::kAck, false);
  fabric.inject("a", with_offload(fabric, whole, kSegmentation, 20, 1460));
  fabric.turn();
  rte_mbuf* got = fabric.receive_packet("b");
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(bytes_of(got), with_macs(whole, fabric.eni("b").mac, fabric.eni("a").mac));
  EXPECT_EQ(got->tso_segsz, 1460);
  EXPECT_NE(got->ol_flags & RTE_MBUF_F_TX_TCP_SEG, 0U);
  rte_pktmbuf_free(got);
}

TEST(Offload, TheMtuLimitsASegmentNotTheSuperSegment) {
  Fabric fabric(members(), {.port = {.mtu = 1500, .checksum = true, .tso = true, .chains = true}});
  fabric.inject("a", with_offload(fabric, super_segment(fabric.path("a", "b"), 30000, TcpHeader::kAck, false),
                                  kSegmentation, 20, 1461));
  fabric.turn();
  EXPECT_EQ(fabric.changes().at("a.too-big"), 1);
}

TEST(Offload, PartialChecksumsAreCompletedForPortsThatCannot) {
  for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    Fabric fabric(members(), plain_port());
    const Path path = fabric.path("a", "b");
    const Frame finished = protocol == kProtocolTcp ? tcp(path, 1, 2, TcpHeader::kAck, 3001) : udp(path, 1, 2, 3001);
    Frame partial = finished;
    const Be16 sum = checksum_fold(pseudo_header_sum(*IpAddress::parse(path.from), *IpAddress::parse(path.to), protocol,
                                                     static_cast<std::uint32_t>(partial.size() - kIpv4L4Offset)));
    if (protocol == kProtocolTcp) header_at<TcpHeader>(partial, kIpv4L4Offset).checksum = sum;
    else header_at<UdpHeader>(partial, kIpv4L4Offset).checksum = sum;
    fabric.inject("a", with_offload(fabric, partial,
                                    protocol == kProtocolTcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM,
                                    protocol == kProtocolTcp ? 20 : 8, 0));
    fabric.turn();
    EXPECT_EQ(fabric.receive("b"), with_macs(finished, fabric.eni("b").mac, fabric.eni("a").mac));
  }
}

TEST(Offload, PaddingBehindThePacketIsNotSummed) {
  Fabric fabric(members(), plain_port());
  const Path path = fabric.path("a", "b");
  Frame finished = udp(path, 1, 2, 4);
  Frame partial = finished;
  header_at<UdpHeader>(partial, kIpv4L4Offset).checksum =
      checksum_fold(pseudo_header_sum(*IpAddress::parse(path.from), *IpAddress::parse(path.to), kProtocolUdp, 12));
  partial.resize(60, 0xaa);
  finished.resize(60, 0xaa);
  fabric.inject("a", with_offload(fabric, partial, RTE_MBUF_F_TX_UDP_CKSUM, 8, 0));
  fabric.turn();
  EXPECT_EQ(fabric.receive("b"), with_macs(finished, fabric.eni("b").mac, fabric.eni("a").mac));
}

TEST(Offload, APortWithoutChainsGetsOneBufferOrNothing) {
  Fabric fabric(members(), {.port = {.mtu = 9001, .checksum = true, .tso = true, .chains = false}});
  rte_mbuf* head = fabric.packet(Frame());
  const Frame whole = udp(fabric.path("a", "b"), 1, 2, 600);
  rte_pktmbuf_free(head);
  head = fabric.packet(Frame(whole.begin(), whole.begin() + 100));
  ASSERT_EQ(rte_pktmbuf_chain(head, fabric.packet(Frame(whole.begin() + 100, whole.end()))), 0);
  fabric.inject("a", head);
  fabric.turn();
  rte_mbuf* got = fabric.receive_packet("b");
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->nb_segs, 1);
  EXPECT_EQ(bytes_of(got), with_macs(whole, fabric.eni("b").mac, fabric.eni("a").mac));
  rte_pktmbuf_free(got);
  fabric.changes();
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2, 5000));
  EXPECT_EQ(fabric.changes().at("a.too-big"), 1);
}

TEST(Offload, WithoutBuffersASuperSegmentIsDroppedWhole) {
  Fabric fabric(members(), {.packets = 511, .port = {.mtu = 9001, .checksum = false, .tso = false, .chains = true}});
  const Frame whole = super_segment(fabric.path("a", "b"), 40000, TcpHeader::kAck, false);
  rte_mbuf* packet = with_offload(fabric, whole, kSegmentation, 20, 100);
  std::vector<rte_mbuf*> hoard;
  for (rte_mbuf* one = nullptr; hoard.size() < 400 && (one = rte_pktmbuf_alloc(fabric.engine().mempool())) != nullptr;)
    hoard.push_back(one);
  fabric.inject("a", packet);
  fabric.turn();
  const Changes changes = fabric.changes();
  EXPECT_EQ(changes.at("a.port-full"), 1);
  EXPECT_FALSE(changes.contains("b.rx_packets"));
  EXPECT_TRUE(fabric.engine().balance().holds());
  for (rte_mbuf* one : hoard) rte_pktmbuf_free(one);
  EXPECT_EQ(rte_mempool_avail_count(fabric.engine().mempool()), 511U);
}

}  // namespace
}  // namespace weft::test::offload_test
