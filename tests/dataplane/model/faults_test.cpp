// Faults in a deployment: what resolve() refuses, what a plan says, and what setting and clearing make of one that runs.
#include "dataplane/model/faults.hpp"

#include <gtest/gtest.h>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

underlay::Fault slow(const std::string& name) {
  underlay::Fault fault;
  fault.name = name;
  fault.impairment.latency_ns = 50'000;
  return fault;
}

Topology of_two() {
  Topology topology = small();
  topology.instances = {instance("web"), instance("db")};
  topology.fabric.spines = 4;
  return topology;
}

std::vector<std::string> codes(const Topology& topology, const Deployment* running = nullptr) {
  Result<Deployment> deployment = resolve(topology, running);
  if (deployment) return {};
  std::vector<std::string> all{deployment.error().code + " " + deployment.error().where.key};
  for (const Error& other : deployment.error().others) all.push_back(other.code + " " + other.where.key);
  return all;
}

TEST(Faults, OfTheFileAreInTheDeploymentWithItsLayout) {
  Topology topology = of_two();
  topology.fabric.rack.latency_ns = 5'000;
  topology.faults = {slow("a")};
  topology.faults[0].path = 3;
  topology.faults[0].from = "web";
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(deployment.layout, topology.fabric);
  EXPECT_EQ(deployment.declared_faults, topology.faults);
  EXPECT_TRUE(deployment.set_faults.empty());
}

TEST(Faults, AllMistakesOfAFileAreSaid) {
  Topology topology = of_two();
  topology.faults = {slow("a/b"), slow("twice"), slow("twice"), slow("beyond"), slow("ends"), {}};
  topology.faults[3].path = 4;
  topology.faults[4].from = "wev";
  topology.faults[4].to = "nobody";
  topology.faults[5].name = "nothing";
  EXPECT_EQ(codes(topology),
            (std::vector<std::string>{"InvalidParameterValue faults[0].name", "InvalidFault.Duplicate faults[2].name",
                                      "InvalidParameterValue faults[3].path", "InvalidInstanceID.NotFound faults[4].from",
                                      "InvalidInstanceID.NotFound faults[4].to", "MissingParameter faults[5]"}));
}

TEST(Faults, OfAHostsLinkNameNoPathAndAnInstanceThatThereIs) {
  Topology topology = of_two();
  topology.faults = {slow("a"), slow("b"), slow("c"), slow("d"), slow("good")};
  for (underlay::Fault& fault : topology.faults) fault.host = "web";
  topology.faults[0].path = 1;
  topology.faults[1].to = "db";
  topology.faults[2].host = "wev";
  topology.faults[3].impairment.duplicate = 0.5;
  EXPECT_EQ(codes(topology), (std::vector<std::string>{
                                 "InvalidParameterCombination faults[0].host", "InvalidParameterCombination faults[1].host",
                                 "InvalidInstanceID.NotFound faults[2].host", "InvalidParameterCombination faults[3].host"}));
  topology.faults = {topology.faults[4]};
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(describe_place(deployment.declared_faults[0]), "the link of web's host");
  Deployment without = deployment;
  forget_faults_of(without, "web");
  EXPECT_TRUE(without.declared_faults.empty());
  underlay::Fault by_id = slow("by-id");
  by_id.host = deployment.find_instance("web")->id;
  const Result<Deployment> set = set_fault(deployment, by_id);
  ASSERT_TRUE(set) << set.error().to_string();
  EXPECT_EQ(set->set_faults[0].host, "web");
}

TEST(Faults, ThatAreSetLiveBesideThoseOfTheFile) {
  Topology topology = of_two();
  topology.faults = {slow("a")};
  Result<Deployment> running = set_fault(resolved(topology), slow("b"));
  ASSERT_TRUE(running) << running.error().to_string();
  EXPECT_EQ(all_faults(*running), (std::vector{slow("a"), slow("b")}));
  const Deployment again = resolved(topology, &*running);
  EXPECT_TRUE(plan(&*running, again).empty());
  EXPECT_EQ(again.set_faults, running->set_faults);
  topology.faults.clear();
  EXPECT_EQ(all_faults(resolved(topology, &*running)), std::vector{slow("b")});
}

TEST(Faults, OfOneNameInFileAndDaemonAreRefusedEitherWay) {
  Topology topology = of_two();
  const Deployment without = resolved(topology);
  topology.faults = {slow("a")};
  const Deployment with = resolved(topology);
  const Result<Deployment> second = set_fault(with, slow("a"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "InvalidFault.Duplicate");
  const Result<Deployment> set = set_fault(without, slow("a"));
  ASSERT_TRUE(set);
  EXPECT_EQ(codes(topology, &*set), std::vector<std::string>{"InvalidFault.Duplicate faults[0].name"});
}

TEST(Faults, SetAgainIsReplacedInItsPlace) {
  Result<Deployment> running = set_fault(resolved(of_two()), slow("a"));
  running = set_fault(*running, slow("b"));
  underlay::Fault worse = slow("a");
  worse.impairment.down = true;
  running = set_fault(*running, worse);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->set_faults, (std::vector{worse, slow("b")}));
}

TEST(Faults, WithoutANameGetTheLowestThatIsFree) {
  Result<Deployment> running = set_fault(resolved(of_two()), slow(""));
  running = set_fault(*running, slow(""));
  EXPECT_EQ(running->set_faults.back().name, "fault-2");
  running = set_fault(*clear_fault(*running, "fault-1"), slow(""));
  EXPECT_EQ(running->set_faults.back().name, "fault-1");
}

TEST(Faults, MayNameAnInstanceByItsId) {
  const Deployment running = resolved(of_two());
  underlay::Fault fault = slow("a");
  fault.from = running.find_instance("web")->id;
  const Result<Deployment> set = set_fault(running, fault);
  ASSERT_TRUE(set) << set.error().to_string();
  EXPECT_EQ(set->set_faults[0].from, "web");
}

TEST(Faults, ThatCannotBeAreNotSet) {
  const Deployment running = resolved(of_two());
  const auto code = [&](auto spoil) {
    underlay::Fault fault = slow("a");
    spoil(fault);
    const Result<Deployment> set = set_fault(running, fault);
    return set ? "" : set.error().code + " " + set.error().where.key;
  };
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.name = "a/b"; }), "InvalidParameterValue name");
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.name = std::string(65, 'a'); }), "InvalidParameterValue name");
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.path = 4; }), "InvalidParameterValue path");
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.from = "wev"; }), "InvalidInstanceID.NotFound from");
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.to = "wev"; }), "InvalidInstanceID.NotFound to");
  EXPECT_EQ(code([](underlay::Fault& fault) { fault.impairment = {}; }), "MissingParameter ");
}

TEST(Faults, AreClearedByNameOrAllButNotThoseOfTheFile) {
  Topology topology = of_two();
  topology.faults = {slow("declared")};
  Result<Deployment> running = set_fault(resolved(topology), slow("a"));
  running = set_fault(*running, slow("b"));
  EXPECT_EQ(clear_fault(*running, "a")->set_faults, std::vector{slow("b")});
  EXPECT_EQ(clear_fault(*running, "c").error().code, "InvalidFault.NotFound");
  EXPECT_EQ(clear_fault(*running, "declared").error().code, "InvalidFault.Declared");
  EXPECT_EQ(all_faults(clear_faults(*running)), std::vector{slow("declared")});
}

TEST(Faults, GoWithTheInstanceOrThePathThatTheyAreAbout) {
  Topology topology = of_two();
  topology.faults = {slow("declared")};
  topology.faults[0].to = "web";
  underlay::Fault from_web = slow("from-web"), of_path = slow("of-path");
  from_web.from = "web";
  of_path.path = 3;
  Result<Deployment> running = set_fault(resolved(topology), from_web);
  running = set_fault(*running, of_path);
  ASSERT_TRUE(running);
  EXPECT_EQ(all_faults(*terminate_instance(*running, "web")), std::vector{of_path});
  topology.faults.clear();
  topology.fabric.spines = 2;
  EXPECT_EQ(all_faults(resolved(topology, &*running)), std::vector{from_web});
  topology.instances.erase(topology.instances.begin());
  EXPECT_TRUE(all_faults(resolved(topology, &*running)).empty());
}

TEST(Faults, AndTheFabricAreLinesOfThePlan) {
  Topology topology = of_two();
  const Deployment before = resolved(topology);
  topology.fabric.spine.latency_ns = 5'000;
  topology.fabric.spines = 8;
  topology.faults = {slow("a")};
  const Deployment with = resolved(topology, &before);
  std::vector<Change> changes = plan(&before, with);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].resource, "fabric");
  EXPECT_EQ(changes[0].details, (std::vector<std::string>{"spines: 4 -> 8", "spine: nothing -> latency 5us"}));
  EXPECT_EQ(changes[1].kind, ChangeKind::kAdd);
  EXPECT_EQ(changes[1].details, (std::vector<std::string>{"every path", "latency 50us"}));
  topology.faults[0].to = "db";
  const Deployment changed = resolved(topology, &with);
  changes = plan(&with, changed);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, ChangeKind::kChange);
  EXPECT_EQ(changes[0].details, std::vector<std::string>{"where: every path -> every path to db"});
  topology.faults.clear();
  changes = plan(&changed, resolved(topology, &changed));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, ChangeKind::kRemove);
  EXPECT_EQ(changes[0].name, "a");
}

TEST(Faults, AreDescribedInTheWordsOfTheFile) {
  underlay::Impairment all;
  all.rate_bps = 10'000'000'000;
  all.latency_ns = 50'000;
  all.jitter_ns = 5'000;
  all.queue_bytes = 262'144;
  all.ecn_bytes = 65'536;
  all.loss = {underlay::Loss::Kind::kGilbertElliott, 0.5, 0.01, 0.2, 0};
  all.duplicate = 0.001;
  all.reorder = 0.01;
  all.reorder_ns = 100'000;
  all.corrupt = 0.0001;
  all.down = true;
  all.flap = {1'000'000'000, 100'000'000};
  EXPECT_EQ(describe(all),
            "rate 10Gbps, latency 50us, jitter 5us, queue 256KiB, ecn 64KiB, loss to_bad 1% to_good 20% loss 50%, "
            "duplicate 0.1%, reorder 1% by 100us, corrupt 0.01%, down true, flap 100ms of 1s");
  EXPECT_EQ(describe(underlay::Impairment{}), "nothing");
  underlay::Impairment counted;
  counted.loss = {underlay::Loss::Kind::kNth, 0, 0, 0, 100};
  EXPECT_EQ(describe(counted), "loss every 100");
}

}  // namespace
}  // namespace weft::testing
