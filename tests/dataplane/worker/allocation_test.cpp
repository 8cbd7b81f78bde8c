// No allocation, lock or system call on the data path (STYLE), feature by feature: each ends the process while a worker
// turns. The engine's clock is the test's, so that not even clock_gettime() has to be let through.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/networks.hpp"
#include "tests/dataplane/worker/per_packet_guard.hpp"

namespace weft::test {
namespace {

class PerPacket : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { watched_ = per_packet::watch_system_calls(); }
  void turn(Fabric& fabric, unsigned worker = 0) {
    per_packet::guarded([&] { fabric.turn(worker); });
  }
  static bool watched_;
};
bool PerPacket::watched_ = false;

TEST_F(PerPacket, AllocationsEndTheProcess) {
  EXPECT_DEATH(per_packet::guarded([] { delete new int; }), "malloc inside a worker's turn");
  EXPECT_DEATH(
      {
        auto memory = std::make_unique<int>();
        per_packet::guarded([&] { memory.reset(); });
      },
      "free inside a worker's turn");
}

TEST_F(PerPacket, LocksEndTheProcess) {
#ifdef WEFT_SANITIZED
  GTEST_SKIP() << "the sanitizer's own; the plain build has this test";
#endif
  EXPECT_DEATH(
      {
        std::mutex mutex;
        per_packet::guarded([&] { std::lock_guard lock(mutex); });
      },
      "pthread_mutex_lock inside a worker's turn");
  EXPECT_DEATH(per_packet::guarded([] { rte_free(rte_malloc("test", 64, 64)); }), "rte_malloc inside a worker's turn");
}

TEST_F(PerPacket, SystemCallsEndTheProcess) {
#ifdef WEFT_SANITIZED
  GTEST_SKIP() << "a sanitizer makes its own; the plain build has this test";
#endif
  if (!watched_) GTEST_SKIP() << "this kernel has no syscall user dispatch (Linux 5.11)";
  EXPECT_DEATH(
      {
        per_packet::watch_system_calls();
        per_packet::guarded([] { ::getppid(); });
      },
      "system call " + std::to_string(SYS_getppid) + " inside a worker's turn");
}

Deployment members_of_both_families() {
  SecurityGroup group = members_group();
  group.ingress.push_back(all(cidr("2001:db8::/56")));
  group.egress.push_back(all(cidr("2001:db8::/56")));
  return dual_stack({group}, four_guests({"members"}));
}

TEST_F(PerPacket, NothingForKnownFlowsNorNewOnesNorDropsNorAnswers) {
  Fabric fabric(members_of_both_families(),
                {.port = {.mtu = 9001, .checksum = false, .tso = false, .chains = true}});
  const Path path = fabric.path("a", "b");
  const MacAddress own = fabric.eni("a").mac;
  std::vector<Frame> frames;
  for (std::uint16_t port = 1; port < 20; ++port) frames.push_back(udp(path, port, 2));
  frames.push_back(udp(path, 1, 2));
  frames.push_back(tcp(path, 1, 2, TcpHeader::kSyn));
  frames.push_back(icmp(path, 8, 0, 1));
  frames.push_back(icmp_error(path, 3, 3, udp(fabric.path("b", "a"), 2, 1)));
  frames.push_back(arp(own, MacAddress::broadcast(), 1, own, "10.0.1.4", {}, "10.0.1.5"));
  frames.push_back(icmp(fabric.path_to("a", "10.0.1.1"), 8, 0, 1));
  frames.push_back(udp(fabric.path_to("a", "192.0.2.1"), 1, 2));
  frames.push_back(Frame(10));
  const Path six = path6(fabric, "a", "b");
  for (std::uint16_t port = 1; port < 20; ++port) frames.push_back(udp6(six, port, 2));
  frames.push_back(udp6(six, 1, 2));
  frames.push_back(tcp6(six, 1, 2, TcpHeader::kSyn));
  frames.push_back(icmp6(six, 128, 0, 1));
  frames.push_back(icmp6_error(six, 1, 4, udp6(path6(fabric, "b", "a"), 2, 1)));
  frames.push_back(ipv6(six, kUdp, udp_segment(six, 1, 3), kDestinationOptions, {options_header(kUdp)}));
  frames.push_back(udp6(path_to6(fabric, "a", "2001:db8:ffff::1"), 1, 2));
  frames.push_back(udp6(path_to6(fabric, "a", "ff02::1"), 1, 2));
  for (const bool captured : {false, true}) {
    const bool started = captured && fabric.engine().start_capture({}, guests_named({"a", "b"}));
    ASSERT_EQ(started, captured);
    for (const Frame& frame : frames) {
      fabric.inject("a", frame);
      turn(fabric);
    }
  }
  // A super-segment for a port that takes none, a publication, ageing.
  rte_mbuf* packet = fabric.packet(tcp(path, 5, 2, TcpHeader::kAck, 5000));
  packet->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
  packet->l2_len = 14;
  packet->l3_len = packet->l4_len = 20;
  packet->tso_segsz = 1000;
  fabric.inject("a", packet);
  turn(fabric);
  fabric.apply(members_of_both_families());
  for (const Frame& frame : frames) fabric.inject("a", frame);
  turn(fabric);
  for (int second = 0; second < 700; second += 50) {
    Fabric::advance_s(50);
    for (int i = 0; i < 100; ++i) turn(fabric);
  }
  EXPECT_TRUE(fabric.engine().flows().empty());
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST_F(PerPacket, NothingWithinAllowancesNorAboveThem) {
  Deployment deployment = members_of_both_families();
  deployment.instances[0].allowances = {.baseline_gbps = 0.001, .peak_gbps = 0.002, .pps = 100, .connections = 50, .flow_gbps = 0.001};
  Fabric fabric(deployment);
  const Path path = fabric.path("a", "b");
  for (std::uint16_t i = 0; i < 200; ++i) {
    fabric.inject("a", udp(path, static_cast<std::uint16_t>(i / 2 + 1), 2, 1000));
    fabric.inject("a", udp6(path6(fabric, "a", "b"), static_cast<std::uint16_t>(i / 2 + 1), 2));
    fabric.inject("a", udp(fabric.path_to("a", "169.254.169.123"), 5, 123));
    turn(fabric);
    while (fabric.receive("b")) {
    }
  }
}

TEST_F(PerPacket, NothingAtTheGatewayNorForFragmentsNorForTheServices) {
  Deployment deployment = make_deployment({open_group()}, four_guests({"open"}));
  add_internet(deployment);
  add_acl(deployment, "hpc", {allow(1)}, {deny(1, kTcp, 9, 9), allow(2)});
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, "203.0.113.2", "eni-b", "10.0.1.5");
  Fabric fabric(deployment);
  const Path out = fabric.path_to("a", kOutside), hairpin = fabric.path_to("a", "203.0.113.2");
  const auto edited = [](Frame frame, std::uint16_t word, std::uint8_t ttl) {
    auto& ip_header = header_at<Ipv4Header>(frame, kIpOffset);
    ip_header.fragment = Be16(word);
    ip_header.time_to_live = ttl;
    fix_ip_checksum(frame);
    return frame;
  };
  const Frame big = udp(out, 1, 2, 4000), cut = udp(fabric.path("a", "b"), 1, 2, 1000);
  const std::vector<Frame> frames = {
      udp(out, 1, 2), tcp(out, 1, 9, TcpHeader::kSyn), big, edited(big, 0, 64), edited(big, 0, 1), udp(hairpin, 1, 2),
      edited(udp(hairpin, 1, 2, 4000), 0, 64), edited(cut, 126, 64), edited(cut, Ipv4Header::kMoreFragments, 64),
      edited(cut, 252, 64), udp(fabric.path_to("a", "10.0.0.2"), 5000, 53), udp(fabric.path_to("a", "169.254.169.123"), 123, 123, 48),
      tcp(fabric.path_to("a", "169.254.169.254"), 7, 80, TcpHeader::kSyn),
      tcp(fabric.path_to("a", "169.254.169.254"), 7, 80, TcpHeader::kAck, 100),
      udp({fabric.eni("a").mac, MacAddress::broadcast(), "0.0.0.0", "255.255.255.255"}, 68, 67, 300)};
  for (int round = 0; round < 3; ++round) {
    for (const Frame& frame : frames) {
      fabric.inject("a", frame);
      fabric.inject("internet", udp({kInternetMac, kGatewayMac, kOutside, "203.0.113.1"}, 2, 1));
      turn(fabric);
    }
    Fabric::advance_s(1);
    turn(fabric);
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST_F(PerPacket, NothingOnTheWayThroughAnUnderlayWithFaults) {
  Deployment deployment = members_of_both_families();
  deployment.instances[1].placement.host = 1;
  Fabric fabric(deployment);
  fabric.engine().set_underlay({.layout = {.rack = {.rate_bps = 100'000'000, .latency_ns = 1'000'000, .jitter_ns = 1'000'000,
                                                    .queue_bytes = 3000, .ecn_bytes = 1000,
                                                    .loss = {.kind = underlay::Loss::Kind::kBernoulli, .loss = 0.2},
                                                    .duplicate = 0.3, .reorder = 0.3, .reorder_ns = 500'000, .corrupt = 0.3}}});
  fabric.apply(deployment);
  for (std::uint16_t i = 0; i < 500; ++i) {
    fabric.inject("a", udp(fabric.path("a", "b"), i, 2, 1000));
    fabric.inject("a", udp6(path6(fabric, "a", "b"), i, 2));
    turn(fabric);
    if (i % 4 == 0) Fabric::advance_ms(1);
    while (fabric.receive("b")) {
    }
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

/// Flow logs of all ENIs while a capture sees every packet, then the same with rings and tables that nobody empties.
TEST_F(PerPacket, NothingForFlowLogsAndCapturesThatAreReadAndThatAreFull) {
  Deployment deployment = members_of_both_families();
  FlowLog log;
  log.id = log.name = "fl-all";
  log.resource_id = "vpc-1";
  log.log_format = "${srcaddr} ${dstaddr} ${bytes}";
  deployment.flow_logs = {log};
  Fabric fabric(deployment);
  ASSERT_TRUE(fabric.engine().flow_log_eni("eni-a"));
  auto session = fabric.engine().start_capture({.ring_bytes = 65536}, guests_named({"a", "b"}));
  ASSERT_TRUE(session);
  const Path path = fabric.path("a", "b"), six = path6(fabric, "a", "b");
  std::size_t records = 0;
  for (const bool read : {true, false}) {
    for (std::uint16_t port = 1; port < 600; ++port) {
      fabric.inject("a", udp(path, port, 2));
      fabric.inject("a", udp6(six, port, 2));
      fabric.inject("a", udp(fabric.path_to("a", "192.0.2.1"), port, 2));
      turn(fabric);
      while (fabric.receive("b")) {
      }
      if (!read) continue;
      CaptureRing* ring = nullptr;
      while ((*session)->front(ring) != nullptr) {
        ring->pop();
        ++records;
      }
      if (port % 100 == 0) {
        EXPECT_FALSE(fabric.engine().take_flow_log_records().records.empty());
      }
    }
  }
  EXPECT_GT(records, 599U * 3);
  EXPECT_GT((*session)->missed(), 0U) << "nobody read";
  fabric.engine().stop_capture();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

/// a's home is worker 0 and b's worker 1; each owns some of the flows. In turns, so that the guard sees both.
TEST_F(PerPacket, NothingForPacketsHandedFromWorkerToWorker) {
  Fabric fabric(members_of_both_families(), {.workers = 2, .packets = 16383});
  const Path there = fabric.path("a", "b"), back = fabric.path("b", "a");
  unsigned at_a = 0, at_b = 0;
  for (int round = 0; round < 2; ++round)
    for (std::uint16_t port = 1; port < 300; ++port) {
      fabric.inject("a", udp(there, port, 2));
      fabric.inject("a", udp6(path6(fabric, "a", "b"), port, 2));
      fabric.inject("b", udp(back, 2, port));
      for (int turns = 0; turns < 3; ++turns)
        for (const unsigned worker : {0U, 1U}) turn(fabric, worker);
      while (fabric.receive("b")) ++at_b;
      while (fabric.receive("a")) ++at_a;
    }
  EXPECT_EQ(at_b, 2U * 2 * 299);
  EXPECT_EQ(at_a, 2U * 299);
  // And a ring that is full: worker 1 does not turn.
  for (std::uint16_t port = 1; port < 6000; ++port) {
    fabric.inject("a", udp(there, port, 2));
    turn(fabric);
    while (fabric.receive("b")) {
    }
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

}  // namespace
}  // namespace weft::test
