// Where the lines of flow logs go: files, what happens when they cannot be written, intervals, the controller and the API.
#include "dataplane/control/flow_log_service.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "dataplane/control/api_routes.hpp"
#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

namespace fs = std::filesystem;

std::uint64_t flow_log_clock = 1'000'000'000'000;
std::uint64_t flow_log_now() { return flow_log_clock; }

struct FlowLogFiles : ::testing::Test {
  FlowLogFiles() {
    std::string path = (fs::temp_directory_path() / "weft-flow-log-service-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory = path;
  }
  ~FlowLogFiles() override { fs::remove_all(directory); }

  static std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  FlowLog log(const std::string& id, const std::string& below = "made/by/weft") const {
    FlowLog made;
    made.id = id;
    made.name = "name-of-" + id;
    made.resource_id = "vpc-1";
    made.log_format = "${interface-id} ${log-status}";
    made.destination = directory / below;
    return made;
  }
  /// With one interface, which has a slot of the fake engine's.
  Deployment with(std::vector<FlowLog> logs) {
    Deployment deployment;
    deployment.vpc_id = "vpc-1";
    Instance instance;
    instance.id = "i-1";
    instance.name = "a";
    instance.enis.resize(1);
    instance.enis[0].id = "eni-1";
    instance.enis[0].instance = "a";
    deployment.instances = {instance};
    deployment.flow_logs = std::move(logs);
    world.engine.ports["eni-1"] = std::make_unique<FakePort>(world.environment.living_ports);
    return deployment;
  }
  void end_interval() {
    flow_log_clock += 60'000'000'000;
    service.end_due(world.engine);
    service.write();
  }

  fs::path directory;
  World world;
  FlowLogService service{{.now_ns = &flow_log_now, .unix_ns = &flow_log_now}};
};

const std::string kNames = "interface-id log-status";
const std::string kNoData = "eni-1 NODATA";
using Text = std::vector<std::string>;

TEST_F(FlowLogFiles, AreMadeWithTheirDirectoryAndTheNamesOfTheFields) {
  const FlowLog one = log("fl-1");
  EXPECT_EQ(fs::path(flow_log_path(one)).filename(), "123456789012_vpcflowlogs_us-east-1_fl-1.log");
  ASSERT_TRUE(service.check(with({one}), nullptr));
  EXPECT_EQ(lines_of(flow_log_path(one)), (Text{kNames}));
  ASSERT_TRUE(service.check(with({one}), nullptr)) << "again, without another head";
  service.publish(world.engine, with({one}));
  end_interval();
  end_interval();
  EXPECT_EQ(lines_of(flow_log_path(one)), (Text{kNames, kNoData, kNoData}));
  EXPECT_EQ(service.views()[0].lines, 2U);
}

TEST_F(FlowLogFiles, WriteWhatTheyHaveWhenTheyAreRemoved) {
  ASSERT_TRUE(service.check(with({log("fl-1"), log("fl-2")}), nullptr));
  service.publish(world.engine, with({log("fl-1"), log("fl-2")}));
  service.publish(world.engine, with({log("fl-2")}));
  service.write();
  EXPECT_EQ(lines_of(flow_log_path(log("fl-1"))), (Text{kNames, kNoData}));
  EXPECT_EQ(lines_of(flow_log_path(log("fl-2"))), (Text{kNames})) << "this one goes on";
  EXPECT_EQ(service.views().size(), 1U);
}

TEST_F(FlowLogFiles, EachHasItsOwnIntervalFromItsBeginningOn) {
  service.publish(world.engine, with({log("fl-1", ".")}));
  flow_log_clock += 20'000'000'000;
  service.publish(world.engine, with({log("fl-1", "."), log("fl-2", ".")}));
  flow_log_clock += 40'000'000'000;
  service.end_due(world.engine);
  service.write();
  EXPECT_EQ(service.views()[0].lines, 1U);
  EXPECT_EQ(service.views()[1].lines, 0U);
  ASSERT_TRUE(service.flush(world.engine, "name-of-fl-2"));
  service.write();
  EXPECT_EQ(service.views()[0].lines, 1U);
  EXPECT_EQ(service.views()[1].lines, 1U);
  const Result<void> nobody = service.flush(world.engine, "name-of-fl-3");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, "InvalidFlowLogId.NotFound");
}

TEST_F(FlowLogFiles, ThatCannotBeWrittenAreRefusedAllAtOnce) {
  std::ofstream(directory / "file") << "not a directory";
  const Result<void> refused = service.check(with({log("fl-1", "file"), log("fl-2"), log("fl-3", "file/below")}), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "LogDestinationNotFound");
  EXPECT_EQ(refused.error().others.size(), 1U);
  EXPECT_NE(refused.error().message.find("fl-1"), std::string::npos);
}

TEST_F(FlowLogFiles, NoLinkAndNoPipeIsFollowed) {
  fs::create_directories(directory / "made/by/weft");
  fs::create_symlink(directory / "elsewhere", flow_log_path(log("fl-1")));
  ASSERT_EQ(::mkfifo(flow_log_path(log("fl-2")).c_str(), 0600), 0);
  EXPECT_FALSE(service.check(with({log("fl-1")}), nullptr));
  EXPECT_FALSE(service.check(with({log("fl-2")}), nullptr));
  EXPECT_FALSE(fs::exists(directory / "elsewhere"));
}

TEST_F(FlowLogFiles, LinesThatCannotBeWrittenAreKeptAndWrittenLater) {
  const FlowLog one = log("fl-1");
  ASSERT_TRUE(service.check(with({one}), nullptr));
  service.publish(world.engine, with({one}));
  fs::remove(flow_log_path(one));
  fs::create_directory(flow_log_path(one));
  end_interval();
  EXPECT_NE(service.views()[0].error.find("cannot write"), std::string::npos);
  EXPECT_EQ(service.views()[0].lines, 0U);
  fs::remove(flow_log_path(one));
  end_interval();
  EXPECT_EQ(service.views()[0].error, "");
  EXPECT_EQ(lines_of(flow_log_path(one)), (Text{kNames, kNoData, kNoData}));
}

// A limit of the file's size stands for a full disk: what there is room for is written, the rest is an error.
TEST_F(FlowLogFiles, AFullDiskLeavesWholeLinesOnly) {
  const FlowLogFile file(directory / "full.log", "names");
  ASSERT_TRUE(file.append({"first"}));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{.rlim_cur = 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  const Result<void> cut = file.append({"second, which is longer than there is room for"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old);
  EXPECT_FALSE(cut);
  EXPECT_EQ(lines_of(file.path()), (Text{"names", "first"}));
  ASSERT_TRUE(file.append({"third"}));
  EXPECT_EQ(lines_of(file.path()), (Text{"names", "first", "third"}));
}

TEST_F(FlowLogFiles, TheWaitEndsWithAnIntervalOrWhenItIsToldTo) {
  std::jthread waits([&](const std::stop_token& stop) { EXPECT_FALSE(service.wait_until_due(stop)); });
  waits.request_stop();
  waits.join();
  service.publish(world.engine, with({log("fl-1")}));
  flow_log_clock += 60'000'000'000;
  EXPECT_TRUE(service.wait_until_due(std::stop_token()));
}

struct FlowLogApi : FlowLogFiles {
  ApiRoutes routes{world.controller, {"1.2.3", 1, false, false, &flow_log_now}};
  ApiResponse apply(const std::string& destination) {
    std::string text = topology({plain("a")}) + "flow_logs:\n  - {name: all, destination: " + destination + "}\n";
    return routes.handle({"POST", "/v1/apply", Json{{"file", "t.yaml"}, {"topology", text}}.dump()});
  }
};

TEST_F(FlowLogApi, ListsAndFlushes) {
  EXPECT_EQ(routes.handle({"GET", "/v1/flow-logs", ""}).body.dump(), "[]");
  ASSERT_EQ(apply(directory).status, 200u);
  Json list = routes.handle({"GET", "/v1/flow-logs", ""}).body;
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["name"], "all");
  EXPECT_EQ(list[0]["resource_type"], "VPC");
  EXPECT_EQ(list[0]["traffic_type"], "ALL");
  EXPECT_EQ(list[0]["lines_written"], 0);
  EXPECT_EQ(list[0]["deliver_logs_status"], "SUCCESS");
  for (const char* path : {"/v1/flow-logs/flush", "/v1/flow-logs/all/flush"})
    EXPECT_EQ(routes.handle({"POST", path, "{}"}).status, 200u) << path;
  EXPECT_EQ(routes.handle({"GET", "/v1/flow-logs", ""}).body[0]["lines_written"], 2);
  const ApiResponse nobody = routes.handle({"POST", "/v1/flow-logs/nobody/flush", ""});
  EXPECT_EQ(nobody.status, 400u);
  EXPECT_EQ(nobody.body["error"]["code"], "InvalidFlowLogId.NotFound");
  EXPECT_EQ(lines_of(list[0]["file"].get<std::string>()).size(), 3u);
  world.controller.remove_all();
  EXPECT_EQ(lines_of(list[0]["file"].get<std::string>()).size(), 4u) << "what `weft down` ends";
}

TEST_F(FlowLogApi, ADestinationThatCannotBeWrittenRefusesTheApplyAndNamesItsLine) {
  std::ofstream(directory / "file") << "not a directory";
  const std::string before = world.snapshot();
  const ApiResponse refused = apply(directory / "file");
  EXPECT_EQ(refused.status, 400u);
  EXPECT_EQ(refused.body["error"]["code"], "LogDestinationNotFound");
  EXPECT_EQ(refused.body["error"]["where"]["line"], 11);
  EXPECT_EQ(refused.body["error"]["where"]["key"], "flow_logs[0].destination");
  EXPECT_EQ(world.snapshot(), before);
}

}  // namespace
}  // namespace weft::testing
