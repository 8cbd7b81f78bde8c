// Chains of IPv6 extension headers: what is understood, what is malformed, and random ones against a slow twin that
// reads one octet at a time.
#include "dataplane/net/ipv6_headers.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace weft::ipv6_headers_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::optional<Ipv6Layers> parse(const Bytes& bytes) {
  // A copy of exactly this size, so that the address sanitizer sees a read beyond it.
  const Bytes exact(bytes);
  return parse_ipv6_headers(std::as_bytes(std::span(exact)));
}

/// An IPv6 header whose chain begins with `first`, and the chain.
Bytes packet(std::uint8_t first, std::initializer_list<Bytes> chain, std::size_t payload = 8) {
  Bytes bytes(sizeof(Ipv6Header));
  bytes[0] = 0x60;
  bytes[6] = first;
  for (const Bytes& header : chain) bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), payload, 0xee);
  return bytes;
}
Bytes options(std::uint8_t next, std::uint8_t length = 0) {
  Bytes header(8U + 8U * length);
  header[0] = next;
  header[1] = length;
  return header;
}
Bytes routing(std::uint8_t next, std::uint8_t type, std::uint8_t left) { return {next, 0, type, left, 0, 0, 0, 0}; }
Bytes fragment(std::uint8_t next, std::uint16_t offset, bool more, std::uint8_t reserved = 0) {
  const auto field = static_cast<std::uint16_t>(offset | (more ? 1 : 0));
  return {next, reserved, static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field), 0xde, 0xad, 0xbe, 0xef};
}
Bytes authentication(std::uint8_t next) {
  Bytes header(24);
  header[0] = next;
  header[1] = 4;  // (4 + 2) * 4 bytes
  return header;
}

TEST(Ipv6Headers, WithoutExtensionsTheNextHeaderIsTheProtocol) {
  for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolIcmpv6, kProtocolGre, kNoNextHeader}) {
    const auto layers = parse(packet(protocol, {}));
    ASSERT_TRUE(layers);
    EXPECT_EQ(layers->protocol, protocol);
    EXPECT_EQ(layers->l4_offset, 40);
    EXPECT_FALSE(layers->is_fragment());
  }
}

TEST(Ipv6Headers, EveryExtensionIsSteppedOver) {
  const auto layers = parse(packet(
      kHopByHopOptions, {options(kDestinationOptions), options(kRoutingHeader, 1), routing(kFragmentHeader, 4, 2),
                         fragment(kAuthenticationHeader, 0, false), authentication(kDestinationOptions),
                         options(kProtocolUdp)}));
  ASSERT_TRUE(layers);
  EXPECT_EQ(layers->protocol, kProtocolUdp);
  EXPECT_EQ(layers->l4_offset, 40 + 8 + 16 + 8 + 8 + 24 + 8);
  EXPECT_EQ(layers->fragment_header, 40 + 8 + 16 + 8);
  EXPECT_FALSE(layers->is_fragment()) << "an atomic fragment is a whole packet (RFC 6946)";
}

TEST(Ipv6Headers, AFirstFragmentHasItsChainAndALaterOneOnlyItsOffset) {
  const auto first = parse(packet(kFragmentHeader, {fragment(kDestinationOptions, 0, true), options(kProtocolTcp)}));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_fragment());
  EXPECT_EQ(first->protocol, kProtocolTcp);
  EXPECT_EQ(first->identification, 0xdeadbeefU);
  EXPECT_TRUE(first->more_fragments);
  const auto later = parse(packet(kFragmentHeader, {fragment(kDestinationOptions, 1232, false)}));
  ASSERT_TRUE(later);
  EXPECT_TRUE(later->is_fragment());
  EXPECT_EQ(later->fragment_offset, 1232);
  EXPECT_EQ(later->protocol, kDestinationOptions) << "what follows belongs to the first fragment's chain";
  EXPECT_EQ(later->l4_offset, 48);
  EXPECT_TRUE(parse(packet(kFragmentHeader, {fragment(kProtocolUdp, 0, false, 0xff)}))) << "its second byte is reserved";
}

TEST(Ipv6Headers, ContradictionsAreMalformed) {
  EXPECT_FALSE(parse(packet(kDestinationOptions, {options(kHopByHopOptions), options(kProtocolUdp)})))
      << "hop-by-hop is first or nowhere (RFC 8200 4.1)";
  EXPECT_FALSE(parse(packet(kHopByHopOptions, {options(kHopByHopOptions), options(kProtocolUdp)})));
  EXPECT_FALSE(parse(packet(kFragmentHeader, {fragment(kFragmentHeader, 0, false), fragment(kProtocolUdp, 0, false)})))
      << "a second fragment header";
  EXPECT_FALSE(parse(packet(kRoutingHeader, {routing(kProtocolUdp, 0, 1)}))) << "RFC 5095";
  EXPECT_TRUE(parse(packet(kRoutingHeader, {routing(kProtocolUdp, 0, 0)})));
  EXPECT_FALSE(parse(packet(kDestinationOptions, {}, 7))) << "not even a header's beginning";
  Bytes beyond = packet(kDestinationOptions, {options(kProtocolUdp)}, 8);
  beyond[41] = 2;
  EXPECT_FALSE(parse(beyond)) << "an extension that is longer than the packet";
  EXPECT_FALSE(parse(Bytes(39)));
  EXPECT_FALSE(parse({}));
}

TEST(Ipv6Headers, ChainsHaveALimitInNumberAndInBytes) {
  Bytes most = packet(kDestinationOptions, {}, 0);
  for (unsigned i = 1; i <= kMostExtensionHeaders; ++i) {
    const Bytes header = options(i == kMostExtensionHeaders ? kProtocolUdp : kDestinationOptions);
    most.insert(most.end(), header.begin(), header.end());
  }
  EXPECT_TRUE(parse(most));
  most[most.size() - 8] = kDestinationOptions;
  const Bytes one_more = options(kProtocolUdp);
  most.insert(most.end(), one_more.begin(), one_more.end());
  EXPECT_FALSE(parse(most));
  EXPECT_TRUE(parse(packet(kDestinationOptions, {options(kProtocolUdp, kMostExtensionBytes / 8 - 1)})));
  EXPECT_FALSE(parse(packet(kDestinationOptions, {options(kProtocolUdp, kMostExtensionBytes / 8)})));
}

/// The twin: state by state, octet by octet, with the rules in the order in which RFC 8200 gives them.
std::optional<Ipv6Layers> slow(const Bytes& bytes) {
  if (bytes.size() < 40) return std::nullopt;
  Ipv6Layers out;
  std::size_t at = 40, used = 0;
  int next = bytes[6];
  unsigned count = 0;
  while (next == 0 || next == 43 || next == 44 || next == 51 || next == 60) {
    if (count == kMostExtensionHeaders) return std::nullopt;
    if (at + 8 > bytes.size()) return std::nullopt;
    if (next == 0 && count > 0) return std::nullopt;
    if (next == 43 && bytes[at + 2] == 0 && bytes[at + 3] > 0) return std::nullopt;
    std::size_t length = next == 44 ? 8 : next == 51 ? (bytes[at + 1] + 2U) * 4 : (bytes[at + 1] + 1U) * 8;
    const bool is_fragment_header = next == 44;
    if (is_fragment_header) {
      if (out.fragment_header != 0) return std::nullopt;
      out.fragment_header = static_cast<std::uint16_t>(at);
      out.fragment_offset = static_cast<std::uint16_t>((bytes[at + 2] * 256 + bytes[at + 3]) / 8 * 8);
      out.more_fragments = bytes[at + 3] % 2 == 1;
      for (unsigned i = 4; i < 8; ++i) out.identification = out.identification << 8 | bytes[at + i];
    }
    used += length;
    if (at + length > bytes.size() || used > kMostExtensionBytes) return std::nullopt;
    next = bytes[at];
    at += length;
    ++count;
    if (is_fragment_header && out.fragment_offset != 0) break;
  }
  out.protocol = static_cast<std::uint8_t>(next);
  out.l4_offset = static_cast<std::uint16_t>(at);
  return out;
}

TEST(Ipv6Headers, AgreeWithTheirTwinOnRandomChains) {
  const std::uint32_t seed = std::random_device{}();
  std::mt19937 random(seed);
  const std::uint8_t kinds[] = {0, 43, 44, 51, 60, 6, 17, 58, 59, 47};
  unsigned understood = 0, malformed = 0;
  for (int round = 0; round < 200'000; ++round) {
    Bytes bytes(random() % 12 == 0 ? random() % 60 : 40 + random() % 320);
    // Zeros, sevens and small lengths, so that chains hang together now and then.
    for (std::uint8_t& byte : bytes)
      byte = random() % 3 == 0 ? kinds[random() % std::size(kinds)] : static_cast<std::uint8_t>(random() % 3);
    if (bytes.size() >= 40) bytes[6] = kinds[random() % std::size(kinds)];
    const auto got = parse(bytes);
    const auto expected = slow(bytes);
    ASSERT_EQ(got.has_value(), expected.has_value()) << "seed " << seed << " round " << round;
    ++(got ? understood : malformed);
    if (!got) continue;
    ASSERT_EQ(got->protocol, expected->protocol) << "seed " << seed << " round " << round;
    ASSERT_EQ(got->l4_offset, expected->l4_offset) << "seed " << seed << " round " << round;
    ASSERT_EQ(got->fragment_header, expected->fragment_header) << "seed " << seed << " round " << round;
    ASSERT_EQ(got->fragment_offset, expected->fragment_offset) << "seed " << seed << " round " << round;
    ASSERT_EQ(got->more_fragments, expected->more_fragments) << "seed " << seed << " round " << round;
    ASSERT_EQ(got->identification, expected->identification) << "seed " << seed << " round " << round;
    ASSERT_LE(got->l4_offset, bytes.size());
  }
  EXPECT_GT(understood, 1000U);
  EXPECT_GT(malformed, 1000U);
}

}  // namespace
}  // namespace weft::ipv6_headers_test
