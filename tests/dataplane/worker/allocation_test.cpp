// No allocation on the data path (STYLE): operator new ends the process while a worker turns.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace {
thread_local bool forbidden = false;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (forbidden) {
    std::fputs("operator new inside a worker's turn\n", stderr);
    std::abort();
  }
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
// std::stable_sort() asks for its buffer so; a sanitizer's own would not be free()'s.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return allocate(bytes, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace weft::test {
namespace {

class NoAllocation : public ::testing::Test {
 protected:
  void turn(Fabric& fabric) {
    forbidden = true;
    fabric.turn();
    forbidden = false;
  }
};

TEST_F(NoAllocation, TheGuardWorks) {
  EXPECT_DEATH(
      {
        forbidden = true;
        delete new int;
      },
      "operator new inside");
}

Deployment members_of_both_families() {
  SecurityGroup group = members_group();
  group.ingress.push_back(all(cidr("2001:db8::/56")));
  group.egress.push_back(all(cidr("2001:db8::/56")));
  return dual_stack({group}, four_guests({"members"}));
}

TEST_F(NoAllocation, NeitherForKnownFlowsNorNewOnesNorDropsNorAnswers) {
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

TEST_F(NoAllocation, NeitherWithinAllowancesNorAboveThem) {
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

TEST_F(NoAllocation, NeitherAtTheGatewayNorForFragmentsNorForTheServices) {
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

}  // namespace
}  // namespace weft::test
