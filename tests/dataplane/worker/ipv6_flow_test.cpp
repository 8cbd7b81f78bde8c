// What an IPv6 flow entry means; flow_test.cpp has the same of IPv4, and both are one text in the engine.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck, kFin = TcpHeader::kFin;

/// a may send anything and receive nothing; b takes what `ingress` says and sends nothing of its own.
Deployment client_and_server(std::vector<RuleDeclaration> ingress) {
  return dual_stack({make_group("client", {}, {all(cidr("::/0"))}), make_group("server", std::move(ingress), {})},
                    {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"}),
                     guest("c", "10.0.1.6", {"client"})});
}
Deployment ssh_server() { return client_and_server({rule(kTcp, 22, 22, cidr("2001:db8::/56"))}); }
Deployment closed_server() { return client_and_server({}); }

class Ipv6Flow : public ::testing::Test {
 protected:
  static Frame there(const Fabric& fabric, std::uint8_t flags, std::size_t bytes = 0, std::uint16_t port = 40000) {
    return tcp6(path6(fabric, "a", "b"), port, 22, flags, bytes);
  }
  static Frame back(const Fabric& fabric, std::uint8_t flags, std::size_t bytes = 0, std::uint16_t port = 40000) {
    return tcp6(path6(fabric, "b", "a"), 22, port, flags, bytes);
  }
  /// SYN, SYN-ACK, ACK.
  static void connect(Fabric& fabric) {
    ASSERT_TRUE(fabric.passes("a", "b", there(fabric, kSyn)));
    ASSERT_TRUE(fabric.passes("b", "a", back(fabric, kSyn | kAck)));
    ASSERT_TRUE(fabric.passes("a", "b", there(fabric, kAck)));
  }
  static bool data(Fabric& fabric) {
    return fabric.passes("a", "b", there(fabric, kAck, 10)) && fabric.passes("b", "a", back(fabric, kAck, 10));
  }
};

TEST_F(Ipv6Flow, RepliesPassByStateThoughNoRuleAllowsThem) {
  Fabric fabric(ssh_server());
  connect(fabric);
  EXPECT_FALSE(fabric.passes("b", "a", back(fabric, kSyn | kAck, 0, 40001))) << "another port: no state";
  const std::vector<FlowView> flows = fabric.engine().flows();
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].state, "tcp-established");
  EXPECT_EQ(flows[0].initiator_tuple.source, ip(address6("a")));
  EXPECT_EQ(flows[0].initiator_tuple.destination, ip(address6("b")));
  EXPECT_EQ(flows[0].initiator_tuple.source_port, 40000);
  EXPECT_EQ(flows[0].initiator_eni, "eni-a");
  EXPECT_EQ(flows[0].responder_eni, "eni-b");
  EXPECT_EQ(flows[0].packets[0], 2U);
  EXPECT_EQ(flows[0].packets[1], 1U);
  EXPECT_EQ(flows[0].bytes[0], 2 * 74U);
}

TEST_F(Ipv6Flow, ATrackedConnectionSurvivesTheEndOfItsRuleAndANewOneDoesNot) {  // statement 20
  Fabric fabric(ssh_server());
  connect(fabric);
  fabric.apply(closed_server());
  EXPECT_TRUE(data(fabric));
  EXPECT_FALSE(fabric.passes("a", "b", there(fabric, kSyn, 0, 40001)));
}

TEST_F(Ipv6Flow, AnUntrackedFlowIsCutAtOnce) {  // statement 20
  const auto deployment = [](bool open) {
    return dual_stack({make_group("server", open ? std::vector{rule(kTcp, 0, 65535, cidr("::/0"))} : std::vector<RuleDeclaration>{},
                                  {all(cidr("::/0"))}),
                       open_group6()},
                      {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"})});
  };
  Fabric fabric(deployment(true));
  connect(fabric);
  const FlowView flow = fabric.engine().flows().at(0);
  EXPECT_EQ(flow.state, "untracked");
  EXPECT_FALSE(flow.tracked[0] || flow.tracked[1]);
  fabric.apply(deployment(false));
  const Frame frame = there(fabric, kAck, 10);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kGroupIngress));
}

TEST_F(Ipv6Flow, TheFamiliesAreJudgedApart) {  // facts ec2 2.4
  SecurityGroup both = make_group("open", {all(cidr("::/0")), all(cidr("0.0.0.0/0"))}, {all(cidr("::/0"))});
  both.egress.push_back(rule(kUdp, 53, 53, cidr("0.0.0.0/0")));
  Fabric fabric(dual_stack({both}, four_guests({"open"})));
  ASSERT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 5000, 53)));
  ASSERT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 5000, 53)));
  ASSERT_FALSE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 5000, 54)));
  std::map<bool, bool> tracked;  // by family: at the receiver's end
  for (const FlowView& flow : fabric.engine().flows()) tracked[flow.initiator_tuple.source.is_v4()] = flow.tracked[1];
  EXPECT_EQ(tracked, (std::map<bool, bool>{{false, false}, {true, true}}));
}

TEST_F(Ipv6Flow, ARuleThatNamesAllOfIpv4AllowsNoIpv6) {
  Fabric fabric(dual_stack({open_group()}, four_guests({"open"})));
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 5000, 53)));
  EXPECT_FALSE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 5000, 53)));
}

TEST_F(Ipv6Flow, ARuleThatNamesAGroupMatchesItsMembersIpv6Addresses) {  // statements 18 and 19
  const auto deployment = [](bool member) {
    Deployment made = dual_stack({members_group(), make_group("others", {}, {all(cidr("::/0"))})},
                                 four_guests({"members"}));
    if (!member) made.instances[0].enis[0].security_groups = {"others"};
    return made;
  };
  Fabric fabric(deployment(true));
  EXPECT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 5000, 53)));
  EXPECT_TRUE(fabric.passes("d", "b", udp6(path6(fabric, "d", "b"), 5000, 53)));
  fabric.apply(deployment(false));
  EXPECT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 5000, 53))) << "tracked";
  const Frame fresh = udp6(path6(fabric, "a", "b"), 5001, 53);
  fabric.changes();
  fabric.send("a", fresh);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", fresh, DropReason::kGroupIngress));
}

TEST_F(Ipv6Flow, PingIsAnsweredByStateAndOnlyTheOneThatAskedMayAsk) {
  Fabric fabric(client_and_server({rule(kIcmpv6, 128, 0, cidr("::/0"))}));
  const auto ping = [&](const std::string& from, const std::string& to, std::uint8_t type, std::uint16_t identifier) {
    return fabric.passes(from, to, icmp6(path6(fabric, from, to), type, 0, identifier));
  };
  ASSERT_TRUE(ping("a", "b", 128, 7));
  EXPECT_TRUE(ping("b", "a", 129, 7));
  EXPECT_FALSE(ping("b", "a", 129, 8)) << "an answer to another request";
  EXPECT_FALSE(ping("b", "a", 128, 7)) << "a request is not an answer";
  ASSERT_EQ(fabric.engine().flows().size(), 1U);
  EXPECT_EQ(fabric.engine().flows()[0].state, "icmp");
}

TEST_F(Ipv6Flow, AnErrorAboutATrackedFlowPassesAndAboutAThirdPartysDoesNot) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("2001:db8::/56"))}));
  const Frame query = udp6(path6(fabric, "a", "b"), 1000, 53);
  ASSERT_TRUE(fabric.passes("a", "b", query));
  for (const std::uint8_t type : {1, 2, 3, 4}) {
    fabric.changes();
    const Frame error = icmp6_error(path6(fabric, "b", "a"), type, 0, query);
    fabric.send("b", error);
    EXPECT_EQ(fabric.changes(), fabric.delivered("b", "a", error)) << int{type};
    EXPECT_TRUE(fabric.receive("a"));
  }
  // The same packet behind options is quoted with them.
  const Frame extended = ipv6(path6(fabric, "a", "b"), kUdp, udp_segment(path6(fabric, "a", "b"), 1000, 53),
                              kDestinationOptions, {options_header(kUdp)});
  EXPECT_TRUE(fabric.passes("b", "a", icmp6_error(path6(fabric, "b", "a"), 1, 4, extended)));
  EXPECT_FALSE(fabric.passes("b", "a", icmp6_error(path6(fabric, "b", "a"), 1, 4, udp6(path6(fabric, "a", "b"), 1001, 53))));
  EXPECT_FALSE(fabric.passes("c", "a", icmp6_error(path6(fabric, "c", "a"), 1, 4, query)));
}

TEST_F(Ipv6Flow, ErrorsNeedARuleWhereTheSwitchIsOff) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("2001:db8::/56"))}), {.related_icmp_errors = false});
  const Frame query = udp6(path6(fabric, "a", "b"), 1000, 53);
  ASSERT_TRUE(fabric.passes("a", "b", query));
  EXPECT_FALSE(fabric.passes("b", "a", icmp6_error(path6(fabric, "b", "a"), 1, 4, query)));
}

TEST_F(Ipv6Flow, ADelegatedPrefixIsItsEnisWhole) {
  Deployment deployment = ssh_server();
  deployment.instances[0].enis[0].prefixes = {*IpPrefix::parse("2001:db8:0:1:aaaa::/80")};
  Fabric fabric(deployment);
  Path inside = path6(fabric, "a", "b");
  inside.from = "2001:db8:0:1:aaaa:1:2:3";
  EXPECT_TRUE(fabric.passes("a", "b", tcp6(inside, 40000, 22, kSyn)));
  EXPECT_TRUE(fabric.passes("b", "a", tcp6(path_to6(fabric, "b", inside.from), 22, 40000, kSyn | kAck)));
  Path outside = inside;
  outside.from = "2001:db8:0:1:aaab::3";
  fabric.changes();
  const Frame spoofed = tcp6(outside, 40000, 22, kSyn);
  fabric.send("a", spoofed);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", spoofed, DropReason::kSpoofedIp));
  EXPECT_FALSE(fabric.passes("c", "b", tcp6({fabric.eni("c").mac, inside.via, inside.from, inside.to}, 1, 22, kSyn)));
}

TEST_F(Ipv6Flow, EachEndForgetsByItsOwnTimeouts) {  // statement 21
  Deployment deployment = ssh_server();
  deployment.instances[1].enis[0].connection_tracking.tcp_established_timeout = 60;
  Fabric fabric(deployment);
  connect(fabric);
  Fabric::advance_s(59);
  EXPECT_TRUE(fabric.passes("b", "a", back(fabric, kAck, 10))) << "and the clock starts again";
  Fabric::advance_s(59);
  EXPECT_TRUE(fabric.passes("b", "a", back(fabric, kAck, 10)));
  Fabric::advance_s(61);
  fabric.changes();
  const Frame late = back(fabric, kAck, 10);
  fabric.send("b", late);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", late, DropReason::kGroupEgress)) << "b has forgotten, and may not send";
  EXPECT_TRUE(fabric.passes("a", "b", there(fabric, kAck, 10))) << "a's rule lets it out and b's lets it in, as new";
  EXPECT_TRUE(fabric.passes("b", "a", back(fabric, kAck, 10))) << "so b remembers it again";
}

TEST_F(Ipv6Flow, IdleFlowsAgeAwayAndThoseOfARemovedEniGoWithIt) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("::/0"))}));
  ASSERT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 1000, 53)));
  Fabric::advance_s(29);
  fabric.turn();
  EXPECT_EQ(fabric.engine().flows().size(), 1U);
  Fabric::advance_s(2);
  EXPECT_FALSE(fabric.passes("b", "a", udp6(path6(fabric, "b", "a"), 53, 1000)));
  ASSERT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), 1000, 53)));
  Deployment without = ssh_server();
  without.instances.erase(without.instances.begin() + 1);
  fabric.apply(without);
  EXPECT_TRUE(fabric.engine().flows().empty());
}

TEST_F(Ipv6Flow, BothFamiliesInOneBurstGoTheirWaysInOrder) {
  SecurityGroup open = open_group();
  open.ingress.push_back(all(cidr("::/0")));
  open.egress.push_back(all(cidr("::/0")));
  Fabric fabric(dual_stack({open}, four_guests({"open"})));
  const Frame foreign = udp6({fabric.eni("a").mac, kRouterMac, "2001:db8:0:1::99", address6("b")}, 1, 2);
  std::vector<Frame> expected;
  for (std::size_t i = 0; i < 30; ++i) {
    const bool six = i % 3 != 0;
    const Frame frame = i % 10 == 9 ? foreign : six ? udp6(path6(fabric, "a", "b"), 1, 2, i) : udp(fabric.path("a", "b"), 1, 2, i);
    fabric.inject("a", frame);
    if (i % 10 != 9) expected.push_back(frame);
  }
  fabric.turn();
  for (const Frame& frame : expected) EXPECT_EQ(fabric.receive("b"), frame);
  EXPECT_FALSE(fabric.receive("b"));
  EXPECT_EQ(fabric.changes().at("a.spoofed-ip"), 3);
  EXPECT_EQ(fabric.engine().flows().size(), 2U);
}

TEST_F(Ipv6Flow, AClosedConnectionDoesNotCarryItsSuccessor) {
  Fabric fabric(ssh_server());
  connect(fabric);
  EXPECT_TRUE(fabric.passes("a", "b", there(fabric, kFin | kAck)));
  EXPECT_TRUE(fabric.passes("b", "a", back(fabric, kFin | kAck)));
  fabric.apply(closed_server());
  EXPECT_TRUE(fabric.passes("a", "b", there(fabric, kAck)));
  EXPECT_FALSE(fabric.passes("a", "b", there(fabric, kSyn)));
}

TEST_F(Ipv6Flow, AFullTableRefusesTrackedConnectionsOfItsOwnFamilyOnly) {
  SecurityGroup tracked = make_group("tracked", {all(cidr("2001:db8::/56")), all(cidr("10.0.0.0/16"))},
                                     {all(cidr("2001:db8::/56")), all(cidr("10.0.0.0/16"))});
  Fabric fabric(dual_stack({tracked}, four_guests({"tracked"})), {.flow_capacity6 = 8});
  for (std::uint16_t port = 1; port <= 8; ++port)
    ASSERT_TRUE(fabric.passes("a", "b", udp6(path6(fabric, "a", "b"), port, 9)));
  fabric.changes();
  const Frame frame = udp6(path6(fabric, "a", "b"), 100, 9);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kFlowTableFull));
  EXPECT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 100, 9)));
}

}  // namespace
}  // namespace weft::test
