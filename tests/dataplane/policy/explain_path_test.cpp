// The whole way of a packet in words: network ACLs, routes, the internet gateway, MTU, source/destination checks. One
// small network, and a table of questions; each line is a way that packets go in facts ec2 2.7.
#include <gtest/gtest.h>

#include "dataplane/policy/explain.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

using namespace test;

AclEntryDeclaration acl_entry(int number, bool allow, int protocol, int from, int to, const std::string& cidr_text,
                              int line) {
  AclEntryDeclaration made;
  made.rule_number = number;
  made.allow = allow;
  made.protocol = protocol;
  made.from_port = from;
  made.to_port = to;
  made.cidr = prefix(cidr_text);
  made.line = line;
  return made;
}

/// web (10.0.1.4, Elastic IP on 10.0.1.50, public IPv4 203.0.113.4, 2001:db8:1::4) and db (10.0.1.5) in hpc, which
/// leads to the gateway; far-0 (10.0.2.4) in far, which has an ACL and leads 192.0.2.0/24 through fw (10.0.1.6).
Deployment network() {
  Deployment made =
      make_deployment({make_group("open", {all(cidr("0.0.0.0/0"), 5), all(cidr("::/0"), 6)},
                                  {all(cidr("0.0.0.0/0"), 7), all(cidr("::/0"), 8)}),
                       make_group("by-group", {all(group("open"), 9)}, {all(group("open"), 10)})},
                      {make_instance("web", "10.0.1.4", {"open"}), make_instance("db", "10.0.1.5", {"open"}),
                       make_instance("fw", "10.0.1.6", {"open"}),
                       make_instance("far-0", "10.0.2.4", {"open"}, InterfaceType::kInterface, "far")});
  made.vpc_ipv6_cidr = prefix("2001:db8:1::/56");
  made.internet_gateway = InternetGateway{"igw-1", "internet", {}, {ip("198.51.100.10")}, prefix("203.0.113.0/24")};
  Eni& web = made.instances[0].enis[0];
  web.secondary_private_ips = {ip("10.0.1.50")};
  web.ipv6_addresses = {ip("2001:db8:1::4")};
  web.public_ip = ip("203.0.113.4");
  made.elastic_ips = {{"eipalloc-1", "eipassoc-1", "site", ip("203.0.113.50"), web.id, ip("10.0.1.50")},
                      {"eipalloc-2", "", "spare", ip("203.0.113.51"), "", {}}};
  const Route local{prefix("10.0.0.0/16"), RouteTargetKind::kLocal, ""};
  const Route to_gateway{prefix("0.0.0.0/0"), RouteTargetKind::kInternetGateway, "", 20};
  const Route to_gateway_v6{prefix("::/0"), RouteTargetKind::kInternetGateway, ""};
  made.route_tables = {{"rtb-1", "public", true, {local, to_gateway, to_gateway_v6}},
                       {"rtb-2",
                        "inner",
                        false,
                        {local,
                         {prefix("192.0.2.0/24"), RouteTargetKind::kInterface, made.instances[2].enis[0].id},
                         {prefix("192.0.3.0/24"), RouteTargetKind::kInterface, "eni-gone", 22}}}};
  made.network_acls = {{"acl-1",
                        "default",
                        true,
                        {acl_entry(100, true, kAllProtocols, -1, -1, "0.0.0.0/0", 0),
                         acl_entry(101, true, kAllProtocols, -1, -1, "::/0", 0)},
                        {acl_entry(100, true, kAllProtocols, -1, -1, "0.0.0.0/0", 0),
                         acl_entry(101, true, kAllProtocols, -1, -1, "::/0", 0)}},
                       {"acl-2",
                        "inner",
                        false,
                        {acl_entry(90, false, kTcp, 80, 80, "0.0.0.0/0", 30),
                         acl_entry(100, true, kAllProtocols, -1, -1, "10.0.0.0/16", 31)},
                        {acl_entry(100, true, kTcp, 1024, 65535, "0.0.0.0/0", 32),
                         acl_entry(110, true, kUdp, 0, 65535, "0.0.0.0/0", 33)}}};
  made.subnets[0].ipv6_cidr = prefix("2001:db8:1::/64");
  made.subnets[0].route_table = "public";
  made.subnets[0].network_acl = "default";
  made.subnets[1].route_table = "inner";
  made.subnets[1].network_acl = "inner";
  return made;
}

const ExplainStep* step_of(const Explanation& answer, const std::string& stage) {
  for (const ExplainStep& step : answer.steps)
    if (step.stage == stage) return &step;
  return nullptr;
}

std::string stages(const Explanation& answer) {
  std::string text;
  for (const ExplainStep& step : answer.steps)
    text += (text.empty() ? "" : ", ") + step.stage + (step.passed ? "" : "!");
  return text;
}

ExplainQuestion question(PacketTuple tuple, std::uint32_t size = 0, bool dont_fragment = true) {
  ExplainQuestion made;
  made.packet = tuple;
  made.size = size;
  made.dont_fragment = dont_fragment;
  return made;
}

struct WayCase {
  const char* description;
  ExplainQuestion question;
  const char* drop_reason;
  const char* stages;  // "!": refuses
};

TEST(ExplainPath, GoesTheWholeWayInTheOrderOfTheDataPath) {
  const WayCase cases[] = {
      {"inside a subnet nobody asks an ACL", question(packet("10.0.1.4", "10.0.1.5", kTcp, 80)), "",
       "source, egress gate, route, ingress gate, destination"},
      {"into a subnet", question(packet("10.0.1.4", "10.0.2.4", kTcp, 22)), "",
       "source, egress gate, egress ACL, route, ingress ACL, ingress gate, destination"},
      {"statement 27: the ACL denies", question(packet("10.0.1.4", "10.0.2.4", kTcp, 80)), "acl-ingress",
       "source, egress gate, egress ACL, route, ingress ACL!, ingress gate, destination"},
      {"out of a subnet, no entry", question(packet("10.0.2.4", "10.0.1.4", kTcp, 80)), "acl-egress",
       "source, egress gate, egress ACL!, route, ingress ACL, ingress gate, destination"},
      {"out of a subnet", question(packet("10.0.2.4", "10.0.1.4", kTcp, 8080)), "",
       "source, egress gate, egress ACL, route, ingress ACL, ingress gate, destination"},
      {"no route", question(packet("10.0.2.4", "198.51.100.10", kUdp, 80)), "no-route",
       "source, egress gate, egress ACL, route!"},
      {"a blackhole", question(packet("10.0.2.4", "192.0.3.1", kUdp, 80)), "blackhole",
       "source, egress gate, egress ACL, route!"},
      {"statement 6: the middlebox checks", question(packet("10.0.2.4", "192.0.2.5", kUdp, 80)), "not-for-eni",
       "source, egress gate, egress ACL, route, ingress ACL, ingress gate, destination!"},
      {"to the internet", question(packet("10.0.1.4", "198.51.100.10", kTcp, 443)), "",
       "source, egress gate, egress ACL, route, internet gateway"},
      {"without a public address", question(packet("10.0.1.5", "198.51.100.10", kTcp, 443)), "no-public-address",
       "source, egress gate, egress ACL, route, internet gateway!"},
      {"IPv6 needs none", question(packet("2001:db8:1::4", "2001:db8::10", kTcp, 443)), "",
       "source, egress gate, egress ACL, route, internet gateway"},
      {"from the internet", question(packet("198.51.100.10", "203.0.113.50", kTcp, 443)), "",
       "internet gateway, ingress ACL, ingress gate, destination"},
      {"to nobody's public address", question(packet("198.51.100.10", "203.0.113.99", kTcp, 443)),
       "unknown-public-address", "internet gateway!"},
      {"to an Elastic IP that is not associated", question(packet("198.51.100.10", "203.0.113.51", kTcp, 443)),
       "unknown-public-address", "internet gateway!"},
      {"the private address is no public one", question(packet("198.51.100.10", "10.0.1.4", kTcp, 443)),
       "unknown-public-address", "internet gateway!"},
      {"from the internet over IPv6", question(packet("2001:db8::10", "2001:db8:1::4", kIcmpv6, icmp(128, 0))), "",
       "internet gateway, ingress ACL, ingress gate, destination"},
      {"to nobody's IPv6 address", question(packet("2001:db8::10", "2001:db8:1::5", kTcp, 443)), "no-such-address",
       "internet gateway!"},
      {"it turns round at the gateway", question(packet("10.0.1.4", "203.0.113.50", kTcp, 443)), "",
       "source, egress gate, egress ACL, route, internet gateway, internet gateway, ingress ACL, ingress gate, "
       "destination"},
      {"1500 bytes leave", question(packet("10.0.1.4", "198.51.100.10", kTcp, 443), 1500), "",
       "source, egress gate, egress ACL, route, internet gateway, MTU"},
      {"statement 14: 1501 with DF do not", question(packet("10.0.1.4", "198.51.100.10", kTcp, 443), 1501), "too-big",
       "source, egress gate, egress ACL, route, internet gateway, MTU!"},
      {"without DF they are fragmented", question(packet("10.0.1.4", "198.51.100.10", kTcp, 443), 9001, false), "",
       "source, egress gate, egress ACL, route, internet gateway, MTU"},
      {"IPv6 never is", question(packet("2001:db8:1::4", "2001:db8::10", kTcp, 443), 1501, false), "too-big",
       "source, egress gate, egress ACL, route, internet gateway, MTU!"},
      {"statement 13: 9001 inside", question(packet("10.0.1.4", "10.0.1.5", kTcp, 443), 9001), "",
       "source, egress gate, route, ingress gate, destination, MTU"},
      {"9002 inside", question(packet("10.0.1.4", "10.0.1.5", kTcp, 443), 9002, false), "too-big",
       "source, egress gate, route, ingress gate, destination, MTU!"},
      {"from the internet with 1501", question(packet("198.51.100.10", "203.0.113.50", kTcp, 443), 1501), "too-big",
       "internet gateway, MTU!, ingress ACL, ingress gate, destination"},
      {"nor without DF", question(packet("198.51.100.10", "203.0.113.50", kTcp, 443), 1501, false), "too-big",
       "internet gateway, MTU!, ingress ACL, ingress gate, destination"},
      {"9002 are not fragmented either", question(packet("10.0.1.4", "198.51.100.10", kTcp, 443), 9002, false),
       "too-big", "source, egress gate, egress ACL, route, internet gateway, MTU!"},
      {"nobody's public address is somebody's in the internet", question(packet("10.0.1.4", "203.0.113.99", kTcp, 443)),
       "", "source, egress gate, egress ACL, route, internet gateway"},
      {"from the internet with an address of the pool", question(packet("203.0.113.77", "203.0.113.50", kTcp, 443)),
       "spoofed-ip", "source!"},
      {"from the internet with a loopback address", question(packet("127.0.0.1", "203.0.113.50", kTcp, 443)),
       "spoofed-ip", "source!"},
      {"to a neighbour's link-local address", question(packet("2001:db8:1::4", "fe80::1234", kTcp, 443)),
       "no-such-address", "source, destination!"},
  };
  const Deployment deployment = network();
  for (const WayCase& c : cases) {
    const Explanation answer = explain(deployment, c.question);
    EXPECT_EQ(answer.drop_reason, c.drop_reason) << c.description << ": " << answer.verdict;
    EXPECT_EQ(answer.allowed, answer.drop_reason.empty()) << c.description;
    EXPECT_EQ(stages(answer), c.stages) << c.description << ": " << answer.verdict;
    for (const ExplainStep& step : answer.steps) EXPECT_FALSE(step.reason.empty()) << c.description << step.stage;
  }
}

TEST(ExplainPath, NamesTheEntryOfAnAclAndItsLine) {
  const Explanation answer = explain(network(), packet("10.0.1.4", "10.0.2.4", kTcp, 80), false);
  const ExplainStep* step = step_of(answer, "ingress ACL");
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->subject, "network ACL inner (acl-2)");
  EXPECT_EQ(step->rule, "90 deny tcp 80 from 0.0.0.0/0");
  EXPECT_EQ(step->rule_line, 30);
  EXPECT_EQ(step->reason,
            "the first ingress entry that matches decides, and comes before \"100 allow all from 10.0.0.0/16\"");
  EXPECT_EQ(answer.verdict,
            "tcp 80 from web (10.0.1.4) to far-0 (10.0.2.4) is dropped (acl-ingress): the network ACL of the "
            "destination's subnet lets it not enter; network ACL inner (acl-2) \"90 deny tcp 80 from 0.0.0.0/0\", line "
            "30: the first ingress entry that matches decides, and comes before \"100 allow all from 10.0.0.0/16\"");
  const Explanation implicit = explain(network(), packet("10.0.2.4", "10.0.1.4", kTcp, 80), false);
  EXPECT_EQ(step_of(implicit, "egress ACL")->rule, std::nullopt);
  EXPECT_EQ(step_of(implicit, "egress ACL")->reason,
            "no egress entry of network ACL inner (acl-2), of subnet far, matches, and the last one, *, denies");
}

TEST(ExplainPath, NamesTheRouteItsTableAndItsTarget) {
  const Explanation out = explain(network(), packet("10.0.1.4", "198.51.100.10", kTcp, 443), false);
  EXPECT_EQ(step_of(out, "route")->rule, "0.0.0.0/0 to the internet gateway");
  EXPECT_EQ(step_of(out, "route")->subject, "route table public (rtb-1)");
  EXPECT_EQ(step_of(out, "route")->rule_line, 20);
  const Explanation inside = explain(network(), packet("10.0.1.4", "10.0.1.5", kTcp, 443), false);
  EXPECT_EQ(step_of(inside, "route")->rule, "10.0.0.0/16 local");
  EXPECT_EQ(step_of(inside, "route")->rule_line, 0) << "the local route is in no file";
  EXPECT_EQ(step_of(inside, "route")->reason, "eth0 of db (eni-db) has 10.0.1.5");
  const Explanation none = explain(network(), packet("10.0.2.4", "198.51.100.10", kUdp, 80), false);
  EXPECT_EQ(step_of(none, "route")->reason, "route table inner (rtb-2) has no route for 198.51.100.10");
  const Explanation gone = explain(network(), packet("10.0.2.4", "192.0.3.1", kUdp, 80), false);
  EXPECT_EQ(step_of(gone, "route")->rule, "192.0.3.0/24 to an interface that is gone: a blackhole");
  EXPECT_EQ(step_of(gone, "route")->reason, "its interface does not exist any more");
  EXPECT_NE(gone.verdict.find("to an interface that is gone: a blackhole\", line 22"), std::string::npos) << gone.verdict;
}

TEST(ExplainPath, SaysWhichPublicAddressStandsForWhichPrivateOne) {
  const Deployment deployment = network();
  const auto reason = [&](const char* source, const char* destination) {
    return step_of(explain(deployment, packet(source, destination, kTcp, 443), false), "internet gateway")->reason;
  };
  EXPECT_EQ(reason("10.0.1.4", "198.51.100.10"),
            "source 10.0.1.4 becomes 203.0.113.4, the public IPv4 of eth0 of web (eni-web)");
  EXPECT_EQ(reason("10.0.1.50", "198.51.100.10"),
            "source 10.0.1.50 becomes 203.0.113.50, Elastic IP site (eipalloc-1)");
  EXPECT_EQ(reason("10.0.1.5", "198.51.100.10"),
            "10.0.1.5 of eth0 of db (eni-db) has neither an Elastic IP nor a public IPv4");
  EXPECT_EQ(reason("198.51.100.10", "203.0.113.50"),
            "destination 203.0.113.50, Elastic IP site (eipalloc-1), becomes 10.0.1.50");
  EXPECT_EQ(reason("198.51.100.10", "203.0.113.51"), "Elastic IP spare (eipalloc-2) is associated with no interface");
  EXPECT_EQ(explain(deployment, packet("198.51.100.10", "203.0.113.50", kTcp, 443), false).destination_eni, "eni-web");
}

// Statement 29: rules see the private destination; and an Elastic IP takes the place of the public IPv4.
TEST(ExplainPath, TranslatesBeforeTheRulesOfTheReceiver) {
  Deployment deployment = network();
  deployment.security_groups[0].ingress = {all(cidr("198.51.100.10/32"), 5)};
  EXPECT_TRUE(explain(deployment, packet("198.51.100.10", "203.0.113.50", kTcp, 443), false).allowed);
  EXPECT_EQ(explain(deployment, packet("198.51.100.11", "203.0.113.50", kTcp, 443), false).drop_reason,
            "group-ingress");
  deployment.elastic_ips[1].eni_id = "eni-web";
  deployment.elastic_ips[1].private_ip = ip("10.0.1.4");
  EXPECT_EQ(
      step_of(explain(deployment, packet("10.0.1.4", "198.51.100.10", kTcp, 443), false), "internet gateway")->reason,
      "source 10.0.1.4 becomes 203.0.113.51, Elastic IP spare (eipalloc-2)");
}

// Statement 18: by the private address a group matches, by the Elastic IP it does not.
TEST(ExplainPath, AGroupDoesNotMatchWhatComesThroughTheGatewayOrAMiddlebox) {
  Deployment deployment = network();
  deployment.instances[0].enis[0].security_groups = {"by-group"};
  EXPECT_TRUE(explain(deployment, packet("10.0.1.5", "10.0.1.50", kTcp, 443), false).allowed);
  deployment.instances[1].enis[0].public_ip = ip("203.0.113.5");
  const Explanation round = explain(deployment, packet("10.0.1.5", "203.0.113.50", kTcp, 443), false);
  EXPECT_EQ(round.drop_reason, "group-ingress") << round.verdict;
  EXPECT_EQ(
      round.gates.back().reason,
      "a route leads through a middlebox or the internet gateway, and group open stands only for what its members' "
      "ENIs send and receive themselves");

  // far-0 reaches hpc through fw: at far-0's gate the peer is fw's ENI, which has not the address.
  Deployment boxed = network();
  boxed.instances[3].enis[0].security_groups = {"by-group"};
  EXPECT_TRUE(explain(boxed, packet("10.0.2.4", "10.0.1.5", kUdp, 80), false).allowed);
  boxed.route_tables[1].routes.push_back({prefix("10.0.1.0/24"), RouteTargetKind::kInterface, "eni-fw"});
  EXPECT_EQ(explain(boxed, packet("10.0.2.4", "10.0.1.5", kUdp, 80), false).drop_reason, "group-egress");
  EXPECT_TRUE(explain(boxed, packet("10.0.2.4", "10.0.1.6", kUdp, 80), false).gates[0].allowed) << "fw itself has it";
}

// Statement 5: the source/destination check of the sender; statement 6: of the receiver.
TEST(ExplainPath, ChecksSourceAndDestination) {
  Deployment deployment = network();
  ExplainQuestion foreign = question(packet("192.0.2.1", "10.0.1.5", kTcp, 80));
  foreign.source_eni = "eni-fw";
  const Explanation spoofed = explain(deployment, foreign);
  EXPECT_EQ(spoofed.drop_reason, "spoofed-ip");
  EXPECT_EQ(spoofed.source_eni, "eni-fw");
  EXPECT_EQ(spoofed.steps.back().reason,
            "192.0.2.1 is not an address of eth0 of fw (eni-fw), and its source/destination check is on");
  deployment.instances[2].enis[0].source_dest_check = false;
  EXPECT_TRUE(explain(deployment, foreign).allowed);
  const Explanation routed = explain(deployment, packet("10.0.2.4", "192.0.2.5", kUdp, 80), false);
  EXPECT_TRUE(routed.allowed) << routed.verdict;
  EXPECT_EQ(routed.destination_eni, "eni-fw");
  EXPECT_EQ(routed.steps.back().reason, "192.0.2.5 is not its own, but its source/destination check is off");
}

TEST(ExplainPath, KnowsWhoCannotReceive) {
  Deployment deployment = network();
  deployment.instances[1].state = InstanceState::kStopped;
  const Explanation stopped = explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 80), false);
  EXPECT_EQ(stopped.drop_reason, "link-down");
  EXPECT_EQ(stopped.steps.back().reason, "db is stopped");
  deployment.available_enis.push_back(deployment.instances[1].enis[0]);
  deployment.available_enis[0].instance.clear();
  deployment.instances.erase(deployment.instances.begin() + 1);
  EXPECT_EQ(explain(deployment, packet("10.0.1.4", "10.0.1.5", kTcp, 80), false).steps.back().reason,
            "eni-db is attached to no instance");
}

TEST(ExplainPath, NamesThePrefixListOfARule) {
  Deployment deployment = network();
  deployment.prefix_lists = {make_prefix_list("offices", {prefix("192.0.2.0/24"), prefix("198.51.100.0/25")})};
  deployment.security_groups[0].ingress = {rule(kTcp, 443, 443, prefix_list("offices"), 14)};
  const Explanation in = explain(deployment, packet("198.51.100.10", "203.0.113.50", kTcp, 443), false);
  EXPECT_TRUE(in.allowed) << in.verdict;
  EXPECT_EQ(in.gates[0].rule, "tcp 443 from prefix list offices");
  EXPECT_EQ(in.gates[0].reason, "tracked, because the rule is not open to all addresses");
  const Explanation out = explain(deployment, packet("198.51.100.200", "203.0.113.50", kTcp, 443), false);
  EXPECT_EQ(out.drop_reason, "group-ingress");
  EXPECT_EQ(out.gates[0].reason, "source 198.51.100.200 is in none of the 2 entries of prefix list offices");
  deployment.prefix_lists.clear();
  EXPECT_EQ(explain(deployment, packet("198.51.100.10", "203.0.113.50", kTcp, 443), false).gates[0].reason,
            "prefix list offices does not exist");
}

TEST(ExplainPath, AsksNoGroupAboutTheFabricsServices) {
  Deployment deployment = network();
  deployment.security_groups[0] = make_group("open", {}, {});
  struct {
    PacketTuple packet;
    const char* drop_reason;
  } const cases[] = {
      {packet("10.0.1.4", "10.0.0.2", kUdp, 53), ""},
      {packet("10.0.1.4", "169.254.169.253", kTcp, 53), ""},
      {packet("2001:db8:1::4", "fd00:ec2::253", kUdp, 53), ""},
      {packet("2001:db8:1::4", "fd00:ec2::123", kUdp, 123), ""},
      {packet("2001:db8:1::4", "2001:db8:1::1", kIcmpv6, icmp(128, 0)), ""},
      {packet("10.0.1.4", "169.254.169.253", kUdp, 54), "router-service"},
      {packet("10.0.1.4", "169.254.169.123", kTcp, 123), "router-service"},
      {packet("10.0.1.4", "169.254.169.254", kTcp, 80), ""},
      {packet("10.0.1.4", "169.254.169.254", kTcp, 443), "router-service"},
      {packet("10.0.1.4", "169.254.169.254", kUdp, 80), "router-service"},
      {packet("2001:db8:1::4", "fd00:ec2::254", kTcp, 80), "router-service"},  // http_protocol_ipv6: disabled
  };
  for (const auto& c : cases)
    EXPECT_EQ(explain(deployment, c.packet, false).drop_reason, c.drop_reason) << c.packet.destination.to_string();
  deployment.dns_support = false;
  EXPECT_EQ(explain(deployment, packet("10.0.1.4", "10.0.0.2", kUdp, 53), false).drop_reason, "router-service");
  for (Instance& instance : deployment.instances) instance.metadata_options.ipv6_enabled = true;
  EXPECT_EQ(explain(deployment, packet("2001:db8:1::4", "fd00:ec2::254", kTcp, 80), false).drop_reason, "");
}

TEST(ExplainPath, FindsEfaOnlyInterfacesById) {
  Deployment deployment = network();
  for (const unsigned i : {0U, 1U}) {
    deployment.instances[i].enis[0].type = InterfaceType::kEfaOnly;
    deployment.instances[i].enis[0].private_ip = IpAddress{};
  }
  deployment.security_groups[0] = make_group("open", {all(group("open"))}, {all(group("open"))});
  ExplainQuestion efa;
  efa.efa = true;
  efa.source_eni = "eni-web";
  efa.destination_eni = "eni-db";
  EXPECT_TRUE(explain(deployment, efa).allowed) << explain(deployment, efa).verdict;
  efa.destination_eni = "eni-fw";
  EXPECT_EQ(explain(deployment, efa).drop_reason, "efa-unreachable");
}

TEST(ExplainPath, AVpcWithoutAGatewayHasNoInternet) {
  Deployment deployment = network();
  deployment.internet_gateway.reset();
  EXPECT_EQ(explain(deployment, packet("10.0.1.4", "198.51.100.10", kTcp, 443), false).drop_reason, "blackhole");
  EXPECT_EQ(explain(deployment, packet("198.51.100.10", "203.0.113.50", kTcp, 443), false).drop_reason, "spoofed-ip");
}

}  // namespace
}  // namespace weft
