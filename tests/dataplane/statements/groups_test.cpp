// Statements 16 to 28 of facts ec2 10: security groups, connection tracking, network ACLs.
#include <gtest/gtest.h>

#include "tests/dataplane/statements/cloud.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/translated.hpp"

namespace weft::test::groups_test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck;
constexpr std::uint8_t kSynAck = kSyn | kAck;
constexpr const char* kA = "10.0.0.4";
constexpr const char* kB = "10.0.0.5";
constexpr const char* kWeb = "{protocol: tcp, port: 80, cidr: 10.0.0.0/24}";

/// a may begin everything and takes nothing new; b has what the statement says.
Given with_b(const std::string& ingress, const std::string& egress, const std::string& more_of_b = "",
             const std::string& keys_of_b = "") {
  return {.security_groups = {security_group("sgA", "", kAnyone), security_group("sgB", ingress, egress)},
          .instances = {instance("a", "sgA"), instance("b", "sgB", more_of_b, keys_of_b)}};
}
Frame there(const Cloud& cloud, std::uint8_t flags, std::uint16_t port = 40000, std::size_t bytes = 0) {
  return tcp(cloud.path_to("a", kB), port, 80, flags, bytes);
}
Frame back(const Cloud& cloud, std::uint8_t flags, std::uint16_t port = 40000, std::size_t bytes = 0) {
  return tcp(cloud.path_to("b", kA), 80, port, flags, bytes);
}

/// SYN, SYN-ACK, ACK. Returns the SYN, by which the flow is named.
Frame connect(Cloud& cloud, std::uint16_t port = 40000) {
  const Frame syn = there(cloud, kSyn, port);
  cloud.delivers("a", syn, "b", begins(syn, "tcp-opening tracked-tracked"));
  cloud.delivers("b", back(cloud, kSynAck, port), "a", one_answer(syn));
  cloud.delivers("a", there(cloud, kAck, port), "b",
                 one_more(syn) + turns(syn, "tcp-opening tracked-tracked", "tcp-established tracked-tracked"));
  return syn;
}

// That nothing at all comes back is inference (facts ec2 2.7); there is no switch, for nobody has seen EC2 answer.
TEST(Statement, S16_WithoutAnInboundRuleASynIsLostInSilence) {
  Cloud cloud(with_b("", kAnyone));
  cloud.drops("a", there(cloud, kSyn), DropReason::kGroupIngress);  // neither RST nor ICMP: nobody gets anything
}

TEST(Statement, S17_AnAllowedConnectionIsAnsweredWithoutAnOutboundRule) {
  Cloud cloud(with_b(kWeb, ""));
  const Frame syn = connect(cloud);
  cloud.delivers("a", there(cloud, kAck, 40000, 1000), "b", one_more(syn));
  cloud.delivers("b", back(cloud, kAck, 40000, 1400), "a", one_answer(syn));
  cloud.drops("b", tcp(cloud.path_to("b", kA), 50000, 80, kSyn), DropReason::kGroupEgress);
}

TEST(Statement, S18_AGroupAsSourceIsThePrivateAddressesOfItsMembers) {
  const auto with_a_in = [](const std::string& groups) {
    return Given{.security_groups = {security_group("sgA", "", kAnyone), security_group("other", "", kAnyone),
                                     security_group("sgB", "{protocol: all, group: sgA}", "")},
                 .instances = {instance("a", groups), instance("b", "sgB")},
                 .route_tables = {"{name: main, main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}"},
                 .elastic_ips = {"{name: ea, interface: a}", "{name: eb, interface: b}"},
                 .internet_gateway = true};
  };
  Cloud cloud(with_a_in("sgA"));
  const Frame frame = udp(cloud.path_to("a", kB), 7, 9);
  cloud.delivers("a", frame, "b", begins(frame, "udp-single tracked-tracked"));

  // By b's Elastic IP it goes out and comes back from the gateway, whose port gets nothing; the gate is asked as for a
  // packet of the internet.
  const Frame around = udp(cloud.path_to("a", cloud.deployment().elastic_ips.at(1).address.to_string()), 7, 9);
  cloud.send("a", around);
  EXPECT_EQ(cloud.changes(), (Changes{{"received", 1},
                                      {"a.tx_packets", 1},
                                      {"a.tx_bytes", static_cast<long long>(around.size())},
                                      {"dropped", 1},
                                      {"internet.group-ingress", 1}} +
                              begins(around, "udp-single tracked-untracked")));
  EXPECT_FALSE(cloud.receive("b").has_value());
  EXPECT_FALSE(cloud.receive("internet").has_value());

  ASSERT_EQ(cloud.up(with_a_in("other")), "");
  cloud.drops("a", udp(cloud.path_to("a", kB), 8, 9), DropReason::kGroupIngress);
  cloud.delivers("a", frame, "b", one_more(frame));  // the old flow is tracked and lives on
}

TEST(Statement, S19_MembersOfAGroupTalkOnlyByASelfReference) {
  const auto with = [](const std::string& ingress) {
    return Given{.security_groups = {security_group("sg", ingress, kAnyone)},
                 .instances = {instance("a", "sg"), instance("b", "sg")}};
  };
  Cloud cloud(with(""));
  const Frame ping = icmp(cloud.path_to("a", kB), 8, 0, 7);
  cloud.drops("a", ping, DropReason::kGroupIngress);
  ASSERT_EQ(cloud.up(with("{protocol: all, group: self}")), "");
  cloud.delivers("a", ping, "b", begins(ping, "icmp tracked-tracked"));
  cloud.delivers("b", icmp(cloud.path_to("b", kA), 0, 0, 7), "a", one_answer(ping));
}

TEST(Statement, S20_ARevokedRuleLeavesTrackedFlowsAndCutsUntrackedOnes) {
  Cloud tracked(with_b(kWeb, ""));
  const Frame syn = connect(tracked);
  ASSERT_EQ(tracked.up(with_b("", "")), "");
  tracked.delivers("a", there(tracked, kAck, 40000, 100), "b", one_more(syn));
  tracked.delivers("b", back(tracked, kAck, 40000, 100), "a", one_answer(syn));
  tracked.drops("a", there(tracked, kSyn, 40001), DropReason::kGroupIngress);

  const auto open = [](const std::string& ingress) {
    return Given{.security_groups = {security_group("sg", ingress, kAnyone)},
                 .instances = {instance("a", "sg"), instance("b", "sg")}};
  };
  const std::string to_all = "{protocol: tcp, port: all, cidr: 0.0.0.0/0}";
  Cloud untracked(open(to_all));
  const Frame first = there(untracked, kSyn);
  untracked.delivers("a", first, "b", begins(first, "untracked untracked-untracked"));
  untracked.delivers("b", back(untracked, kSynAck), "a", one_answer(first));
  ASSERT_EQ(untracked.up(open("")), "");
  untracked.drops("a", there(untracked, kAck), DropReason::kGroupIngress);
}

TEST(Statement, S21_AnEstablishedConnectionIsForgottenAfterItsIdleTimeout) {
  Cloud cloud(with_b(kWeb, "", ", connection_tracking: {tcp_established_timeout: 60}"));
  const Frame syn = connect(cloud);
  const Frame data = back(cloud, kAck, 40000, 100);
  for (int i = 0; i < 3; ++i) {  // each starts the timer again
    Cloud::advance_s(59);
    cloud.delivers("b", data, "a", one_answer(syn));
  }
  Cloud::advance_s(61);
  cloud.drops("b", data, DropReason::kGroupEgress);
}

TEST(Statement, S22_UdpIsRememberedFor30SecondsAndAStreamFor180) {
  const std::string single = "udp-single tracked-tracked", stream = "udp-stream tracked-tracked";
  const Given given = with_b("{protocol: udp, port: 53, cidr: 10.0.0.0/24}", "");
  for (const double later : {29.0, 31.0}) {
    Cloud cloud(given);
    const Frame ask = udp(cloud.path_to("a", kB), 1, 53), answer = udp(cloud.path_to("b", kA), 53, 1);
    cloud.delivers("a", ask, "b", begins(ask, single));
    Cloud::advance_s(later);
    if (later < 30) cloud.delivers("b", answer, "a", one_answer(ask));
    else cloud.drops("b", answer, DropReason::kGroupEgress, forgets(ask, single, 1, 0));
  }
  Cloud cloud(given);
  const Frame ask = udp(cloud.path_to("a", kB), 1, 53), answer = udp(cloud.path_to("b", kA), 53, 1);
  cloud.delivers("a", ask, "b", begins(ask, single));
  cloud.delivers("b", answer, "a", one_answer(ask));
  cloud.delivers("a", ask, "b", one_more(ask));
  cloud.delivers("b", answer, "a", one_answer(ask) + turns(ask, single, stream));
  Cloud::advance_s(179);
  cloud.delivers("b", answer, "a", one_answer(ask));
  Cloud::advance_s(181);
  cloud.drops("b", answer, DropReason::kGroupEgress, forgets(ask, stream, 2, 3));
}

TEST(Statement, S23_AnotherProtocolHasNoPortsAndIsRememberedFor600Seconds) {
  const Given given = with_b("{protocol: 47, cidr: 10.0.0.0/24}", "");
  Cloud cloud(given);
  // As the API takes it: FromPort and ToPort 1, which mean nothing. The file refuses them, for who writes them expects
  // them to count.
  ASSERT_EQ(cloud.up(given, [](Topology& topology) {
    topology.security_groups[1].ingress[0].from_port = topology.security_groups[1].ingress[0].to_port = 1;
  }), "");
  const Frame gre = ipv4(cloud.path_to("a", kB), kProtocolGre, pattern(40, 0));
  const Frame reply = ipv4(cloud.path_to("b", kA), kProtocolGre, pattern(40, 9));
  cloud.delivers("a", gre, "b", begins(gre, "other tracked-tracked"));
  for (int i = 0; i < 2; ++i) {
    Cloud::advance_s(599);
    cloud.delivers("b", reply, "a", one_answer(gre));
  }
  Cloud::advance_s(601);
  cloud.drops("b", reply, DropReason::kGroupEgress, forgets(gre, "other tracked-tracked", 1, 2));
}

TEST(Statement, S24_IcmpIsAllowedByTypeAndAlwaysTracked) {
  Cloud cloud(with_b("{protocol: icmp, type: 8, cidr: 10.0.0.0/24}", ""));
  for (const std::uint8_t code : {std::uint8_t{0}, std::uint8_t{5}}) {
    const Frame echo = icmp(cloud.path_to("a", kB), 8, code, code);
    cloud.delivers("a", echo, "b", begins(echo, "icmp tracked-tracked"));
    cloud.delivers("b", icmp(cloud.path_to("b", kA), 0, 0, code), "a", one_answer(echo));
  }
  cloud.drops("a", icmp(cloud.path_to("a", kB), 13, 0, 9), DropReason::kGroupIngress);

  Cloud open({.security_groups = {open_to_all()}, .instances = {instance("a", "open"), instance("b", "open")}});
  const Frame echo = icmp(open.path_to("a", kB), 8, 0, 7);
  open.delivers("a", echo, "b", begins(echo, "icmp tracked-tracked"));
}

// The second half is inference.
TEST(Statement, S25_AFullConnectionTableDropsWhatWouldNeedAnEntry) {
  const std::string limit = ", limits: {connections: 3}";
  Cloud cloud(with_b("{protocol: udp, port: all, cidr: 10.0.0.0/24}", "", "", limit));
  const auto to_port = [&](std::uint16_t port) { return udp(cloud.path_to("a", kB), port, 9); };
  EXPECT_EQ(cloud.conntrack_available("b"), 3U);
  for (std::uint16_t port = 1; port <= 3; ++port)
    cloud.delivers("a", to_port(port), "b", begins(to_port(port), "udp-single tracked-tracked"));
  EXPECT_EQ(cloud.conntrack_available("b"), 0U);
  cloud.drops("a", to_port(4), DropReason::kConntrackAllowance, {{"b.conntrack_allowance_exceeded", 1}});
  cloud.delivers("a", to_port(1), "b", one_more(to_port(1)));  // what has its entry goes on

  Cloud open({.security_groups = {open_to_all()},
              .instances = {instance("a", "open"), instance("b", "open", "", limit)}});
  for (std::uint16_t port = 1; port <= 10; ++port) {
    const Frame frame = udp(open.path_to("a", kB), port, 9);
    open.delivers("a", frame, "b", begins(frame, "untracked untracked-untracked"));
  }
  EXPECT_EQ(open.conntrack_available("b"), 3U);
}

TEST(Statement, S26_SeveralGroupsOfAnInterfaceAreTheirUnion) {
  Cloud cloud({.security_groups = {security_group("client", "", kAnyone),
                                   security_group("ssh", "{protocol: tcp, port: 22, cidr: 10.0.0.5/32}", ""),
                                   security_group("https", "{protocol: tcp, port: 443, cidr: 0.0.0.0/0}", "")},
               .instances = {instance("server", "ssh, https"), instance("c", "client", ", private_ip: 10.0.0.9")}});
  const Path path = cloud.path_to("c", cloud.address("server"));
  const Frame https = tcp(path, 1, 443, kSyn);
  cloud.delivers("c", https, "server", begins(https, "tcp-opening tracked-tracked"));
  cloud.drops("c", tcp(path, 1, 22, kSyn), DropReason::kGroupIngress);
}

TEST(Statement, S27_ANetworkAclIsAskedAtTheSubnetsEdgeInOrderAndWithoutState) {
  const auto with_acl = [](const std::string& ingress, const std::string& egress) {
    return Given{.subnets = {"{name: s, cidr: 10.0.0.0/24, network_acl: acl}", "{name: t, cidr: 10.0.1.0/24}"},
                 .security_groups = {open_to_all()},
                 .instances = {instance("a", "open"), instance("b", "open"), instance_in("t", "c", "open")},
                 .network_acls = {"{name: acl, ingress: [" + ingress + "], egress: [" + egress + "]}"}};
  };
  const std::string allow_in = "{rule: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}";
  Cloud cloud(with_acl("{rule: 90, action: deny, protocol: tcp, port: 80, cidr: 0.0.0.0/0}, " + allow_in, allow_in));
  cloud.drops("c", tcp(cloud.path_to("c", kB), 40000, 80, kSyn), DropReason::kAclIngress);
  const Frame inside = there(cloud, kSyn);
  cloud.delivers("a", inside, "b", begins(inside, "untracked untracked-untracked"));

  // Out only to ports below the ephemeral ones.
  ASSERT_EQ(cloud.up(with_acl(allow_in, "{rule: 100, action: allow, protocol: tcp, ports: 0-32767, cidr: 0.0.0.0/0}")), "");
  const Frame syn = tcp(cloud.path_to("c", kB), 40001, 80, kSyn);
  cloud.delivers("c", syn, "b", begins(syn, "untracked untracked-untracked"));
  cloud.drops("b", tcp(cloud.path_to("b", cloud.address("c")), 80, 40001, kSynAck), DropReason::kAclEgress);
}

TEST(Statement, S28_AGroupHasSixtyRulesOfEachFamilyAndNoneTwice) {
  const auto rules = [](unsigned ipv4, unsigned ipv6, const std::string& more = "") {
    std::string list;
    for (unsigned i = 0; i < ipv4; ++i) list += "{protocol: tcp, port: " + std::to_string(i) + ", cidr: 10.0.0.0/8}, ";
    for (unsigned i = 0; i < ipv6; ++i) list += "{protocol: tcp, port: " + std::to_string(i) + ", cidr: '2001:db8::/32'}, ";
    Given given = with_b(list + more, "");
    given.security_groups[0] = security_group("sgA", "", std::string(kAnyone));
    return given;
  };
  Cloud cloud(rules(60, 0));
  EXPECT_EQ(cloud.up(rules(61, 0)), "RulesPerSecurityGroupLimitExceeded");
  EXPECT_EQ(cloud.up(rules(60, 60)), "");
  EXPECT_EQ(cloud.up(rules(1, 0, "{protocol: tcp, port: 0, cidr: 10.0.0.0/8}")), "InvalidPermission.Duplicate");
  EXPECT_EQ(cloud.up(rules(1, 0, "{protocol: tcp, port: 0, cidr: 10.9.8.7/8}")), "InvalidPermission.Duplicate");
  const Frame last = tcp(cloud.path_to("a", kB), 40000, 59, kSyn);
  cloud.delivers("a", last, "b", begins(last, "tcp-opening tracked-tracked"));  // and the sixty are in force
  cloud.drops("a", tcp(cloud.path_to("a", kB), 40000, 60, kSyn), DropReason::kGroupIngress);
}

}  // namespace
}  // namespace weft::test::groups_test
