// Frames against a twin that builds each from nothing and sums every octet.
#include "tools/weft-gen/traffic/frame.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace weft::gen {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& to, std::size_t at, std::uint64_t value, unsigned octets) {
  for (unsigned i = 0; i < octets; ++i) to[at + i] = static_cast<std::uint8_t>(value >> 8 * (octets - 1 - i));
}

std::uint16_t sum_of(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

struct Tuple {
  IpAddress source, destination;
  std::uint16_t source_port, destination_port;
};

Bytes twin(const Encapsulation& e, const Tuple& t, const Signature& s, std::size_t frame_bytes) {
  Bytes frame(frame_bytes - 4);
  std::memcpy(frame.data(), e.destination_mac.octets.data(), 6);
  std::memcpy(frame.data() + 6, e.source_mac.octets.data(), 6);
  const bool six = !t.source.is_v4();
  put(frame, 12, six ? 0x86dd : 0x0800, 2);
  const std::size_t l4 = six ? 54 : 34, segment = frame.size() - l4, payload = l4 + (e.tcp ? 20 : 8);
  Bytes pseudo;
  if (six) {
    put(frame, 14, 0x60000000, 4);
    put(frame, 18, segment, 2);
    frame[20] = e.tcp ? 6 : 17;
    frame[21] = 64;
    std::memcpy(frame.data() + 22, t.source.octets.data(), 16);
    std::memcpy(frame.data() + 38, t.destination.octets.data(), 16);
    pseudo.assign(frame.begin() + 22, frame.begin() + 54);
  } else {
    frame[14] = 0x45;
    put(frame, 16, frame.size() - 14, 2);
    frame[22] = 64;
    frame[23] = e.tcp ? 6 : 17;
    put(frame, 26, t.source.v4().value, 4);
    put(frame, 30, t.destination.v4().value, 4);
    put(frame, 24, sum_of(Bytes(frame.begin() + 14, frame.begin() + 34)), 2);
    pseudo.assign(frame.begin() + 26, frame.begin() + 34);
  }
  put(frame, l4, t.source_port, 2);
  put(frame, l4 + 2, t.destination_port, 2);
  if (e.tcp) {
    frame[l4 + 12] = 0x50;
    frame[l4 + 13] = 2;
    put(frame, l4 + 14, 0xffff, 2);
  } else {
    put(frame, l4 + 4, segment, 2);
  }
  put(frame, payload, 0x5747, 2);
  put(frame, payload + 2, s.trial, 2);
  put(frame, payload + 4, s.stream, 2);
  put(frame, payload + 6, s.sequence, 4);
  put(frame, payload + 10, s.stamp, 8);
  pseudo.insert(pseudo.end(), {0, static_cast<std::uint8_t>(e.tcp ? 6 : 17), static_cast<std::uint8_t>(segment >> 8),
                               static_cast<std::uint8_t>(segment)});
  pseudo.insert(pseudo.end(), frame.begin() + static_cast<std::ptrdiff_t>(l4), frame.end());
  std::uint16_t checksum = sum_of(pseudo);
  if (checksum == 0 && !e.tcp) checksum = 0xffff;
  put(frame, l4 + (e.tcp ? 16 : 6), checksum, 2);
  return frame;
}

TEST(Frame, EqualsOneThatIsBuiltFromNothing) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    Encapsulation e{{{2, 0, 0, 0, 0, 1}},
                    {{2, 0, 0, 0, 0, 2}},
                    *IpAddress::parse("198.18.0.0"),
                    *IpAddress::parse("198.19.0.0"),
                    (i & 1) != 0};
    if ((i & 2) != 0) e.source = *IpAddress::parse("2001:db8::"), e.destination = *IpAddress::parse("2001:db8:1:2:3:4::");
    Tuple t{e.source, e.destination, static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
    for (unsigned octet = 12; octet < 16; ++octet)
      t.source.octets[octet] = static_cast<std::uint8_t>(random()),
      t.destination.octets[octet] = static_cast<std::uint8_t>(random());
    const std::size_t size = e.smallest_frame() + random() % (i % 100 == 0 ? 8900 : 200);
    const Signature s{static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random()),
                      static_cast<std::uint32_t>(random()), random()};
    const FrameTemplate shape(e, size);
    Bytes frame(shape.buffer_bytes());
    const auto host = [](const IpAddress& a) { return static_cast<std::uint32_t>(a.word(1)); };
    shape.write(reinterpret_cast<std::byte*>(frame.data()),
                make_flow(host(t.source), host(t.destination), t.source_port, t.destination_port), s);
    ASSERT_EQ(frame, twin(e, t, s, size)) << "frame " << i << " of " << size << " bytes";
    const auto read = read_signature(std::as_bytes(std::span(frame)), e.header_bytes());
    ASSERT_TRUE(read);
    EXPECT_EQ(std::tie(read->trial, read->stream, read->sequence, read->stamp),
              std::tie(s.trial, s.stream, s.sequence, s.stamp));
  }
}

TEST(Frame, HasRoomForTheSignatureInTheSmallestOfUdpOverIpv4) {
  Encapsulation e{{}, {}, *IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), false};
  EXPECT_EQ(e.smallest_frame(), 64U);
  e.tcp = true;
  EXPECT_EQ(e.smallest_frame(), 76U);
  e.source = e.destination = *IpAddress::parse("2001:db8::1");
  EXPECT_EQ(e.smallest_frame(), 96U);
}

TEST(Frame, OfOtherPeopleHasNoSignature) {
  Bytes frame(60);
  EXPECT_FALSE(read_signature(std::as_bytes(std::span(frame)), 42));
  put(frame, 42, 0x5747, 2);
  EXPECT_TRUE(read_signature(std::as_bytes(std::span(frame)), 42));
  EXPECT_FALSE(read_signature(std::as_bytes(std::span(frame)).first(59), 42)) << "a part of one is none";
}

}  // namespace
}  // namespace weft::gen
