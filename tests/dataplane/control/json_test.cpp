#include <gtest/gtest.h>

#include "dataplane/control/json.hpp"

namespace weft {
namespace {

RuleDeclaration rule(IpProtocol protocol, int from, int to, RulePeer peer) {
  RuleDeclaration made;
  made.protocol = protocol;
  made.from_port = from;
  made.to_port = to;
  made.peer = std::move(peer);
  made.description = "quoted \"text\", ümlaut";
  made.line = 17;
  return made;
}

/// Every field off its default.
Deployment everything() {
  Deployment d;
  d.vpc_id = "vpc-0123456789abcdef0";
  d.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  d.subnets = {{"subnet-1", "s", *IpPrefix::parse("10.0.1.0/24"), "use1-az2"}};
  d.placement_groups = {{"pg-1", "c", PlacementStrategy::kCluster},
                        {"pg-2", "s", PlacementStrategy::kSpread},
                        {"pg-3", "p", PlacementStrategy::kPartition}};
  d.security_groups = {{"sg-1",
                        "g",
                        "what for",
                        {rule(6, 22, 23, *IpPrefix::parse("0.0.0.0/0")), rule(1, 8, -1, GroupReference{"g"})},
                        {rule(kAllProtocols, -1, -1, GroupReference{"g"}), rule(17, 0, 65535, *IpPrefix::parse("::/0")),
                         rule(50, -1, -1, *IpPrefix::parse("10.1.0.0/16"))}}};
  Eni eni{"eni-1",
          "a",
          1,
          "s",
          InterfaceType::kEfa,
          *MacAddress::parse("02:01:02:03:04:05"),
          *IpAddress::parse("10.0.1.9"),
          {"g"},
          false,
          {7, false, true, false, 1000}};
  d.instances = {{"i-1", "a", "hpc7g.16xlarge", "c", {eni}}, {"i-2", "without-interfaces", "", "", {}}};
  return d;
}

TEST(Json, ADeploymentSurvivesTheRoundTripWithEveryField) {
  const Deployment before = everything();
  Result<Deployment> after = deployment_from_json(to_json(before).dump());
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(to_json(*after).dump(1), to_json(before).dump(1));
  // What the encoder itself might have lost.
  EXPECT_EQ(after->security_groups[0].ingress, before.security_groups[0].ingress);
  EXPECT_EQ(after->security_groups[0].egress, before.security_groups[0].egress);
  EXPECT_EQ(after->security_groups[0].egress[2].line, 17);
  const Eni& eni = after->instances[0].enis[0];
  EXPECT_EQ(eni.mac, before.instances[0].enis[0].mac);
  EXPECT_EQ(eni.private_ip, before.instances[0].enis[0].private_ip);
  EXPECT_EQ(eni.vf.index, 7u);
  EXPECT_EQ(eni.vf.max_tx_rate_mbps, 1000u);
  EXPECT_TRUE(eni.vf.trust);
  EXPECT_FALSE(eni.vf.spoof_check || eni.vf.link_up || eni.source_dest_check);
  EXPECT_EQ(after->placement_groups[2].strategy, PlacementStrategy::kPartition);
}

TEST(Json, EveryFieldThatIsMissingOrWrongIsADamagedState) {
  const Json whole = to_json(everything());
  const Json flat = whole.flatten();
  int refused = 0;
  for (const auto& [pointer, value] : flat.items()) {
    Json damaged = whole;
    damaged[Json::json_pointer(pointer)] = Json::object();  // of no field's type
    Result<Deployment> result = deployment_from_json(damaged.dump());
    const bool derived = pointer.ends_with("/az") ? pointer.find("/instances/") == 0
                                                  : pointer.ends_with("/router") || pointer.ends_with("/group_id") ||
                                                        pointer.find("/security_groups/0/interfaces") == 0;
    if (derived || pointer.ends_with("/type")) continue;  // not read; or compared with one word
    EXPECT_FALSE(result) << pointer;
    ++refused;
  }
  EXPECT_GT(refused, 60);
}

TEST(Json, TextThatIsNoJsonIsADamagedStateAndNoException) {
  for (const char* text : {"", "{", "[]", "null", "\xff\xfe", "{\"vpc\":{\"id\":1,\"cidr\":\"x\"}}"})
    EXPECT_FALSE(deployment_from_json(text)) << text;
}

TEST(Json, AnErrorHasOnlyThePlaceItKnows) {
  EXPECT_EQ(to_json(Error{"C", "m", {}}).dump(), R"({"error":{"code":"C","message":"m"}})");
  EXPECT_EQ(to_json(Error{"C", "m", {"f", 3, "k"}}).dump(),
            R"({"error":{"code":"C","message":"m","where":{"file":"f","line":3,"key":"k"}}})");
}

TEST(Json, ATupleHasPortsOrIcmpTypeOrNeither) {
  PacketTuple tuple{*IpAddress::parse("10.0.1.4"), *IpAddress::parse("10.0.1.5"), 6, 40000, 22};
  EXPECT_EQ(to_json(tuple)["destination_port"], 22);
  tuple.protocol = 1;
  tuple.destination_port = 8 << 8 | 3;
  EXPECT_EQ(to_json(tuple).dump(),
            R"({"protocol":"icmp","source":"10.0.1.4","destination":"10.0.1.5","icmp_type":8,"icmp_code":3})");
  tuple.protocol = 50;
  EXPECT_EQ(to_json(tuple).dump(), R"({"protocol":"50","source":"10.0.1.4","destination":"10.0.1.5"})");
}

TEST(Json, StatisticsNameTheDropsThatHappenedAndEfaOnlyForEfa) {
  Deployment d = everything();
  EniStatistics s;
  s.eni_id = "eni-1";
  s.drops[static_cast<std::size_t>(DropReason::kGroupIngress)] = 3;
  s.efa.tx_pkts = 5;
  s.efa.tx_bytes = 500;
  Json json = to_json(s, &d);
  EXPECT_EQ(json["instance"], "a");
  EXPECT_EQ(json["drops"].dump(), R"({"group-ingress":3})");
  EXPECT_EQ(json["efa"]["send_wrs"], 5);
  EXPECT_EQ(json["efa"]["send_bytes"], 500);
  d.instances[0].enis[0].type = InterfaceType::kInterface;
  EXPECT_FALSE(to_json(s, &d).contains("efa"));
}

TEST(Json, ADropOfNoIpPacketHasNoTuple) {
  DropView drop;
  drop.when_ns = 1'000'000'000;
  drop.reason = DropReason::kUnknownEtherType;
  drop.source_eni = "eni-1";
  Json json = to_json(drop, nullptr, 3'500'000'000);
  EXPECT_EQ(json["age_ms"], 2500);
  EXPECT_EQ(json["reason"], "unknown-ethertype");
  EXPECT_TRUE(json["tuple"].is_null());
  EXPECT_TRUE(json["destination"].is_null());
  EXPECT_EQ(json["source"]["eni"], "eni-1");
}

TEST(Json, ProtocolsAreNamesOrNumbers) {
  for (const char* text : {"all", "tcp", "udp", "icmp", "0", "50", "255"})
    EXPECT_EQ(protocol_text(*protocol_from_text(text)), text);
  EXPECT_EQ(protocol_from_text("6"), 6);
  for (const char* text : {"", "256", "-2", "1000", "tcp ", "6x", "TCP"})
    EXPECT_FALSE(protocol_from_text(text)) << text;
}

}  // namespace
}  // namespace weft
