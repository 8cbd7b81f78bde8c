// Statements 1 to 15 of facts ec2 10: addresses, L2, interfaces, MTU, the resolver's allowance.
#include <gtest/gtest.h>

#include <set>

#include "tests/dataplane/statements/cloud.hpp"
#include "tests/dataplane/statements/packets.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/translated.hpp"

namespace weft::test {
namespace {

constexpr const char* kA = "10.0.0.4";
constexpr const char* kB = "10.0.0.5";
constexpr const char* kUntracked = "untracked untracked-untracked";

Given two(const std::string& more_of_a = "", const std::string& more_of_b = "") {
  return {.security_groups = {open_to_all()},
          .instances = {instance("a", "open", more_of_a), instance("b", "open", more_of_b)}};
}
Frame arp_request(const Cloud& cloud, const std::string& from, const std::string& sender, const std::string& target) {
  const MacAddress own = cloud.eni(from).mac;
  return arp(own, MacAddress::broadcast(), 1, own, sender, {}, target);
}

TEST(Statement, S01_FiveAddressesOfASubnetAreReservedAnd251CanBeGivenOut) {
  Cloud cloud(two());
  for (const char* reserved : {"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.255"})
    EXPECT_EQ(cloud.up(two("", std::string(", private_ip: ") + reserved)), "InvalidParameterValue") << reserved;
  const auto with = [](unsigned count) {
    return Given{.instances = {"{name: n, count: " + std::to_string(count) + ", interfaces: [{subnet: s}]}"}};
  };
  EXPECT_EQ(cloud.up(with(252)), "InsufficientFreeAddressesInSubnet");
  EXPECT_EQ(cloud.up(with(251)), "");
  std::set<IpAddress> given;
  for (const Instance& one : cloud.deployment().instances) given.insert(one.enis[0].private_ip);
  EXPECT_EQ(given.size(), 251U);
  EXPECT_EQ(given.begin()->to_string(), "10.0.0.4");
  EXPECT_EQ(given.rbegin()->to_string(), "10.0.0.254");
}

TEST(Statement, S02_TheFabricAnswersArpForAPeerAndThePeerHearsNothing) {
  Cloud cloud(two());
  const MacAddress a = cloud.eni("a").mac, b = cloud.eni("b").mac;
  EXPECT_EQ(cloud.answers("a", arp_request(cloud, "a", kA, kB)), arp(b, a, 2, b, kB, a, kA));
}

// The second half is inference: what an address that nobody owns is answered with. Silence, or the router's MAC, by which
// a packet reaches nobody either.
TEST(Statement, S03_ArpForTheRouterIsAnsweredAndForNobodysAddressReachesNobody) {
  Cloud cloud(two());
  const MacAddress a = cloud.eni("a").mac, router = mac("06:00:0a:00:00:01");
  EXPECT_EQ(cloud.answers("a", arp_request(cloud, "a", kA, "10.0.0.1")),
            arp(router, a, 2, router, "10.0.0.1", a, kA));
  cloud.drops("a", arp_request(cloud, "a", kA, "10.0.0.99"), DropReason::kArpUnanswered);

  Given answering = two();
  answering.parameters = "{router_answers_arp: true}";
  ASSERT_EQ(cloud.up(answering), "");
  EXPECT_EQ(cloud.answers("a", arp_request(cloud, "a", kA, "10.0.0.99")),
            arp(router, a, 2, router, "10.0.0.99", a, kA));
  cloud.drops("a", udp({a, router, kA, "10.0.0.99"}, 7, 9), DropReason::kNoSuchAddress);
}

TEST(Statement, S04_AForeignSourceMacIsDropped) {
  Cloud cloud(two());
  const Frame own = udp(cloud.path_to("a", kB), 7, 9);
  for (const char* foreign : {"02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff"})
    cloud.drops("a", with_macs(own, cloud.eni("b").mac, mac(foreign)), DropReason::kSpoofedMac);
  cloud.drops("a", with_macs(own, cloud.eni("b").mac, cloud.eni("b").mac), DropReason::kSpoofedMac);
  cloud.delivers("a", own, "b", begins(own, kUntracked));
}

// Which check drops is inference: source/dest check does it, and with it off nothing else of the address is looked at.
TEST(Statement, S05_AForeignSourceAddressIsDroppedUnlessTheSourceDestCheckIsOff) {
  const std::string addresses = ", secondary_private_ips: [10.0.0.20], ipv4_prefixes: [10.0.0.32/28]";
  Cloud cloud(two(addresses));
  Path path = cloud.path_to("a", kB);
  for (const char* own : {kA, "10.0.0.20", "10.0.0.32", "10.0.0.47"}) {
    path.from = own;
    const Frame frame = udp(path, 7, 9);
    cloud.delivers("a", frame, "b", begins(frame, kUntracked));
  }
  const auto foreign_from = [&](const char* source) {
    path.from = source;
    return udp(path, 7, 9);
  };
  for (const char* foreign : {"192.0.2.9", "10.0.0.48", "10.0.0.21"})
    cloud.drops("a", foreign_from(foreign), DropReason::kSpoofedIp);

  Given off = two(addresses + ", source_dest_check: false");
  ASSERT_EQ(cloud.up(off), "");
  const Frame frame = foreign_from("192.0.2.9");
  cloud.delivers("a", frame, "b", begins(frame, kUntracked));
  off.security_groups[0] = security_group("open", kAnyone, "{protocol: tcp, port: all, cidr: 0.0.0.0/0}");
  ASSERT_EQ(cloud.up(off), "");
  cloud.drops("a", foreign_from("192.0.2.10"), DropReason::kGroupEgress);  // it comes as far as the gate
}

TEST(Statement, S06_ARoutedPacketNeedsTheSourceDestCheckOfItsTargetOff) {
  const auto routed = [](const std::string& check) {
    Given given = two("", check);
    given.route_tables = {"{name: main, main: true, routes: [{destination: 192.0.2.0/24, interface: b/eth0}]}"};
    return given;
  };
  Cloud cloud(routed(""));
  const Frame frame = udp(cloud.path_to("a", "192.0.2.5"), 7, 9);
  cloud.drops("a", frame, DropReason::kNotForEni);
  ASSERT_EQ(cloud.up(routed(", source_dest_check: false")), "");
  const Frame got = cloud.delivers("a", frame, "b", begins(frame, kUntracked));
  EXPECT_EQ(header_at<Ipv4Header>(got, kIpOffset).destination.host(), v4("192.0.2.5"));
  EXPECT_EQ(header_at<EthernetHeader>(got, 0).destination, cloud.eni("b").mac);
}

TEST(Statement, S07_BroadcastAndMulticastReachNobody) {
  Cloud cloud(two());
  const MacAddress a = cloud.eni("a").mac;
  for (const auto& [to, by] : {std::pair{"255.255.255.255", "ff:ff:ff:ff:ff:ff"},
                               std::pair{"10.0.0.255", "ff:ff:ff:ff:ff:ff"},
                               std::pair{"10.0.0.255", "06:00:0a:00:00:01"},  // unicast on the wire
                               std::pair{"224.0.0.251", "01:00:5e:00:00:fb"},
                               std::pair{"239.1.2.3", "01:00:5e:01:02:03"},
                               std::pair{"224.0.0.1", "06:00:0a:00:00:01"}})
    cloud.drops("a", udp({a, mac(by), kA, to}, 7, 9), DropReason::kMulticast);
  const Frame dhcp = discover(a);
  EXPECT_EQ(header_at<Ipv4Header>(dhcp, kIpOffset).destination.host(), v4("255.255.255.255"));
  cloud.answers("a", dhcp);
}

TEST(Statement, S08_TheDhcpOfferHasEc2sOptionsAndOnlyThePrimaryAddress) {
  Given shut = two(", secondary_private_ips: [10.0.0.20], ipv4_prefixes: [10.0.0.32/28]");
  shut.security_groups = {security_group("open", "", "")};
  Cloud cloud(shut);
  const Frame offer = cloud.answers("a", discover(cloud.eni("a").mac));
  const DhcpLease lease = lease_of(offer);
  EXPECT_EQ(lease.your_address, kA);
  const std::map<unsigned, Frame> expected = {
      {53, {2}},                       // an offer
      {54, {10, 0, 0, 1}},             // server id
      {3, {10, 0, 0, 1}},              // router
      {6, {10, 0, 0, 2}},              // DNS
      {26, {9001 >> 8, 9001 & 0xff}},  // MTU
      {51, {0, 0, 3600 >> 8, 3600 & 0xff}},
  };
  for (const auto& [code, value] : expected) EXPECT_EQ(lease.options.at(code), value) << code;
  for (const char* other : {"10.0.0.20", "10.0.0.32"})
    EXPECT_FALSE(holds_address(offer, other)) << "the operating system's to find out";
}

TEST(Statement, S09_ASecondaryAddressMovesByTheApiOnlyAndOnlyIfAllowed) {
  const std::string x = ", secondary_private_ips: [10.0.0.20]";
  Given given = two(x);
  given.instances.push_back(instance("c", "open"));
  Cloud cloud(given);
  const Frame frame = udp(cloud.path_to("c", "10.0.0.20"), 7, 9);
  cloud.delivers("c", frame, "a", begins(frame, kUntracked));

  given.instances[1] = instance("b", "open", x);  // while a keeps it
  EXPECT_EQ(cloud.up(given), "InvalidParameterValue");
  EXPECT_NE(cloud.message().find("[10.0.0.20] assigned, but move is not allowed."), std::string::npos);
  cloud.delivers("c", frame, "a", one_more(frame));

  given.instances[0] = instance("a", "open");
  ASSERT_EQ(cloud.up(given), "");
  // The very next packet, and still after a has said that it is its own.
  cloud.delivers("c", frame, "b", replaces(frame, 2));
  cloud.drops("a", arp_request(cloud, "a", "10.0.0.20", "10.0.0.20"), DropReason::kSpoofedIp);
  cloud.delivers("c", frame, "b", one_more(frame));
}

TEST(Statement, S10_AnM5LargeHasThreeInterfacesOfTenAddresses) {
  const auto with = [](unsigned interfaces, const std::string& addresses) {
    std::string list = "{subnet: s" + addresses + "}";
    for (unsigned i = 1; i < interfaces; ++i) list += ", {subnet: s}";
    return Given{.instances = {"{name: a, type: m5.large, interfaces: [" + list + "]}"}};
  };
  Cloud cloud(with(3, ", secondary_private_ips: 9"));
  EXPECT_EQ(cloud.up(with(4, "")), "AttachmentLimitExceeded");
  EXPECT_EQ(cloud.up(with(3, ", secondary_private_ips: 10")), "PrivateIpAddressLimitExceeded");
  EXPECT_EQ(cloud.up(with(3, ", secondary_private_ips: 9, ipv4_prefixes: 1")), "PrivateIpAddressLimitExceeded");
  EXPECT_EQ(cloud.up(with(3, ", secondary_private_ips: 8, ipv4_prefixes: 1")), "");
  EXPECT_EQ(cloud.eni("a").prefixes.size(), 1U);
}

TEST(Statement, S11_ThePrimaryInterfaceStaysAndEfaComesAndGoesWhileStopped) {
  Given given{.instances = {"{name: a, interfaces: []}", instance("b", "default")},
              .network_interfaces = {"{name: first, instance: a, device_index: 0, subnet: s}",
                                     "{name: fast, subnet: s, type: efa}"}};
  Cloud cloud(given);
  Given detached = given;
  detached.instances[0] = "{name: a, interfaces: [{subnet: s}]}";
  detached.network_interfaces[0] = "{name: first, subnet: s}";
  EXPECT_EQ(cloud.up(detached), "OperationNotPermitted");

  Given attached = given;
  attached.network_interfaces[1] = "{name: fast, instance: b, device_index: 1, subnet: s, type: efa}";
  EXPECT_EQ(cloud.up(attached), "OperationNotPermitted") << "b runs";
  ASSERT_EQ(cloud.stop("b"), "");
  EXPECT_EQ(cloud.up(attached), "");
  ASSERT_EQ(cloud.start("b"), "");
  EXPECT_EQ(cloud.eni("fast").instance, "b");
  EXPECT_EQ(cloud.up(given), "OperationNotPermitted") << "nor detached";
  ASSERT_EQ(cloud.stop("b"), "");
  EXPECT_EQ(cloud.up(given), "");
  EXPECT_EQ(cloud.eni("fast").instance, "");
}

TEST(Statement, S12_AMovedInterfaceTakesAllThatIsItsOwnAlong) {
  const auto at = [](const std::string& owner) {
    return Given{.security_groups = {open_to_all(), security_group("service", "{protocol: udp, port: 9, cidr: 0.0.0.0/0}", "")},
                 .instances = {instance("a", "open"), instance("b", "open"), instance("c", "open")},
                 .network_interfaces = {"{name: e, instance: " + owner +
                                        ", device_index: 1, subnet: s, security_groups: [service], private_ip: "
                                        "10.0.0.50, secondary_private_ips: [10.0.0.51]}"},
                 .route_tables = {"{name: main, main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}"},
                 .elastic_ips = {"{name: eip, interface: e}"},
                 .internet_gateway = true};
  };
  Cloud cloud(at("a"));
  const Eni before = cloud.eni("e");
  const ElasticIp elastic = cloud.deployment().elastic_ips.at(0);
  const Frame frame = udp(cloud.path_to("c", "10.0.0.51"), 7, 9);
  const Frame from_outside = udp(cloud.path_in(elastic.address.to_string()), 7, 9);
  cloud.delivers("c", frame, "e", begins(frame, "udp-single untracked-tracked"));
  EXPECT_TRUE(cloud.passes("internet", from_outside, "e"));
  cloud.drops("c", udp(cloud.path_to("c", "10.0.0.51"), 7, 10), DropReason::kGroupIngress);

  ASSERT_EQ(cloud.up(at("b")), "");
  const Eni& after = cloud.eni("e");
  EXPECT_EQ(after.instance, "b");
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.mac, before.mac);
  EXPECT_EQ(after.private_ip, before.private_ip);
  EXPECT_EQ(after.secondary_private_ips, before.secondary_private_ips);
  EXPECT_EQ(after.security_groups, before.security_groups);
  EXPECT_EQ(cloud.deployment().elastic_ips.at(0).association_id, elastic.association_id);
  cloud.delivers("c", frame, "e", one_more(frame));  // the same bytes, to the port in b
  EXPECT_TRUE(cloud.passes("internet", from_outside, "e"));
}

TEST(Statement, S13_APacketOf9001BytesPassesWholeInsideTheVpc) {
  Given given = two();
  given.subnets.push_back("{name: t, cidr: 10.0.1.0/24}");
  given.instances.push_back(instance_in("t", "d", "open"));
  Cloud cloud(given);
  for (const char* to : {"b", "d"}) {
    const Path path = cloud.path_to("a", cloud.address(to));
    const Frame whole = udp(path, 7, 9, 9001 - 28);
    ASSERT_EQ(header_at<Ipv4Header>(whole, kIpOffset).fragment.host(), Ipv4Header::kDontFragment);
    cloud.delivers("a", whole, to, begins(whole, kUntracked));
    cloud.drops("a", udp(path, 7, 9, 9002 - 28), DropReason::kTooBig, one_more(whole));  // the flow is allowed
  }
}

/// a has an Elastic IP and an IPv6 address, and may begin everything.
Given with_internet(const std::string& more_of_a = "") {
  return {.vpc = "{cidr: 10.0.0.0/16, ipv6_cidr: '2001:db8:1::/56'}",
          .subnets = {"{name: s, cidr: 10.0.0.0/24, ipv6_cidr: '2001:db8:1::/64'}"},
          .security_groups = {security_group("client", "", std::string(kAnyone) + ", " + kAnyone6)},
          .instances = {instance("a", "client", ", ipv6_addresses: ['2001:db8:1::a']" + more_of_a)},
          .route_tables = {"{name: main, main: true, routes: [{destination: 0.0.0.0/0, target: igw}, {destination: "
                           "'::/0', target: igw}]}"},
          .elastic_ips = {"{name: e, interface: a}"},
          .internet_gateway = true};
}

/// Dropped, and the router tells a.
Frame refused_as_too_big(Cloud& cloud, const Frame& frame, const Changes& flow) {
  cloud.send("a", frame);
  const Frame error = cloud.receive("a").value_or(Frame(kIpv6L4Offset + sizeof(IcmpHeader)));
  EXPECT_EQ(cloud.changes(), (Changes{{"received", 1},
                                      {"a.tx_packets", 1},
                                      {"a.tx_bytes", static_cast<long long>(frame.size())},
                                      {"dropped", 1},
                                      {"a.too-big", 1},
                                      {"originated", 1},
                                      {"a.originated", 1},
                                      {"delivered", 1},
                                      {"a.rx_packets", 1},
                                      {"a.rx_bytes", static_cast<long long>(error.size())}} + flow));
  EXPECT_FALSE(cloud.receive("internet").has_value());
  return error;
}

TEST(Statement, S14_BeyondTheGatewayTheMtuIs1500AndTheSenderHearsOfIt) {
  Cloud cloud(with_internet());
  const std::string outside = "198.51.100.10", outside6 = "2001:db8::10";
  const std::string elastic = cloud.deployment().elastic_ips.at(0).address.to_string();
  const auto packet = [&](std::size_t bytes) { return udp(cloud.path_to("a", outside), 7, 9, bytes - 28); };
  const auto packet6 = [&](std::size_t bytes) { return udp6(cloud.path_to("a", outside6), 7, 9, bytes - 48); };
  cloud.delivers("a", packet(1500), "internet", begins(packet(1500), "udp-single tracked-untracked"));
  cloud.delivers("a", packet6(1500), "internet", begins(packet6(1500), "udp-single tracked-untracked"));
  for (const std::size_t bytes : {1501U, 5000U, 9001U}) {
    const Frame error = refused_as_too_big(cloud, packet(bytes), one_more(packet(bytes)));
    EXPECT_EQ(header_at<Ipv4Header>(error, kIpOffset).source.host(), v4("10.0.0.1"));
    const auto& icmp = header_at<IcmpHeader>(error, kIpv4L4Offset);
    EXPECT_EQ(std::tuple(icmp.type, icmp.code, icmp.sequence.host()), std::tuple(3, 4, 1500));
    const Frame quoted(error.begin() + kIpv4L4Offset + 8, error.begin() + kIpv4L4Offset + 8 + 28);
    EXPECT_TRUE(std::equal(quoted.begin(), quoted.end(), packet(bytes).begin() + kIpOffset));

    const Frame error6 = refused_as_too_big(cloud, packet6(bytes), one_more(packet6(bytes)));
    const auto& icmp6 = header_at<IcmpHeader>(error6, kIpv6L4Offset);
    EXPECT_EQ(std::tuple(icmp6.type, icmp6.code, icmp6.sequence.host()), std::tuple(2, 0, 1500));

    const Frame may_be_cut = without_df(packet(bytes));
    cloud.send("a", may_be_cut);
    std::vector<Frame> fragments;
    while (const auto got = cloud.receive("internet")) fragments.push_back(*got);
    const std::size_t pieces = (bytes - 20 + 1479) / 1480;
    ASSERT_EQ(fragments.size(), pieces);
    const MacAddress gateway = header_at<EthernetHeader>(fragments[0], 0).source;
    EXPECT_EQ(reassembled(fragments), rebuilt(may_be_cut, elastic, outside, 1, cloud.path_in(elastic).from_mac, gateway));
    const auto headers = static_cast<long long>((pieces - 1) * kIpv4L4Offset);
    EXPECT_EQ(cloud.changes(), (Changes{{"received", 1},
                                        {"a.tx_packets", 1},
                                        {"a.tx_bytes", static_cast<long long>(may_be_cut.size())},
                                        {"copies", static_cast<long long>(pieces) - 1},
                                        {"delivered", static_cast<long long>(pieces)},
                                        {"internet.rx_packets", static_cast<long long>(pieces)},
                                        {"internet.rx_bytes", static_cast<long long>(may_be_cut.size()) + headers}} +
                                one_more(may_be_cut)));
  }
}

// Whether such an error passes without a rule is not published: both settings (facts ec2 11).
TEST(Statement, S14_WithoutRelatedErrorsTheGroupMustAllowTheOnesOfPathMtuDiscovery) {
  for (const bool related : {true, false}) {
    Given given = with_internet();
    given.parameters = related ? "{related_icmp_errors: true}" : "{related_icmp_errors: false}";
    Cloud cloud(given);
    cloud.send("a", udp(cloud.path_to("a", "198.51.100.10"), 7, 9, 4000));
    EXPECT_EQ(cloud.receive("a").has_value(), related);
  }
}

TEST(Statement, S15_OfTwoThousandQueriesInASecond1024AreAnswered) {
  for (const bool shut : {true, false}) {
    Given given{.subnets = {"{name: s, cidr: 10.0.0.0/24, network_acl: acl}"},
                .security_groups = {shut ? security_group("sgA", "", "") : open_to_all("sgA")},
                .instances = {instance("a", "sgA", "", ", type: m5.large")},
                .network_acls = {shut ? "{name: acl}"
                                      : "{name: acl, ingress: [{rule: 1, action: allow, protocol: all, cidr: "
                                        "0.0.0.0/0}], egress: [{rule: 1, action: allow, protocol: all, cidr: "
                                        "0.0.0.0/0}]}"}};
    Cloud cloud(given);
    const Frame asked = udp_with(cloud.path_to("a", "10.0.0.2"), 4000, 53, query("a"));
    long long answers = 0, answered_bytes = 0;
    for (unsigned i = 0; i < 2000; ++i) {
      cloud.send("a", asked);
      while (const auto got = cloud.receive("a")) {
        ++answers;
        answered_bytes += static_cast<long long>(got->size());
      }
      if (i % 2 == 1) Cloud::advance_s(0.001);
    }
    EXPECT_EQ(answers, 1024);
    EXPECT_EQ(cloud.changes(), (Changes{{"received", 2000},
                                        {"a.tx_packets", 2000},
                                        {"a.tx_bytes", 2000LL * static_cast<long long>(asked.size())},
                                        {"dropped", 976},
                                        {"a.linklocal-allowance", 976},
                                        {"a.linklocal_allowance_exceeded", 976},
                                        {"consumed", 1024},
                                        {"a.consumed", 1024},
                                        {"originated", 1024},
                                        {"a.originated", 1024},
                                        {"delivered", 1024},
                                        {"a.rx_packets", 1024},
                                        {"a.rx_bytes", answered_bytes}}));
  }
}

}  // namespace
}  // namespace weft::test
