// /v1/faults over fakes, and the faults of a saved state.
#include <gtest/gtest.h>

#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/paths.hpp"
#include "dataplane/control/query.hpp"
#include "dataplane/control/state.hpp"
#include "dataplane/model/faults.hpp"
#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

struct FaultRoutes : ::testing::Test {
  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 2, false, false, [] { return std::uint64_t{0}; }}};

  ApiResponse ask(std::string method, std::string target, const Json& body = nullptr) {
    return routes.handle({std::move(method), std::move(target), body.is_null() ? "" : body.dump()});
  }
  ApiResponse apply(const std::string& more, const char* route = "/v1/apply") {
    return ask("POST", route, {{"file", "t.yaml"}, {"topology", topology({plain("web"), plain("db")}) + more}});
  }
  static std::string code(const ApiResponse& response) { return response.body["error"].value("code", ""); }
};

TEST_F(FaultRoutes, ThereAreNoneBeforeAnything) {
  EXPECT_EQ(ask("GET", "/v1/faults").body.dump(), "[]");
  EXPECT_EQ(ask("POST", "/v1/faults", {{"latency", "5us"}}).status, 404u);
  EXPECT_EQ(ask("DELETE", "/v1/faults").status, 404u);
  EXPECT_EQ(ask("GET", "/v1/paths?from=web&to=db").status, 404u);
  EXPECT_EQ(ask("PUT", "/v1/faults").allow, "GET, POST, DELETE");
}

TEST_F(FaultRoutes, AreSetReplacedListedAndClearedBesideThoseOfTheFile) {
  ASSERT_EQ(apply("faults: [{name: declared, down: true}]\n").status, 200u);
  const ApiResponse set = ask("POST", "/v1/faults", {{"name", "slow"}, {"from", "web"}, {"latency", "50us"}});
  ASSERT_EQ(set.status, 200u) << set.body.dump();
  EXPECT_EQ(set.body["changes"][0]["details"], Json({"every path from web", "latency 50us"}));
  EXPECT_EQ(ask("POST", "/v1/faults", {{"name", "slow"}, {"latency", "60us"}}).body["changes"][0]["kind"], "change");
  EXPECT_EQ(code(ask("POST", "/v1/faults", {{"name", "declared"}, {"down", true}})), "InvalidFault.Duplicate");
  const Json list = ask("GET", "/v1/faults").body;
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1]["impairment"]["latency_ns"], 60'000);
  EXPECT_EQ(world.engine.underlay.faults, all_faults(*world.controller.deployment())) << "as the engine was told";
  EXPECT_EQ(apply("faults: [{name: declared, down: true}]\n").body["changes"].dump(), "[]");
  EXPECT_EQ(deployment_of_state(world.environment.state)->set_faults.size(), 1u);
  EXPECT_EQ(code(ask("DELETE", "/v1/faults/declared")), "InvalidFault.Declared");
  EXPECT_EQ(ask("DELETE", "/v1/faults/slow").status, 200u);
  EXPECT_EQ(ask("GET", "/v1/faults").body.size(), 1u);
  EXPECT_EQ(world.engine.underlay.faults.size(), 1u);
}

TEST_F(FaultRoutes, AMistakeIsRefusedWithItsKey) {
  ASSERT_EQ(apply("").status, 200u);
  const ApiResponse wrong = ask("POST", "/v1/faults", {{"latency", "50"}, {"los", "1%"}});
  EXPECT_EQ(wrong.status, 400u);
  ASSERT_EQ(wrong.body["error"]["errors"].size(), 2u);
  EXPECT_EQ(wrong.body["error"]["errors"][0]["code"], "UnknownParameter");
  EXPECT_EQ(wrong.body["error"]["errors"][1]["code"], "InvalidParameterValue");
  EXPECT_EQ(wrong.body["error"]["errors"][1]["where"]["key"], "latency");
  EXPECT_EQ(code(ask("POST", "/v1/faults", {{"from", "wev"}, {"down", true}})), "InvalidInstanceID.NotFound");
  EXPECT_EQ(code(ask("POST", "/v1/faults", {{"path", 1}, {"down", true}})), "InvalidParameterValue");
  EXPECT_EQ(code(ask("POST", "/v1/faults", {{"name", "nothing"}})), "MissingParameter");
  EXPECT_EQ(code(routes.handle({"POST", "/v1/faults", "latency: 5us"})), "InvalidRequest");
}

TEST_F(FaultRoutes, PathsBetweenInstancesThatRun) {
  ASSERT_EQ(apply("").status, 200u);
  const ApiResponse paths = ask("GET", "/v1/paths?from=web&to=db");
  EXPECT_EQ(paths.status, 200u);
  for (const Json& path : paths.body) EXPECT_EQ(path["state"], "up");
  ASSERT_EQ(paths.body.size(), world.engine.lanes_asked.size()) << "the engine is asked about each";
  EXPECT_EQ(code(ask("GET", "/v1/paths?from=web&to=nobody")), "InvalidInstanceID.NotFound");
}

TEST_F(FaultRoutes, ClearingWhatThereIsNotSaysSo) {
  ASSERT_EQ(apply("").status, 200u);
  EXPECT_EQ(code(ask("DELETE", "/v1/faults/slow")), "InvalidFault.NotFound");
  const ApiResponse all = ask("DELETE", "/v1/faults");
  EXPECT_EQ(all.status, 200u);
  EXPECT_EQ(all.body["changes"].dump(), "[]");
}

Deployment with_faults() {
  Deployment deployment;
  deployment.vpc_id = "vpc-1";
  deployment.layout.spines = 4;
  deployment.layout.seed = 9;
  deployment.layout.spine.latency_ns = 5'000;
  underlay::Fault declared{"declared", 3, "", "", {}}, set{"set", {}, "", "", {}};
  declared.impairment.loss = {underlay::Loss::Kind::kGilbertElliott, 0.5, 0.01, 0.2, 0};
  declared.impairment.flap = {1'000'000'000, 100'000'000};
  declared.impairment.rate_bps = 10'000'000'000;
  declared.impairment.queue_bytes = 262'144;
  declared.impairment.ecn_bytes = 65'536;
  declared.impairment.jitter_ns = 7;
  set.impairment.loss = {underlay::Loss::Kind::kNth, 0, 0, 0, 100};
  set.impairment.duplicate = 0.001;
  set.impairment.reorder = 0.01;
  set.impairment.reorder_ns = 100'000;
  set.impairment.corrupt = 0.0001;
  set.impairment.down = true;
  deployment.declared_faults = {declared};
  deployment.set_faults = {set};
  return deployment;
}

TEST(FaultState, SurvivesTheDaemon) {
  const Deployment before = with_faults();
  const Result<Deployment> after = deployment_of_state(state_of(before));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->layout, before.layout);
  EXPECT_EQ(after->declared_faults, before.declared_faults);
  EXPECT_EQ(after->set_faults, before.set_faults);
}

TEST(FaultState, OfADaemonThatKnewNoFaultsHasNone) {
  Json older = Json::parse(state_of(with_faults()));
  older["state_version"] = 2;
  older.erase("fabric");
  older.erase("faults");
  const Result<Deployment> read = deployment_of_state(older.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->layout, underlay::Layout{});
  older["state_version"] = 3;
  EXPECT_FALSE(deployment_of_state(older.dump())) << "this version writes them";
}

TEST(FaultState, OfADaemonThatKnewNoLinksHasNone) {
  Json older = Json::parse(state_of(with_faults()));
  older["state_version"] = 3;
  older["fabric"].erase("host");
  for (Json& fault : older["faults"]) fault.erase("host");
  const Result<Deployment> read = deployment_of_state(older.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(all_faults(*read), all_faults(with_faults()));
  older["state_version"] = 4;
  EXPECT_FALSE(deployment_of_state(older.dump())) << "this version writes them";
}

TEST(FaultState, ThatIsDamagedIsRefused) {
  const Json good = Json::parse(state_of(with_faults()));
  const auto reads = [&](const char* pointer, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    return static_cast<bool>(deployment_of_state(bad.dump()));
  };
  ASSERT_TRUE(deployment_of_state(good.dump()));
  EXPECT_FALSE(reads("/fabric/spines", 0));
  EXPECT_FALSE(reads("/fabric/spines", 3)) << "there is a fault of path 3";
  EXPECT_FALSE(reads("/fabric/seed", -1));
  EXPECT_FALSE(reads("/fabric/spine/latency_ns", 1.5));
  EXPECT_FALSE(reads("/faults/0/name", "a/b"));
  EXPECT_FALSE(reads("/faults/0/name", "set")) << "twice";
  EXPECT_FALSE(reads("/faults/0/origin", "elsewhere"));
  EXPECT_FALSE(reads("/faults/0/path", -1));
  EXPECT_FALSE(reads("/faults/0/from", "nobody"));
  EXPECT_FALSE(reads("/faults/0/to", "nobody"));
  EXPECT_FALSE(reads("/faults/0/host", "nobody"));
  EXPECT_FALSE(reads("/fabric/host/rate_bps", -1));
  EXPECT_FALSE(reads("/faults/0/impairment/loss/kind", "some"));
  EXPECT_FALSE(reads("/faults/0/impairment/loss/to_bad", 1.01));
  EXPECT_FALSE(reads("/faults/0/impairment/loss/to_good", -0.01));
  EXPECT_FALSE(reads("/faults/0/impairment/flap/down_ns", 1'000'000'001));
  EXPECT_FALSE(reads("/faults/1/impairment/loss/every", 0));
  EXPECT_FALSE(reads("/faults/1/impairment/down", 1));
  EXPECT_FALSE(reads("/faults/1/impairment/corrupt", "1%"));
  EXPECT_FALSE(reads("/faults/1/impairment/duplicate", 2));
}

/// Three hosts: a and b in one rack, c in another; and d beside a.
Deployment on_hosts() {
  Deployment deployment = with_faults();
  deployment.declared_faults.clear();
  deployment.set_faults.clear();
  deployment.layout.spines = 3;
  for (const auto& [name, rack, host] : {std::tuple{"a", 0, 0}, {"b", 0, 1}, {"c", 1, 0}, {"d", 0, 0}}) {
    Instance instance;
    instance.name = name;
    instance.id = std::string("i-") + name;
    instance.placement = {rack, host, 0};
    deployment.instances.push_back(instance);
  }
  return deployment;
}

std::vector<MeasuredRoundTrip> nobody_measures(const std::string&) { return {}; }

Json paths_of(const Deployment& deployment, const std::string& query) {
  Result<Json> paths = paths_json("/v1/paths" + query, deployment,
                                  [](const auto& ways) { return std::vector<LaneView>(ways.size()); }, nobody_measures);
  return paths ? *paths : Json(paths.error().code);
}

TEST(Paths, AreASpineEachBetweenRacksOneInARackAndNoneOnAHost) {
  const Deployment deployment = on_hosts();
  const Json far = paths_of(deployment, "?from=a&to=i-c");
  ASSERT_EQ(far.size(), 6u) << "three each way";
  EXPECT_EQ(far[2]["path"], 2);
  EXPECT_EQ(far[2]["from"], "a");
  EXPECT_EQ(far[3]["from"], "c");
  EXPECT_EQ(far[0]["through"], "spine");
  EXPECT_EQ(far[0]["summary"], "latency 5us");
  const Json near = paths_of(deployment, "?to=b&from=a");
  ASSERT_EQ(near.size(), 2u);
  EXPECT_EQ(near[0]["through"], "rack");
  EXPECT_EQ(near[0]["summary"], "nothing");
  EXPECT_EQ(paths_of(deployment, "?from=a&to=d").dump(), "[]");
}

TEST(Paths, HaveTheFaultsThatConcernThem) {
  Deployment deployment = on_hosts();
  underlay::Fault slow{"slow", {}, "a", "", {}}, down{"down", 1, "", "c", {}}, flaps{"flaps", 2, "", "", {}};
  slow.impairment.latency_ns = 50'000;
  down.impairment.down = true;
  flaps.impairment.flap = {1'000'000'000, 1'000'000};
  deployment.declared_faults = {slow};
  deployment.set_faults = {down, flaps};
  const Json paths = paths_of(deployment, "?from=a&to=c");
  ASSERT_EQ(paths.size(), 6u);
  EXPECT_EQ(paths[0]["impairment"]["latency_ns"], 55'000) << "the layout's and the fault's";
  EXPECT_EQ(paths[0]["state"], "impaired");
  EXPECT_EQ(paths[1]["state"], "down");
  EXPECT_EQ(paths[2]["state"], "flapping");
  EXPECT_EQ(paths[3]["impairment"]["latency_ns"], 5'000) << "the other direction";
  EXPECT_EQ(paths[4]["state"], "up") << "which is 5us late, as the layout has it";
  EXPECT_EQ(paths[0]["latency_ns"], 55'000);
  EXPECT_EQ(paths[0]["latency_back_ns"], 5'000);
  EXPECT_EQ(paths[3]["latency_ns"], 5'000);
  EXPECT_EQ(paths[3]["latency_back_ns"], 55'000);
  for (const int path : {0, 3}) EXPECT_EQ(paths[static_cast<std::size_t>(path)]["latency_both_ways_ns"], 60'000);
}

TEST(Paths, HaveTheLinksOfTheirHostsBeforeAndBehindThemWhereSomethingIsSetForThose) {
  Deployment deployment = on_hosts();
  deployment.set_faults = {
      {.name = "slow", .path = {}, .from = "", .to = "", .impairment = {.latency_ns = 2'000}, .host = "c"}};
  std::vector<underlay::Way> asked;
  const Result<Json> paths = paths_json("/v1/paths?from=a&to=c", deployment, [&asked](const auto& ways) {
    asked = ways;
    std::vector<LaneView> views(ways.size());
    views[0].counters.packets = 30, views[1].counters.packets = 10, views[3].counters.packets = 40;
    return views;
  }, nobody_measures);
  ASSERT_TRUE(paths);
  ASSERT_EQ(paths->size(), 8u);
  const Json &downlink = (*paths)[3], &uplink = (*paths)[4];
  EXPECT_EQ(asked[3], underlay::Way::downlink({0, 1, 0}));
  EXPECT_EQ(asked[4], underlay::Way::uplink({0, 1, 0}));
  EXPECT_EQ(downlink["hop"], "downlink");
  EXPECT_EQ(downlink["path"], nullptr);
  EXPECT_EQ(downlink["state"], "impaired");
  EXPECT_EQ(downlink["latency_ns"], 2'000);
  EXPECT_EQ(downlink["packets"], 40);
  EXPECT_EQ(downlink["share"], nullptr);
  EXPECT_EQ(uplink["hop"], "uplink");
  EXPECT_EQ(uplink["from"], "c");
  EXPECT_EQ((*paths)[0]["hop"], "path");
  EXPECT_EQ((*paths)[0]["share"], 0.75) << "of what the paths carry";
  EXPECT_EQ((*paths)[0]["state"], "up");
  EXPECT_EQ((*paths)[0]["latency_both_ways_ns"], 14'000) << "5 us and 2 us of c's link, there and back";
  deployment.set_faults.clear();
  deployment.layout.host.rate_bps = 1'000'000'000;
  EXPECT_EQ(paths_of(deployment, "?from=a&to=c").size(), 10u) << "both hosts', each way";
  EXPECT_EQ(paths_of(deployment, "?from=a&to=c")[0]["state"], "up") << "as the layout has every host's";
  EXPECT_EQ(paths_of(deployment, "?from=a&to=d").size(), 0u);
}

TEST(Paths, SayWhatTheirLanesHaveDoneToPackets) {
  std::vector<underlay::Way> asked;
  const auto lanes = [&asked](const std::vector<underlay::Way>& ways) {
    asked = ways;
    std::vector<LaneView> views(ways.size());
    views[1] = {{.packets = 300, .bytes = 30'000, .dropped = {10, 20, 30}, .duplicated = 4, .reordered = 5, .corrupted = 6,
                 .marked = 7}, 8};
    views[2].counters.packets = 100;
    views[5].counters.packets = 3;
    return views;
  };
  const Result<Json> paths = paths_json("/v1/paths?from=a&to=c", on_hosts(), lanes, nobody_measures);
  ASSERT_TRUE(paths);
  ASSERT_EQ(asked.size(), 6u);
  EXPECT_EQ(asked[1], (underlay::Way{{0, 0, 0}, {0, 1, 0}, 1})) << "a's host, c's host";
  EXPECT_EQ(asked[5], (underlay::Way{{0, 1, 0}, {0, 0, 0}, 2})) << "and back";
  const Json& one = (*paths)[1];
  EXPECT_EQ(one["packets"], 300);
  EXPECT_EQ(one["bytes"], 30'000);
  EXPECT_EQ(one["share"], 0.75);
  EXPECT_EQ(one["lost"].dump(), R"({"down":10,"loss":20,"queue":30})");
  EXPECT_EQ(one["loss_ratio"], 0.2);
  EXPECT_EQ(one["duplicated"], 4);
  EXPECT_EQ(one["reordered"], 5);
  EXPECT_EQ(one["corrupted"], 6);
  EXPECT_EQ(one["marked"], 7);
  EXPECT_EQ(one["queued_bytes"], 8);
  EXPECT_EQ((*paths)[2]["share"], 0.25);
  EXPECT_EQ((*paths)[5]["share"], 1.0) << "each direction for itself";
  EXPECT_EQ((*paths)[0]["share"], 0.0);
  EXPECT_EQ((*paths)[3]["loss_ratio"], 0.0) << "of no packets";
}

TEST(Paths, SayTheRoundTripThatTheProcessesAtTheirBeginningHaveMeasured) {
  Deployment deployment = on_hosts();
  Eni eni;
  eni.private_ip = IpAddress::from(Ipv4Address{0x0a000107});
  for (Instance& instance : deployment.instances)
    if (instance.name == "c") instance.enis = {eni};
  const auto lanes = [](const auto& ways) { return std::vector<LaneView>(ways.size()); };
  const auto measured = [&eni](const std::string& instance) -> std::vector<MeasuredRoundTrip> {
    if (instance != "a") return {};
    return {{eni.private_ip, 0, 30}, {eni.private_ip, 3, 10}, {eni.private_ip, 15, 20}, {eni.private_ip, 2, 7},
            {IpAddress::from(Ipv4Address{0x0a000108}), 1, 99}};
  };
  const Result<Json> paths = paths_json("/v1/paths?from=a&to=c", deployment, lanes, measured);
  ASSERT_TRUE(paths);
  EXPECT_EQ((*paths)[0]["round_trip_ns"], 20) << "the median; a process counts 16 paths where there are 3";
  EXPECT_EQ((*paths)[1]["round_trip_ns"], nullptr) << "somebody else's";
  EXPECT_EQ((*paths)[2]["round_trip_ns"], 7);
  EXPECT_EQ((*paths)[3]["round_trip_ns"], nullptr) << "nobody at c";
}

TEST(Paths, AreAskedForByTwoInstances) {
  const Deployment deployment = on_hosts();
  for (const char* query : {"", "?", "?from=a", "?to=a", "?from=a&to=", "?from=a&to=b&x=y", "?from=a&from=b"})
    EXPECT_EQ(paths_of(deployment, query), "InvalidRequest") << query;
  EXPECT_EQ(paths_of(deployment, "?from=a&to=e"), "InvalidInstanceID.NotFound");
  EXPECT_EQ(paths_of(deployment, "?from=a&to=%"), "InvalidRequest");
  EXPECT_EQ(paths_of(deployment, "?from=%61&to=i%2Dc").size(), 6u) << "percent-encoded, as a client may";
}

TEST(Queries, AreKeysAndDecodedValuesInTheirOrder) {
  EXPECT_TRUE(query_of("/v1/paths")->empty());
  EXPECT_TRUE(query_of("/v1/paths?")->empty());
  EXPECT_EQ(*query_of("/v1/paths?a=1&b=%2f%2F=&a&c="),
            (Query{{"a", "1"}, {"b", "//="}, {"a", ""}, {"c", ""}}));
  for (const char* target : {"?a=%", "?a=%2", "?a=%2g", "?a=1&b=%%20"}) EXPECT_FALSE(query_of(target)) << target;
}

TEST(FaultJson, SaysWhereEachComesFrom) {
  const Json list = faults_json(with_faults());
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["origin"], "file");
  EXPECT_EQ(list[0]["path"], 3);
  EXPECT_EQ(list[0]["impairment"]["rate_bps"], 10'000'000'000);
  EXPECT_EQ(list[1]["origin"], "api");
  EXPECT_TRUE(list[1]["path"].is_null());
  EXPECT_EQ(list[1]["impairment"]["loss"]["every"], 100);
}

}  // namespace
}  // namespace weft::testing
