// What a daemon makes of the state that another one has saved.
#include "dataplane/control/state.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

/// As `weft up` of a public web server left it before a state had a version.
std::string older_state() {
  std::ifstream file(WEFT_OLDER_STATE);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(State, OfAnOlderDaemonIsReadWithDefaultsForWhatItDidNotKnow) {
  ASSERT_FALSE(deployment_from_json(older_state())) << "else it is not older";
  const Result<Deployment> read = deployment_of_state(older_state());
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_FALSE(read->instances.empty());
  ASSERT_FALSE(read->instances[0].enis.empty());
  EXPECT_EQ(read->instances[0].metadata_options, MetadataOptions{});
  EXPECT_FALSE(read->instances[0].enis[0].ena_srd);
  EXPECT_FALSE(read->instances[0].enis[0].enable_frag_bypass);
  EXPECT_EQ(read->hosts, Hosts{});
  EXPECT_EQ(read->parameters, Parameters{});
  EXPECT_TRUE(read->flow_logs.empty());
  // What it did know is what it was, and is saved in full from now on.
  const Json before = Json::parse(older_state()), after = Json::parse(state_of(*read));
  EXPECT_EQ(after.at("security_groups"), before.at("security_groups"));
  EXPECT_EQ(after.at("instances")[0].at("interfaces")[0].at("mac"), before.at("instances")[0].at("interfaces")[0].at("mac"));
  EXPECT_EQ(after.at("state_version"), kStateVersion);
  const Result<Deployment> again = deployment_of_state(after.dump());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), to_json(*read));
}

/// Before version 4 a link was up or down.
TEST(State, AnOlderDaemonsVirtualFunctionsKeepWhatWasSet) {
  Json older = Json::parse(older_state());
  older.at("instances")[0].at("interfaces")[0].at("vf")["link_up"] = false;
  older.at("instances")[0].at("interfaces")[0].at("vf")["max_tx_rate_mbps"] = 7;
  const Result<Deployment> read = deployment_of_state(older.dump());
  ASSERT_TRUE(read) << read.error().message;
  const VirtualFunction& vf = read->instances[0].enis[0].vf;
  EXPECT_EQ(vf.link, VfLink::kDisable);
  EXPECT_EQ(vf.max_tx_rate_mbps, 7u);
  EXPECT_EQ(vf.declared, VfSettings{});
  EXPECT_EQ(read->instances[1].enis[0].vf.link, VfLink::kAuto);
}

TEST(State, OfAnOlderDaemonIsTakenOver) {
  World heir;
  heir.environment.state = older_state();
  const Result<Deployment> read = deployment_of_state(older_state());
  ASSERT_TRUE(read) << read.error().message;
  for (const Instance& instance : read->instances) heir.environment.existing[instance.name] = {};
  const Result<Outcome> restored = heir.controller.restore();
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_FALSE(heir.controller.deployment()->instances.empty());
}

TEST(State, OfThisVersionLacksNothing) {
  Json whole = Json::parse(state_of(*deployment_of_state(older_state())));
  for (const char* field : {"hosts", "flow_logs"}) {
    Json lacking = whole;
    lacking.erase(field);
    EXPECT_FALSE(deployment_of_state(lacking.dump())) << field;
  }
}

TEST(State, OfALaterDaemonOrNoneIsRefusedWithTheReason) {
  Json state = Json::parse(older_state());
  state["state_version"] = kStateVersion + 1;
  const Result<Deployment> later = deployment_of_state(state.dump());
  ASSERT_FALSE(later);
  EXPECT_NE(later.error().message.find("a later weftd wrote"), std::string::npos) << later.error().message;
  for (const Json& version : {Json(0), Json("2"), Json(), Json(1.5)}) {
    state["state_version"] = version;
    EXPECT_FALSE(deployment_of_state(state.dump())) << version.dump();
  }
  for (const char* text : {"", "[]", "{}", "null", R"({"vpc": 1, "instances": 3, "available_interfaces": []})",
                           R"({"vpc": {}, "instances": [1], "available_interfaces": [null]})"})
    EXPECT_FALSE(deployment_of_state(text)) << text;
}

}  // namespace
}  // namespace weft::testing
