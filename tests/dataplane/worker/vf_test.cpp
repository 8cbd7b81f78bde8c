// What a virtual function's settings do to packets; tests/dataplane/limit has the bucket's twin.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

const MacAddress kChosen = mac("02:00:00:00:00:99");

template <typename Set>
Deployment with_vf(Set&& set) {
  std::vector<Instance> guests = four_guests({"members"});
  set(guests[0].enis[0].vf);
  return make_deployment({members_group()}, std::move(guests));
}
Deployment plain() {
  return with_vf([](VirtualFunction&) {});
}

Frame from_mac(Fabric& fabric, const MacAddress& source) {
  Path path = fabric.path("a", "b");
  path.from_mac = source;
  return udp(path, 1, 2);
}

unsigned through(Fabric& fabric, const std::string& from, const std::string& to, unsigned count, std::size_t bytes) {
  const Frame frame = udp(fabric.path(from, to), 7, 9, bytes - kIpv4L4Offset - 8);
  unsigned arrived = 0;
  for (unsigned i = 0; i < count; ++i) arrived += fabric.passes(from, to, frame) ? 1U : 0U;
  return arrived;
}

TEST(VfRateStage, DropsWhatTheGuestSendsAboveItAndNothingElse) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.max_tx_rate_mbps = 8; }));  // a kilobyte a millisecond
  const std::uint64_t burst = 65'536;                                            // the least there is
  EXPECT_EQ(through(fabric, "a", "b", 100, 1'000), burst / 1'000);
  EXPECT_EQ(fabric.changes().at("a.vf-rate"), static_cast<long long>(100 - burst / 1'000));
  EXPECT_EQ(through(fabric, "b", "a", 100, 1'000), 100U) << "what it gets is not its function's";
  EXPECT_EQ(through(fabric, "c", "d", 100, 1'000), 100U);
  Fabric::advance_ms(20);
  EXPECT_EQ(through(fabric, "a", "c", 100, 1'000), 20U) << "it is of the function, whoever the packet is for";
}

TEST(VfRateStage, ARateThatStaysGoesOnAndAnotherOneBeginsAnew) {
  const auto limited = [](std::uint32_t mbps) {
    return with_vf([mbps](VirtualFunction& vf) { vf.max_tx_rate_mbps = mbps; });
  };
  Fabric fabric(limited(8));
  through(fabric, "a", "b", 66, 1'000);
  fabric.apply(limited(8));
  EXPECT_EQ(through(fabric, "a", "b", 10, 1'000), 0U);
  fabric.apply(limited(16));
  EXPECT_GT(through(fabric, "a", "b", 100, 1'000), 60U);
  fabric.apply(plain());
  EXPECT_EQ(through(fabric, "a", "b", 100, 1'000), 100U);
}

TEST(VfRateStage, ADroppedPacketChangesTheDropAndNothingElse) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.max_tx_rate_mbps = 8; }));
  through(fabric, "a", "b", 66, 1'000);
  fabric.changes();
  const Frame frame = udp(fabric.path("a", "b"), 8, 9, 900);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kVfRate));
}

TEST(VfSpoofCheck, OffLetsForeignMacsAndAddressesPass) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.spoof_check = false; }));
  EXPECT_TRUE(fabric.passes("a", "b", from_mac(fabric, kChosen)));
  Path path = fabric.path("a", "b");
  path.from = "10.0.1.200";
  fabric.send("a", udp(path, 1, 2));
  EXPECT_EQ(fabric.changes().count("a.spoofed-ip"), 0U);
  Fabric checked(plain());
  checked.send("a", udp(path, 1, 2));
  EXPECT_EQ(checked.changes().at("a.spoofed-ip"), 1);
}

/// The two checks are two: a router has no source/destination check, and still its own MAC (facts ec2 1.2, 1.7).
TEST(VfSpoofCheck, OnItHoldsForTheMacOfAnEniWithoutSourceDestinationCheck) {
  Deployment deployment = plain();
  deployment.instances[0].enis[0].source_dest_check = false;
  Fabric fabric(deployment);
  Path path = fabric.path("a", "b");
  path.from = "10.0.1.200";
  fabric.send("a", udp(path, 1, 2));
  EXPECT_EQ(fabric.changes().count("a.spoofed-ip"), 0U);
  fabric.send("a", from_mac(fabric, kChosen));
  EXPECT_EQ(fabric.changes().at("a.spoofed-mac"), 1);
}

/// Without source/destination check of the receiver's: that half stays where it is.
TEST(VfSpoofCheck, OffItIsNoWordAboutWhatComes) {
  Deployment deployment = plain();
  deployment.instances[1].enis[0].vf.spoof_check = false;
  Fabric fabric(deployment);
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
  Path path = fabric.path("a", "b");
  path.to = "10.0.1.201";
  EXPECT_FALSE(fabric.passes("a", "b", udp(path, 1, 2)));
}

MacAddress destination_at(Fabric& fabric, const std::string& guest) {
  const std::optional<Frame> frame = fabric.receive(guest);
  EXPECT_TRUE(frame.has_value());
  return frame ? header_at<EthernetHeader>(*frame, 0).destination : MacAddress{};
}

TEST(VfTrust, TheGuestIsReachedAtTheMacThatItLastSentFrom) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.trust = true; }));
  const MacAddress own = fabric.eni("a").mac;
  const Frame answer = udp(fabric.path("b", "a"), 2, 1);
  fabric.send("b", answer);
  EXPECT_EQ(destination_at(fabric, "a"), own);
  EXPECT_TRUE(fabric.passes("a", "b", from_mac(fabric, kChosen)));
  fabric.send("b", answer);
  EXPECT_EQ(destination_at(fabric, "a"), kChosen);
  EXPECT_TRUE(fabric.passes("a", "b", from_mac(fabric, own)));
  fabric.send("b", answer);
  EXPECT_EQ(destination_at(fabric, "a"), own) << "it may go back";
}

TEST(VfTrust, IsForgottenWhenItIsTakenAway) {
  const Deployment trusted = with_vf([](VirtualFunction& vf) { vf.trust = true; });
  Fabric fabric(trusted);
  EXPECT_TRUE(fabric.passes("a", "b", from_mac(fabric, kChosen)));
  fabric.apply(plain());
  fabric.send("a", from_mac(fabric, kChosen));
  EXPECT_EQ(fabric.changes().at("a.spoofed-mac"), 1);
  fabric.send("b", udp(fabric.path("b", "a"), 2, 1));
  EXPECT_EQ(destination_at(fabric, "a"), fabric.eni("a").mac);
  fabric.apply(trusted);
  fabric.send("b", udp(fabric.path("b", "a"), 2, 1));
  EXPECT_EQ(destination_at(fabric, "a"), fabric.eni("a").mac) << "nor remembered when it is given again";
}

TEST(VfTrust, NobodyIsAtAGroupsMacOrAtNone) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.trust = true; }));
  for (const char* source : {"01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"}) {
    fabric.send("a", from_mac(fabric, mac(source)));
    EXPECT_EQ(fabric.changes().at("a.spoofed-mac"), 1) << source;
  }
}

TEST(VfTrust, IsAboutTheMacAndNotAboutAddresses) {
  Fabric fabric(with_vf([](VirtualFunction& vf) { vf.trust = true; }));
  Path path = fabric.path("a", "b");
  path.from = "10.0.1.200";
  fabric.send("a", udp(path, 1, 2));
  EXPECT_EQ(fabric.changes().at("a.spoofed-ip"), 1);
}

struct CarrierPort final : Port {
  explicit CarrierPort(std::vector<bool>& told_of) : told(told_of) {}
  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*>) noexcept override { return 0; }
  std::uint16_t transmit(std::span<rte_mbuf* const>) noexcept override { return 0; }
  void set_carrier(bool on) noexcept override { told.push_back(on); }
  std::vector<bool>& told;
};

TEST(VfLink, TheGuestIsToldWhenItChangesAndOnlyThen) {
  const Deployment down = with_vf([](VirtualFunction& vf) { vf.link = VfLink::kDisable; });
  std::vector<bool> told;
  Fabric fabric(plain());
  std::vector<Engine::Attachment> ports;
  ports.push_back({fabric.eni("a").id, std::make_unique<CarrierPort>(told)});
  fabric.apply(plain(), std::move(ports));
  EXPECT_EQ(told, std::vector<bool>{});
  fabric.apply(down);
  fabric.apply(down);
  EXPECT_EQ(told, std::vector<bool>{false});
  fabric.apply(plain());
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
  fabric.apply(down);
  ports.clear();
  ports.push_back({fabric.eni("a").id, std::make_unique<CarrierPort>(told)});
  fabric.apply(down, std::move(ports));
  EXPECT_EQ(told, (std::vector<bool>{false, true, false, false})) << "a new port has a carrier until it is told";
}

}  // namespace
}  // namespace weft::test
