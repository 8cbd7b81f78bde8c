// What weft makes of a capture: the stream from weftd, lines, and the question about a packet of a file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <random>

#include "dataplane/net/headers.hpp"
#include "dataplane/observe/pcapng.hpp"
#include "tools/weft/capture_lines.hpp"
#include "tools/weft/packet_file.hpp"
#include "tools/weft/packet_question.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct ReadPacket {
  std::string interface, bytes, comment;
  std::uint64_t when_ns;
  bool outbound;
};

struct CollectingReader final : PcapngReader {
  std::vector<ReadPacket> packets;
  void packet(const CapturedPacket& one) override {
    packets.push_back({one.interface,
                       {reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()},
                       one.comment,
                       one.when_ns,
                       one.outbound});
  }
};

std::span<const std::byte> as_bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string capture_of(const std::vector<std::string>& frames, const std::string& comment = "", bool statistics = true) {
  PcapngBlocks blocks;
  blocks.section_header("weft");
  blocks.interface_description("a/eth0", "eni-a", {}, 65535);
  blocks.interface_description("b/eth0", "eni-b", {}, 65535);
  for (std::size_t i = 0; i < frames.size(); ++i)
    blocks.packet({.interface = static_cast<std::uint32_t>(i % 2),
                   .when_ns = 1'700'000'000'000'000'000 + i,
                   .original = static_cast<std::uint32_t>(frames[i].size()),
                   .outbound = i % 2 == 0,
                   .bytes = as_bytes_of(frames[i]),
                   .comment = i % 2 == 1 ? comment : ""});
  for (std::uint32_t i = 0; statistics && i < 2; ++i)
    blocks.interface_statistics(i, {.received = 10, .missed = 2, .written = 3});
  return {reinterpret_cast<const char*>(blocks.bytes().data()), blocks.bytes().size()};
}

std::string ip_frame(std::uint8_t protocol, const std::string& l4, const MacAddress& from, const MacAddress& to,
                     const std::string& source, const std::string& destination, std::uint16_t fragment = 0x4000) {
  std::string frame(kIpv4L4Offset, '\0');
  *reinterpret_cast<EthernetHeader*>(frame.data()) = {to, from, Be16(kEtherTypeIpv4)};
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + kIpOffset);
  ip = Ipv4Header{};
  ip.total_length = Be16(static_cast<std::uint16_t>(20 + l4.size()));
  ip.protocol = protocol;
  ip.fragment = Be16(fragment);
  ip.source = Be32(Ipv4Address::parse(source)->value);
  ip.destination = Be32(Ipv4Address::parse(destination)->value);
  return frame + l4;
}

const MacAddress kMacOfA = *MacAddress::parse("02:00:00:00:00:0a"), kMacOfB = *MacAddress::parse("02:00:00:00:00:0b"),
                 kMacOfRouter = *MacAddress::parse("06:00:0a:00:01:01");
const std::string kUdpPorts("\x13\x88\x00\x35\x00\x08\x00\x00", 8);  // 5000 to 53
const json kInterfaces = {{{"id", "eni-a"}, {"mac", "02:00:00:00:00:0a"}, {"private_ip", "10.0.1.4"}, {"public_ip", nullptr}},
                          {{"id", "eni-b"}, {"mac", "02:00:00:00:00:0b"}, {"private_ip", "10.0.1.5"}, {"public_ip", "203.0.113.5"}}};
const json kDeployment = {{"vpc", {{"cidr", "10.0.0.0/16"}, {"ipv6_cidr", nullptr}}},
                          {"elastic_ips", {{{"address", "203.0.113.4"}, {"private_ip", "10.0.1.4"}},
                                           {{"address", "203.0.113.9"}, {"private_ip", nullptr}}}}};

Result<json> asked_about(const std::string& frame) {
  return question_about(summarise(as_bytes_of(frame)), kInterfaces, kDeployment);
}

TEST(PcapngReader, reads_the_same_in_pieces_of_any_size) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> frames;
  for (int i = 0; i < 50; ++i) frames.emplace_back(14 + random() % 3000, static_cast<char>(i));
  const std::string file = capture_of(frames, "dropped: port-full: why");
  for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, file.size()}) {
    CollectingReader reader;
    for (std::size_t at = 0; at < file.size();) {
      EXPECT_FALSE(reader.complete());
      const std::size_t piece = std::min(1 + random() % most, file.size() - at);
      ASSERT_TRUE(reader.read(as_bytes_of(file.substr(at, piece))));
      at += piece;
    }
    EXPECT_TRUE(reader.complete());
    ASSERT_EQ(reader.packets.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(reader.packets[i].bytes, frames[i]);
      EXPECT_EQ(reader.packets[i].interface, i % 2 == 0 ? "a/eth0" : "b/eth0");
      EXPECT_EQ(reader.packets[i].outbound, i % 2 == 0);
      EXPECT_EQ(reader.packets[i].when_ns, 1'700'000'000'000'000'000 + i);
      EXPECT_EQ(reader.packets[i].comment, i % 2 == 0 ? "" : "dropped: port-full: why");
    }
    EXPECT_EQ(reader.totals().received, 20U);
    EXPECT_EQ(reader.totals().missed, 4U);
    EXPECT_EQ(reader.totals().written, 6U);
  }
}

TEST(PcapngReader, does_not_believe_what_contradicts_itself) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const std::string file = capture_of({std::string(60, 'x'), std::string(70, 'y')}, "why");
  for (int i = 0; i < 20'000; ++i) {
    std::string wrong = file;
    for (auto changes = 1 + random() % 4; changes != 0; --changes) wrong[random() % wrong.size()] = static_cast<char>(random());
    CollectingReader reader;
    reader.read(as_bytes_of(wrong));  // ASan looks on
  }
  CollectingReader reader;
  EXPECT_FALSE(reader.read(as_bytes_of("HTTP/1.1 500 Internal Server Error")));
  EXPECT_FALSE(reader.read(as_bytes_of(file))) << "once broken, nothing more is read";
  EXPECT_FALSE(reader.complete());
}

TEST(CaptureLines, a_packet_is_a_line_and_a_drop_has_its_reason_below) {
  const std::string frame = ip_frame(kProtocolUdp, kUdpPorts, kMacOfA, kMacOfB, "10.0.1.4", "10.0.1.5");
  CapturedPacket packet{.interface = "a/eth0", .when_ns = 1'700'000'000'000'001'234, .original = 42, .outbound = true,
                        .bytes = as_bytes_of(frame), .comment = ""};
  EXPECT_EQ(packet_line(packet).substr(8), ".000001234 a/eth0 out  udp 10.0.1.4:5000 > 10.0.1.5:53, 42 bytes");
  packet.outbound = false;
  packet.comment = "dropped: port-full\x1b[2J";
  EXPECT_EQ(packet_line(packet).substr(19), "a/eth0 in   udp 10.0.1.4:5000 > 10.0.1.5:53, 42 bytes\n    dropped: port-full?[2J");
}

TEST(CaptureLines, the_summary_accounts_for_every_packet) {
  EXPECT_EQ(capture_summary({.received = 0, .missed = 0, .written = 0}, 0), "0 packets captured; 0 missed");
  EXPECT_EQ(capture_summary({.received = 60, .missed = 8, .written = 12}, 3),
            "12 packets captured, 3 of them dropped by the fabric; 40 others left out; 8 missed");
  EXPECT_EQ(capture_summary({.received = 1, .missed = 0, .written = 1}, 0), "1 packet captured; 0 missed");
}

struct PacketFile : ::testing::Test {
  PacketFile() {
    char pattern[] = "/tmp/weft-packet-file-XXXXXX";
    directory = ::mkdtemp(pattern);
    path = directory + "/file";
  }
  ~PacketFile() override {
    ::unlink(path.c_str());
    ::rmdir(directory.c_str());
  }
  void write(const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
  std::string failure(std::uint64_t number = 1) {
    const auto packet = read_packet({path, number});
    return packet ? "none" : packet.error().message.substr(path.size() + 2);
  }
  std::string directory, path;
};

TEST_F(PacketFile, the_place_of_a_packet_is_a_file_and_a_number) {
  const auto place = [](const std::string& text) {
    const PacketPlace parsed = parse_packet_place(text);
    return parsed.file + " " + std::to_string(parsed.number);
  };
  EXPECT_EQ(place("web.pcapng"), "web.pcapng 1");
  EXPECT_EQ(place("web.pcapng:12"), "web.pcapng 12");
  EXPECT_EQ(place("a:b:3"), "a:b 3");
  EXPECT_EQ(place("a:b"), "a:b 1");
  EXPECT_EQ(place("a:"), "a: 1");
  EXPECT_EQ(place(":3"), ":3 1");
  EXPECT_EQ(place("a:99999999999999999999"), "a:99999999999999999999 1");
  path = directory + "/12:34";
  write("x");
  EXPECT_EQ(place(path), path + " 1") << "a file of that name is there";
}

TEST_F(PacketFile, the_nth_packet_of_our_own_file) {
  write(capture_of({std::string(60, 'x'), std::string(70, 'y')}));
  const auto second = read_packet({path, 2});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->original, 70U);
  EXPECT_EQ(second->bytes, std::vector<std::byte>(70, std::byte{'y'}));
  EXPECT_EQ(failure(3), "there is no packet 3; it has 2");
  EXPECT_FALSE(read_packet({path, 0}));
}

TEST_F(PacketFile, a_pcap_file_of_another_link_type_or_one_that_is_cut_says_so) {
  const auto words = [](std::initializer_list<std::uint32_t> all) {
    return std::string(reinterpret_cast<const char*>(std::data(all)), 4 * all.size());
  };
  const auto header = [&](std::uint32_t link) { return words({0xa1b2c3d4, 0x00040002, 0, 0, 65535, link}); };
  write(header(1) + words({1, 0, 4, 60}) + "abcd");
  const auto packet = read_packet({path, 1});
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->original, 60U);
  EXPECT_EQ(packet->bytes.size(), 4U);
  write(header(1) + words({1, 0, 60, 60}) + "abcd");
  EXPECT_TRUE(failure().starts_with("at packet 1: ")) << failure();
  write(header(1));
  EXPECT_EQ(failure(), "there is no packet in it");
  write(header(113));
  EXPECT_TRUE(failure().starts_with("its packets are LINUX_SLL, not Ethernet frames")) << failure();
  write("no capture at all, but long enough for any header");
  EXPECT_NE(failure(), "none");
  write("");
  EXPECT_NE(failure(), "none");
  ::unlink(path.c_str());
  EXPECT_EQ(failure(), "No such file or directory");
}

TEST(PacketQuestion, who_sent_it_is_known_by_the_mac_address) {
  const auto question = asked_about(ip_frame(kProtocolUdp, kUdpPorts, kMacOfA, kMacOfB, "10.0.1.99", "10.0.1.5"));
  ASSERT_TRUE(question);
  EXPECT_EQ(*question, (json{{"source", "eni-a"}, {"source_address", "10.0.1.99"}, {"destination", "10.0.1.5"}, {"protocol", 17},
                             {"source_port", 5000}, {"port", 53}, {"size", 28}, {"dont_fragment", true}}));
}

TEST(PacketQuestion, behind_a_router_by_its_address) {
  const auto question = asked_about(ip_frame(kProtocolIcmp, std::string("\x08\x00", 2), kMacOfRouter, kMacOfB, "10.0.2.4", "10.0.1.5", 0));
  ASSERT_TRUE(question);
  EXPECT_EQ(*question, (json{{"source", "10.0.2.4"}, {"destination", "10.0.1.5"}, {"protocol", 1}, {"icmp_type", 8}, {"icmp_code", 0},
                             {"size", 22}, {"dont_fragment", false}}));
}

TEST(PacketQuestion, from_the_internet_it_was_sent_to_the_public_address) {
  const auto destination = [](const MacAddress& to, const std::string& address) {
    return (*asked_about(ip_frame(kProtocolUdp, kUdpPorts, kMacOfRouter, to, "198.51.100.1", address)))["destination"];
  };
  EXPECT_EQ(destination(kMacOfA, "10.0.1.4"), "203.0.113.4") << "its Elastic IP";
  EXPECT_EQ(destination(kMacOfB, "10.0.1.5"), "203.0.113.5") << "the public address of its interface";
  EXPECT_EQ(destination(kMacOfB, "10.0.1.6"), "10.0.1.6") << "another address has none";
  EXPECT_EQ(destination(kMacOfRouter, "203.0.113.4"), "203.0.113.4") << "captured outside";
}

TEST(PacketQuestion, a_super_segment_has_no_size_that_a_packet_could_have) {
  std::string l4(20'000, '\0');
  l4[12] = '\x50';
  EXPECT_FALSE(asked_about(ip_frame(kProtocolTcp, l4, kMacOfA, kMacOfB, "10.0.1.4", "10.0.1.5"))->contains("size"));
  EXPECT_TRUE(asked_about(ip_frame(kProtocolUdp, l4, kMacOfA, kMacOfB, "10.0.1.4", "10.0.1.5"))->contains("size"));
}

TEST(PacketQuestion, what_cannot_be_explained_says_why) {
  const auto why = [](const std::string& frame) {
    const auto question = asked_about(frame);
    return question ? "none" : question.error().message;
  };
  const std::string whole = ip_frame(kProtocolUdp, kUdpPorts, kMacOfA, kMacOfB, "10.0.1.4", "10.0.1.5");
  EXPECT_NE(why(whole.substr(0, 10)).find("too short"), std::string::npos);
  EXPECT_NE(why(whole.substr(0, 30)).find("no whole"), std::string::npos);
  EXPECT_NE(why(whole.substr(0, 36)).find("larger --snaplen"), std::string::npos);
  EXPECT_NE(why(ip_frame(kProtocolUdp, kUdpPorts, kMacOfA, kMacOfB, "10.0.1.4", "10.0.1.5", 7)).find("later IP fragment"),
            std::string::npos);
  std::string arp(42, '\0');
  *reinterpret_cast<EthernetHeader*>(arp.data()) = {kMacOfB, kMacOfA, Be16(kEtherTypeArp)};
  EXPECT_NE(why(arp).find("ARP"), std::string::npos);
}

}  // namespace
}  // namespace weft::cli
