// Statements 29 to 33 of facts ec2 10: Elastic and public addresses, placement groups, single flows.
#include <gtest/gtest.h>

#include "tests/dataplane/statements/cloud.hpp"
#include "tests/dataplane/worker/translated.hpp"

namespace weft::test::elastic_ip_placement_test {
namespace {

constexpr const char* kOutside = "198.51.100.10";
constexpr const char* kUntracked = "untracked untracked-untracked";
const char* const kDefaultRoute = "{name: main, main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}";

Given with_internet(std::vector<std::string> instances, std::vector<std::string> elastic_ips = {},
                    const std::string& group = open_to_all()) {
  return {.security_groups = {group},
          .instances = std::move(instances),
          .route_tables = {kDefaultRoute},
          .elastic_ips = std::move(elastic_ips),
          .internet_gateway = true};
}
/// As inside the VPC it looks, with other MACs.
Frame seen_inside(const Cloud& cloud, const Frame& from_outside, const std::string& guest) {
  return rebuilt(from_outside, kOutside, cloud.address(guest), 1, cloud.eni(guest).mac, mac("06:00:0a:00:00:01"));
}

TEST(Statement, S29_AnElasticIpIsTranslatedOneToOneAndRulesSeeThePrivateAddress) {
  const Given given = with_internet({instance("a", "web")}, {"{name: e, interface: a}"},
                                    security_group("web", "{protocol: tcp, port: 80, cidr: 198.51.100.0/24}", ""));
  Cloud cloud(given);
  const std::string elastic = cloud.deployment().elastic_ips.at(0).address.to_string();
  const Frame syn = tcp(cloud.path_in(elastic), 40000, 80, TcpHeader::kSyn);
  const Frame inside = seen_inside(cloud, syn, "a");
  ASSERT_EQ(header_at<Ipv4Header>(inside, kIpOffset).destination.host(), v4("10.0.0.4"));
  // The flow's name has the private address: what gates and ACLs were asked about.
  EXPECT_EQ(cloud.delivers("internet", syn, "a", begins(inside, "tcp-opening untracked-tracked")), inside);

  const Frame reply = tcp(cloud.path_to("a", kOutside), 80, 40000, TcpHeader::kSyn | TcpHeader::kAck, 100);
  const Frame out = cloud.delivers("a", reply, "internet", one_answer(inside));
  EXPECT_EQ(out, rebuilt(reply, elastic, kOutside, 1, cloud.path_in(elastic).from_mac, cloud.path_in(elastic).via));

  // An ACL that knows no public address lets the same packets through, or not, by the private one's subnet.
  Given refused = given;
  refused.subnets[0] = "{name: s, cidr: 10.0.0.0/24, network_acl: acl}";
  refused.network_acls = {"{name: acl, ingress: [{rule: 1, action: deny, protocol: tcp, port: 80, cidr: 198.51.100.0/24}, "
                          "{rule: 2, action: allow, protocol: all, cidr: 0.0.0.0/0}], egress: []}"};
  ASSERT_EQ(cloud.up(refused), "");
  cloud.drops("internet", syn, DropReason::kAclIngress);
  cloud.drops("a", reply, DropReason::kAclEgress);
}

TEST(Statement, S30_AnElasticIpMovesUnlessReassociationIsForbiddenAndFiveAreAllThereAre) {
  const auto at = [](const std::string& e, unsigned others = 0) {
    std::vector<std::string> all = {"{name: e, " + e + "}"};
    for (unsigned i = 0; i < others; ++i) all.push_back("{name: more-" + std::to_string(i) + "}");
    return with_internet({instance("a", "open"), instance("b", "open")}, all);
  };
  Cloud cloud(at("interface: a"));
  const ElasticIp elastic = cloud.deployment().elastic_ips.at(0);
  const Frame in = udp(cloud.path_in(elastic.address.to_string()), 7, 9);
  const Frame at_a = seen_inside(cloud, in, "a");
  cloud.delivers("internet", in, "a", begins(at_a, kUntracked));
  EXPECT_EQ(cloud.up(at("interface: b, allow_reassociation: false")), "Resource.AlreadyAssociated");
  EXPECT_TRUE(cloud.passes("internet", in, "a"));

  EXPECT_EQ(cloud.up(at("interface: b")), "");
  EXPECT_EQ(cloud.deployment().elastic_ips.at(0).address, elastic.address);
  EXPECT_NE(cloud.deployment().elastic_ips.at(0).association_id, elastic.association_id);
  cloud.delivers("internet", in, "b", begins(seen_inside(cloud, in, "b"), kUntracked));
  cloud.drops("a", udp(cloud.path_to("a", kOutside), 9, 7), DropReason::kNoPublicAddress, one_answer(at_a));

  EXPECT_EQ(cloud.up(at("interface: b", 4)), "");
  EXPECT_EQ(cloud.up(at("interface: b", 5)), "AddressLimitExceeded");
}

TEST(Statement, S31_AStartGivesAnotherPublicAddressAndAllElseStays) {
  Cloud cloud(with_internet({instance("a", "open", ", associate_public_ip: true"), instance("b", "open")},
                            {"{name: e, interface: b}"}));
  const Eni before = cloud.eni("a"), b = cloud.eni("b");
  const std::string p = before.public_ip->to_string(), e = cloud.deployment().elastic_ips.at(0).address.to_string();
  EXPECT_TRUE(cloud.passes("internet", udp(cloud.path_in(p), 7, 9), "a"));
  for (const char* instance : {"a", "b"}) {
    ASSERT_EQ(cloud.stop(instance), "");
    ASSERT_EQ(cloud.start(instance), "");
  }
  const Eni& after = cloud.eni("a");
  EXPECT_EQ(after.private_ip, before.private_ip);
  EXPECT_EQ(after.mac, before.mac);
  ASSERT_TRUE(after.public_ip.has_value());
  EXPECT_NE(after.public_ip->to_string(), p);
  cloud.drops("internet", udp(cloud.path_in(p), 7, 9), DropReason::kUnknownPublicAddress);
  EXPECT_TRUE(cloud.passes("internet", udp(cloud.path_in(after.public_ip->to_string()), 7, 9), "a"));
  EXPECT_EQ(cloud.eni("b").mac, b.mac);
  EXPECT_EQ(cloud.deployment().elastic_ips.at(0).address.to_string(), e);
  EXPECT_TRUE(cloud.passes("internet", udp(cloud.path_in(e), 7, 9), "b"));
}

TEST(Statement, S31_WithTwoInterfacesAtTheStartThereIsNoPublicAddress) {
  const auto with = [](const std::string& second) {
    return with_internet({"{name: a, interfaces: [{subnet: s, security_groups: [open], associate_public_ip: true}" +
                          second + "]}"});
  };
  Cloud cloud(with(""));
  const std::string p = cloud.eni("a").public_ip->to_string();
  ASSERT_EQ(cloud.up(with(", {subnet: s, security_groups: [open]}")), "");
  const Frame in = udp(cloud.path_in(p), 7, 9), at_a = seen_inside(cloud, in, "a");
  EXPECT_TRUE(cloud.passes("internet", in, "a")) << "until the stop";
  ASSERT_EQ(cloud.stop("a"), "");
  ASSERT_EQ(cloud.start("a"), "");
  EXPECT_FALSE(cloud.eni("a").public_ip.has_value());
  cloud.drops("a", udp(cloud.path_to("a", kOutside), 9, 7), DropReason::kNoPublicAddress, one_answer(at_a));
}

TEST(Statement, S33_SpreadHasSevenRunningInAZoneAndPartitionsAreSevenAtMost) {
  const auto spread = [](unsigned here, unsigned there) {
    const auto one = [](const std::string& name, unsigned count, const std::string& subnet) {
      return "{name: " + name + ", count: " + std::to_string(count) + ", placement_group: pg, interfaces: [{subnet: " +
             subnet + "}]}";
    };
    Given given{.subnets = {"{name: s, cidr: 10.0.0.0/24, az: use1-az1}", "{name: t, cidr: 10.0.1.0/24, az: use1-az2}"},
                .instances = {one("here", here, "s")},
                .placement_groups = {"{name: pg, strategy: spread}"}};
    if (there != 0) given.instances.push_back(one("there", there, "t"));
    return given;
  };
  Cloud cloud(spread(7, 0));
  EXPECT_EQ(cloud.up(spread(8, 0)), "InsufficientInstanceCapacity");  // the code is inference
  EXPECT_EQ(cloud.up(spread(7, 1)), "");

  const auto placed = [](const std::string& group, const std::string& type) {
    return Given{.instances = {"{name: x, type: " + type + ", placement_group: pg, interfaces: [{subnet: s}]}"},
                 .placement_groups = {"{name: pg, " + group + "}"}};
  };
  EXPECT_EQ(cloud.up(placed("strategy: partition, partition_count: 8", "m5.large")), "InvalidParameterValue");  // too
  EXPECT_EQ(cloud.up(placed("strategy: cluster", "t3.micro")), "InvalidParameterCombination");
  EXPECT_EQ(cloud.up(placed("strategy: partition, partition_count: 7", "t3.micro")), "");
}

}  // namespace
}  // namespace weft::test::elastic_ip_placement_test
