// /v1/faults over fakes, and the faults of a saved state.
#include <gtest/gtest.h>

#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/state.hpp"
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
  EXPECT_EQ(ask("PUT", "/v1/faults").allow, "GET, POST, DELETE");
}

TEST_F(FaultRoutes, WhatTheEngineCannotDoIsRefusedAndNothingChanges) {
  ASSERT_EQ(apply("").status, 200u);
  const std::string before = world.snapshot();
  EXPECT_EQ(code(ask("POST", "/v1/faults", {{"name", "slow"}, {"latency", "50us"}})), "Unsupported");
  EXPECT_EQ(code(apply("faults: [{name: slow, latency: 50us}]\n")), "Unsupported");
  EXPECT_EQ(code(apply("faults: [{name: slow, latency: 50us}]\n", "/v1/plan")), "Unsupported");
  EXPECT_EQ(code(apply("fabric: {spines: 4}\n")), "Unsupported");
  EXPECT_EQ(world.snapshot(), before);
  EXPECT_EQ(apply("fabric: {spines: 1}\n").status, 200u) << "that is what there is";
}

TEST_F(FaultRoutes, AMistakeIsRefusedWithItsKeyBeforeTheEngineIsAsked) {
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
  EXPECT_FALSE(reads("/faults/0/impairment/loss/kind", "some"));
  EXPECT_FALSE(reads("/faults/0/impairment/loss/to_bad", 1.01));
  EXPECT_FALSE(reads("/faults/0/impairment/loss/to_good", -0.01));
  EXPECT_FALSE(reads("/faults/0/impairment/flap/down_ns", 1'000'000'001));
  EXPECT_FALSE(reads("/faults/1/impairment/loss/every", 0));
  EXPECT_FALSE(reads("/faults/1/impairment/down", 1));
  EXPECT_FALSE(reads("/faults/1/impairment/corrupt", "1%"));
  EXPECT_FALSE(reads("/faults/1/impairment/duplicate", 2));
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
