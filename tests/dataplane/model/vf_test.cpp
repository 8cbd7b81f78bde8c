#include "dataplane/model/vf.hpp"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(VfRates, AreWholeMbpsInManyWords) {
  for (const auto& [text, mbps] : {std::pair{"0", 0U}, {"100", 100U}, {"100Mbit", 100U}, {"100Mbps", 100U}, {"2.5Gbit", 2500U},
                                   {"1 Gbps", 1000U}, {"2000kbit", 2U}, {"1000000", 1'000'000U}, {"1Tbps", 1'000'000U}})
    EXPECT_EQ(parse_vf_rate(text), mbps) << text;
  for (const char* text :
       {"", "fast", "-1", "1.5", "1500kbit", "100bit", "100MB", "1000001", "1.5Tbps", "99999999999999999999", "bit"})
    EXPECT_FALSE(parse_vf_rate(text)) << text;
}

TEST(VfLinks, HaveTheWordsOfIpLink) {
  for (const VfLink link : {VfLink::kAuto, VfLink::kEnable, VfLink::kDisable})
    EXPECT_EQ(parse_vf_link(vf_link_name(link)), link);
  for (const char* word : {"", "up", "Auto", "disabled"}) EXPECT_FALSE(parse_vf_link(word)) << word;
}

VfSettings with_rate(std::uint32_t mbps) {
  VfSettings settings;
  settings.max_tx_rate_mbps = mbps;
  return settings;
}

TEST(VfDeclarations, CountWhereTheyChangeAndOnlyThere) {
  VirtualFunction vf;
  declare(vf, with_rate(50));
  EXPECT_EQ(vf.max_tx_rate_mbps, 50U);
  vf.max_tx_rate_mbps = 7;
  vf.spoof_check = false;
  declare(vf, with_rate(50));
  EXPECT_EQ(vf.max_tx_rate_mbps, 7U) << "the file says what it said before";
  VfSettings other = with_rate(50);
  other.trust = true;
  declare(vf, other);
  EXPECT_EQ(vf.max_tx_rate_mbps, 7U);
  EXPECT_TRUE(vf.trust);
  EXPECT_FALSE(vf.spoof_check);
  declare(vf, {});
  EXPECT_EQ(vf.max_tx_rate_mbps, 0U);
  EXPECT_FALSE(vf.trust);
  EXPECT_FALSE(vf.spoof_check) << "nobody ever declared it";
}

Deployment two_interfaces() {
  Deployment deployment;
  Instance web;
  web.name = "web";
  for (int i = 0; i < 2; ++i) {
    Eni eni;
    eni.id = "eni-" + std::to_string(i);
    eni.instance = "web";
    eni.device_index = i;
    web.enis.push_back(eni);
  }
  Instance db = web;
  db.name = "db";
  db.enis.resize(1);
  db.enis[0].id = "eni-db";
  db.enis[0].instance = "db";
  deployment.instances = {web, db};
  Eni spare;
  spare.id = "eni-spare";
  spare.name = "spare";
  deployment.available_enis = {spare};
  return deployment;
}

TEST(VfChanges, FindTheInterfaceByIdLabelOrItsInstance) {
  for (const auto& [reference, instance, nic] :
       {std::tuple{"eni-1", 0, 1}, std::tuple{"web/eth1", 0, 1}, std::tuple{"db", 1, 0}, std::tuple{"db/eth0", 1, 0}}) {
    VfChange change;
    change.interface = reference;
    change.trust = true;
    const Result<Deployment> changed = set_vf(two_interfaces(), change);
    ASSERT_TRUE(changed) << reference;
    const VirtualFunction& vf = changed->instances[static_cast<std::size_t>(instance)].enis[static_cast<std::size_t>(nic)].vf;
    EXPECT_TRUE(vf.trust) << reference;
    EXPECT_TRUE(vf.spoof_check) << "what was not named stays";
    EXPECT_FALSE(vf.declared.trust);
  }
  for (const auto& [reference, code] :
       {std::pair{"web", "InvalidParameterValue"}, {"nobody", "InvalidNetworkInterfaceID.NotFound"},
        {"spare", "IncorrectState"}}) {
    VfChange change;
    change.interface = reference;
    change.trust = true;
    const Result<Deployment> changed = set_vf(two_interfaces(), change);
    ASSERT_FALSE(changed) << reference;
    EXPECT_EQ(changed.error().code, code);
  }
  VfChange nothing;
  nothing.interface = "db";
  EXPECT_EQ(set_vf(two_interfaces(), nothing).error().code, "MissingParameter");
}

TEST(VfDescriptions, SayWhatDiffersFromTheDefaults) {
  EXPECT_EQ(describe(VfSettings{}), "");
  VfSettings all = with_rate(100);
  all.spoof_check = false;
  all.trust = true;
  all.link = VfLink::kDisable;
  EXPECT_EQ(describe(all), "rate 100Mbps, spoof check off, trust on, link disable");
}

}  // namespace
}  // namespace weft
