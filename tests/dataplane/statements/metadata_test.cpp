// Statement 40 of facts ec2 10: instance metadata.
#include <gtest/gtest.h>

#include "tests/dataplane/statements/cloud.hpp"
#include "tests/dataplane/worker/metadata_client.hpp"

namespace weft::test {
namespace {

TEST(Statement, S40_MetadataIsForWhoHasATokenAndSitsOnTheGuest) {
  // No group and no ACL lets anything in or out.
  Cloud cloud({.subnets = {"{name: s, cidr: 10.0.0.0/24, network_acl: shut}"},
               .security_groups = {security_group("closed", "", "")},
               .instances = {"{name: a, metadata_options: {http_tokens: required, http_put_response_hop_limit: 1}, "
                             "interfaces: [{subnet: s, security_groups: [closed], secondary_private_ips: [10.0.0.40, "
                             "10.0.0.41]}, {subnet: s, security_groups: [closed], secondary_private_ips: [10.0.0.50]}]}"},
               .network_acls = {"{name: shut}"}});
  MetadataClient a{cloud, "a", 40000};
  ASSERT_TRUE(a.open());
  const std::string put = "PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: ";
  EXPECT_EQ(a.ask("GET /latest/meta-data/ HTTP/1.1\r\n"), "401");
  EXPECT_EQ(a.ask(put + "21601\r\n"), "400");
  EXPECT_EQ(a.ask(put + "60\r\nX-Forwarded-For: 10.9.9.9\r\n"), "403");
  const std::string token = a.token(21600);
  EXPECT_EQ(a.time_to_live, 1) << "a router behind the guest lets it not go on";
  for (const auto& [name, addresses] : {std::pair{"a", "10.0.0.4\n10.0.0.40\n10.0.0.41"},
                                        std::pair{"a/eth1", "10.0.0.5\n10.0.0.50"}}) {
    const std::string path = "meta-data/network/interfaces/macs/" + cloud.eni(name).mac.to_string() + "/local-ipv4s";
    EXPECT_EQ(a.get(path, token), addresses);
    EXPECT_EQ(a.get(path, "x" + token), "401");
  }
  EXPECT_EQ(a.time_to_live, 64) << "other answers do";
  const Changes changes = cloud.changes();
  EXPECT_EQ(changes.at("received"), changes.at("consumed"));
  EXPECT_EQ(changes.at("originated"), changes.at("a.rx_packets"));
  EXPECT_FALSE(changes.contains("dropped"));
  EXPECT_TRUE(cloud.engine().flows().empty());
}

TEST(Statement, S40_AHigherHopLimitLetsItReachTheNextHop) {
  Cloud cloud({.instances = {"{name: a, metadata_options: {http_put_response_hop_limit: 2}, interfaces: [{subnet: s}]}"}});
  MetadataClient a{cloud, "a", 40000};
  ASSERT_TRUE(a.open());
  EXPECT_FALSE(a.token().empty());
  EXPECT_EQ(a.time_to_live, 2);
}

}  // namespace
}  // namespace weft::test
