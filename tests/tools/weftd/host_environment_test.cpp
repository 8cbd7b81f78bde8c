// Controller, engine, holder and real namespaces together, without a topology file: what happens inside instances when
// interfaces come, go and move, and when instances stop and start.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>

#include "dataplane/control/controller.hpp"
#include "dataplane/model/lifecycle.hpp"
#include "dataplane/worker/eal.hpp"
#include "drivers/efa/efa_server.hpp"
#include "tests/dataplane/policy/fixtures.hpp"
#include "tests/instances/fixture.hpp"
#include "tools/weftd/host_environment.hpp"

namespace weft::test {
namespace {

Eni make_eni(const std::string& id, const std::string& instance, int device_index, const std::string& address) {
  Eni eni = make_instance(instance, address, {"all"}).enis[0];
  eni.id = id;
  eni.device_index = device_index;
  eni.mac = {{0x02, 0, 10, 0, 1, eni.private_ip.octets[15]}};
  eni.vf.index = eni.private_ip.octets[15];
  return eni;
}

/// a, b and c in 10.0.1.0/24, where everybody may do everything, and eni-x, 10.0.1.50, available.
Deployment three() {
  SecurityGroup group{.id = "sg-1", .name = "all", .description = "", .ingress = {all(cidr("0.0.0.0/0"))},
                      .egress = {all(cidr("0.0.0.0/0"))}};
  Deployment deployment = make_deployment({group}, {});
  deployment.vpc_id = "vpc-1";
  int host = 4;
  for (const std::string name : {"a", "b", "c"}) {
    Instance instance = make_instance(name, "10.0.1." + std::to_string(host), {"all"});
    instance.enis = {make_eni("eni-" + name, name, 0, "10.0.1." + std::to_string(host++))};
    deployment.instances.push_back(std::move(instance));
  }
  deployment.available_enis = {make_eni("eni-x", "", 1, "10.0.1.50")};
  return deployment;
}

Deployment attached(std::size_t to) {
  Deployment deployment = three();
  Eni eni = deployment.available_enis.front();
  deployment.available_enis.clear();
  eni.instance = deployment.instances[to].name;
  deployment.instances[to].enis.push_back(eni);
  return deployment;
}

/// One for all tests of this process: EAL starts once, and the holder must be forked before it.
struct Machine {
  TemporaryDirectory directory;
  std::unique_ptr<Holder> holder;
  std::unique_ptr<Eal> eal;
  std::unique_ptr<EfaServer> efa;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<HostEnvironment> environment;
  std::unique_ptr<Controller> controller;

  void start() {
    auto started = Holder::start_or_join(directory.path(), kGraceMs);
    ASSERT_TRUE(started) << started.error().message;
    holder = std::move(*started);
    EalOptions options;
    options.huge_pages = false;
    ::setenv("RUNTIME_DIRECTORY", directory.path().c_str(), 1);
    auto environment_of_dpdk = Eal::start(options);
    ASSERT_TRUE(environment_of_dpdk) << environment_of_dpdk.error().message;
    eal = std::move(*environment_of_dpdk);
    for (const char* empty : {"/dpdk/rte", "/dpdk"}) ::rmdir((directory.path() + empty).c_str());
    EngineOptions engine_options;
    engine_options.flow_capacity = 4096;
    auto made = Engine::create(engine_options);
    ASSERT_TRUE(made) << made.error().message;
    engine = std::move(*made);
    EfaError failed;
    efa = EfaServer::create(engine->wake_fd(), &failed);
    ASSERT_TRUE(efa) << failed.message;
    engine->set_message_switch(efa->message_switch(), [this](EniSlot slot) { return efa->counters(slot); });
    engine->start();
    environment = std::make_unique<HostEnvironment>(*holder, *efa, engine->mempool(), engine->large_mempool());
    controller = std::make_unique<Controller>(*engine, *environment);
  }

  void stop() {
    if (controller) controller->remove_all();
    if (engine) engine->stop();
    controller.reset();
    environment.reset();
    engine.reset();
    efa.reset();
    eal.reset();
  }
};

class HostEnvironmentTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    machine = std::make_unique<Machine>();
    machine->start();
  }
  static void TearDownTestSuite() {
    machine->stop();
    machine.reset();
  }
  void SetUp() override { apply(three()); }
  void TearDown() override { apply(three()); }

  void apply(const Deployment& deployment) {
    Result<Outcome> outcome = machine->controller->apply(deployment);
    ASSERT_TRUE(outcome) << outcome.error().to_string();
    EXPECT_TRUE(outcome->warnings.empty());
  }
  std::string run(const std::string& instance, const std::string& command) {
    return inside(machine->directory.path(), instance, [&] { return output_of(command); });
  }
  bool pings(const std::string& from, const std::string& to) {
    return run(from, "ping -c1 -W1 " + to).find(" 0% packet loss") != std::string::npos;
  }

  static inline std::unique_ptr<Machine> machine;
};

TEST_F(HostEnvironmentTest, an_interface_is_attached_moved_and_detached_and_keeps_mac_and_slot) {
  ASSERT_TRUE(pings("c", "10.0.1.4"));
  EXPECT_FALSE(pings("c", "10.0.1.50"));
  apply(attached(0));
  const auto slot = machine->engine->slot_of("eni-x");
  EXPECT_EQ(run("a", "cat /sys/class/net/eth1/address"), "02:00:0a:00:01:32\n");
  EXPECT_TRUE(pings("c", "10.0.1.50"));
  apply(attached(1));
  EXPECT_EQ(machine->engine->slot_of("eni-x"), slot);
  EXPECT_EQ(run("a", "ls /sys/class/net"), "eth0\nlo\n");
  EXPECT_EQ(run("b", "cat /sys/class/net/eth1/address"), "02:00:0a:00:01:32\n");
  EXPECT_TRUE(pings("c", "10.0.1.50")) << "c's neighbour entry is still right";
  EXPECT_TRUE(pings("a", "10.0.1.50")) << "and who had it reaches who has it";
  apply(three());
  EXPECT_FALSE(pings("c", "10.0.1.50"));
  EXPECT_TRUE(pings("c", "10.0.1.5"));
}

TEST_F(HostEnvironmentTest, secondary_addresses_are_configured_while_it_runs) {
  Deployment more = three();
  more.instances[1].enis[0].secondary_private_ips = {*IpAddress::parse("10.0.1.60")};
  apply(more);
  EXPECT_NE(run("b", "ip -o -4 addr show eth0").find("10.0.1.60/32"), std::string::npos);
  apply(three());
  EXPECT_EQ(run("b", "ip -o -4 addr show eth0").find("10.0.1.60"), std::string::npos);
}

TEST_F(HostEnvironmentTest, a_stopped_instance_has_no_namespace_and_a_started_one_is_the_same) {
  apply(attached(1));
  const std::string before = run("b", "cat /sys/class/net/eth0/address /sys/class/net/eth1/address; hostname");
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kStop, "b"));
  EXPECT_EQ(run("b", "true"), "!there is no instance 'b'; `weft ps` lists them");
  EXPECT_FALSE(pings("a", "10.0.1.5"));
  EXPECT_TRUE(pings("a", "10.0.1.6"));
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kStart, "b"));
  EXPECT_EQ(run("b", "cat /sys/class/net/eth0/address /sys/class/net/eth1/address; hostname"), before);
  EXPECT_TRUE(pings("a", "10.0.1.5"));
  EXPECT_TRUE(pings("a", "10.0.1.50"));
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kReboot, "b"));
  EXPECT_TRUE(pings("a", "10.0.1.5"));
}

TEST_F(HostEnvironmentTest, efa_is_attached_while_its_instance_is_stopped_and_opens_when_it_starts) {
  Deployment efa = three();
  Eni eni = make_eni("eni-efa", "b", 1, "10.0.1.70");
  eni.type = InterfaceType::kEfa;
  efa.instances[1].enis.push_back(eni);
  Result<Outcome> hot = machine->controller->apply(efa);
  ASSERT_FALSE(hot);
  EXPECT_EQ(hot.error().code, "OperationNotPermitted");
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kStop, "b"));
  efa.instances[1].state = InstanceState::kStopped;
  apply(efa);
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kStart, "b"));
  const std::string sockets = run("b", "cat /proc/net/unix");
  EXPECT_NE(sockets.find("@weft-efa"), std::string::npos) << sockets;
  ASSERT_TRUE(machine->controller->change_life(LifeChange::kStop, "b"));  // and off again the same way
  Deployment without = three();
  without.instances[1].state = InstanceState::kStopped;
  apply(without);
}

}  // namespace
}  // namespace weft::test
