// What a capture has of each packet: its sender's record and its receiver's, exactly as sent and as got, and one reason
// where it was dropped. capture_random_test.cpp compares with a twin on random traffic, capture_threads_test.cpp ends
// captures under traffic.
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include "dataplane/observe/capture_file.hpp"
#include "tests/dataplane/observe/pcapng_reader.hpp"
#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

using Records = std::vector<Seen>;

Deployment members() { return make_deployment({members_group()}, four_guests({"members"})); }

/// UDP 53 of the VPC reaches b and d; nothing else is begun to them.
Deployment servers() {
  return make_deployment({make_group("client", {}, {all(cidr("0.0.0.0/0"))}),
                          make_group("mute", {all(cidr("0.0.0.0/0"))}, {}),
                          make_group("server", {rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}, {})},
                         {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"}),
                          guest("c", "10.0.1.6", {"mute"}), guest("d", "10.0.2.4", {"server"}, "far")});
}

TEST(Capture, EachPacketHasARecordOfItsSenderAndOneOfItsReceiver) {
  Fabric fabric(members());
  Captured capture(fabric, {"a", "b", "d"});
  const Frame near = udp(fabric.path("a", "b"), 1, 2), far = udp(fabric.path("a", "d"), 1, 2);
  fabric.send("a", near);
  EXPECT_EQ(capture.take(), (Records{sent("a", near), got("b", *fabric.receive("b"))}));
  fabric.send("a", far);
  const Frame at_d = *fabric.receive("d");
  EXPECT_NE(at_d, far) << "the router's MAC address";
  EXPECT_EQ(capture.take(), (Records{sent("a", far), got("d", at_d)}));
}

TEST(Capture, HasOnlyWhomItIsAbout) {
  Fabric fabric(members());
  Captured capture(fabric, {"b"});
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  fabric.send("a", udp(fabric.path("a", "c"), 1, 2));
  EXPECT_EQ(capture.take(), (Records{got("b", *fabric.receive("b"))}));
  const Frame back = udp(fabric.path("b", "c"), 1, 2);
  fabric.send("b", back);
  EXPECT_EQ(capture.take(), (Records{sent("b", back)}));
}

TEST(Capture, SeveralPacketsOfATurnAreInOrder) {
  Fabric fabric(members());
  Captured capture(fabric, {"a"});
  Records expected;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    const Frame frame = udp(fabric.path("a", port % 2 == 0 ? "b" : "c"), port, 2);
    fabric.inject("a", frame);
    expected.push_back(sent("a", frame));
  }
  fabric.turn();
  EXPECT_EQ(capture.take(), expected);
}

struct Refused {
  const char* why;
  Frame frame;
  std::string from = "a";
  std::string receiver = "";  // has a record too
};

TEST(Capture, ADropIsInTheSendersRecordAndWhereTheReceiverDecidedInItsOwn) {
  Deployment deployment = servers();
  add_acl(deployment, "far", {deny(100, kUdp, 53, 53, "10.0.1.4/32"), allow(200)}, {allow(100)});
  deployment.instances[0].enis[0].vf.spoof_check = true;
  Fabric fabric(deployment);
  Captured capture(fabric, {"a", "b", "c", "d"});
  const Path to_b = fabric.path("a", "b");
  Frame too_short(9, 1), vlan = udp(to_b, 1, 53);
  header_at<EthernetHeader>(vlan, 0).ether_type = Be16(kEtherTypeVlan);
  const std::vector<Refused> refused = {
      {"malformed", too_short},
      {"unknown-ethertype", vlan},
      {"spoofed-mac", with_macs(udp(to_b, 1, 53), to_b.via, mac("02:00:00:00:00:99"))},
      {"spoofed-ip", udp({to_b.from_mac, to_b.via, "10.0.1.77", to_b.to}, 1, 53)},
      {"no-such-address", udp(fabric.path_to("a", "10.0.1.200"), 1, 53)},
      {"no-route", udp(fabric.path_to("a", "192.0.2.1"), 1, 53)},
      {"group-egress", udp(fabric.path("c", "b"), 1, 53), "c"},
      {"group-ingress", udp(to_b, 1, 54), "a", "b"},
      {"acl-ingress", udp(fabric.path("a", "d"), 1, 53), "a", "d"},
      {"router-service", udp(fabric.path_to("a", "10.0.1.1"), 1, 7)},
      {"arp-unanswered", arp(to_b.from_mac, MacAddress::broadcast(), 1, to_b.from_mac, to_b.from, {}, "10.0.1.222")},
  };
  for (const Refused& one : refused) {
    SCOPED_TRACE(one.why);
    fabric.send(one.from, one.frame);
    Records expected{sent(one.from, one.frame, one.why)};
    if (!one.receiver.empty()) expected.push_back(got(one.receiver, one.frame, one.why));
    EXPECT_EQ(capture.take(), expected);
  }
}

TEST(Capture, WhatAFullQueueLosesIsDroppedAtBothEndsAndTheRestIsNot) {
  Fabric fabric(members(), {.ring_depth = 64});
  Captured capture(fabric, {"a", "b"});
  for (std::uint16_t port = 1; port <= 10; ++port) {
    for (int n = 0; n < 20; ++n) fabric.inject("a", udp(fabric.path("a", "b"), port, 2));
    fabric.turn();
  }
  std::size_t delivered = 0, dropped = 0;
  for (const Seen& seen : capture.take()) {
    if (seen.who != "b") continue;
    EXPECT_TRUE(seen.drop.empty() || seen.drop == "port-full");
    (seen.drop.empty() ? delivered : dropped) += 1;
  }
  std::size_t arrived = 0;
  while (fabric.receive("b")) ++arrived;
  EXPECT_EQ(delivered, arrived);
  EXPECT_EQ(delivered + dropped, 200U);
  EXPECT_GT(dropped, 0U);
}

TEST(Capture, WhatTheFabricAnswersIsTheAskersAlone) {
  Fabric fabric(members());
  Captured capture(fabric, {"a", "b", "c", "d"});
  const Path a = fabric.path("a", "b");
  const Frame request = arp(a.from_mac, MacAddress::broadcast(), 1, a.from_mac, a.from, {}, "10.0.1.5");
  const Frame ping = icmp(fabric.path_to("a", "10.0.1.1"), 8, 0, 77);
  for (const Frame& question : {request, ping}) {
    fabric.send("a", question);
    EXPECT_EQ(capture.take(), (Records{sent("a", question), got("a", *fabric.receive("a"))}));
  }
}

struct Internet : ::testing::Test {
  static Deployment deployment() {
    Deployment made = make_deployment({open_group()}, four_guests({"open"}));
    add_internet(made);
    add_elastic_ip(made, "203.0.113.1", "eni-a", "10.0.1.4");
    add_elastic_ip(made, "203.0.113.2", "eni-b", "10.0.1.5");
    return made;
  }
  Fabric fabric{deployment()};
  Captured capture{fabric, {"a", "b", "internet"}};
};

TEST_F(Internet, EachEndSeesItsOwnAddresses) {
  const Frame out = udp(fabric.path_to("a", kOutside), 7, 53);
  fabric.send("a", out);
  const Frame outside = *fabric.receive("internet");
  EXPECT_EQ(header_at<Ipv4Header>(outside, kIpOffset).source.host(), v4("203.0.113.1"));
  EXPECT_EQ(capture.take(), (Records{sent("a", out), got("internet", outside)}));

  const Frame back = udp({kInternetMac, kGatewayMac, kOutside, "203.0.113.1"}, 53, 7);
  fabric.send("internet", back);
  const Frame inside = *fabric.receive("a");
  EXPECT_EQ(header_at<Ipv4Header>(inside, kIpOffset).destination.host(), v4("10.0.1.4"));
  EXPECT_EQ(capture.take(), (Records{sent("internet", back), got("a", inside)}));
}

TEST_F(Internet, WhatItDropsIsAsItCame) {
  const Frame unknown = udp({kInternetMac, kGatewayMac, kOutside, "203.0.113.99"}, 53, 7);
  fabric.send("internet", unknown);
  EXPECT_EQ(capture.take(), (Records{sent("internet", unknown, "unknown-public-address")}));
}

TEST_F(Internet, AnErrorFollowsThePacketItIsAbout) {
  const Frame big = udp(fabric.path_to("a", kOutside), 7, 53, 3000);
  fabric.send("a", big);
  EXPECT_EQ(capture.take(), (Records{sent("a", big, "too-big"), got("a", *fabric.receive("a"))}));
}

TEST_F(Internet, ThroughTheGatewayAndBackIsOnePacket) {
  const Frame out = udp(fabric.path_to("a", "203.0.113.2"), 7, 53);
  fabric.send("a", out);
  EXPECT_EQ(capture.take(), (Records{sent("a", out), got("b", *fabric.receive("b"))}));

  Deployment closed = deployment();
  closed.security_groups.push_back(make_group("server", {}, {}));
  closed.instances[1].enis[0].security_groups = {"server"};
  fabric.apply(closed);
  const Frame refused = udp(fabric.path_to("a", "203.0.113.2"), 8, 53);
  fabric.send("a", refused);
  const Records records = capture.take();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0], sent("a", refused, "group-ingress"));
  EXPECT_EQ(records[1].who + records[1].drop, "bgroup-ingress");
}

TEST_F(Internet, FragmentsAreOfTheReceiver) {
  Frame whole = udp(fabric.path_to("a", kOutside), 7, 53, 3000);
  header_at<Ipv4Header>(whole, kIpOffset).fragment = Be16(0);
  fix_ip_checksum(whole);
  fabric.send("a", whole);
  Records expected{sent("a", whole)};
  while (const auto piece = fabric.receive("internet")) expected.push_back(got("internet", *piece));
  EXPECT_EQ(expected.size(), 4U);
  EXPECT_EQ(capture.take(), expected);
}

Frame later_fragment(const Fabric& fabric) {
  Frame piece = udp(fabric.path("a", "b"), 7, 53, 64);
  header_at<Ipv4Header>(piece, kIpOffset).fragment = Be16(100);
  fix_ip_checksum(piece);
  return piece;
}

TEST(Capture, AFragmentThatWaitsIsRecordedWhenTheWaitingIsOver) {
  Fabric fabric(servers());
  Captured capture(fabric, {"a", "b"});
  const Frame later = later_fragment(fabric);
  fabric.send("a", later);
  EXPECT_EQ(capture.take(), Records{});
  Frame first = udp(fabric.path("a", "b"), 7, 53, 64);
  header_at<Ipv4Header>(first, kIpOffset).fragment = Be16(Ipv4Header::kMoreFragments);
  fix_ip_checksum(first);
  fabric.send("a", first);
  const Frame one = *fabric.receive("b"), two = *fabric.receive("b");
  EXPECT_EQ(capture.take(), (Records{sent("a", first), got("b", one), sent("a", later), got("b", two)}));

  Frame alone = later;
  header_at<Ipv4Header>(alone, kIpOffset).identification = Be16(9);
  fix_ip_checksum(alone);
  fabric.send("a", alone);
  Fabric::advance_s(1);
  fabric.turn();
  EXPECT_EQ(capture.take(), (Records{sent("a", alone, "fragment")}));
}

TEST(Capture, FollowsWhatIsAttachedAndWhatGoes) {
  Fabric fabric(members());
  Captured capture(fabric, {"b", "e"});
  const Path to_b = fabric.path("a", "b");
  Deployment changed = members();
  changed.instances.erase(changed.instances.begin() + 1);  // b goes
  changed.instances.push_back(guest("e", "10.0.1.50", {"members"}));
  fabric.apply(changed);
  const Frame to_e = udp(fabric.path("a", "e"), 1, 2);
  fabric.send("a", to_e);
  fabric.send("a", udp(to_b, 1, 2));
  EXPECT_EQ(capture.take(), (Records{got("e", *fabric.receive("e"))}));

  // Its slot is another's now.
  changed.instances.push_back(guest("f", "10.0.1.60", {"members"}));
  fabric.apply(changed);
  fabric.send("a", udp(fabric.path("a", "f"), 1, 2));
  ASSERT_TRUE(fabric.receive("f"));
  EXPECT_EQ(capture.take(), Records{});
  fabric.apply(members());  // and b is back
  fabric.send("a", udp(fabric.path("a", "b"), 3, 2));
  EXPECT_EQ(capture.take().size(), 1U);
}

TEST(Capture, AnInterfaceThatMovesIsAnotherInterfaceOfTheFile) {
  Fabric fabric(members());
  auto names = [](const Deployment& deployment) {
    std::vector<CaptureInterface> chosen;
    for (const Instance& instance : deployment.instances)
      for (const Eni& eni : instance.enis) chosen.push_back({instance.name, "", eni.mac, eni.id});
    return chosen;
  };
  auto session = fabric.engine().start_capture({}, names);
  ASSERT_TRUE(session);
  Deployment moved = members();
  std::swap(moved.instances[1].enis, moved.instances[2].enis);
  ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(moved), {}));
  std::vector<std::string> all;
  for (const CaptureInterface& one : (*session)->interfaces_from(1)) all.push_back(one.name + " " + one.eni_id);
  EXPECT_EQ(all, (std::vector<std::string>{"a eni-a", "b eni-b", "c eni-c", "d eni-d", "b eni-c", "c eni-b"}));
  fabric.engine().stop_capture();
}

TEST(Capture, ThereIsOneAtATimeAndAfterItsEndNothingIsRecorded) {
  Fabric fabric(members());
  auto session = fabric.engine().start_capture({}, guests_named({"a"}));
  ASSERT_TRUE(session);
  auto second = fabric.engine().start_capture({}, guests_named({"b"}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "IncorrectState");
  const Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  fabric.engine().stop_capture();
  fabric.send("a", frame);
  CaptureRing* ring = nullptr;
  ASSERT_NE((*session)->front(ring), nullptr) << "what came before the end can still be read";
  ring->pop();
  EXPECT_EQ((*session)->front(ring), nullptr);
  Captured third(fabric, {"a"});
  fabric.send("a", frame);
  EXPECT_EQ(third.take(), (Records{sent("a", frame)}));
}

TEST(Capture, KeepsTheSnapLengthAndSaysHowLongThePacketWas) {
  Fabric fabric(members());
  Captured capture(fabric, {"a"}, {.snap_length = 60});
  const Frame frame = udp(fabric.path("a", "b"), 1, 2, 8000);  // in several buffers
  fabric.send("a", frame);
  CaptureRing* ring = nullptr;
  const CaptureRecord* const record = capture.session().front(ring);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->original, frame.size());
  EXPECT_EQ(record->captured, 60U);
  EXPECT_EQ(capture.take(), (Records{sent("a", Frame(frame.begin(), frame.begin() + 60))}));
}

/// The frames that are written to the file, by interface name.
std::vector<std::pair<std::string, Frame>> file_of(CaptureSession& session) {
  PcapngBlocks blocks;
  CaptureFile(session).drain(blocks);
  std::vector<std::pair<std::string, Frame>> frames;
  std::vector<std::string> names;
  for (const PcapngBlock& block : read_pcapng({reinterpret_cast<const char*>(blocks.bytes().data()), blocks.bytes().size()})) {
    if (block.type == 1) names.push_back(block.option(2));
    if (block.type != 6) continue;
    const std::string bytes = block.body.substr(20, block.at<std::uint32_t>(12));
    frames.emplace_back(names.at(block.at<std::uint32_t>(0)), Frame(bytes.begin(), bytes.end()));
  }
  return frames;
}

rte_mbuf* with_partial_checksum(Fabric& fabric, Frame frame, const Path& path, std::uint8_t protocol,
                                std::uint16_t segment) {
  const bool tcp = protocol == kProtocolTcp;
  auto& field = header_at<Be16>(frame, kIpv4L4Offset + (tcp ? kTcpChecksumOffset : kUdpChecksumOffset));
  field = checksum_fold(pseudo_header_sum(ip(path.from), ip(path.to), protocol,
                                          static_cast<std::uint32_t>(frame.size() - kIpv4L4Offset)));
  rte_mbuf* const packet = fabric.packet(frame);
  packet->ol_flags = RTE_MBUF_F_TX_IPV4 | (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
  if (segment != 0) packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  packet->l2_len = 14;
  packet->l3_len = 20;
  packet->l4_len = tcp ? 20 : 8;
  packet->tso_segsz = segment;
  return packet;
}

TEST(Capture, ShowsFinishedPacketsWhereTheGuestLeftTheChecksumToItsCard) {
  Fabric fabric(members());
  Captured capture(fabric, {"a", "b"});
  const Path path = fabric.path("a", "b");
  for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    const Frame right = protocol == kProtocolTcp ? tcp(path, 1, 2, TcpHeader::kSyn) : udp(path, 1, 2, 33);
    fabric.inject("a", with_partial_checksum(fabric, right, path, protocol, 0));
    fabric.turn();
    const auto frames = file_of(capture.session());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0], std::make_pair(std::string("a"), right));
    EXPECT_EQ(frames[1], std::make_pair(std::string("b"), *[&] {
                fabric.receive("b");
                return std::optional<Frame>(right);
              }())) << "MAC addresses are the same in one subnet";
  }
}

TEST(Capture, ShowsASuperSegmentAsOnePacketAndTheSegmentsThatAPortGotInstead) {
  for (const bool takes_tso : {true, false}) {
    Fabric fabric(members(), {.port = {.mtu = 9001, .checksum = takes_tso, .tso = takes_tso, .chains = true}});
    Captured capture(fabric, {"a", "b"});
    const Path path = fabric.path("a", "b");
    const Frame right = tcp(path, 1, 2, TcpHeader::kAck, 20'000);
    fabric.inject("a", with_partial_checksum(fabric, right, path, kProtocolTcp, 1448));
    fabric.turn();
    const auto frames = file_of(capture.session());
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames[0], std::make_pair(std::string("a"), right)) << "with the checksum of the whole";
    std::vector<std::pair<std::string, Frame>> received;
    while (const auto frame = fabric.receive("b")) received.emplace_back("b", takes_tso ? right : *frame);
    EXPECT_EQ(received.size(), takes_tso ? 1U : 14U);
    EXPECT_EQ(std::vector(frames.begin() + 1, frames.end()), received);
  }
}

TEST(Capture, APacketThatIsCutKeepsThePartialChecksum) {
  Fabric fabric(members());
  Captured capture(fabric, {"a"}, {.snap_length = 60});
  const Path path = fabric.path("a", "b");
  rte_mbuf* const packet = with_partial_checksum(fabric, udp(path, 1, 2, 500), path, kProtocolUdp, 0);
  const Frame given = bytes_of(packet);
  fabric.inject("a", packet);
  fabric.turn();
  const auto frames = file_of(capture.session());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].second, Frame(given.begin(), given.begin() + 60));
}

}  // namespace
}  // namespace weft::test
