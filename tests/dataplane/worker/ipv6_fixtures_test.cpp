// One IPv6 packet, as fixtures_test.cpp has one IPv4 packet: what goes in, what becomes of it, and the whole change of
// the counters. Guests a, b, c are in 2001:db8:0:1::/64 and d in 2001:db8:0:2::/64; their group lets UDP to ports below
// 1000 and echo requests in, and more of both out.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/one_packet.hpp"

namespace weft::test {
namespace {

const MacAddress kA = mac("02:00:0a:00:01:04"), kB = mac("02:00:0a:00:01:05"), kD = mac("02:00:0a:00:02:04");
const MacAddress kNobody = mac("02:00:00:00:00:99");
const std::string kAddressA = "2001:db8:0:1::a", kAddressB = "2001:db8:0:1::b", kAddressD = "2001:db8:0:2::d";

const Path kToB{kA, kB, kAddressA, kAddressB};
const Path kToD{kA, kRouterMac, kAddressA, kAddressD};

Path to(const std::string& address) { return {kA, kRouterMac, kAddressA, address}; }
Path from(const std::string& address) { return {kA, kB, address, kAddressB}; }

Frame edited(Frame frame, const std::function<void(Ipv6Header&)>& edit) {
  edit(header_at<Ipv6Header>(frame, kIpOffset));
  return frame;
}
Frame chained(const Path& path, std::uint8_t first, const std::vector<Frame>& chain, std::uint16_t port = 53) {
  return ipv6(path, kProtocolUdp, udp_segment(path, 5000, port), first, chain);
}

Changes new_flow(const std::string& tuple, const std::string& state) {
  return {{"flow " + tuple + " " + state + " tracked-tracked", 1}, {"flow " + tuple + " packets", 1}};
}
const std::string kTuple = kAddressA + ":5000>" + kAddressB + ":53/17";

std::vector<Fixture> fixtures() {
  const Frame good = udp6(kToB, 5000, 53);
  const Changes flow = new_flow(kTuple, "udp-single");
  const Frame options = chained(kToB, kHopByHopOptions, {options_header(kDestinationOptions), options_header(kProtocolUdp)});
  const Frame atomic = chained(kToB, kFragmentHeader, {fragment_header(kProtocolUdp, 0, false)});
  Frame padded = udp6(kToB, 5000, 53, 0);
  padded.resize(padded.size() + 6);
  Frame beyond = udp6(kToB, 5000, 53);
  header_at<UdpHeader>(beyond, kIpv6L4Offset).length = Be16(500);
  Frame long_tcp = tcp6(kToB, 5000, 53, TcpHeader::kSyn);
  header_at<TcpHeader>(long_tcp, kIpv6L4Offset).data_offset = 0xf0;
  std::vector<Frame> too_many(kMostExtensionHeaders, options_header(kDestinationOptions));
  too_many.push_back(options_header(kProtocolUdp));
  return {
      // --- delivery
      passes("UDP to a peer, sent straight to its MAC", good, "b", with_macs(good, kB, kA), flow),
      passes("UDP to another subnet arrives from that subnet's router, hop limit unchanged", udp6(kToD, 5000, 53), "d",
             with_macs(udp6(kToD, 5000, 53), kD, kFarRouterMac),
             new_flow(kAddressA + ":5000>" + kAddressD + ":53/17", "udp-single")),
      passes("any unicast MAC will do: the address decides", with_macs(good, kNobody, kA), "b", with_macs(good, kB, kA), flow),
      passes("ping", icmp6(kToB, 128, 0, 7), "b", with_macs(icmp6(kToB, 128, 0, 7), kB, kA),
             new_flow(kAddressA + ":7>" + kAddressB + ":32768/58", "icmp")),
      passes("options before UDP are carried and looked past", options, "b", with_macs(options, kB, kA), flow),
      passes("an atomic fragment is a whole packet", atomic, "b", with_macs(atomic, kB, kA), flow),
      passes("Ethernet padding is carried", padded, "b", with_macs(padded, kB, kA), flow),
      passes("a jumbo frame of 9001 bytes", udp6(kToB, 5000, 53, 9001 - 48), "b",
             with_macs(udp6(kToB, 5000, 53, 9001 - 48), kB, kA), flow),
      // --- source
      dropped("a MAC address that is not the ENI's", with_macs(good, kB, kNobody), DropReason::kSpoofedMac),
      dropped("an address of another ENI", udp6(from(address6("c")), 5000, 53), DropReason::kSpoofedIp),
      dropped("an address of nobody", udp6(from("2001:db8:0:1::99"), 5000, 53), DropReason::kSpoofedIp),
      dropped("the own link-local address, to a peer's global one", udp6(from("fe80::aff:fe00:104"), 5000, 53),
              DropReason::kSpoofedIp),
      dropped("the unspecified address", udp6(from("::"), 5000, 53), DropReason::kSpoofedIp),
      dropped("the loopback address", udp6(from("::1"), 5000, 53), DropReason::kSpoofedIp),
      dropped("a group as sender", udp6(from("ff02::1"), 5000, 53), DropReason::kMalformed),
      // --- what a VPC does not carry
      dropped("a unicast packet in a multicast frame", with_macs(good, mac("33:33:00:00:00:01"), kA),
              DropReason::kMulticast),
      dropped("multicast DNS", with_macs(udp6(to("ff02::fb"), 5353, 5353), mac("33:33:00:00:00:fb"), kA),
              DropReason::kMulticast),
      dropped("a multicast address in a unicast frame", udp6(to("ff05::1"), 5000, 53), DropReason::kMulticast),
      // --- destination
      dropped("outside the VPC", udp6(to("2001:db8:ffff::1"), 5000, 53), DropReason::kNoRoute),
      dropped("in the VPC, nobody's", udp6(to("2001:db8:0:1::99"), 5000, 53), DropReason::kNoSuchAddress),
      // --- gates
      dropped("a port the sender's group does not allow out", udp6(kToB, 5000, 2000), DropReason::kGroupEgress),
      dropped("a port the receiver's group does not allow in", udp6(kToB, 5000, 999), DropReason::kGroupIngress),
      dropped("the same behind options: no way round the gate",
              chained(kToB, kDestinationOptions, {options_header(kProtocolUdp)}, 999), DropReason::kGroupIngress),
      dropped("a protocol no rule names", ipv6(kToB, kProtocolGre, pattern(30)), DropReason::kGroupEgress),
      dropped("nothing at all behind the header", ipv6(kToB, kNoNextHeader, {}), DropReason::kGroupEgress),
      dropped("IPv4's ICMP, which IPv6 has no echo of", ipv6(kToB, kIcmp, pattern(30)), DropReason::kGroupEgress),
      dropped("an echo answer nobody asked for", icmp6(kToB, 129, 0, 7), DropReason::kGroupEgress),
      dropped("an ICMPv6 error about nothing", icmp6_error(kToB, 1, 4, udp6({kB, kA, kAddressB, kAddressA}, 1, 2)),
              DropReason::kGroupEgress),
      // --- contradictions
      dropped("version 5", edited(good, [](Ipv6Header& ip) { ip.version_class_flow = Be32(0x50000000); }),
              DropReason::kMalformed),
      dropped("longer than the frame", edited(good, [](Ipv6Header& ip) { ip.payload_length = Be16(2000); }),
              DropReason::kMalformed),
      dropped("shorter than its UDP header", edited(good, [](Ipv6Header& ip) { ip.payload_length = Be16(7); }),
              DropReason::kMalformed),
      dropped("from an address to the same address", udp6(to(kAddressA), 5000, 53), DropReason::kMalformed),
      dropped("to the unspecified address", udp6(to("::"), 5000, 53), DropReason::kMalformed),
      dropped("an IPv4 address in IPv6's clothes as destination", edited(good, [](Ipv6Header& ip) {
                ip.destination = IpAddress::from({v4("10.0.1.5")});
              }), DropReason::kMalformed),
      dropped("an IPv4 address in IPv6's clothes as sender", edited(good, [](Ipv6Header& ip) {
                ip.source = IpAddress::from({v4("10.0.1.4")});
              }), DropReason::kMalformed),
      dropped("UDP whose length goes beyond the packet", beyond, DropReason::kMalformed),
      dropped("TCP whose header goes beyond the packet", long_tcp, DropReason::kMalformed),
      dropped("hop-by-hop options that are not first",
              chained(kToB, kDestinationOptions, {options_header(kHopByHopOptions), options_header(kProtocolUdp)}),
              DropReason::kMalformed),
      dropped("a second fragment header",
              chained(kToB, kFragmentHeader, {fragment_header(kFragmentHeader, 0, false), fragment_header(kProtocolUdp, 0, false)}),
              DropReason::kMalformed),
      dropped("a source route (RFC 5095)",
              chained(kToB, kRoutingHeader, {Frame{kProtocolUdp, 0, 0, 1, 0, 0, 0, 0}}), DropReason::kMalformed),
      dropped("a longer chain than anybody needs", chained(kToB, kDestinationOptions, too_many), DropReason::kMalformed),
      dropped("an extension header that goes beyond the packet",
              chained(kToB, kDestinationOptions, {Frame{kProtocolUdp, 40, 1, 4, 0, 0, 0, 0}}), DropReason::kMalformed),
  };
}

Deployment fixture_deployment() {
  SecurityGroup group = make_group(
      "members", {rule(kUdp, 0, 998, cidr("2001:db8::/56")), rule(kIcmpv6, 128, 0, cidr("::/0"))},
      {rule(kUdp, 0, 999, cidr("::/0")), rule(kUdp, 5353, 5353, cidr("::/0")), rule(kIcmpv6, 128, 0, cidr("::/0"))});
  return dual_stack({group}, four_guests({"members"}));
}

class OneIpv6Packet : public ::testing::TestWithParam<Fixture> {};

TEST_P(OneIpv6Packet, HasThisEffectAndNoOther) {
  const Fixture& fixture = GetParam();
  Fabric fabric(fixture_deployment());
  has_this_effect_and_no_other(fixture, fabric);
  if (!fixture.drop) return;
  const PacketTuple noted = fabric.engine().drops().at(0).tuple;
  EXPECT_EQ(noted.source, header_at<Ipv6Header>(fixture.in, kIpOffset).source);
  EXPECT_EQ(noted.destination, header_at<Ipv6Header>(fixture.in, kIpOffset).destination);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OneIpv6Packet, ::testing::ValuesIn(fixtures()), test_name);

}  // namespace
}  // namespace weft::test
