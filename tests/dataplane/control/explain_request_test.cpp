// The question of POST /v1/explain: which addresses of the ends it means, over which family, from which side.
#include "dataplane/control/explain_request.hpp"

#include <gtest/gtest.h>

#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

using namespace test;

/// a has a public IPv4 and an IPv6 address, b an Elastic IP, c only its private address.
Deployment world() {
  Deployment made = make_deployment(
      {make_group("open", {all(cidr("0.0.0.0/0")), all(cidr("::/0"))}, {all(cidr("0.0.0.0/0")), all(cidr("::/0"))})},
      {make_instance("a", "10.0.1.4", {"open"}), make_instance("b", "10.0.1.5", {"open"}),
       make_instance("c", "10.0.1.6", {"open"})});
  made.vpc_ipv6_cidr = prefix("2001:db8:1::/56");
  made.internet_gateway =
      InternetGateway{"igw-1", "internet", {}, {ip("198.51.100.10"), ip("2001:db8::10")}, prefix("203.0.113.0/24")};
  made.instances[0].enis[0].public_ip = ip("203.0.113.4");
  made.instances[0].enis[0].ipv6_addresses = {ip("2001:db8:1::4")};
  made.elastic_ips = {{"eipalloc-1", "eipassoc-1", "site", ip("203.0.113.5"), "eni-b", ip("10.0.1.5")}};
  made.route_tables = {{"rtb-1",
                        "main",
                        true,
                        {{prefix("0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""},
                         {prefix("::/0"), RouteTargetKind::kInternetGateway, ""}}}};
  for (Subnet& subnet : made.subnets) subnet.route_table = "main";
  return made;
}

Json question(const char* source, const char* destination, const char* protocol = "icmp") {
  return {{"source", source}, {"destination", destination}, {"protocol", protocol}};
}

std::string verdict(const Json& json) {
  const Result<Explanation> answer = explain_request(json, world());
  return answer ? answer->verdict : answer.error().code + " " + answer.error().where.key;
}

TEST(ExplainRequest, FromTheInternetAnInstanceIsItsPublicAddress) {
  EXPECT_EQ(
      verdict(question("internet", "a")),
      "icmp type 8 code 0 from 198.51.100.10 to 203.0.113.4 passes: in through igw-1 to 10.0.1.4, and ingress of a by "
      "\"all from 0.0.0.0/0\" of group open (sg-open)");
  EXPECT_TRUE(
      verdict(question("internet", "b")).starts_with("icmp type 8 code 0 from 198.51.100.10 to 203.0.113.5 passes"));
  EXPECT_TRUE(
      verdict(question("internet", "c"))
          .starts_with("icmp type 8 code 0 from 198.51.100.10 to c (10.0.1.6) is dropped (unknown-public-address)"));
  EXPECT_TRUE(verdict(question("192.0.2.77", "203.0.113.4")).find("passes: in through igw-1") != std::string::npos);
}

TEST(ExplainRequest, ToTheInternetByName) {
  EXPECT_TRUE(verdict(question("a", "internet")).find("and out through igw-1 as 203.0.113.4") != std::string::npos);
  EXPECT_TRUE(verdict(question("c", "internet")).find("(no-public-address)") != std::string::npos);
}

TEST(ExplainRequest, TheFamilyComesFromProtocolFlagOrAddress) {
  const std::string v6 = "icmpv6 type 128 code 0 from a (2001:db8:1::4) to 2001:db8::10 passes";
  EXPECT_TRUE(verdict(question("a", "internet", "icmpv6")).starts_with(v6))
      << verdict(question("a", "internet", "icmpv6"));
  EXPECT_TRUE(verdict(question("a", "2001:db8::10", "icmpv6")).starts_with(v6));
  EXPECT_TRUE(verdict(question("internet", "a", "58")).find("2001:db8::10 to a (2001:db8:1::4) passes") !=
              std::string::npos);
  Json tcp = question("a", "internet", "tcp");
  tcp["port"] = 443;
  EXPECT_TRUE(verdict(tcp).starts_with("tcp 443 from a (10.0.1.4) to 198.51.100.10")) << verdict(tcp);
  tcp["ipv6"] = true;
  EXPECT_TRUE(verdict(tcp).starts_with("tcp 443 from a (2001:db8:1::4) to 2001:db8::10")) << verdict(tcp);
  tcp["source"] = "b";
  EXPECT_EQ(verdict(tcp), "InvalidParameterValue source") << "b has no IPv6 address";
  EXPECT_EQ(verdict(question("10.0.1.4", "2001:db8::10")), "InvalidParameterCombination destination");
}

TEST(ExplainRequest, EfaEndsAreInterfaces) {
  Json efa{{"source", "a"}, {"destination", "eni-b"}, {"efa", true}};
  EXPECT_TRUE(verdict(efa).find("eth0 of a (eni-a) is no EFA interface") != std::string::npos) << verdict(efa);
}

}  // namespace
}  // namespace weft
