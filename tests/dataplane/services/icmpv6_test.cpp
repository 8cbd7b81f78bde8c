// Neighbour discovery, router advertisements, echo and listeners: facts ec2 1.6, 1.7; statements 2, 3 and 9 for IPv6.
#include "dataplane/services/icmpv6.hpp"

#include "tests/dataplane/services/frames.hpp"

namespace weft::services {
namespace {

const IpAddress kGuestLinkLocal = ip("fe80::800:aff:fe00:104");
const IpAddress kRouterEui64 = ip("fe80::400:aff:fe00:101");
const IpAddress kNeighbour = ip("2001:db8:1:100::5");

Bytes icmp(unsigned type, const Bytes& body, unsigned code = 0) {
  return Bytes{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 0, 0} + body;
}
Bytes source_mac() { return Bytes{1, 1} + octets(mac("0a:00:0a:00:01:04")); }
Bytes solicit(const IpAddress& target, const Bytes& options = source_mac()) {
  return icmp(135, zeros(4) + octets(target) + options);
}
Bytes frame(const IpAddress& from, const IpAddress& to, const Bytes& message, unsigned hop_limit = 255) {
  return ip_frame(from, to, 58, message, hop_limit);
}
Bytes probe(const IpAddress& target) { return frame({}, solicited_node(target), solicit(target, {})); }

struct Icmpv6 : Guest {};

TEST_F(Icmpv6, ANeighbourIsFoundByItsGroupAndAskedAgainByItsAddress) {  // statement 2
  for (const IpAddress& to : {solicited_node(kNeighbour), kNeighbour}) {
    const Reply reply = answered(frame(ip("2001:db8:1:100::4"), to, solicit(kNeighbour)));
    EXPECT_EQ(reply.from_mac, mac("0a:00:0a:00:01:05"));
    EXPECT_EQ(reply.to_mac, view.mac) << "one unicast reply";
    EXPECT_EQ(reply.from, kNeighbour);
    EXPECT_EQ(reply.to, ip("2001:db8:1:100::4"));
    EXPECT_EQ(reply.hop_limit, 255U);
    const Bytes expected = Bytes{0x60, 0, 0, 0} + octets(kNeighbour) + Bytes{2, 1} + octets(mac("0a:00:0a:00:01:05"));
    EXPECT_EQ(slice(reply.payload, 0, 2), (Bytes{136, 0}));
    EXPECT_EQ(slice(reply.payload, 4, 28), expected) << "solicited and override, no router";
  }
}

TEST_F(Icmpv6, EveryAddressOfTheRouterIsTheRouters) {  // statement 3, facts ec2 1.6
  for (const char* target : {"fe80:ec2::1", "fe80::400:aff:fe00:101", "2001:db8:1:100::1", "fd00:ec2::253"}) {
    const Reply reply = answered(frame(kGuestLinkLocal, solicited_node(ip(target)), solicit(ip(target))));
    EXPECT_EQ(reply.payload.at(4), 0xe0) << "router, solicited, override: " << target;
    EXPECT_EQ(slice(reply.payload, 26, 6), octets(view.router_mac)) << target;
  }
}

TEST_F(Icmpv6, NobodyAnswersForAnAddressThatNobodyHas) {
  const IpAddress nobody = ip("2001:db8:1:100::99");
  EXPECT_TRUE(
      dropped_for(ask(frame(kGuestLinkLocal, solicited_node(nobody), solicit(nobody))), Refusal::kNeighbourUnknown));
}

TEST_F(Icmpv6, AProbeForOnesOwnAddressIsNotAnswered) {  // or the guest would give the address up
  for (const char* own : {"2001:db8:1:100::4", "2001:db8:1:100::40", "fe80::800:aff:fe00:104"})
    EXPECT_TRUE(was_consumed(ask(probe(ip(own))))) << own;
  const std::vector<IpPrefix> delegated{prefix("2001:db8:1:100:a::/80")};
  view.ipv6_prefixes = delegated;
  EXPECT_TRUE(was_consumed(ask(probe(ip("2001:db8:1:100:a::7")))));
  EXPECT_TRUE(was_consumed(ask(probe(ip("2001:db8:1:100::99"))))) << "nobody's: free to be tried";
  EXPECT_TRUE(was_consumed(
      ask(frame(kGuestLinkLocal, solicited_node(ip("2001:db8:1:100::4")), solicit(ip("2001:db8:1:100::4"))))));
}

TEST_F(Icmpv6, AProbeForSomebodyElsesAddressIsToldSo) {
  for (const IpAddress& taken : {kNeighbour, kRouterLinkLocal, kRouterEui64}) {
    const Reply reply = answered(probe(taken));
    EXPECT_EQ(reply.to, kAllNodes);
    EXPECT_EQ(reply.to_mac, mac("33:33:00:00:00:01"));
    EXPECT_EQ(reply.payload.at(4) & 0x40, 0) << "nobody solicited it";
  }
}

TEST_F(Icmpv6, AdvertisementsOfGuestsAreConsumedAndNothingIsLearned) {  // statement 9
  const Bytes claim = icmp(136, Bytes{0x20, 0, 0, 0} + octets(kNeighbour) + Bytes{2, 1} + octets(view.mac));
  EXPECT_TRUE(was_consumed(ask(frame(kGuestLinkLocal, kAllNodes, claim))));
  EXPECT_TRUE(was_consumed(ask(frame(kGuestLinkLocal, kNeighbour, claim))));
  const Reply reply = answered(frame(kGuestLinkLocal, kNeighbour, solicit(kNeighbour)));
  EXPECT_EQ(slice(reply.payload, 26, 6), octets(mac("0a:00:0a:00:01:05")));
}

TEST_F(Icmpv6, NoGuestIsARouterForAnother) {
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kAllNodes, icmp(134, zeros(12)))), Refusal::kNotOffered));
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kNeighbour, icmp(137, zeros(36)))), Refusal::kNotOffered));
}

Bytes advertisement_body() {
  return Bytes{64, 0xc0} + be16(1800) + zeros(8) + Bytes{1, 1} + octets(mac("06:00:0a:00:01:01")) + Bytes{5, 1, 0, 0} +
         be32(9001) + Bytes{3, 4, 64, 0x80} + be32(2592000) + be32(604800) + zeros(4) + octets(ip("2001:db8:1:100::"));
}

TEST_F(Icmpv6, ARouterSolicitationIsAnsweredWithManagedAddressesAndThePrefix) {
  const Reply reply = answered(frame(kGuestLinkLocal, kAllRouters, icmp(133, zeros(4) + source_mac())));
  EXPECT_EQ(reply.from, kRouterEui64);
  EXPECT_EQ(reply.to, kGuestLinkLocal);
  EXPECT_EQ(reply.to_mac, view.mac);
  EXPECT_EQ(reply.hop_limit, 255U);
  EXPECT_EQ(slice(reply.payload, 0, 2), (Bytes{134, 0}));
  EXPECT_EQ(slice(reply.payload, 4, reply.payload.size() - 4), advertisement_body());
}

TEST_F(Icmpv6, OneWithoutAnAddressIsAnsweredToAllNodes) {
  const Reply reply = answered(frame({}, kAllRouters, icmp(133, zeros(4))));
  EXPECT_EQ(reply.to, kAllNodes);
  EXPECT_EQ(reply.to_mac, mac("33:33:00:00:00:01"));
}

TEST_F(Icmpv6, ThePeriodicAdvertisementIsTheSameToAllNodes) {
  Bytes out(kAdvertisementBytes);
  out.resize(router_advertisement(view, std::as_writable_bytes(std::span(out))));
  const Reply reply = take_apart(out);
  EXPECT_EQ(reply.to, kAllNodes);
  EXPECT_EQ(slice(reply.payload, 4, reply.payload.size() - 4), advertisement_body());
  view.ipv6_cidr.reset();
  EXPECT_EQ(router_advertisement(view, std::as_writable_bytes(std::span(out))), 0U);
}

TEST_F(Icmpv6, ASubnetWithoutIpv6HasNoRouterForIt) {
  view.ipv6_cidr.reset();
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kAllRouters, icmp(133, zeros(4)))), Refusal::kNoAddress));
}

TEST_F(Icmpv6, DiscoveryThatMayComeFromAfarIsMalformed) {  // RFC 4861 6.1.1, 7.1.1
  const IpAddress group = solicited_node(kNeighbour);
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, solicit(kNeighbour), 254)), Refusal::kMalformed));
  const Bytes with_code = icmp(135, zeros(4) + octets(kNeighbour), 1);
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, with_code)), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, solicit(kNeighbour, {1, 0, 1, 2, 3, 4, 5, 6}))),
                          Refusal::kMalformed))
      << "an option of no length";
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, solicit(kNeighbour, {1, 2, 0, 0, 0, 0, 0, 0}))),
                          Refusal::kMalformed))
      << "an option that is cut off";
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, solicit(group))), Refusal::kMalformed))
      << "a group as target";
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kAllNodes, solicit(kNeighbour))), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(frame({}, group, solicit(kNeighbour))), Refusal::kMalformed))
      << "a probe that names a MAC";
  EXPECT_TRUE(dropped_for(ask(frame({}, kNeighbour, solicit(kNeighbour, {}))), Refusal::kMalformed))
      << "a probe by unicast";
  EXPECT_TRUE(dropped_for(ask(frame({}, kAllRouters, icmp(133, zeros(4) + source_mac()))), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kAllRouters, icmp(133, zeros(3)))), Refusal::kMalformed));
  const Bytes whole = solicit(kNeighbour, {});
  for (std::size_t length = 4; length < 24; ++length)
    EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, group, slice(whole, 0, length))), Refusal::kMalformed))
        << length;
}

TEST_F(Icmpv6, TheRouterAnswersEchoAtEachOfItsAddresses) {
  const Bytes payload = be16(77) + be16(1) + text("the same comes back");
  for (const char* router : {"fe80:ec2::1", "fe80::400:aff:fe00:101", "2001:db8:1:100::1"}) {
    const Reply reply = answered(frame(kGuestLinkLocal, ip(router), icmp(128, payload), 64));
    EXPECT_EQ(reply.from, ip(router));
    EXPECT_EQ(reply.to, kGuestLinkLocal);
    EXPECT_EQ(slice(reply.payload, 0, 2), (Bytes{129, 0}));
    EXPECT_EQ(slice(reply.payload, 4, payload.size()), payload);
  }
  EXPECT_TRUE(was_not_for_us(ask(frame(kGuestLinkLocal, kNeighbour, icmp(128, payload), 64))));
  EXPECT_TRUE(was_not_for_us(ask(frame(kGuestLinkLocal, kAllNodes, icmp(128, payload), 64))));
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kRouterLinkLocal, icmp(128, payload), 64), 70), Refusal::kNoRoom));
  EXPECT_TRUE(dropped_for(ask(frame(kGuestLinkLocal, kRouterLinkLocal, icmp(200, payload), 64)), Refusal::kNotOffered));
  EXPECT_TRUE(was_consumed(ask(frame(kGuestLinkLocal, kRouterLinkLocal, icmp(1, zeros(48)), 64))))
      << "an error about what the router said";
}

TEST_F(Icmpv6, ListenersReportsAreConsumedBehindTheirRouterAlert) {
  const Bytes report = icmp(143, Bytes{0, 0, 0, 1, 4, 0, 0, 0} + octets(solicited_node(kNeighbour)));
  const Bytes hop_by_hop = Bytes{58, 0, 5, 2, 0, 0, 1, 0};
  EXPECT_TRUE(was_consumed(ask(ip_frame(kGuestLinkLocal, ip("ff02::16"), 0, hop_by_hop + report, 1))));
  EXPECT_TRUE(was_consumed(ask(ip_frame(kGuestLinkLocal, ip("ff02::2"), 0, hop_by_hop + icmp(132, zeros(20)), 1))));
  EXPECT_TRUE(was_consumed(ask(ip_frame({}, ip("ff02::16"), 0, hop_by_hop + report, 1))));
}

TEST_F(Icmpv6, ExtensionHeadersAreWalkedToAnEndOnly) {
  const auto behind = [](int headers) {  // destination options, and a ping at their end
    Bytes chain;
    for (int i = 1; i <= headers; ++i)
      chain = chain + Bytes{static_cast<std::uint8_t>(i < headers ? 60 : 58), 0, 1, 4, 0, 0, 0, 0};
    return ip_frame(kGuestLinkLocal, kRouterLinkLocal, 60, chain + icmp(128, zeros(4)));
  };
  EXPECT_EQ(answered(behind(8)).payload.size(), 8U);
  EXPECT_TRUE(dropped_for(ask(behind(9)), Refusal::kMalformed));
  EXPECT_TRUE(
      dropped_for(ask(ip_frame(kGuestLinkLocal, kRouterLinkLocal, 0, {58, 9, 0, 0, 0, 0, 0, 0})), Refusal::kMalformed));
  const Bytes fragment = Bytes{58, 0, 0, 1, 0, 0, 0, 1} + icmp(128, zeros(8));
  EXPECT_TRUE(dropped_for(ask(ip_frame(kGuestLinkLocal, kRouterLinkLocal, 44, fragment)), Refusal::kFragment));
  EXPECT_TRUE(was_not_for_us(ask(ip_frame(kGuestLinkLocal, kNeighbour, 44, fragment))));
}

}  // namespace
}  // namespace weft::services
