#include "dataplane/net/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

using Bytes = std::vector<std::byte>;

/// RFC 1071 section 1, word by word in network order, folding after each addition.
std::uint16_t naive_checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = std::to_integer<std::uint32_t>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + 1]) : 0;
    sum += high << 8 | low;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(~sum);
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  const unsigned kind = random() % 4;  // all zeros and all ones are where one's complement has its two zeros
  for (auto& byte : bytes) byte = kind == 0 ? std::byte{0} : kind == 1 ? std::byte{0xff} : std::byte(random());
  return bytes;
}

void append(Bytes& bytes, const void* data, std::size_t size) {
  const auto* first = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), first, first + size);
}

/// 0x0000 and 0xffff are the same number in one's complement; a checksum may be either only when the data is all zeros.
void expect_same(Be16 checksum, std::uint16_t naive, const std::string& what) {
  if (checksum.host() != naive) {
    EXPECT_TRUE((checksum.host() == 0 || checksum.host() == 0xffff) && (naive == 0 || naive == 0xffff))
        << what << ": " << checksum.host() << " against " << naive;
  }
}

TEST(Checksum, OfAKnownHeader) {
  // The IPv4 header of RFC 1071's many copies: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
  Ipv4Header header;
  header.total_length = Be16(0x73);
  header.fragment = Be16(Ipv4Header::kDontFragment);
  header.protocol = kProtocolUdp;
  header.source = Be32(0xc0a80001);
  header.destination = Be32(0xc0a800c7);
  const auto bytes = std::as_bytes(std::span(&header, 1));
  header.checksum = checksum_finish(checksum_add(bytes));
  EXPECT_EQ(header.checksum.host(), 0xb861);
  EXPECT_EQ(checksum_finish(checksum_add(bytes)).raw, 0) << "a header with its checksum in it sums to zero";
}

TEST(Checksum, AgreesWithTheNaiveOneOnEveryLength) {
  std::mt19937 random(11);
  for (std::size_t size = 0; size < 400; ++size) {
    for (int round = 0; round < 8; ++round) {
      const Bytes bytes = random_bytes(random, size);
      EXPECT_EQ(checksum_finish(checksum_add(bytes)).host(), naive_checksum(bytes)) << size << " bytes";
    }
  }
  const Bytes jumbo(9001, std::byte{0xff});
  EXPECT_EQ(checksum_finish(checksum_add(jumbo)).host(), naive_checksum(jumbo));
}

TEST(Checksum, OfPiecesIsTheChecksumOfTheWhole) {
  std::mt19937 random(12);
  for (int round = 0; round < 2'000; ++round) {
    const Bytes bytes = random_bytes(random, random() % 300);
    const std::size_t cut = bytes.empty() ? 0 : random() % bytes.size() & ~std::size_t{1};
    const std::span<const std::byte> whole(bytes);
    const std::uint64_t sum = checksum_add(whole.subspan(cut), checksum_add(whole.first(cut)));
    EXPECT_EQ(checksum_finish(sum).host(), naive_checksum(bytes));
  }
}

TEST(Checksum, OfAMisalignedSpan) {
  std::mt19937 random(13);
  const Bytes bytes = random_bytes(random, 200);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    const Bytes copy(bytes.begin() + static_cast<std::ptrdiff_t>(offset), bytes.end());
    EXPECT_EQ(checksum_finish(checksum_add(std::span(bytes).subspan(offset))).host(), naive_checksum(copy));
  }
}

TEST(Checksum, OfTransportCoversThePseudoHeaderOfBothFamilies) {
  std::mt19937 random(14);
  for (int round = 0; round < 2'000; ++round) {
    const bool v4 = round % 2 == 0;
    IpAddress source, destination;
    for (auto& octet : source.octets) octet = static_cast<std::uint8_t>(random());
    for (auto& octet : destination.octets) octet = static_cast<std::uint8_t>(random());
    if (v4) {
      source = IpAddress::from({static_cast<std::uint32_t>(random())});
      destination = IpAddress::from({static_cast<std::uint32_t>(random())});
    }
    const Bytes segment = random_bytes(random, 8 + random() % 200);

    Bytes all;
    const std::size_t skip = v4 ? 12 : 0;
    append(all, source.octets.data() + skip, 16 - skip);
    append(all, destination.octets.data() + skip, 16 - skip);
    const Be32 length(static_cast<std::uint32_t>(segment.size()));
    const std::uint8_t next[4] = {0, 0, 0, kProtocolTcp};
    append(all, &length, 4);  // IPv4 has 16 bits of each, which adds up to the same
    append(all, next, 4);
    append(all, segment.data(), segment.size());
    expect_same(transport_checksum(source, destination, kProtocolTcp, segment), naive_checksum(all), "transport");
  }
}

TEST(Checksum, OfUdpIsNeverZero) {
  // Zero payload words that make the sum 0xffff: find one by trying every first word.
  const auto source = IpAddress::from({0x0a000104}), destination = IpAddress::from({0x0a000105});
  int zeros = 0;
  for (unsigned word = 0; word <= 0xffff; ++word) {
    const Be16 first(static_cast<std::uint16_t>(word));
    Bytes segment;
    append(segment, &first, 2);
    segment.resize(8);
    const Be16 plain = transport_checksum(source, destination, kProtocolUdp, segment);
    const Be16 udp = udp_checksum(source, destination, segment);
    EXPECT_NE(udp.raw, 0);
    if (plain.raw == 0) {
      ++zeros;
      EXPECT_EQ(udp.raw, 0xffff);
    } else {
      EXPECT_EQ(udp, plain);
    }
  }
  EXPECT_EQ(zeros, 1);
}

TEST(Checksum, UpdateIsWhatComputingAgainGives) {
  std::mt19937 random(15);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = random_bytes(random, 20);
    bytes[0] = std::byte{0x45};  // never all zeros, as no IP packet is: then there is one right answer
    const Be16 before = checksum_finish(checksum_add(bytes));
    if (round % 2 == 0) {
      Be16 old_field;
      const Be16 new_field(round % 3 == 0 ? 0 : static_cast<std::uint16_t>(random()));
      std::memcpy(&old_field, &bytes[8], 2);
      std::memcpy(&bytes[8], &new_field, 2);
      EXPECT_EQ(checksum_update(before, old_field, new_field).host(), naive_checksum(bytes));
    } else {
      Be32 old_field;
      const Be32 new_field(round % 3 == 0 ? 0xffffffff : static_cast<std::uint32_t>(random()));
      std::memcpy(&old_field, &bytes[12], 4);
      std::memcpy(&bytes[12], &new_field, 4);
      EXPECT_EQ(checksum_update(before, old_field, new_field).host(), naive_checksum(bytes));
    }
  }
}

TEST(Checksum, UpdateOfRfc1624sExampleIsZero) {
  // RFC 1624 section 4: the header sums to 0xcd7a without the field, 0x5555 becomes 0x3285; the older equation failed.
  EXPECT_EQ(checksum_update(Be16(0xdd2f), Be16(0x5555), Be16(0x3285)).host(), 0x0000);
}

TEST(Checksum, FoldedPseudoHeaderIsWhatAPartialChecksumHolds) {
  const auto source = IpAddress::from({0x0a000104}), destination = IpAddress::from({0x0a000105});
  Bytes segment(64, std::byte{0x5a});
  std::memset(&segment[kTcpChecksumOffset], 0, 2);
  const Be16 whole = transport_checksum(source, destination, kProtocolTcp, segment);
  // As virtio does it: the field holds the folded pseudo-header, the device sums the segment over it.
  const Be16 partial = checksum_fold(pseudo_header_sum(source, destination, kProtocolTcp, 64));
  std::memcpy(&segment[kTcpChecksumOffset], &partial, 2);
  EXPECT_EQ(checksum_finish(checksum_add(segment)), whole);
}

TEST(Headers, ReadAFrameAtTheirOffsets) {
  const std::uint8_t frame[] = {0x02, 0, 0, 0,  0, 1, 0x02, 0,    0,  0, 0, 2, 0x08, 0x00,  // Ethernet
                                0x46, 0, 0, 40, 0, 1, 0x20, 0x00, 64, 6, 0, 0, 10,   0,    1, 4, 10, 0, 1, 5};
  EthernetHeader ethernet;
  Ipv4Header ip;
  std::memcpy(&ethernet, frame, sizeof ethernet);
  std::memcpy(&ip, frame + kIpOffset, sizeof ip);
  EXPECT_EQ(ethernet.source.to_string(), "02:00:00:00:00:02");
  EXPECT_EQ(ethernet.ether_type.host(), kEtherTypeIpv4);
  EXPECT_EQ(ip.version(), 4U);
  EXPECT_EQ(ip.header_bytes(), 24U);
  EXPECT_TRUE(ip.is_fragment()) << "more fragments follow";
  EXPECT_EQ(ip.protocol, kProtocolTcp);
  EXPECT_EQ(Ipv4Address{ip.destination.host()}.to_string(), "10.0.1.5");
  ip.fragment = Be16(Ipv4Header::kDontFragment);
  EXPECT_FALSE(ip.is_fragment());
}

}  // namespace
}  // namespace weft
