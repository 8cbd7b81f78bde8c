// What the model says as metadata: which keys an instance has, and which it has not.
#include <gtest/gtest.h>

#include "dataplane/worker/instance_metadata.hpp"
#include "dataplane/worker/zone.hpp"
#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test::metadata_test {
namespace {

constexpr const char* kNone = "nothing";

std::string value_of(const Deployment& deployment, const std::string& path) {
  const services::Metadata metadata = metadata_of(deployment, deployment.instances[0]);
  const auto found = metadata.tree.find(path);
  return found.kind == services::MetadataTree::Found::Kind::kValue ? std::string(found.value) : kNone;
}
std::string about(const Deployment& deployment, const std::string& key) {
  return value_of(deployment, "meta-data/" + key);
}
std::string about_eni(const Deployment& deployment, const std::string& key) {
  return about(deployment, "network/interfaces/macs/" + deployment.instances[0].enis[0].mac.to_string() + "/" + key);
}
Deployment plain() { return make_deployment({open_group()}, four_guests({"open"})); }

TEST(InstanceMetadata, WhatAnInstanceHasNotHasNoKey) {
  const Deployment deployment = plain();
  for (const char* key : {"public-ipv4", "public-hostname", "placement/group-name", "placement/partition-number"})
    EXPECT_EQ(about(deployment, key), kNone) << key;
  for (const char* key : {"public-ipv4s", "ipv6s", "ipv4-prefix", "ipv6-prefix", "subnet-ipv6-cidr-blocks",
                          "vpc-ipv6-cidr-blocks", "ipv4-associations/203.0.113.1"})
    EXPECT_EQ(about_eni(deployment, key), kNone) << key;
  EXPECT_EQ(about(deployment, "instance-id"), deployment.instances[0].id);
  EXPECT_EQ(about(deployment, "local-ipv4"), "10.0.1.4");
  EXPECT_EQ(about_eni(deployment, "local-ipv4s"), "10.0.1.4");
  EXPECT_EQ(about_eni(deployment, "security-groups"), "open");
}

TEST(InstanceMetadata, AnElasticIpTakesThePlaceOfThePublicAddressOfItsPrivateOneOnly) {
  Deployment deployment = plain();
  add_internet(deployment);
  Eni& eni = deployment.instances[0].enis[0];
  eni.secondary_private_ips = {ip("10.0.1.40")};
  eni.public_ip = ip("203.0.113.50");
  add_elastic_ip(deployment, "203.0.113.2", "eni-a", "10.0.1.40");
  EXPECT_EQ(about(deployment, "public-ipv4"), "203.0.113.50");
  EXPECT_EQ(about_eni(deployment, "public-ipv4s"), "203.0.113.50\n203.0.113.2");
  EXPECT_EQ(about_eni(deployment, "ipv4-associations/203.0.113.2"), "10.0.1.40");
  add_elastic_ip(deployment, "203.0.113.3", "eni-a", "10.0.1.4");
  EXPECT_EQ(about(deployment, "public-ipv4"), "203.0.113.3");
  EXPECT_EQ(about(deployment, "public-hostname"), "ec2-203-0-113-3.compute-1.amazonaws.com");
  EXPECT_EQ(about_eni(deployment, "ipv4-associations/203.0.113.50"), kNone);
}

TEST(InstanceMetadata, PrefixesAreByFamilyAndListsHaveALineEach) {
  Deployment deployment = plain();
  Eni& eni = deployment.instances[0].enis[0];
  eni.prefixes = {*IpPrefix::parse("10.0.1.32/28"), *IpPrefix::parse("2001:db8::/80"), *IpPrefix::parse("10.0.1.48/28")};
  eni.ipv6_addresses = {ip("2001:db8::4"), ip("2001:db8::5")};
  EXPECT_EQ(about_eni(deployment, "ipv4-prefix"), "10.0.1.32/28\n10.0.1.48/28");
  EXPECT_EQ(about_eni(deployment, "ipv6-prefix"), "2001:db8::/80");
  EXPECT_EQ(about_eni(deployment, "ipv6s"), "2001:db8::4\n2001:db8::5");
}

TEST(InstanceMetadata, AnEfaOnlyInterfaceHasNoAddresses) {
  Deployment deployment = plain();
  deployment.instances[0].enis[0].type = InterfaceType::kEfaOnly;
  EXPECT_EQ(about_eni(deployment, "local-ipv4s"), kNone);
  EXPECT_EQ(about(deployment, "local-ipv4"), kNone);
  EXPECT_EQ(about_eni(deployment, "device-number"), "0");
}

TEST(InstanceMetadata, TheDocumentIsJsonWithoutAnythingMadeUp) {
  const Deployment deployment = plain();
  const std::string document = value_of(deployment, "dynamic/instance-identity/document");
  EXPECT_NE(document.find("\"instanceId\" : \"" + deployment.instances[0].id + "\""), document.npos) << document;
  EXPECT_NE(document.find("\"privateIp\" : \"10.0.1.4\""), document.npos) << document;
  EXPECT_NE(document.find("\"kernelId\" : null"), document.npos) << document;
}

TEST(Zones, NamesIdsAndRegionsFollowFromEachOther) {
  struct { const char *label, *name, *id, *region; } const cases[] = {
      {"use1-az1", "us-east-1a", "use1-az1", "us-east-1"},       {"us-east-1b", "us-east-1b", "use1-az2", "us-east-1"},
      {"apne1-az4", "ap-northeast-1d", "apne1-az4", "ap-northeast-1"}, {"eu-central-1c", "eu-central-1c", "euc1-az3", "eu-central-1"},
      {"usge1-az1", "", "usge1-az1", ""},                        {"us-gov-east-1a", "us-gov-east-1a", "", "us-gov-east-1"},
      {"", "", "", ""},                                          {"-az1", "", "-az1", ""}};
  for (const auto& one : cases) {
    const ZoneLabel zone = zone_of(one.label);
    EXPECT_EQ(zone.name, one.name) << one.label;
    EXPECT_EQ(zone.id, one.id) << one.label;
    EXPECT_EQ(zone.region, one.region) << one.label;
  }
}

}  // namespace
}  // namespace weft::test::metadata_test
