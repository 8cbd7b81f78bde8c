// The link of a host, which all that comes to it shares: packets wait for it after their path. a and b stand on hosts of one
// rack, c on a's, d in another zone.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

using underlay::Impairment;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::size_t kBytes = 1000;
constexpr Impairment kSlow{.rate_bps = 8'000'000};  // kBytes in a millisecond

Deployment apart() {
  Deployment made = dual_stack({members_group()}, four_guests({"members"}));
  for (const auto& [position, host] : {std::pair{0, 0}, std::pair{1, 1}, std::pair{2, 0}, std::pair{3, 3}})
    made.instances[static_cast<std::size_t>(position)].placement.host = host;
  return made;
}

/// `every`: of each host's link; `of_b`: of b's besides.
struct Linked : Fabric {
  explicit Linked(const Impairment& every, const Impairment& of_b = {}) : Fabric(apart()) { set(every, of_b); }
  void set(const Impairment& every, const Impairment& of_b = {}) {
    underlay::Configuration configuration{.layout = {.host = every}, .faults = {}};
    if (of_b != Impairment{}) configuration.faults.push_back({.name = "b", .impairment = of_b, .host = "b"});
    engine().set_underlay(configuration);
    apply(deployment());
  }
  Frame frame(const std::string& from, std::uint16_t port = 1) {
    return udp(path(from, "b"), port, 2, kBytes - kIpv4L4Offset - sizeof(UdpHeader));
  }
  unsigned received() {
    unsigned count = 0;
    while (receive("b")) ++count;
    return count;
  }
  unsigned after_ms(unsigned ms) {
    advance_ms(ms);
    turn();
    return received();
  }
};

TEST(WorkerLink, SendersOfTwoHostsShareTheLinkOfTheOneTheySendTo) {
  Linked fabric({}, kSlow);
  for (const char* from : {"a", "d", "a", "d"}) fabric.inject(from, fabric.frame(from));
  fabric.turn();
  EXPECT_EQ(fabric.received(), 0U);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(fabric.after_ms(1), 1U) << i;
  EXPECT_TRUE(fabric.engine().balance().holds());
  const std::vector<LaneView> lanes =
      fabric.engine().lanes({underlay::Way::downlink({0, 0, 1}), underlay::Way::uplink({0, 0, 0})});
  EXPECT_EQ(lanes[0].counters.packets, 4U);
  EXPECT_EQ(lanes[1].counters.packets, 0U) << "nothing is set for a's";
}

TEST(WorkerLink, BothLinksAndThePathTakeTheirTime) {
  Linked fabric(kSlow, {.latency_ns = 5 * kMillisecond});  // b's has a latency, too
  fabric.send("a", fabric.frame("a"));
  EXPECT_EQ(fabric.after_ms(1), 0U) << "through a's";
  EXPECT_EQ(fabric.after_ms(5), 0U);
  EXPECT_EQ(fabric.after_ms(1), 1U) << "a millisecond each, and five";
}

TEST(WorkerLink, GuestsOfOneHostDoNotCrossIt) {
  Linked fabric({.down = true});
  EXPECT_TRUE(fabric.passes("a", "c", udp(fabric.path("a", "c"), 1, 2)));
  EXPECT_FALSE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
}

TEST(WorkerLink, WhatFindsNoRoomOrNoLinkIsADropOfItsSender) {
  Linked fabric({}, {.rate_bps = 8'000'000, .queue_bytes = 2 * kBytes});
  for (unsigned i = 0; i < 3; ++i) fabric.inject("a", fabric.frame("a"));
  fabric.turn();
  fabric.turn();  // they come to the link
  EXPECT_EQ(fabric.changes().at("a.fabric-queue"), 1);
  EXPECT_EQ(fabric.after_ms(10), 2U);
  fabric.set({}, {.down = true});
  fabric.send("d", fabric.frame("d"));
  fabric.turn();
  EXPECT_EQ(fabric.changes().at("d.fabric-down"), 1);
  const DropView drop = fabric.engine().drops().back();
  EXPECT_EQ(drop.reason, DropReason::kFabricDown);
  EXPECT_EQ(drop.destination_eni, "eni-b");
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(WorkerLink, AMarkIsMadeThereOfBothFamilies) {
  Linked fabric({}, {.rate_bps = 8'000'000, .ecn_bytes = 1});
  Frame four = udp(fabric.path("a", "b"), 1, 2), six = udp6(path6(fabric, "a", "b"), 1, 2);
  header_at<Ipv4Header>(four, kIpOffset).type_of_service = 2;  // ECT(0), RFC 3168
  fix_ip_checksum(four);
  header_at<Ipv6Header>(six, kIpOffset).version_class_flow = Be32(0x60200000);
  for (const Frame& frame : {four, six, four}) fabric.inject("a", frame);
  fabric.turn();
  Fabric::advance_ms(5);
  fabric.turn();
  EXPECT_EQ(fabric.receive("b"), four) << "the first finds nobody";
  header_at<Ipv4Header>(four, kIpOffset).type_of_service = 3;
  fix_ip_checksum(four);
  header_at<Ipv6Header>(six, kIpOffset).version_class_flow = Be32(0x60300000);
  EXPECT_EQ(fabric.receive("b"), six);
  EXPECT_EQ(fabric.receive("b"), four);
}

TEST(WorkerLink, WhatIsOnItsWayArrivesWhenTheLinkIsWellAgain) {
  Linked fabric({}, {.latency_ns = kMillisecond});
  fabric.send("a", fabric.frame("a"));
  fabric.set({});
  EXPECT_EQ(fabric.after_ms(1), 1U);
}

}  // namespace
}  // namespace weft::test
