// TapPort against a real TAP and a real kernel: what each side sees of checksums and super-segments.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "dataplane/worker/packet_pool.hpp"
#include "drivers/tap/tap_port.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/drivers/tap/namespace_guest.hpp"

namespace weft::test {
namespace {

constexpr char kGuestMac[] = "02:00:0a:00:01:04", kPeerMac[] = "02:00:0a:00:01:05";
const Path kToGuest{mac(kPeerMac), mac(kGuestMac), "10.0.1.5", "10.0.1.4"};
const Path kToGuest6{mac(kPeerMac), mac(kGuestMac), "2001:db8:0:1::5", "2001:db8:0:1::4"};

sockaddr_in at(const char* address, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &made.sin_addr);
  return made;
}

class TapPortTest : public ::testing::Test {
 protected:
  TapPortTest() : guest("10.0.1.4", kGuestMac, 9001), pool(make_packet_pool(511)) {
    guest.command(std::string("ip neigh add 10.0.1.5 lladdr ") + kPeerMac + " dev eth0");
    port = std::make_unique<TapPort>(guest.release_tap(), pool.get());
  }

  /// The next IPv4 frame of the guest, within two seconds.
  rte_mbuf* next_ipv4() {
    for (int tries = 0; tries < 200; ++tries) {
      rte_mbuf* frame = nullptr;
      if (port->receive({&frame, 1}) == 0) {
        pollfd ready{port->readiness_fd(), POLLIN, 0};
        ::poll(&ready, 1, 10);
        continue;
      }
      if (rte_pktmbuf_mtod(frame, EthernetHeader*)->ether_type.host() == kEtherTypeIpv4) return frame;
      rte_pktmbuf_free(frame);
    }
    return nullptr;
  }

  rte_mbuf* packet(const Frame& bytes) {
    rte_mbuf* made = rte_pktmbuf_alloc(pool.get());
    std::memcpy(rte_pktmbuf_append(made, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return made;
  }

  NamespaceGuest guest;
  PacketPool pool;
  std::unique_ptr<TapPort> port;
};

TEST_F(TapPortTest, ADatagramComesOutWithItsChecksumLeftToTheDevice) {
  guest.inside([&] {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in to = at("10.0.1.5", 53);
    EXPECT_EQ(::sendto(socket, "hello", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 5);
    ::close(socket);
  });
  rte_mbuf* frame = next_ipv4();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->pkt_len, 14U + 20 + 8 + 5);
  EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM);
  EXPECT_EQ(frame->l2_len, 14);
  EXPECT_EQ(frame->l3_len, 20);
  EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod_offset(frame, char*, 42), "hello", 5), 0);
  rte_pktmbuf_free(frame);
}

TEST_F(TapPortTest, ADatagramGoesInFinishedOrWithAPartialChecksum) {
  guest.inside([&] {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in own = at("10.0.1.4", 53);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    const timeval timeout{2, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    for (const bool partial : {false, true}) {
      Frame bytes = udp(kToGuest, 1000, 53, 40);
      if (partial)
        header_at<UdpHeader>(bytes, kIpv4L4Offset).checksum = checksum_fold(pseudo_header_sum(
            *IpAddress::parse("10.0.1.5"), *IpAddress::parse("10.0.1.4"), kProtocolUdp, 48));
      rte_mbuf* frame = packet(bytes);
      if (partial) {
        frame->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
        frame->l2_len = 14;
        frame->l3_len = 20;
      }
      ASSERT_EQ(port->transmit({&frame, 1}), 1);
      char received[100];
      EXPECT_EQ(::recv(socket, received, sizeof received, 0), 40) << (partial ? "partial" : "finished");
    }
    ::close(socket);
  });
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), 511U) << "transmit() frees what it took";
}

TEST_F(TapPortTest, ACorruptFrameIsRefusedByTheGuest) {
  guest.inside([&] {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in own = at("10.0.1.4", 53);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    const timeval timeout{0, 200'000};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    Frame bytes = udp(kToGuest, 1000, 53, 40);
    bytes.back() ^= 1;
    rte_mbuf* frame = packet(bytes);
    ASSERT_EQ(port->transmit({&frame, 1}), 1);
    char received[100];
    EXPECT_LT(::recv(socket, received, sizeof received, 0), 0);
    ::close(socket);
  });
}

TEST_F(TapPortTest, ALargeDatagramIsAChainOfBuffersReadWithoutABounce) {
  const Frame data = pattern(8900);
  guest.inside([&] {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in to = at("10.0.1.5", 53);
    ::sendto(socket, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    ::close(socket);
  });
  rte_mbuf* frame = next_ipv4();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->pkt_len, 42 + data.size());
  EXPECT_EQ(frame->nb_segs, 5);
  std::vector<std::uint8_t> room(data.size());
  const auto* got = rte_pktmbuf_read(frame, 42, static_cast<std::uint32_t>(data.size()), room.data());
  EXPECT_EQ(std::memcmp(got, data.data(), data.size()), 0);
  rte_pktmbuf_free(frame);
}

class TapPortWithLargeRooms : public TapPortTest {
 protected:
  static constexpr unsigned kLargeRooms = 15;
  TapPortWithLargeRooms() : large(make_large_pool(kLargeRooms)) {
    const int fd = ::dup(port->readiness_fd());  // the port closes its own
    port = std::make_unique<TapPort>(fd, pool.get(), 9001, large.get());
  }

  /// From sockets of their own, for one may not have much on its way.
  void send_datagrams(unsigned count, const Frame& data) {
    guest.inside([&] {
      const sockaddr_in to = at("10.0.1.5", 53);
      for (unsigned i = 0; i < count; ++i) {
        const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT_GT(::sendto(socket, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        ::close(socket);
      }
    });
  }
  bool whole(rte_mbuf* frame, const Frame& data) {
    std::vector<std::uint8_t> room(data.size());
    const auto* got = rte_pktmbuf_read(frame, 42, static_cast<std::uint32_t>(data.size()), room.data());
    return frame->pkt_len == 42 + data.size() && got != nullptr && std::memcmp(got, data.data(), data.size()) == 0;
  }

  PacketPool large;
};

TEST_F(TapPortWithLargeRooms, WhatASmallBufferDoesNotHoldIsInOneLargeOne) {
  for (const std::size_t size : {1, 1900, 3000, 8900}) {
    const Frame data = pattern(size);
    send_datagrams(1, data);
    rte_mbuf* frame = next_ipv4();
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->nb_segs, size > 2000 ? 2 : 1);
    EXPECT_TRUE(whole(frame, data)) << size;
    rte_pktmbuf_free(frame);
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), 511U) << "a port that nobody reads holds no buffer";
    EXPECT_EQ(rte_mempool_avail_count(large.get()), kLargeRooms);
  }
}

TEST_F(TapPortWithLargeRooms, LargeFramesAreChainsOfSmallBuffersWhileThereAreNoLargeOnes) {
  std::vector<rte_mbuf*> hoard;
  for (rte_mbuf* room; (room = rte_pktmbuf_alloc(large.get())) != nullptr;) hoard.push_back(room);
  EXPECT_EQ(hoard.size(), kLargeRooms);
  const Frame data = pattern(8900);
  send_datagrams(3, data);
  for (unsigned i = 0; i < 3; ++i) {
    rte_mbuf* frame = next_ipv4();
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->nb_segs, 5);
    EXPECT_TRUE(whole(frame, data));
    rte_pktmbuf_free(frame);
  }
  rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
}

TEST_F(TapPortWithLargeRooms, APoolThatRunsOutInABurstLosesNothing) {
  const Frame data = pattern(8900);
  constexpr unsigned kFrames = 40;
  send_datagrams(kFrames, data);
  std::vector<rte_mbuf*> held;
  for (unsigned tries = 0; held.size() < kFrames && tries < 100; ++tries) {
    rte_mbuf* burst[32];
    const unsigned count = port->receive(burst);
    for (unsigned i = 0; i < count; ++i) {
      if (rte_pktmbuf_mtod(burst[i], EthernetHeader*)->ether_type.host() == kEtherTypeIpv4) held.push_back(burst[i]);
      else rte_pktmbuf_free(burst[i]);
    }
  }
  EXPECT_EQ(held.size(), kFrames) << "fifteen in large rooms, the others in chains";
  for (rte_mbuf* frame : held) EXPECT_TRUE(whole(frame, data));
  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), 511U);
  EXPECT_EQ(rte_mempool_avail_count(large.get()), kLargeRooms);
}

TEST_F(TapPortTest, ABurstEndsWhenItHasReadItsBytes) {
  const Frame data = pattern(8900);
  guest.inside([&] {
    const sockaddr_in to = at("10.0.1.5", 53);
    for (unsigned i = 0; i < 40; ++i) {
      const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      ::sendto(socket, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      ::close(socket);
    }
  });
  rte_mbuf* burst[40];
  const unsigned count = port->receive(burst);
  std::size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) bytes += burst[i]->pkt_len;
  ASSERT_GE(count, 1U);
  EXPECT_LT(count, 40U);
  EXPECT_GE(bytes, TapPort::kBurstBytes);
  EXPECT_LT(bytes - burst[count - 1]->pkt_len, TapPort::kBurstBytes);
  rte_pktmbuf_free_bulk(burst, count);
}

TEST_F(TapPortTest, AnEmptyPoolLeavesFramesInTheKernelAndLosesNone) {
  std::vector<rte_mbuf*> hoard(511);
  unsigned taken = 0;
  while (taken < hoard.size() && (hoard[taken] = rte_pktmbuf_alloc(pool.get())) != nullptr) ++taken;
  guest.inside([&] {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const sockaddr_in to = at("10.0.1.5", 53);
    for (int i = 0; i < 3; ++i) ::sendto(socket, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    ::close(socket);
  });
  rte_mbuf* frame = nullptr;
  EXPECT_EQ(port->receive({&frame, 1}), 0);
  rte_pktmbuf_free_bulk(hoard.data(), taken);
  for (int i = 0; i < 3; ++i) {
    frame = next_ipv4();
    ASSERT_NE(frame, nullptr);
    rte_pktmbuf_free(frame);
  }
}

// --- the header alone, hostile ones too

TEST_F(TapPortTest, HeadersThatDoNotFitTheFrameAreCompletedOrFlaggedNeverTrusted) {
  const Frame bytes = udp(kToGuest, 1000, 53, 40);
  for (unsigned start = 0; start < 120; ++start) {
    for (const std::uint16_t offset : {0, 6, 16, 50, 0xffff}) {
      for (const std::uint8_t gso : {0, 1, 3, 4, 5, 0x81}) {
        rte_mbuf* frame = packet(bytes);
        offload_from_virtio({.flags = VirtioNetHeader::kNeedsChecksum,
                             .gso_type = gso,
                             .header_length = 0xffff,
                             .gso_size = 1000,
                             .checksum_start = static_cast<std::uint16_t>(start),
                             .checksum_offset = offset},
                            frame);
        if (gso != 0) {
          EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_UDP_SEG) << "UDP cannot be a TCP super-segment";
        } else if (start == 34 && offset == 6) {
          EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM);
        } else {
          EXPECT_EQ(frame->ol_flags, 0U);
        }
        rte_pktmbuf_free(frame);
      }
    }
  }
}

TEST_F(TapPortTest, HeadersThatDoNotFitAnIpv6FrameAreCompletedOrFlaggedNeverTrusted) {
  const Frame bytes = udp6(kToGuest6, 1000, 53, 40);
  for (unsigned start = 0; start < 120; ++start) {
    for (const std::uint16_t offset : {0, 6, 16, 50, 0xffff}) {
      for (const std::uint8_t gso : {0, 1, 3, 4, 5, 0x84}) {
        rte_mbuf* frame = packet(bytes);
        offload_from_virtio({.flags = VirtioNetHeader::kNeedsChecksum,
                             .gso_type = gso,
                             .header_length = 0xffff,
                             .gso_size = 1000,
                             .checksum_start = static_cast<std::uint16_t>(start),
                             .checksum_offset = offset},
                            frame);
        if (gso != 0) {
          EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_UDP_SEG) << "UDP cannot be a TCP super-segment";
        } else if (start == kIpv6L4Offset && offset == kUdpChecksumOffset) {
          EXPECT_EQ(frame->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM);
        } else {
          EXPECT_EQ(frame->ol_flags, 0U);
        }
        rte_pktmbuf_free(frame);
      }
    }
  }
}

TEST_F(TapPortTest, ATcpSuperSegmentIsOfTheFamilyOfItsFrameOrFlagged) {
  const VirtioNetHeader header{.flags = VirtioNetHeader::kNeedsChecksum, .gso_size = 1000, .checksum_offset = 16};
  const auto flags_of = [&](const Frame& bytes, std::uint8_t gso, std::size_t start) {
    VirtioNetHeader own = header;
    own.gso_type = gso;
    own.checksum_start = static_cast<std::uint16_t>(start);
    rte_mbuf* frame = packet(bytes);
    offload_from_virtio(own, frame);
    const std::uint64_t flags = frame->ol_flags;
    rte_pktmbuf_free(frame);
    return flags;
  };
  const std::uint64_t segmentation = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
  const Frame four = tcp(kToGuest, 1, 2, TcpHeader::kAck, 100), six = tcp6(kToGuest6, 1, 2, TcpHeader::kAck, 100);
  EXPECT_EQ(flags_of(four, VirtioNetHeader::kGsoTcpv4, kIpv4L4Offset), RTE_MBUF_F_TX_IPV4 | segmentation);
  EXPECT_EQ(flags_of(six, VirtioNetHeader::kGsoTcpv6, kIpv6L4Offset), RTE_MBUF_F_TX_IPV6 | segmentation);
  EXPECT_EQ(flags_of(four, VirtioNetHeader::kGsoTcpv6, kIpv4L4Offset), RTE_MBUF_F_TX_UDP_SEG);
  EXPECT_EQ(flags_of(six, VirtioNetHeader::kGsoTcpv4, kIpv6L4Offset), RTE_MBUF_F_TX_UDP_SEG);
  // Extension headers are part of what stands before TCP.
  Frame extended = six;
  const Frame options = options_header(kProtocolTcp);
  extended.insert(extended.begin() + kIpv6L4Offset, options.begin(), options.end());
  header_at<Ipv6Header>(extended, kIpOffset).next_header = kDestinationOptions;
  EXPECT_EQ(flags_of(extended, VirtioNetHeader::kGsoTcpv6, kIpv6L4Offset + 8), RTE_MBUF_F_TX_IPV6 | segmentation);
  EXPECT_EQ(flags_of(extended, VirtioNetHeader::kGsoTcpv6, kIpv6L4Offset), RTE_MBUF_F_TX_UDP_SEG);
}

TEST_F(TapPortTest, AnInnerChecksumOfATunnelIsCompletedHere) {
  // As for VXLAN made in the guest: the checksum to finish is not the outermost one.
  Frame bytes = udp(kToGuest, 4789, 4789, 60);
  const unsigned inner = kIpv4L4Offset + 8 + 20;
  header_at<Be16>(bytes, inner + 16) = Be16(0x1234);  // the partial sum
  const Be16 expected = checksum_finish(
      checksum_add({reinterpret_cast<const std::byte*>(bytes.data()) + inner, bytes.size() - inner}));
  rte_mbuf* frame = packet(bytes);
  offload_from_virtio({.flags = VirtioNetHeader::kNeedsChecksum, .checksum_start = inner, .checksum_offset = 16}, frame);
  EXPECT_EQ(frame->ol_flags, 0U);
  EXPECT_EQ(rte_pktmbuf_mtod_offset(frame, Be16*, inner + 16)->host(), expected.host());
  rte_pktmbuf_free(frame);
}

TEST_F(TapPortTest, OffloadsGoRoundUnchanged) {
  for (const VirtioNetHeader& header : std::initializer_list<VirtioNetHeader>{
           {.flags = VirtioNetHeader::kNeedsChecksum, .checksum_start = 34, .checksum_offset = 16},
           {.flags = VirtioNetHeader::kNeedsChecksum, .gso_type = VirtioNetHeader::kGsoTcpv4, .header_length = 54,
            .gso_size = 1400, .checksum_start = 34, .checksum_offset = 16},
           {.flags = VirtioNetHeader::kNeedsChecksum, .checksum_start = 54, .checksum_offset = 16},
           {.flags = VirtioNetHeader::kNeedsChecksum, .gso_type = VirtioNetHeader::kGsoTcpv6, .header_length = 74,
            .gso_size = 1400, .checksum_start = 54, .checksum_offset = 16},
           {.flags = VirtioNetHeader::kDataValid},
           {}}) {
    rte_mbuf* frame = packet(header.checksum_start == 54 ? tcp6(kToGuest6, 1, 2, TcpHeader::kAck, 100)
                                                         : tcp(kToGuest, 1, 2, TcpHeader::kAck, 100));
    offload_from_virtio(header, frame);
    const VirtioNetHeader back = offload_to_virtio(frame);
    EXPECT_EQ(back.flags, header.flags);
    EXPECT_EQ(back.gso_type, header.gso_type);
    EXPECT_EQ(back.gso_size, header.gso_size);
    EXPECT_EQ(back.header_length, header.header_length);
    EXPECT_EQ(back.checksum_start, header.checksum_start);
    EXPECT_EQ(back.checksum_offset, header.checksum_offset);
    rte_pktmbuf_free(frame);
  }
}

}  // namespace
}  // namespace weft::test
