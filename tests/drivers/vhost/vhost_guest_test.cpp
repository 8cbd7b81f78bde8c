// The port against a guest made by hand: what a driver may do, one frame at a time.
#include <poll.h>

#include <algorithm>

#include "tests/drivers/vhost/vhost_test.hpp"

namespace weft::test {
namespace {

constexpr std::uint64_t kAllOffloads =
    feature(0) | feature(1) | feature(7) | feature(8) | feature(9) | feature(11) | feature(12);
constexpr std::uint64_t kMerged = feature(15);

/// IPv4 and TCP over `payload` bytes, without checksums.
Bytes tcp_frame(std::size_t payload) {
  Bytes made = plain_frame(14 + 20 + 20 + payload, 3);
  const std::size_t total = 40 + payload;
  const std::uint8_t head[54] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, static_cast<std::uint8_t>(total >> 8),
                                 static_cast<std::uint8_t>(total), 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 1, 4, 10, 0, 1, 5,
                                 0x80, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0};
  std::copy(std::begin(head), std::end(head), made.begin());
  return made;
}

TEST_F(VhostTest, AFrameOfTheGuestArrivesWhole) {
  Port& port = open();
  EXPECT_FALSE(port.link_up());
  FrontEnd guest(backend().socket);
  guest.start(kMerged);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  const Bytes sent = plain_frame(1514, 1);
  guest.offer(0, net_header(), sent);
  rte_mbuf* const frame = next(port);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(bytes_of(frame), sent);
  EXPECT_EQ(frame->ol_flags, 0U);
  rte_pktmbuf_free(frame);
  EXPECT_EQ(guest.used_index(1), 1);
  EXPECT_TRUE(guest.called(1));
}

TEST_F(VhostTest, AFrameForTheGuestFillsAsManyBuffersAsItNeeds) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(kMerged);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  EXPECT_EQ(port.capabilities().mtu, 9001);
  const Bytes sent = plain_frame(9015, 2);
  rte_mbuf* frame = packet(sent);
  EXPECT_EQ(port.transmit({&frame, 1}), 0) << "no buffer was posted";
  Bytes got;
  std::vector<std::uint64_t> place;
  for (std::uint16_t i = 0; i < 6; ++i) place.push_back(guest.post(i, 2048));
  ASSERT_EQ(port.transmit({&frame, 1}), 1);
  ASSERT_EQ(guest.used_index(0), 5);
  for (unsigned i = 0; i < 5; ++i) {
    const FrontEnd::UsedElement used = guest.used_element(0, i);
    EXPECT_EQ(used.id, i);
    got.insert(got.end(), guest.memory + place[i], guest.memory + place[i] + used.bytes);
  }
  EXPECT_EQ(Bytes(got.begin(), got.begin() + 12), (Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0}));
  EXPECT_EQ(Bytes(got.begin() + 12, got.end()), sent);
  EXPECT_TRUE(guest.called(0));
}

TEST_F(VhostTest, ChainsAndIndirectTablesAreFollowed) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(feature(28));
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  const Bytes sent = plain_frame(600, 4);
  const std::uint64_t at = guest.offer(0, net_header(), sent);  // and now the same bytes by other descriptors
  rte_pktmbuf_free(next(port));
  auto* const ring = guest.descriptors(1);
  ring[5] = {at, 5, 1, 9};  // even the header is in two
  ring[9] = {at + 5, 100, 1, 7};
  ring[7] = {at + 105, 507, 0, 0};
  guest.make_available(1, 5);
  rte_mbuf* frame = next(port);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(bytes_of(frame), sent);
  rte_pktmbuf_free(frame);

  auto* const table = reinterpret_cast<FrontEnd::Descriptor*>(guest.memory + (1 << 20));
  table[0] = {at, 12, 1, 2};
  table[2] = {at + 12, 600, 0, 0};
  ring[3] = {1 << 20, 3 * 16, 4, 0};
  guest.make_available(1, 3);
  frame = next(port);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(bytes_of(frame), sent);
  rte_pktmbuf_free(frame);
}

TEST_F(VhostTest, OffloadsOfTheGuestAreTheEnginesFlags) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(kAllOffloads);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  EXPECT_TRUE(port.capabilities().checksum);
  EXPECT_TRUE(port.capabilities().tso);
  const Bytes sent = tcp_frame(20000);
  guest.offer(0, net_header(1, 1, 54, 1448, 34, 16), sent);
  rte_mbuf* const frame = next(port);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
  EXPECT_EQ(frame->tso_segsz, 1448);
  EXPECT_EQ(frame->l2_len, 14);
  EXPECT_EQ(frame->l3_len, 20);
  EXPECT_EQ(frame->l4_len, 20);
  EXPECT_EQ(bytes_of(frame), sent);

  // And back, as it is.
  const std::uint64_t to = guest.post(0, 1 << 14);
  guest.descriptors(0)[0] = {to, 12, 2 | 1, 1};
  guest.descriptors(0)[1] = {to + 12, 32 << 10, 2, 0};
  rte_mbuf* back = frame;
  ASSERT_EQ(port.transmit({&back, 1}), 1);
  const Bytes got(guest.memory + to, guest.memory + to + 12 + sent.size());
  EXPECT_EQ(Bytes(got.begin(), got.begin() + 10), Bytes({1, 1, 54, 0, 1448 & 255, 1448 >> 8, 34, 0, 16, 0}));
  EXPECT_EQ(Bytes(got.begin() + 12, got.end()), sent);
}

TEST_F(VhostTest, WhatTheGuestDidNotNegotiateItDoesNotGet) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(0);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  EXPECT_FALSE(port.capabilities().checksum);
  EXPECT_FALSE(port.capabilities().tso);
  EXPECT_EQ(port.capabilities().mtu, 1500) << "its buffers are small";
  rte_mbuf* frame = packet(tcp_frame(100));
  frame->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
  frame->l2_len = 14, frame->l3_len = 20;
  guest.post(0, 2048);
  EXPECT_EQ(port.transmit({&frame, 1}), 0);
  frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  const std::uint64_t to = FrontEnd::kBuffers + (2 << 20);
  ASSERT_EQ(port.transmit({&frame, 1}), 1);
  EXPECT_EQ(guest.memory[to], 0) << "nor that a checksum is good";
}

bool readable(int fd, int timeout_ms) {
  pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, timeout_ms) == 1;
}

TEST_F(VhostTest, ASleeperIsWokenByAKickAndByNobodyWhileItIsAwake) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(kMerged);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  EXPECT_TRUE(readable(port.wake_fd(), 10000)) << "a guest that comes wakes whoever sleeps";
  port.disarm();
  EXPECT_FALSE(readable(port.wake_fd(), 0));
  EXPECT_FALSE(guest.wants_kicks(1)) << "hot";
  ASSERT_TRUE(port.arm(-1));
  EXPECT_TRUE(guest.wants_kicks(1));
  guest.offer(0, net_header(), plain_frame(60, 1));
  guest.kick(1);
  EXPECT_TRUE(readable(port.wake_fd(), 10000));
  port.disarm();
  EXPECT_FALSE(guest.wants_kicks(1));
  EXPECT_FALSE(readable(port.wake_fd(), 0));
  EXPECT_FALSE(port.arm(-1)) << "something is queued";
  port.disarm();
  rte_pktmbuf_free(next(port));
  ASSERT_TRUE(port.arm(-1));
  guest.hang_up();
  ASSERT_TRUE(eventually([&] { return !port.link_up(); }));
  FrontEnd other(backend().socket);
  other.start(kMerged);
  EXPECT_TRUE(readable(port.wake_fd(), 10000)) << "the next one wakes it too, though it never saw arm()";
  port.disarm();
  ASSERT_TRUE(eventually([&] { return port.arm(-1) && other.wants_kicks(1); }));
  other.offer(0, net_header(), plain_frame(60, 1));
  other.kick(1);
  EXPECT_TRUE(readable(port.wake_fd(), 10000));
  rte_pktmbuf_free(next(port));
}

TEST_F(VhostTest, ASecondGuestIsSentAwayWhileTheFirstIsThere) {
  Port& port = open();
  {
    FrontEnd first(backend().socket);
    first.start(kMerged);
    ASSERT_TRUE(eventually([&] { return port.link_up(); }));
    FrontEnd second(backend().socket);
    EXPECT_FALSE(second.answers());
    EXPECT_TRUE(first.answers());
    first.offer(0, net_header(), plain_frame(60, 1));
    rte_pktmbuf_free(next(port));
  }
  FrontEnd third(backend().socket);
  third.start(kMerged);
  EXPECT_TRUE(eventually([&] { return port.link_up(); }));
}

TEST_F(VhostTest, TheGuestHearsHowManyQueuesThereAre) {
  open(backend(true, 4));
  FrontEnd guest(backend().socket);
  EXPECT_EQ(guest.ask(17), 4U);
  EXPECT_NE(guest.ask(1) & feature(22), 0U);
}

TEST_F(VhostTest, ARestartedDriverGoesOnWhereTheRingIs) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(kMerged);
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  for (std::uint16_t i = 0; i < 3; ++i) {
    guest.offer(i, net_header(), plain_frame(60, 1));
    rte_pktmbuf_free(next(port));
  }
  const std::uint32_t asked[2] = {1, 0};
  guest.send(11, asked, sizeof asked);  // get the base, which stops the ring
  ASSERT_TRUE(eventually([&] { return !port.link_up(); }));
  EXPECT_GE(guest.used_index(1), 3);
}

}  // namespace
}  // namespace weft::test
