#include "dataplane/net/frame_summary.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/worker/frames6.hpp"

namespace weft::test {
namespace {

const Path kPath{mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"), "10.0.1.4", "10.0.1.5"};

std::span<const std::byte> bytes_in(const Frame& frame) {
  return {reinterpret_cast<const std::byte*>(frame.data()), frame.size()};
}
std::string text_of(const Frame& frame) { return to_string(summarise(bytes_in(frame))); }

TEST(FrameSummary, SaysOfEachProtocolWhatExplainAsksFor) {
  EXPECT_EQ(text_of(tcp(kPath, 40000, 80, TcpHeader::kSyn)), "tcp 10.0.1.4:40000 > 10.0.1.5:80 S");
  EXPECT_EQ(text_of(tcp(kPath, 1, 2, TcpHeader::kPsh | TcpHeader::kAck, 9)), "tcp 10.0.1.4:1 > 10.0.1.5:2 P.");
  EXPECT_EQ(text_of(tcp(kPath, 1, 2, 0)), "tcp 10.0.1.4:1 > 10.0.1.5:2 none");
  EXPECT_EQ(text_of(udp(kPath, 5000, 53)), "udp 10.0.1.4:5000 > 10.0.1.5:53");
  EXPECT_EQ(text_of(icmp(kPath, 8, 0, 7)), "icmp 10.0.1.4 > 10.0.1.5 type 8 code 0");
  EXPECT_EQ(text_of(ipv4(kPath, kProtocolGre, pattern(20))), "protocol 47 10.0.1.4 > 10.0.1.5");
  EXPECT_EQ(text_of(arp(kPath.from_mac, MacAddress::broadcast(), 1, kPath.from_mac, "10.0.1.4", {}, "10.0.1.5")),
            "arp 10.0.1.4 asks for 10.0.1.5");
  EXPECT_EQ(text_of(arp(kPath.from_mac, kPath.via, 2, kPath.from_mac, "10.0.1.4", kPath.via, "10.0.1.5")),
            "arp 10.0.1.4 is at 02:00:00:00:00:01");
  const Path six{kPath.from_mac, kPath.via, "2001:db8::4", "2001:db8::5"};
  EXPECT_EQ(text_of(udp6(six, 5000, 53)), "udp [2001:db8::4]:5000 > [2001:db8::5]:53");
  Frame vlan = udp(kPath, 1, 2);
  header_at<EthernetHeader>(vlan, 0).ether_type = Be16(kEtherTypeVlan);
  EXPECT_EQ(text_of(vlan), "ethertype 0x8100 02:00:00:00:00:01 > 02:00:00:00:00:02");
  EXPECT_EQ(text_of(Frame(13)), "too short for an Ethernet header");
}

TEST(FrameSummary, KnowsSizeDontFragmentAndFragments) {
  Frame frame = udp(kPath, 5000, 53, 100);
  FrameSummary summary = summarise(bytes_in(frame));
  EXPECT_EQ(summary.ip_bytes, 128U);
  EXPECT_TRUE(summary.dont_fragment);
  header_at<Ipv4Header>(frame, kIpOffset).fragment = Be16(Ipv4Header::kMoreFragments);
  summary = summarise(bytes_in(frame));
  EXPECT_FALSE(summary.dont_fragment);
  EXPECT_TRUE(summary.first_fragment && summary.has_l4);
  header_at<Ipv4Header>(frame, kIpOffset).fragment = Be16(7);
  summary = summarise(bytes_in(frame));
  EXPECT_TRUE(summary.later_fragment && !summary.has_l4) << "what follows is no UDP header";
}

TEST(FrameSummary, ACutFrameSaysWhatIsThere) {
  const Frame whole = tcp(kPath, 40000, 80, TcpHeader::kSyn);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const FrameSummary summary = summarise(bytes_in(Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
    EXPECT_EQ(summary.kind == FrameSummary::Kind::kTooShort, size < 14) << size;
    EXPECT_EQ(summary.kind == FrameSummary::Kind::kIp, size >= 34) << size;
    EXPECT_EQ(summary.has_l4, size >= 38) << size;
    EXPECT_EQ(summary.tcp_flags, size >= 54 ? TcpHeader::kSyn : 0) << size;
  }
}

TEST(FrameSummary, AnyBytesAreDescribed) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    Frame frame = random() % 2 == 0 ? tcp(kPath, 1, 2, 2, 30) : udp6({kPath.from_mac, kPath.via, "fe80::1", "fe80::2"}, 1, 2);
    for (auto changes = random() % 6; changes != 0; --changes) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    frame.resize(random() % (frame.size() + 1));
    frame.shrink_to_fit();  // so that ASan sees a read behind the end
    EXPECT_FALSE(text_of(frame).empty());
  }
}

}  // namespace
}  // namespace weft::test
