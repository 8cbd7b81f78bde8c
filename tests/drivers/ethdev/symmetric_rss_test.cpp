// The software twin of a card's symmetric RSS against DPDK's Toeplitz, bit by bit.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include <rte_thash.h>

#include "dataplane/net/symmetric_rss.hpp"

namespace weft {
namespace {

static_assert(symmetric_rss(Ipv4Address{0x0a000104}, Ipv4Address{0x0a000105}) ==
              symmetric_rss(Ipv4Address{0x0a000105}, Ipv4Address{0x0a000104}));

class SymmetricRssTest : public ::testing::Test {
 protected:
  SymmetricRssTest() {
    for (std::size_t i = 0; i < sizeof key; ++i)
      key[i] = static_cast<std::uint8_t>(i % 2 == 0 ? kSymmetricRssKey >> 8 : kSymmetricRssKey & 0xff);
  }

  /// DPDK's input is 32-bit words in host order, as the card reads the bytes of the wire.
  std::uint32_t oracle(std::vector<std::uint32_t> words) const {
    return rte_softrss(words.data(), static_cast<std::uint32_t>(words.size()), key);
  }
  std::uint32_t number() { return static_cast<std::uint32_t>(random()); }
  std::uint16_t port() { return static_cast<std::uint16_t>(random()); }
  IpAddress address6() {
    IpAddress made;
    for (std::uint8_t& octet : made.octets) octet = static_cast<std::uint8_t>(random());
    return made;
  }
  static void append(std::vector<std::uint32_t>& words, const IpAddress& address) {
    for (const unsigned half : {0U, 1U}) {
      words.push_back(static_cast<std::uint32_t>(address.word(half) >> 32));
      words.push_back(static_cast<std::uint32_t>(address.word(half)));
    }
  }

  std::uint8_t key[52];  // the longest of any card
  std::mt19937 random{20261127};
};

TEST_F(SymmetricRssTest, Ipv4IsWhatTheCardComputesTwice) {
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t one = number(), other = number();
    const std::uint16_t one_port = port(), other_port = port();
    const std::uint32_t with_ports = oracle({one, other, std::uint32_t{one_port} << 16 | other_port});
    const std::uint16_t rss = symmetric_rss(Ipv4Address{one}, Ipv4Address{other}, one_port, other_port);
    ASSERT_EQ(with_ports, std::uint32_t{rss} << 16 | rss);
    ASSERT_EQ(rss, symmetric_rss(Ipv4Address{other}, Ipv4Address{one}, other_port, one_port)) << "both directions";
    ASSERT_EQ(rss, symmetric_rss(IpAddress::from(Ipv4Address{one}), IpAddress::from(Ipv4Address{other}), one_port,
                                 other_port));
    ASSERT_EQ(oracle({one, other}) & 0xffff, symmetric_rss(Ipv4Address{one}, Ipv4Address{other})) << "without ports";
  }
}

TEST_F(SymmetricRssTest, Ipv6IsWhatTheCardComputesTwice) {
  for (int i = 0; i < 20'000; ++i) {
    const IpAddress one = address6(), other = address6();
    const std::uint16_t one_port = port(), other_port = port();
    std::vector<std::uint32_t> words;
    append(words, one);
    append(words, other);
    ASSERT_EQ(oracle(words) & 0xffff, symmetric_rss(one, other)) << "without ports";
    words.push_back(std::uint32_t{one_port} << 16 | other_port);
    const std::uint16_t rss = symmetric_rss(one, other, one_port, other_port);
    ASSERT_EQ(oracle(words), std::uint32_t{rss} << 16 | rss);
    ASSERT_EQ(rss, symmetric_rss(other, one, other_port, one_port)) << "both directions";
  }
}

TEST_F(SymmetricRssTest, TheQueueIsThatOfTheIndirectionTableWhateverItsSize) {
  for (int i = 0; i < 2'000; ++i) {
    const std::uint32_t one = number(), other = number();
    const std::uint32_t hash = oracle({one, other});
    for (const unsigned queues : {1U, 2U, 3U, 7U, 64U})
      for (const unsigned entries : {64U, 128U, 512U, 2048U})
        ASSERT_EQ((hash & (entries - 1)) % kRssEntries % queues,
                  queue_of(symmetric_rss(Ipv4Address{one}, Ipv4Address{other}), queues));
  }
}

TEST_F(SymmetricRssTest, NeighboursSpreadOverTheQueues) {
  std::vector<unsigned> flows(4);
  for (std::uint16_t i = 0; i < 4000; ++i) {
    const auto port = static_cast<std::uint16_t>(32768 + i);
    ++flows[queue_of(symmetric_rss(Ipv4Address{0x0a000104}, Ipv4Address{0x0a000105}, port, 80), 4)];
  }
  for (const unsigned count : flows) {
    EXPECT_GT(count, 700U);
    EXPECT_LT(count, 1300U);
  }
}

}  // namespace
}  // namespace weft
