// Ports that are full, down, missing or exchanged; drops in the log.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

Deployment members() { return make_deployment({members_group()}, four_guests({"members"})); }

/// Its descriptor is one that epoll takes (an eventfd's like) or does not (a directory's).
struct DescriptorPort final : Port {
  explicit DescriptorPort(int descriptor, bool& is_alive) : fd(descriptor), alive(is_alive) { alive = true; }
  ~DescriptorPort() override {
    ::close(fd);
    alive = false;
  }
  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*>) noexcept override { return 0; }
  std::uint16_t transmit(std::span<rte_mbuf* const>) noexcept override { return 0; }
  int readiness_fd() const noexcept override { return fd; }
  int fd;
  bool& alive;
};
int pollable() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe(ends), 0);
  ::close(ends[1]);
  return ends[0];
}
int unpollable() { return ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

TEST(PortState, AFullPortIsANamedDropOfTheSender) {
  Fabric fabric(members(), {.ring_depth = 8});
  const std::uint32_t room = 15;  // a ring of 16 holds one less
  for (std::uint32_t i = 0; i < room; ++i) fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  fabric.changes();
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), (fabric.dropped("a", frame, DropReason::kPortFull) +
                               Changes{{"flow 10.0.1.4:1>10.0.1.5:2/17 packets", 1}}));
  // Half a burst fits.
  for (int i = 0; i < 5; ++i) fabric.receive("b");
  for (int i = 0; i < 10; ++i) fabric.inject("a", frame);
  fabric.turn();
  const Changes changes = fabric.changes();
  EXPECT_EQ(changes.at("b.rx_packets"), 5);
  EXPECT_EQ(changes.at("b.rx_bytes"), static_cast<long long>(5 * frame.size()));
  EXPECT_EQ(changes.at("a.port-full"), 5);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(PortState, ALinkThatIsDownCarriesNothingEitherWay) {
  Deployment deployment = members();
  deployment.instances[1].enis[0].vf.link = VfLink::kDisable;
  Fabric fabric(deployment);
  const Frame from = udp(fabric.path("b", "a"), 1, 2);
  fabric.send("b", from);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", from, DropReason::kLinkDown));
  const Frame to = udp(fabric.path("a", "b"), 3, 4);
  fabric.send("a", to);
  EXPECT_EQ(fabric.changes(),
            (fabric.dropped("a", to, DropReason::kLinkDown) + Changes{{"flow 10.0.1.4:3>10.0.1.5:4/17 packets", 1},
                                                                      {"flow 10.0.1.4:3>10.0.1.5:4/17 udp-single "
                                                                       "tracked-tracked", 1}}));
  fabric.apply(members());
  EXPECT_TRUE(fabric.passes("a", "b", to));
}

TEST(PortState, SpoofCheckOffOnTheFunctionLetsForeignMacAddressesPass) {
  Deployment deployment = members();
  deployment.instances[0].enis[0].vf.spoof_check = false;
  Fabric fabric(deployment);
  Path path = fabric.path("a", "b");
  path.from_mac = mac("02:00:00:00:00:99");
  EXPECT_TRUE(fabric.passes("a", "b", udp(path, 1, 2)));
}

TEST(PortState, TheMtuOfTheReceiversPortCounts) {
  Fabric fabric(members(), {.port = {.mtu = 1500, .checksum = true, .tso = true, .chains = true}});
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2, 1500 - 28)));
  EXPECT_FALSE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2, 1501 - 28)));
}

TEST(PortState, APortForAnEniThatIsNotDeployedIsAnErrorAndChangesNothing) {
  Fabric fabric(members());
  std::vector<Engine::Attachment> ports;
  auto ring = std::make_shared<PacketRing>(16);
  ports.push_back({"eni-nobody", std::make_unique<RingPort>(ring, ring, PortCapabilities{})});
  const auto applied = fabric.engine().apply(std::make_shared<const Deployment>(make_deployment({}, {})), std::move(ports));
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, "InvalidNetworkInterfaceID.NotFound");
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1, 2)));
}

TEST(PortState, AnEniWithoutAPortGetsNothingAndIsNoReasonToCrash) {
  Fabric fabric(members());
  Deployment more = members();
  more.instances.push_back(guest("e", "10.0.1.9", {"members"}));
  ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(more), {}));
  fabric.send("a", udp(fabric.path("a", "e"), 1, 2));
  EXPECT_EQ(fabric.engine().drops().at(0).reason, DropReason::kLinkDown);
  EXPECT_EQ(fabric.engine().drops().at(0).destination_eni, "eni-e");
}

TEST(PortState, APortMayBeExchangedForAnother) {
  Fabric fabric(members());
  auto in = std::make_shared<PacketRing>(16), out = std::make_shared<PacketRing>(16);
  std::vector<Engine::Attachment> ports;
  ports.push_back({"eni-b", std::make_unique<RingPort>(in, out, PortCapabilities{.mtu = 9001, .chains = true})});
  fabric.apply(members(), std::move(ports));
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_FALSE(fabric.receive("b").has_value());
  EXPECT_EQ(out->size(), 1U);
}

TEST(PortState, APortMayBeTakenAwayWhileItsEniStays) {
  Fabric fabric(members());
  const EniSlot slot = *fabric.engine().slot_of("eni-b");
  std::vector<Engine::Attachment> none;
  none.push_back({"eni-b", nullptr});
  fabric.apply(members(), std::move(none));
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_FALSE(fabric.receive("b").has_value());
  EXPECT_EQ(fabric.engine().drops().at(0).reason, DropReason::kLinkDown);
  EXPECT_EQ(fabric.engine().slot_of("eni-b"), slot);
  auto in = std::make_shared<PacketRing>(16), out = std::make_shared<PacketRing>(16);
  std::vector<Engine::Attachment> ports;
  ports.push_back({"eni-b", std::make_unique<RingPort>(in, out, PortCapabilities{.mtu = 9001, .chains = true})});
  fabric.apply(members(), std::move(ports));
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_EQ(out->size(), 1U);
}

TEST(DropLogOfTheEngine, EqualDropsMergeAndNameBothEnds) {
  Fabric fabric(make_deployment({make_group("shut", {}, {})}, four_guests({"shut"})));
  for (int i = 0; i < 5; ++i) fabric.send("a", tcp(fabric.path("a", "b"), 40000, 22, TcpHeader::kSyn));
  fabric.send("c", tcp(fabric.path("c", "d"), 40000, 22, TcpHeader::kSyn));
  fabric.send("a", tcp(fabric.path("a", "b"), 40000, 22, TcpHeader::kSyn));
  const std::vector<DropView> drops = fabric.engine().drops();
  ASSERT_EQ(drops.size(), 2U);
  EXPECT_EQ(drops[0].count + drops[1].count, 7U);
  EXPECT_EQ(drops[0].source_eni, "eni-a");
  EXPECT_EQ(drops[0].destination_eni, "eni-b");
  EXPECT_EQ(drops[0].tuple.destination_port, 22);
  EXPECT_EQ(drops[0].tuple.source.to_string(), "10.0.1.4");
}

TEST(DropLogOfTheEngine, KeepsTheNamesOfEnisThatHaveGone) {
  Fabric fabric(make_deployment({make_group("shut", {}, {})}, four_guests({"shut"})));
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  fabric.apply(make_deployment({make_group("shut", {}, {})}, {}));
  fabric.apply(make_deployment({make_group("shut", {}, {})}, {guest("x", "10.0.1.44", {"shut"})}));
  EXPECT_EQ(fabric.engine().drops().at(0).source_eni, "eni-a");
}

// What cannot be polled is found before anything is published: the flows, ports and names of before stay.
TEST(PortState, AFailedApplyLeavesEverythingAsItWas) {
  bool first = false, second = false;  // which ports are open; they say so at their end too
  Fabric fabric(members());
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  EXPECT_TRUE(fabric.passes("a", "b", frame));
  const auto before = fabric.engine().deployment();
  const auto flows_before = fabric.engine().flows().size();

  auto wanted = std::make_shared<Deployment>(members());
  wanted->instances[0].enis[0].private_ip = ip("10.0.1.77");  // another end
  wanted->instances.pop_back();                               // d goes
  wanted->instances.push_back(guest("e", "10.0.1.78", {"members"}));
  wanted->instances.push_back(guest("f", "10.0.1.79", {"members"}));
  const std::string e = wanted->find_instance("e")->enis[0].id, f = wanted->find_instance("f")->enis[0].id;
  const std::string c = wanted->find_instance("c")->enis[0].id, d = fabric.eni("d").id;
  std::vector<Engine::Attachment> added;
  added.push_back({e, std::make_unique<DescriptorPort>(pollable(), first)});
  added.push_back({c, nullptr});  // c stops
  added.push_back({f, std::make_unique<DescriptorPort>(unpollable(), second)});
  const Result<void> applied = fabric.engine().apply(wanted, std::move(added));
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, "Weft.PortFailed");

  EXPECT_EQ(fabric.engine().deployment(), before);
  EXPECT_FALSE(first || second) << "the ports of a failed apply are closed";
  EXPECT_FALSE(fabric.engine().slot_of(e) || fabric.engine().slot_of(f));
  EXPECT_TRUE(fabric.engine().slot_of(d));
  EXPECT_EQ(fabric.engine().statistics().size(), 4U);
  EXPECT_TRUE(fabric.passes("a", "b", frame));
  EXPECT_EQ(fabric.engine().flows().size(), flows_before) << "a's flow is the one that it was";
  for (const char* other : {"c", "d"}) EXPECT_TRUE(fabric.passes("a", other, udp(fabric.path("a", other), 3, 4)));

  // And the same change succeeds once it can.
  std::vector<Engine::Attachment> again;
  again.push_back({e, std::make_unique<DescriptorPort>(pollable(), first)});
  again.push_back({f, std::make_unique<DescriptorPort>(pollable(), second)});
  ASSERT_TRUE(fabric.engine().apply(wanted, std::move(again)));
  EXPECT_TRUE(first && second && fabric.engine().slot_of(f));
  EXPECT_FALSE(fabric.engine().slot_of(d));
}

}  // namespace
}  // namespace weft::test
