// What a flow entry means: replies, rule changes, the two ends judged apart, answers and errors of ICMP (facts ec2 2.4).
#include <gtest/gtest.h>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test::flow_test {
namespace {

constexpr std::uint8_t kSyn = TcpHeader::kSyn, kAck = TcpHeader::kAck, kFin = TcpHeader::kFin, kRst = TcpHeader::kRst;

SecurityGroup nothing(const std::string& name) { return make_group(name, {}, {}); }
SecurityGroup sends_all(const std::string& name) { return make_group(name, {}, {all(cidr("0.0.0.0/0"))}); }

/// a may send anything and receive nothing; b takes what `ingress` says and sends nothing of its own.
Deployment client_and_server(std::vector<RuleDeclaration> ingress) {
  return make_deployment({sends_all("client"), make_group("server", std::move(ingress), {})},
                         {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"}),
                          guest("c", "10.0.1.6", {"client"})});
}
Deployment ssh_server() { return client_and_server({rule(kTcp, 22, 22, cidr("10.0.0.0/16"))}); }
Deployment closed_server() { return client_and_server({}); }

class Flow : public ::testing::Test {
 protected:
  /// SYN, SYN-ACK, ACK.
  static void connect(Fabric& fabric, std::uint16_t port = 40000) {
    ASSERT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), port, 22, kSyn)));
    ASSERT_TRUE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, port, kSyn | kAck)));
    ASSERT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), port, 22, kAck)));
  }
  static bool data(Fabric& fabric, std::uint16_t port = 40000) {
    return fabric.passes("a", "b", tcp(fabric.path("a", "b"), port, 22, kAck, 10)) &&
           fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, port, kAck, 10));
  }
};

TEST_F(Flow, RepliesPassByStateThoughNoRuleAllowsThem) {
  Fabric fabric(ssh_server());
  connect(fabric);
  EXPECT_FALSE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40001, kSyn | kAck)));  // another port: no state
  const std::vector<FlowView> flows = fabric.engine().flows();
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].state, "tcp-established");
  EXPECT_EQ(flows[0].initiator_eni, "eni-a");
  EXPECT_EQ(flows[0].responder_eni, "eni-b");
  EXPECT_EQ(flows[0].packets[0], 2U);
  EXPECT_EQ(flows[0].packets[1], 1U);
  EXPECT_EQ(flows[0].bytes[0], 2 * 54U);
}

TEST_F(Flow, EveryPacketOfAConnectionChangesOnlyWhatItShould) {
  Fabric fabric(ssh_server());
  const std::string name = "flow 10.0.1.4:40000>10.0.1.5:22/6";
  const Frame syn = tcp(fabric.path("a", "b"), 40000, 22, kSyn);
  fabric.send("a", syn);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", syn) +
                               Changes{{name + " tcp-opening tracked-tracked", 1}, {name + " packets", 1}}));
  const Frame syn_ack = tcp(fabric.path("b", "a"), 22, 40000, kSyn | kAck);
  fabric.send("b", syn_ack);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("b", "a", syn_ack) + Changes{{name + " answers", 1}}));
  const Frame ack = tcp(fabric.path("a", "b"), 40000, 22, kAck);
  fabric.send("a", ack);
  EXPECT_EQ(fabric.changes(), (fabric.delivered("a", "b", ack) + Changes{{name + " packets", 1},
                                                                         {name + " tcp-opening tracked-tracked", -1},
                                                                         {name + " tcp-established tracked-tracked", 1}}));
}

TEST_F(Flow, TrackedConnectionSurvivesTheRemovalOfItsRuleAndANewOneIsRefused) {
  Fabric fabric(ssh_server());
  connect(fabric);
  fabric.apply(closed_server());
  EXPECT_TRUE(data(fabric));
  EXPECT_FALSE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40001, 22, kSyn)));
  EXPECT_TRUE(data(fabric));
  fabric.apply(ssh_server());
  EXPECT_TRUE(data(fabric));
  connect(fabric, 40001);
}

TEST_F(Flow, UntrackedFlowIsCutAtOnceWhenItsRuleGoes) {
  const auto open = [](std::vector<RuleDeclaration> ingress) {
    return make_deployment({open_group(), make_group("server", std::move(ingress), {all(cidr("0.0.0.0/0"))})},
                           {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"})});
  };
  Fabric fabric(open({all(cidr("0.0.0.0/0"))}));
  connect(fabric);
  ASSERT_EQ(fabric.engine().flows().at(0).state, "untracked");
  fabric.apply(open({}));
  const Frame frame = tcp(fabric.path("a", "b"), 40000, 22, kAck, 10);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kGroupIngress));
  // The server may still send: its own rule of that direction allows it, and from now on the flow is tracked.
  EXPECT_TRUE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40000, kAck, 10)));
  EXPECT_TRUE(fabric.passes("a", "b", frame));
}

TEST_F(Flow, EachHalfIsTrackedForItself) {
  // a is open both ways, so untracked at its end; b's rule names a prefix, so tracked at its end.
  Fabric fabric(make_deployment({open_group(), make_group("server", {rule(kTcp, 22, 22, cidr("10.0.0.0/16"))}, {})},
                                {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"})}));
  connect(fabric);
  const FlowView flow = fabric.engine().flows().at(0);
  EXPECT_FALSE(flow.tracked[0]);
  EXPECT_TRUE(flow.tracked[1]);
  // b's rule may go: its half is tracked. a's may not.
  fabric.apply(make_deployment({open_group(), nothing("server")},
                               {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"})}));
  EXPECT_TRUE(data(fabric));
  fabric.apply(make_deployment({nothing("open"), nothing("server")},
                               {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"})}));
  const Frame frame = tcp(fabric.path("a", "b"), 40000, 22, kAck, 10);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kGroupEgress));
  const Frame reply = tcp(fabric.path("b", "a"), 22, 40000, kAck, 10);
  fabric.send("b", reply);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", reply, DropReason::kGroupIngress));
}

TEST_F(Flow, BothGatesAreAskedForANewFlow) {
  Fabric fabric(make_deployment({nothing("shut"), open_group()},
                                {guest("a", "10.0.1.4", {"shut"}), guest("b", "10.0.1.5", {"open"})}));
  Frame frame = udp(fabric.path("a", "b"), 1, 2);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kGroupEgress));
  frame = udp(fabric.path("b", "a"), 1, 2);
  fabric.send("b", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", frame, DropReason::kGroupIngress));
}

TEST_F(Flow, MidStreamTcpIsJudgedByTheRulesAsNew) {
  Fabric fabric(ssh_server());
  EXPECT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kAck, 10)));
  EXPECT_FALSE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40001, kAck, 10)));
}

TEST_F(Flow, AClosedConnectionDoesNotCarryItsSuccessor) {
  Fabric fabric(ssh_server());
  connect(fabric);
  EXPECT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kFin | kAck)));
  EXPECT_TRUE(fabric.passes("b", "a", tcp(fabric.path("b", "a"), 22, 40000, kFin | kAck)));
  fabric.apply(closed_server());
  EXPECT_TRUE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kAck)));  // the last ACK
  EXPECT_FALSE(fabric.passes("a", "b", tcp(fabric.path("a", "b"), 40000, 22, kSyn)));
}

TEST_F(Flow, IdleFlowsAgeAwayAndAnAgedFlowIsJudgedAgain) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}));
  ASSERT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), 1000, 53)));
  Fabric::advance_s(29);
  fabric.turn();
  ASSERT_EQ(fabric.engine().flows().size(), 1U);
  EXPECT_TRUE(fabric.passes("b", "a", udp(fabric.path("b", "a"), 53, 1000)));
  Fabric::advance_s(31);
  EXPECT_FALSE(fabric.passes("b", "a", udp(fabric.path("b", "a"), 53, 1000)));
}

// --- ICMP

TEST_F(Flow, PingIsAnsweredByStateAndOnlyTheOneThatAskedMayAsk) {
  Fabric fabric(client_and_server({rule(kIcmp, 8, 0, cidr("10.0.0.0/16"))}));
  ASSERT_TRUE(fabric.passes("a", "b", icmp(fabric.path("a", "b"), 8, 0, 7)));
  EXPECT_TRUE(fabric.passes("b", "a", icmp(fabric.path("b", "a"), 0, 0, 7)));
  EXPECT_FALSE(fabric.passes("b", "a", icmp(fabric.path("b", "a"), 0, 0, 8))) << "an answer to another request";
  EXPECT_FALSE(fabric.passes("b", "a", icmp(fabric.path("b", "a"), 8, 0, 7))) << "a request is not an answer";
  EXPECT_EQ(fabric.engine().flows().size(), 1U);
}

TEST_F(Flow, AnswersAllowedByARuleMakeNoState) {
  Fabric fabric(make_deployment({members_group()}, four_guests({"members"})));
  EXPECT_TRUE(fabric.passes("a", "b", icmp(fabric.path("a", "b"), 0, 0, 7)));
  EXPECT_TRUE(fabric.engine().flows().empty());
}

TEST_F(Flow, IcmpErrorAboutATrackedFlowPasses) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}));
  const Frame query = udp(fabric.path("a", "b"), 1000, 53);
  ASSERT_TRUE(fabric.passes("a", "b", query));
  fabric.changes();
  const Frame error = icmp_error(fabric.path("b", "a"), 3, 3, query);
  fabric.send("b", error);
  EXPECT_EQ(fabric.changes(), fabric.delivered("b", "a", error));
  const Frame unrelated = icmp_error(fabric.path("b", "a"), 3, 3, udp(fabric.path("a", "b"), 1001, 53));
  fabric.send("b", unrelated);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", unrelated, DropReason::kGroupEgress));
}

TEST_F(Flow, IcmpErrorsNeedARuleWhereTheSwitchIsOff) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}), {.related_icmp_errors = false});
  const Frame query = udp(fabric.path("a", "b"), 1000, 53);
  ASSERT_TRUE(fabric.passes("a", "b", query));
  EXPECT_FALSE(fabric.passes("b", "a", icmp_error(fabric.path("b", "a"), 3, 3, query)));
}

TEST_F(Flow, IcmpErrorAboutAThirdPartysFlowDoesNotPass) {
  Fabric fabric(client_and_server({rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}));
  const Frame query = udp(fabric.path("a", "b"), 1000, 53);
  ASSERT_TRUE(fabric.passes("a", "b", query));
  EXPECT_FALSE(fabric.passes("c", "a", icmp_error(fabric.path("c", "a"), 3, 3, query)));
}

// --- ends that come, go and are not what they say

TEST_F(Flow, FlowsOfARemovedEniGoWithIt) {
  Fabric fabric(ssh_server());
  connect(fabric);
  Deployment without = ssh_server();
  without.instances.erase(without.instances.begin() + 1);
  fabric.apply(without);
  EXPECT_TRUE(fabric.engine().flows().empty());
  const Frame frame = tcp(Path{fabric.eni("a").mac, mac("02:00:0a:00:01:05"), "10.0.1.4", "10.0.1.5"}, 40000, 22, kAck);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kNoSuchAddress));
}

TEST_F(Flow, ASuccessorOnTheSameSlotAndAddressInheritsNothing) {
  Fabric fabric(ssh_server());
  connect(fabric);
  const EniSlot slot = *fabric.engine().slot_of("eni-b");
  Deployment without = ssh_server();
  without.instances.erase(without.instances.begin() + 1);
  fabric.apply(without);
  Deployment successor = closed_server();
  successor.instances[1] = guest("e", "10.0.1.5", {"server"});
  fabric.apply(successor);
  ASSERT_EQ(fabric.engine().slot_of("eni-e"), slot);
  EXPECT_TRUE(fabric.engine().flows().empty());
  for (const EniStatistics& s : fabric.engine().statistics()) {
    if (s.eni_id == "eni-e") { EXPECT_EQ(s.rx_packets + s.tx_packets, 0U) << "a slot used again starts at zero"; }
    if (s.eni_id == "eni-a") { EXPECT_EQ(s.tx_packets, 2U) << "and what stayed keeps its counts"; }
  }
  EXPECT_FALSE(fabric.passes("a", "e", tcp(fabric.path("a", "e"), 40000, 22, kAck, 10)));
}

TEST_F(Flow, WithoutSourceDestCheckForeignAddressesPassAndAnswersFollowTheRoute) {
  Deployment deployment = make_deployment({members_group()}, four_guests({"members"}));
  deployment.security_groups[0].ingress.push_back(all(cidr("0.0.0.0/0")));
  deployment.instances[0].enis[0].source_dest_check = false;
  Fabric fabric(deployment);
  const Path foreign{fabric.eni("a").mac, fabric.eni("b").mac, "192.0.2.7", "10.0.1.5"};
  EXPECT_TRUE(fabric.passes("a", "b", udp(foreign, 1, 2)));
  fabric.changes();
  // b's answer is allowed by state, and there is no route to 192.0.2.7.
  const Frame answer = udp(fabric.path_to("b", "192.0.2.7"), 2, 1);
  fabric.send("b", answer);
  EXPECT_EQ(fabric.changes(), fabric.dropped("b", answer, DropReason::kNoRoute));
  // In the name of c: the answer goes to c, not to a.
  const Path as_c{fabric.eni("a").mac, fabric.eni("b").mac, "10.0.1.6", "10.0.1.5"};
  EXPECT_TRUE(fabric.passes("a", "b", udp(as_c, 1, 2)));
  EXPECT_TRUE(fabric.passes("b", "c", udp(fabric.path("b", "c"), 2, 1)));
  EXPECT_FALSE(fabric.receive("a").has_value());
  EXPECT_TRUE(fabric.passes("c", "b", udp(fabric.path("c", "b"), 1, 2)));
  EXPECT_TRUE(fabric.passes("b", "c", udp(fabric.path("b", "c"), 2, 1)));
}

TEST_F(Flow, AFullTableRefusesTrackedConnectionsAndLetsUntrackedPass) {
  Fabric fabric(make_deployment({members_group(), open_group()},
                                {guest("a", "10.0.1.4", {"members"}), guest("b", "10.0.1.5", {"members"}),
                                 guest("c", "10.0.1.6", {"open"}), guest("d", "10.0.2.4", {"open"}, "far")}),
                {.flow_capacity = 8});
  for (std::uint16_t port = 1; port <= 8; ++port)
    ASSERT_TRUE(fabric.passes("a", "b", udp(fabric.path("a", "b"), port, 9)));
  fabric.changes();
  const Frame frame = udp(fabric.path("a", "b"), 100, 9);
  fabric.send("a", frame);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kFlowTableFull));
  const Frame open = udp(fabric.path("c", "d"), 100, 9);
  fabric.send("c", open);
  EXPECT_EQ(fabric.changes(), fabric.delivered("c", "d", open));
}

TEST_F(Flow, ManyPacketsOfOneNewFlowInOneBurstStayInOrderAndMakeOneEntry) {
  Fabric fabric(make_deployment({members_group()}, four_guests({"members"})));
  for (std::size_t bytes = 20; bytes < 50; ++bytes) fabric.inject("a", udp(fabric.path("a", "b"), 1, 2, bytes));
  fabric.turn();
  for (std::size_t bytes = 20; bytes < 50; ++bytes) {
    const auto frame = fabric.receive("b");
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->size(), 42 + bytes);
  }
  EXPECT_EQ(fabric.engine().flows().at(0).packets[0], 30U);
}

}  // namespace
}  // namespace weft::test::flow_test
