#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "dataplane/control/state.hpp"
#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

/// Applies `before` (empty: nothing), then `after` with a fault in each step in turn, until no step is left that a
/// fault could hit.
void fault_in_every_step(const std::string& before, const std::string& after, std::set<std::string> steps_expected) {
  std::set<std::string> undone, warned;
  for (int step = 1;; ++step) {
    World world;
    if (!before.empty()) {
      ASSERT_TRUE(world.controller.apply("before", before));
    }
    const std::string was = world.snapshot();
    Result<Outcome> expected = world.controller.plan("after", after);
    ASSERT_TRUE(expected);

    world.fault.countdown = step;
    Result<Outcome> outcome = world.controller.apply("after", after);
    SCOPED_TRACE(world.fault.where);
    if (!outcome) {
      undone.insert(world.fault.where);
      EXPECT_EQ(world.snapshot(), was);
      EXPECT_NE(outcome.error().message.find("failed, as the test wanted"), std::string::npos);
    } else {
      EXPECT_EQ(outcome->changes.size(), expected->changes.size());
      EXPECT_EQ(outcome->warnings.empty(), !world.fault.struck());
      if (world.fault.struck()) warned.insert(world.fault.where);
    }
    EXPECT_FALSE(world.controller.progress());
    // Whatever happened, the next try brings it about, and only what is wanted is left.
    ASSERT_TRUE(world.controller.apply("after", after));
    Result<Deployment> in_force = deployment_from_json(world.environment.state);
    ASSERT_TRUE(in_force);
    EXPECT_EQ(world.environment.existing.size(), in_force->instances.size());
    EXPECT_EQ(world.environment.living_ports, static_cast<int>(in_force->instances.size()));
    if (!world.fault.struck()) break;
  }
  undone.merge(warned);
  EXPECT_EQ(undone, steps_expected);
}

TEST(Controller, FirstApplyMakesPublishesSavesAndNames) {
  World world;
  Result<Outcome> outcome = world.controller.apply("f", topology({plain("a"), efa("b")}));
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_TRUE(outcome->warnings.empty());
  EXPECT_EQ(world.environment.instances(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(world.environment.efa.size(), 1u);
  EXPECT_EQ(world.engine.ports.size(), 2u);
  EXPECT_EQ(world.environment.hosts.inside,
            (std::vector<std::pair<std::string, std::string>>{{"a", "10.0.1.4"}, {"b", "10.0.1.5"}}));
  EXPECT_EQ(world.environment.state, state_of(*world.controller.deployment()));
}

TEST(Controller, GuestsAskWhomDhcpWouldTellThemToAsk) {
  World world;
  const auto apply = [&](const std::string& vpc) {
    std::string text = topology({plain("a")});
    text.replace(text.find("{cidr: 10.0.0.0/16}"), 19, "{cidr: 10.0.0.0/16" + vpc + "}");
    const Result<Outcome> outcome = world.controller.apply("f", text);
    EXPECT_TRUE(outcome) << outcome.error().to_string();
    return world.environment.hosts;
  };
  using Servers = std::vector<std::string>;
  EXPECT_EQ(apply("").name_servers, Servers{"10.0.0.2"});
  EXPECT_EQ(world.environment.hosts.search, "ec2.internal");
  EXPECT_EQ(apply(", dns_support: false").name_servers, Servers{}) << "nobody answers there";
  EXPECT_EQ(apply(", dhcp: {domain_name: lab.example, domain_name_servers: [10.0.1.7, 10.0.1.8]}").name_servers,
            (Servers{"10.0.1.7", "10.0.1.8"}));
  EXPECT_EQ(world.environment.hosts.search, "lab.example");
}

TEST(Controller, ApplyingTheSameAgainDoesNothing) {
  World world;
  const std::string text = topology({plain("a"), plain("b")});
  ASSERT_TRUE(world.controller.apply("f", text));
  const std::string was = world.snapshot();
  world.fault.countdown = 1;  // any step at all would fail
  Result<Outcome> again = world.controller.apply("f", text);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->changes.empty());
  EXPECT_FALSE(world.fault.struck());
  EXPECT_EQ(world.snapshot(), was);
}

TEST(Controller, PlanChangesNothing) {
  World world;
  Result<Outcome> outcome = world.controller.plan("f", topology({plain("a")}));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->changes.empty());
  EXPECT_TRUE(world.environment.existing.empty());
  EXPECT_EQ(world.controller.deployment(), nullptr);
}

TEST(Controller, AnErrorInTheFileNamesItsPlaceAndChangesNothing) {
  World world;
  ASSERT_TRUE(world.controller.apply("f", topology({plain("a")})));
  const std::string was = world.snapshot();
  Result<Outcome> outcome =
      world.controller.apply("my.yaml", topology({plain("a"), "{name: b, interfaces: [{subnet: nix}]}"}));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().where.file, "my.yaml");
  EXPECT_EQ(outcome.error().where.line, 10);
  EXPECT_EQ(world.snapshot(), was);
}

TEST(Controller, AFaultInAnyStepOfTheFirstApplyIsUndoneOrWarned) {
  fault_in_every_step("", topology({plain("a"), efa("b")}),
                      {"create a", "create b", "set hosts", "save state", "publish", "open EFA of b"});
}

TEST(Controller, AFaultInAnyStepOfAddingIsUndoneOrWarned) {
  fault_in_every_step(topology({plain("a")}), topology({plain("a"), efa("b"), plain("c")}),
                      {"create b", "create c", "set hosts", "save state", "publish", "open EFA of b"});
}

TEST(Controller, AFaultInAnyStepOfRemovingIsUndoneOrWarned) {
  fault_in_every_step(topology({plain("a"), efa("b"), plain("c")}), topology({plain("a")}),
                      {"set hosts", "save state", "publish", "remove b", "remove c"});
}

TEST(Controller, AFaultInAnyStepOfReplacingIsUndoneOrWarned) {
  // Another address makes the instance anew. If that fails, the old one is there again.
  fault_in_every_step(
      topology({plain("a"), efa("b")}),
      topology(
          {plain("a"), "{name: b, interfaces: [{subnet: s, type: efa, private_ip: 10.0.1.77, security_groups: [g]}]}"}),
      {"remove b", "create b", "set hosts", "save state", "publish", "open EFA of b"});
}

TEST(Controller, AChangeOfRulesTouchesNoInstance) {
  World world;
  ASSERT_TRUE(world.controller.apply("f", topology({plain("a"), plain("b")})));
  world.environment.on_create = [](const std::string& name) { ADD_FAILURE() << "created " << name; };
  Result<Outcome> outcome =
      world.controller.apply("f", topology({plain("a"), plain("b")}, "[{protocol: tcp, port: 22, cidr: 0.0.0.0/0}]"));
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->changes.size(), 1u);
  EXPECT_EQ(outcome->changes[0].resource, "security group");
  EXPECT_EQ(world.engine.published->find_security_group("g")->ingress.size(), 1u);
}

TEST(Controller, ASecondChangeIsRefusedWhileReadsAreAnswered) {
  World world;
  std::promise<void> entered, go_on;
  world.environment.on_create = [&](const std::string& name) {
    if (name != "b") return;
    entered.set_value();
    go_on.get_future().wait();
  };
  std::future<Result<Outcome>> first = std::async(std::launch::async, [&] {
    return world.controller.apply("f", topology({plain("a"), plain("b"), plain("c")}));
  });
  entered.get_future().wait();

  ASSERT_TRUE(world.controller.progress());
  EXPECT_EQ(world.controller.progress()->what, "create instance b");
  EXPECT_EQ(world.controller.progress()->done, 1u);
  Result<Outcome> second = world.controller.apply("f", topology({plain("a")}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "IncorrectState");
  EXPECT_NE(second.error().message.find("create instance b, 1 of 4"), std::string::npos) << second.error().message;
  EXPECT_TRUE(world.controller.plan("f", topology({plain("a")})));
  EXPECT_EQ(world.controller.with_engine([](Engine& engine) { return engine.idle_times().size(); }), 1u);

  go_on.set_value();
  EXPECT_TRUE(first.get());
}

TEST(Controller, RemoveAllBreaksOffAnApply) {
  World world;
  std::promise<void> entered, go_on;
  world.environment.on_create = [&](const std::string& name) {
    if (name == "c") ADD_FAILURE() << "went on after remove_all()";
    if (name != "b") return;
    entered.set_value();
    go_on.get_future().wait();
  };
  std::future<Result<Outcome>> apply = std::async(std::launch::async, [&] {
    return world.controller.apply("f", topology({plain("a"), plain("b"), plain("c")}));
  });
  entered.get_future().wait();
  std::future<unsigned> removed = std::async(std::launch::async, [&] { return world.controller.remove_all(); });
  while (world.controller.apply("f", "").error().message.find("stopping") == std::string::npos)
    std::this_thread::yield();
  go_on.set_value();

  Result<Outcome> broken_off = apply.get();
  ASSERT_FALSE(broken_off);
  EXPECT_EQ(broken_off.error().code, "IncorrectState");
  removed.get();
  EXPECT_TRUE(world.environment.ended);
  EXPECT_TRUE(world.environment.existing.empty());
  EXPECT_EQ(world.environment.living_ports, 0);
}

TEST(Controller, RemoveAllIsTheEnd) {
  World world;
  ASSERT_TRUE(world.controller.apply("f", topology({plain("a"), efa("b")})));
  EXPECT_EQ(world.controller.remove_all(), 2u);
  EXPECT_EQ(world.controller.remove_all(), 0u);
  EXPECT_TRUE(world.environment.ended);
  EXPECT_TRUE(world.environment.efa.empty());
  EXPECT_EQ(world.environment.living_ports, 0);
  EXPECT_EQ(world.controller.deployment(), nullptr);
  EXPECT_EQ(world.controller.apply("f", topology({plain("a")})).error().code, "IncorrectState");
}

/// What a second daemon finds when the first one died: the environment's instances and state, nothing else.
void inherit(World& heir, const World& dead) {
  heir.environment.existing = dead.environment.existing;
  heir.environment.state = dead.environment.state;
  heir.environment.hosts = dead.environment.hosts;
}

TEST(Controller, RestoreGoesOnWhereADeadDaemonLeft) {
  World dead, heir;
  const std::string text =
      topology({plain("a"), efa("b")}, "[{protocol: icmp, icmp_type: 8, icmp_code: -1, group: g}]");
  ASSERT_TRUE(dead.controller.apply("f", topology({plain("a"), efa("b")})));
  inherit(heir, dead);
  Result<Outcome> restored = heir.controller.restore();
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_TRUE(restored->warnings.empty());
  EXPECT_EQ(to_json(*heir.controller.deployment()), to_json(*dead.controller.deployment()));
  EXPECT_EQ(heir.environment.efa, dead.environment.efa);
  EXPECT_TRUE(heir.controller.apply("f", topology({plain("a"), efa("b")}))->changes.empty());
}

TEST(Controller, RestoreRemovesWhatADaemonMadeButDidNotPublish) {
  World dead, heir;
  ASSERT_TRUE(dead.controller.apply("f", topology({plain("a")})));
  inherit(heir, dead);
  heir.environment.existing["half-made"];
  ASSERT_TRUE(heir.controller.restore());
  EXPECT_EQ(heir.environment.instances(), std::vector<std::string>{"a"});
}

TEST(Controller, RestoreMakesALostInstanceAnewAndSaysSo) {
  World dead, heir;
  ASSERT_TRUE(dead.controller.apply("f", topology({plain("a"), efa("b")})));
  inherit(heir, dead);
  heir.environment.existing.erase("b");
  Result<Outcome> restored = heir.controller.restore();
  ASSERT_TRUE(restored);
  ASSERT_EQ(restored->warnings.size(), 1u);
  EXPECT_NE(restored->warnings[0].find("instance b was lost and is made anew"), std::string::npos);
  EXPECT_EQ(heir.environment.existing, dead.environment.existing);
  EXPECT_EQ(heir.environment.efa, dead.environment.efa);
  EXPECT_EQ(heir.engine.ports.size(), 2u);
}

TEST(Controller, RestoreGivesUpALostInstanceThatCannotBeMadeAnewAndSaysSo) {
  World dead, heir;
  ASSERT_TRUE(dead.controller.apply("f", topology({plain("a"), plain("b")})));
  inherit(heir, dead);
  heir.environment.existing.erase("a");
  heir.fault.countdown = 2;  // create a, after removing what is left of it
  Result<Outcome> restored = heir.controller.restore();
  ASSERT_TRUE(restored);
  EXPECT_EQ(heir.fault.where, "create a");
  ASSERT_EQ(restored->warnings.size(), 1u);
  EXPECT_NE(restored->warnings[0].find("instance a is lost"), std::string::npos);
  EXPECT_EQ(heir.environment.hosts.inside, (std::vector<std::pair<std::string, std::string>>{{"b", "10.0.1.5"}}));
  EXPECT_EQ(heir.engine.ports.size(), 1u);
  ASSERT_TRUE(heir.controller.apply("f", topology({plain("a"), plain("b")})));
  EXPECT_EQ(heir.environment.instances(), (std::vector<std::string>{"a", "b"}));
}

TEST(Controller, RestoreWithoutAStateLeavesAnEmptyHolder) {
  World heir;
  heir.environment.existing["half-made"];
  ASSERT_TRUE(heir.controller.restore());
  EXPECT_TRUE(heir.environment.existing.empty());
  EXPECT_EQ(heir.controller.deployment(), nullptr);
}

TEST(Controller, RestoreRefusesADamagedState) {
  World heir;
  heir.environment.state = R"({"vpc": {"id": "vpc-0"}})";
  Result<Outcome> restored = heir.controller.restore();
  ASSERT_FALSE(restored);
  EXPECT_NE(restored.error().message.find("saved state is damaged"), std::string::npos);
}

}  // namespace
}  // namespace weft::testing
