// The door: what is recognised by its destination, and what is left to the rest of the pipeline.
#include "dataplane/services/answer.hpp"

#include <cstdlib>
#include <new>

#include "tests/dataplane/services/frames.hpp"

namespace {
bool counting = false;
std::size_t allocations = 0;
}  // namespace

// Not inlined, or gcc sees new meet free.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (counting) ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weft::services {
namespace {

struct TheDoor : Guest {};

const Bytes kDnsQuery = Bytes{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6} + text("node-1") + Bytes{0, 0, 1, 0, 1};
const Bytes kNtpRequest = Bytes{0x23} + zeros(47);

TEST_F(TheDoor, OrdinaryTrafficIsNotForUs) {
  for (const Bytes& frame :
       {udp_frame("10.0.1.4", 1000, "10.0.1.5", 53, kDnsQuery),
        udp_frame("10.0.1.4", 1000, "10.0.2.4", 123, kNtpRequest),
        udp_frame("10.0.1.4", 1000, "8.8.8.8", 53, kDnsQuery), udp_frame("10.0.1.4", 1000, "10.0.1.2", 53, kDnsQuery),
        udp_frame("10.0.1.4", 1000, "169.254.1.1", 53, kDnsQuery),
        udp_frame("10.0.1.4", 1000, "10.0.1.1", 53, kDnsQuery), udp_frame("10.0.1.4", 68, "10.0.1.255", 68, {}),
        udp_frame("10.0.1.4", 5353, "224.0.0.251", 5353, kDnsQuery),
        udp_frame("2001:db8:1:100::4", 1000, "2001:db8:1:100::5", 547, {}),
        udp_frame("fe80::1", 5353, "ff02::fb", 5353, {}),
        ip_frame(ip("10.0.1.4"), ip("10.0.1.1"), 1, {8, 0, 0, 0, 0, 1, 0, 1}),
        ip_frame(ip("10.0.1.4"), ip("10.0.1.5"), 6, zeros(20)),
        ip_frame(ip("2001:db8:1:100::4"), ip("2001:db8:1:100::5"), 58, {128, 0, 0, 0, 0, 1, 0, 1})})
    EXPECT_TRUE(was_not_for_us(ask(frame)));
  Bytes arp = udp_frame("10.0.1.4", 1, "10.0.1.5", 2, {});
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_TRUE(was_not_for_us(ask(arp)));
  for (std::size_t length = 0; length < 14; ++length) EXPECT_TRUE(was_not_for_us(ask(slice(arp, 0, length))));
}

TEST_F(TheDoor, WhatTheServicesDoNotOfferGoesNowhere) {  // facts ec2 1.9: reserved ranges are never forwarded
  for (const Bytes& frame :
       {udp_frame("10.0.1.4", 1000, "10.0.0.2", 54, kDnsQuery),
        udp_frame("10.0.1.4", 1000, "169.254.169.253", 123, kNtpRequest),
        udp_frame("10.0.1.4", 1000, "169.254.169.123", 53, kDnsQuery),
        udp_frame("10.0.1.4", 1000, "169.254.168.1", 1, {}), udp_frame("10.0.1.4", 1000, "169.254.171.255", 1, {}),
        ip_frame(ip("10.0.1.4"), ip("169.254.169.254"), 6, zeros(20)),
        ip_frame(ip("10.0.1.4"), ip("10.0.0.2"), 1, {8, 0, 0, 0, 0, 1, 0, 1}),
        udp_frame("2001:db8:1:100::4", 9, "fd00:ec2::9", 9, {}),
        ip_frame(ip("2001:db8:1:100::4"), ip("fd00:ec2::253"), 58, {128, 0, 0, 0, 0, 1, 0, 1}),
        udp_frame("2001:db8:1:100::4", 9, "2001:db8:1:100::1", 9, {}),
        ip_frame(ip("fe80::9"), ip("fe80:ec2::1"), 6, zeros(20))})
    EXPECT_TRUE(dropped_for(ask(frame), Refusal::kNotOffered));
}

TEST_F(TheDoor, FragmentsOfRequestsAreNotPutTogether) {
  Bytes frame = udp_frame("10.0.1.4", 1000, "10.0.0.2", 53, kDnsQuery);
  frame[20] = 0x20;
  EXPECT_TRUE(dropped_for(ask(frame), Refusal::kFragment));
  frame = udp_frame("0.0.0.0", 68, "255.255.255.255", 67, zeros(300));
  frame[20] = 0x20;
  EXPECT_TRUE(dropped_for(ask(frame), Refusal::kFragment));
}

TEST_F(TheDoor, LengthsThatContradictTheFrameAreMalformed) {
  const Bytes good = udp_frame("10.0.1.4", 1000, "10.0.0.2", 53, kDnsQuery);
  const auto with = [&](std::size_t at, unsigned value) {
    Bytes bad = good;
    bad.at(at) = static_cast<std::uint8_t>(value);
    return ask(bad);
  };
  EXPECT_EQ(with(14, 0x45).outcome, Answer::Outcome::kAnswered);
  EXPECT_TRUE(dropped_for(with(14, 0x55), Refusal::kMalformed)) << "version 5";
  EXPECT_TRUE(dropped_for(with(14, 0x44), Refusal::kMalformed)) << "a header of 16 bytes";
  EXPECT_TRUE(dropped_for(with(16, 0xff), Refusal::kMalformed)) << "longer than the frame";
  EXPECT_TRUE(dropped_for(with(17, 19), Refusal::kMalformed)) << "shorter than its header";
  EXPECT_TRUE(dropped_for(with(38, 0xff), Refusal::kMalformed)) << "UDP longer than IP";
  EXPECT_TRUE(dropped_for(with(39, 7), Refusal::kMalformed)) << "UDP shorter than its header";
  for (std::size_t length = 14; length < good.size(); ++length)
    EXPECT_TRUE(dropped_for(ask(slice(good, 0, length)), Refusal::kMalformed)) << length;
  EXPECT_EQ(ask(good + zeros(18)).outcome, Answer::Outcome::kAnswered) << "Ethernet's padding is none of the packet's";
}

TEST_F(TheDoor, IpOptionsAreSteppedOver) {
  const Bytes plain = udp_frame("10.0.1.4", 1000, "10.0.0.2", 53, kDnsQuery);
  Bytes with_options = slice(plain, 0, 34) + Bytes{1, 1, 1, 0} + slice(plain, 34, plain.size() - 34);
  with_options[14] = 0x46;
  with_options[17] = static_cast<std::uint8_t>(with_options[17] + 4);
  EXPECT_EQ(answered(with_options).payload, answered(plain).payload);
}

TEST_F(TheDoor, NobodyIsAnsweredWhoIsNotOneGuest) {
  for (const char* from : {"0.0.0.0", "255.255.255.255", "224.0.0.1"})
    EXPECT_TRUE(dropped_for(ask(udp_frame(from, 1000, "10.0.0.2", 53, kDnsQuery)), Refusal::kMalformed)) << from;
  EXPECT_TRUE(dropped_for(ask(udp_frame("::", 1000, "fd00:ec2::253", 53, kDnsQuery)), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(udp_frame("ff02::1", 1000, "fd00:ec2::253", 53, kDnsQuery)), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(udp_frame("10.0.1.4", 0, "10.0.0.2", 53, kDnsQuery)), Refusal::kMalformed)) << "port 0";
  Bytes mapped = udp_frame("2001:db8:1:100::4", 1000, "fd00:ec2::253", 53, kDnsQuery);
  const Bytes v4_mapped = zeros(10) + Bytes{0xff, 0xff, 10, 0, 1, 4};
  std::copy(v4_mapped.begin(), v4_mapped.end(), mapped.begin() + 22);
  EXPECT_TRUE(dropped_for(ask(mapped), Refusal::kMalformed)) << "an IPv6 packet from ::ffff:10.0.1.4";
}

TEST_F(TheDoor, TheAllowanceOfTheLinkLocalServicesCountsTheseAndNoOthers) {  // facts ec2 1.9, statement 15
  for (const char* counted : {"10.0.0.2", "169.254.169.253", "169.254.169.123", "169.254.169.254", "fd00:ec2::253",
                              "fd00:ec2::123", "fd00:ec2::254"})
    EXPECT_TRUE(is_link_local_service(view, ip(counted))) << counted;
  for (const char* free :
       {"10.0.1.1", "10.0.1.2", "169.254.169.252", "255.255.255.255", "fe80:ec2::1", "fd00:ec2::1", "ff02::1:2"})
    EXPECT_FALSE(is_link_local_service(view, ip(free))) << free;
}

TEST_F(TheDoor, ArpAndDiscoveryFindTheFabricBehindTheRoutersMac) {
  for (const char* fabric : {"10.0.1.1", "10.0.0.2", "169.254.169.254", "169.254.168.7", "fd00:ec2::254", "fe80:ec2::1",
                             "2001:db8:1:100::1"})
    EXPECT_TRUE(is_behind_router_mac(view, ip(fabric))) << fabric;
  for (const char* guest : {"10.0.1.4", "10.0.1.2", "169.254.1.1", "2001:db8:1:100::4"})
    EXPECT_FALSE(is_behind_router_mac(view, ip(guest))) << guest;
}

TEST_F(TheDoor, WhoHasNoAddressYetMaySaySo) {
  const Bytes dhcp = udp_frame("0.0.0.0", 68, "255.255.255.255", 67, {});
  const auto icmp = [](const char* from, std::uint8_t type) {
    return ip_frame(ip(from), ip("ff02::1"), 58, {type, 0, 0, 0});
  };
  EXPECT_TRUE(speaks_before_it_has_an_address(view_of(dhcp)));
  for (const std::uint8_t type : {131, 132, 133, 135, 143})
    EXPECT_TRUE(speaks_before_it_has_an_address(view_of(icmp("::", type))));
  for (const std::uint8_t type : {1, 128, 134, 136, 137})
    EXPECT_FALSE(speaks_before_it_has_an_address(view_of(icmp("::", type))));
  EXPECT_FALSE(speaks_before_it_has_an_address(view_of(icmp("fe80::1", 135)))) << "it has one, which is to be checked";
  EXPECT_FALSE(speaks_before_it_has_an_address(view_of(udp_frame("0.0.0.0", 68, "10.0.1.5", 67, {}))));
  EXPECT_FALSE(speaks_before_it_has_an_address(view_of(udp_frame("0.0.0.0", 68, "255.255.255.255", 68, {}))));
  EXPECT_FALSE(speaks_before_it_has_an_address(view_of(udp_frame("::", 68, "ff02::1:2", 547, {}))));
  EXPECT_FALSE(speaks_before_it_has_an_address({}));
}

TEST_F(TheDoor, AnswersAllocateNothing) {
  const Bytes frames[] = {
      udp_frame("10.0.1.4", 1000, "10.0.0.2", 53, kDnsQuery),
      udp_frame("10.0.1.4", 1000, "169.254.169.123", 123, kNtpRequest),
      udp_frame("0.0.0.0", 68, "255.255.255.255", 67,
                Bytes{1, 1, 6, 0, 0, 0, 0, 1} + zeros(20) + octets(view.mac) + zeros(202) +
                    Bytes{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255}),
      udp_frame("fe80::9", 546, "ff02::1:2", 547, Bytes{1, 0, 0, 1, 0, 1, 0, 4, 0, 2, 0, 1, 0, 3, 0, 12} + zeros(12)),
      ip_frame(ip("fe80::9"), ip("ff02::2"), 58, {133, 0, 0, 0, 0, 0, 0, 0}, 255),
      ip_frame(ip("fe80::9"), ip("fe80:ec2::1"), 58, {128, 0, 0, 0, 0, 1, 0, 1})};
  written.assign(kAnswerBytes, 0);
  for (const Bytes& frame : frames) {
    allocations = 0;
    counting = true;
    const Answer answer = services::answer(view, view_of(frame), {now_ns, now_ns}, memory,
                                           std::as_writable_bytes(std::span(written)));
    counting = false;
    EXPECT_EQ(answer.outcome, Answer::Outcome::kAnswered) << name(answer.why);
    EXPECT_EQ(allocations, 0U);
  }
}

TEST_F(TheDoor, AnAnswerIsNotLongerThanTheEnisMtu) {
  const Bytes large = ip_frame(ip("fe80::9"), ip("fe80:ec2::1"), 58, Bytes{128, 0, 0, 0, 0, 1, 0, 1} + zeros(1600));
  EXPECT_EQ(answered(large).payload.size(), 1608U);
  view.mtu = 1500;
  EXPECT_TRUE(dropped_for(ask(large), Refusal::kNoRoom));
}

TEST(Refusals, EachHasANameOfItsOwnAndASentence) {
  for (std::size_t i = 0; i < kRefusals; ++i) {
    EXPECT_FALSE(kRefusalSentences[i].empty());
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(kRefusalNames[i], kRefusalNames[j]);
  }
}

}  // namespace
}  // namespace weft::services
