// parse_plain() against the stages it stands in for (DESIGN D13): what it takes, parse() and check_source() would have let
// pass with the same lanes; and it takes every well-formed packet of the common kind.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "dataplane/worker/handover.hpp"
#include "dataplane/worker/packet_pool.hpp"
#include "dataplane/worker/parse_plain.hpp"
#include "dataplane/worker/stages.hpp"
#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

constexpr EniSlot kA = 0, kB = 1;

class ParsePlain : public testing::Test {
 protected:
  ParsePlain() { publish([](Instance&) {}); }

  /// Guest a, changed, and b as always.
  template <typename Change>
  void publish(Change change) {
    Deployment deployment = dual_stack({open_group()}, four_guests({"open"}));
    change(deployment.instances[0]);
    mac_ = deployment.instances[0].enis[0].mac;
    std::vector<SlotAssignment> slots;
    for (EniSlot slot = 0; slot < 4; ++slot) slots.push_back({.slot = slot, .born = 1, .home = 0, .port = nullptr});
    snapshot_ = Snapshot::compile(std::make_shared<const Deployment>(deployment), slots, slots.size(), 1, 1);
    worker_.snapshot = snapshot_.get();
  }

  Path path(const std::string& to) const { return {mac_, kRouterMac, "10.0.1.4", to}; }
  Path path6(const std::string& to) const { return {mac_, kRouterMac, address6("a"), to}; }

  /// A burst as parse() finds it.
  void load(const std::vector<Frame>& frames, EniSlot source, bool from_port) {
    for (unsigned i = 0; i < burst_.count; ++i) rte_pktmbuf_free(burst_.packet[i]);
    burst_ = Burst{};
    burst_.from_port = from_port;
    std::fill_n(burst_.fate, kBurst, Fate::kPending);
    for (const Frame& frame : frames) {
      rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
      std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
      burst_.take(packet, source);
    }
  }

  /// Every bit that parse_plain() sets, by the stages that know nothing of it.
  void expect_agreement() {
    parse_plain(burst_, worker_);
    Burst slow = burst_;
    slow.plain = slow.ipv6 = 0;
    for (unsigned i = 0; i < slow.count; ++i) parse_again(slow, i, worker_);
    if (burst_.from_port) check_source(slow, worker_);
    std::uint32_t bytes = 0, longest = 0;
    for (unsigned i = 0; i < burst_.count; ++i) {
      if ((burst_.plain >> i & 1U) == 0) continue;
      bytes += burst_.packet[i]->pkt_len;
      longest = std::max(longest, burst_.packet[i]->pkt_len);
      ASSERT_TRUE(slow.pending(i)) << name(slow.reason[i]);
      ASSERT_FALSE(slow.offloads || slow.is_fragment(i));
      ASSERT_EQ(burst_.is_ipv6(i), slow.is_ipv6(i));
      ASSERT_TRUE(burst_.key[i] == slow.key[i]);
      if (burst_.is_ipv6(i)) { ASSERT_TRUE(burst_.key6[i] == slow.key6[i]); }
      ASSERT_EQ(burst_.hash[i], slow.hash[i]);
      ASSERT_EQ(burst_.direction[i], slow.direction[i]);
      ASSERT_EQ(burst_.kind[i], slow.kind[i]);
      ASSERT_EQ(burst_.tcp_flags[i], slow.tcp_flags[i]);
    }
    EXPECT_EQ(burst_.bytes, bytes);
    EXPECT_EQ(burst_.longest, longest);
  }

  ~ParsePlain() override {
    for (unsigned i = 0; i < burst_.count; ++i) rte_pktmbuf_free(burst_.packet[i]);
  }

  PacketPool pool_ = make_packet_pool(127);
  MacAddress mac_;
  std::unique_ptr<const Snapshot> snapshot_;
  Handover handover_{1};
  services::TokenKeys token_keys_;
  WorkerContext worker_{0, 64, 64, handover_, nullptr, true, token_keys_};
  Burst burst_;
};

TEST_F(ParsePlain, TakesEveryWellFormedPacketOfTheCommonKind) {
  load({udp(path("10.0.1.5"), 1, 2, 0), udp(path("10.0.0.1"), 0xffff, 1), udp(path("8.8.8.8"), 1, 2, 1400),
        tcp(path("10.0.1.5"), 1, 2, TcpHeader::kSyn), tcp(path("9.0.0.1"), 2, 1, 0xff, 100),
        udp6(path6(address6("b")), 1, 2, 0), tcp6(path6("2001:db9::1"), 1, 2, TcpHeader::kFin),
        udp6(path6("2001:db8::1"), 2, 1, 500)},
       kA, true);
  expect_agreement();
  EXPECT_EQ(burst_.plain, 0xffU);
  EXPECT_EQ(burst_.ipv6, 0xe0U);
}

TEST_F(ParsePlain, LeavesWhatAnotherStageHasToLookAt) {
  Frame options = udp(path("10.0.1.5"), 1, 2);
  header_at<Ipv4Header>(options, kIpOffset).version_length = 0x46;
  Frame fragment = udp(path("10.0.1.5"), 1, 2);
  header_at<Ipv4Header>(fragment, kIpOffset).fragment = Be16(Ipv4Header::kMoreFragments);
  Frame later = udp(path("10.0.1.5"), 1, 2);
  header_at<Ipv4Header>(later, kIpOffset).fragment = Be16(1);
  Path foreign = path("10.0.1.5"), foreign6 = path6(address6("b"));
  foreign.from = "10.0.1.6";
  foreign6.from = address6("c");
  Path nobody = path("10.0.1.5"), nobody6 = path6(address6("b")), link_local = path6(address6("b"));
  nobody.from = "0.0.0.0";
  nobody6.from = "::";
  link_local.from = "fe80::1";
  const MacAddress broadcast = mac("ff:ff:ff:ff:ff:ff"), other = mac("02:00:0a:00:01:05");
  load({options, fragment, later, icmp(path("10.0.1.5"), 8, 0, 1), udp(foreign, 1, 2), udp6(foreign6, 1, 2),
        udp(nobody, 1, 2), udp6(nobody6, 1, 2), udp6(link_local, 1, 2), with_macs(udp(path("10.0.1.5"), 1, 2), broadcast, mac_), with_macs(udp(path("10.0.1.5"), 1, 2), kRouterMac, other),
        with_macs(udp6(path6(address6("b")), 1, 2), kRouterMac, other), udp(path("10.0.1.4"), 1, 2),
        ipv6(path6(address6("b")), kProtocolUdp, udp_segment(path6(address6("b")), 1, 2), kDestinationOptions,
             {options_header(kProtocolUdp)}),
        arp(mac_, broadcast, 1, mac_, "10.0.1.4", {}, "10.0.1.5")},
       kA, true);
  expect_agreement();
  EXPECT_EQ(burst_.plain, 0U);
}

TEST_F(ParsePlain, ChecksWhatTheInterfaceChecks) {
  Path foreign = path("10.0.1.5"), foreign6 = path6(address6("b"));
  foreign.from = "7.7.7.7";
  foreign6.from = "2001:db9::7";
  publish([](Instance& a) { a.enis[0].source_dest_check = false; });
  load({udp(foreign, 1, 2), udp6(foreign6, 1, 2)}, kA, true);
  expect_agreement();
  EXPECT_EQ(burst_.plain, 3U) << "a middlebox sends from any address";
  load({udp(foreign, 1, 2), udp6(foreign6, 1, 2)}, kB, true);
  expect_agreement();
  EXPECT_EQ(burst_.plain, 0U);
  load({udp(foreign, 1, 2), udp6(foreign6, 1, 2)}, kB, false);
  expect_agreement();
  EXPECT_EQ(burst_.plain, 3U) << "another worker has checked it";
}

/// Bytes changed anywhere in the headers, cut anywhere, from a and from b, whose packets they are not.
TEST_F(ParsePlain, AgreesWithTheStagesOnDamagedPackets) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<Frame> good = {udp(path("10.0.1.5"), 1000, 2000, 40), tcp(path("10.0.1.5"), 1, 2, 0x10, 40),
                                   udp6(path6(address6("b")), 1000, 2000, 40), tcp6(path6(address6("b")), 1, 2, 2, 40)};
  unsigned plain = 0, other = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Frame> frames;
    for (unsigned i = 0; i < kBurst; ++i) {
      Frame frame = good[random() % good.size()];
      for (unsigned changes = random() % 3; changes > 0; --changes)
        frame[random() % std::min<std::size_t>(frame.size(), 80)] = static_cast<std::uint8_t>(random());
      if (random() % 8 == 0) frame.resize(14 + random() % (frame.size() - 14));
      frames.push_back(std::move(frame));
    }
    load(frames, random() % 8 == 0 ? kB : kA, random() % 4 != 0);
    expect_agreement();
    plain += static_cast<unsigned>(std::popcount(burst_.plain));
    other += kBurst - static_cast<unsigned>(std::popcount(burst_.plain));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(plain, 10'000U);
  EXPECT_GT(other, 10'000U);
}

}  // namespace
}  // namespace weft::test
