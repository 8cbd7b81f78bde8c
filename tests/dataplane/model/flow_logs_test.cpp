// Flow logs in the model: what they are about, what makes another one, what is refused.
#include "dataplane/model/flow_logs.hpp"

#include <gtest/gtest.h>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

FlowLogDeclaration logging(const std::string& name, const std::string& subnet = "", const std::string& interface = "") {
  FlowLogDeclaration declared;
  declared.name = name;
  declared.subnet = subnet;
  declared.interface = interface;
  declared.log_format = "${srcaddr} ${dstaddr}";
  declared.destination = "/tmp/flows";
  return declared;
}

Topology logged_topology(std::vector<FlowLogDeclaration> logs) {
  Topology topology = dual_stack();
  topology.instances = {instance("web"), instance("db")};
  topology.flow_logs = std::move(logs);
  return topology;
}

TEST(FlowLogs, AreOfAVpcASubnetOrAnInterfaceAndLogWhatRuns) {
  const Deployment deployment = resolved(logged_topology({logging("all"), logging("a", "a"), logging("web", "", "web/eth0")}));
  ASSERT_EQ(deployment.flow_logs.size(), 3U);
  const Eni& web = deployment.instances[0].enis[0];
  const Eni& db = deployment.instances[1].enis[0];
  EXPECT_EQ(deployment.flow_logs[0].resource_id, deployment.vpc_id);
  EXPECT_EQ(deployment.flow_logs[1].resource_id, deployment.find_subnet("a")->id);
  EXPECT_EQ(deployment.flow_logs[2].resource_id, web.id);
  EXPECT_EQ(resource_type_name(deployment.flow_logs[0]), "VPC");
  EXPECT_EQ(resource_type_name(deployment.flow_logs[1]), "Subnet");
  EXPECT_EQ(resource_type_name(deployment.flow_logs[2]), "NetworkInterface");
  EXPECT_EQ(resource_label(deployment.flow_logs[1], deployment), "subnet a");
  EXPECT_EQ(resource_label(deployment.flow_logs[2], deployment), "web/eth0");
  for (const FlowLog& log : deployment.flow_logs) {
    EXPECT_TRUE(log.id.starts_with("fl-") && log.id.size() == 20) << log.id;
    EXPECT_TRUE(is_logged(log, web, deployment));
  }
  EXPECT_TRUE(is_logged(deployment.flow_logs[0], db, deployment));
  EXPECT_FALSE(is_logged(deployment.flow_logs[2], db, deployment));
  const Deployment stopped = *stop_instance(deployment, "web");
  EXPECT_FALSE(is_logged(stopped.flow_logs[2], stopped.instances[0].enis[0], stopped));
}

TEST(FlowLogs, NothingAboutOneChangesSoWhatDiffersIsAnother) {
  const Topology topology = logged_topology({logging("all")});
  const Deployment running = resolved(topology);
  EXPECT_TRUE(plan(&running, resolved(topology, &running)).empty());
  Topology other = topology;
  other.flow_logs[0].traffic_type = TrafficType::kReject;
  const Deployment wanted = resolved(other, &running);
  EXPECT_NE(wanted.flow_logs[0].id, running.flow_logs[0].id);
  const std::vector<Change> changes = plan(&running, wanted);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].kind, ChangeKind::kRemove);
  EXPECT_EQ(changes[1].kind, ChangeKind::kAdd);
  EXPECT_EQ(changes[1].resource, "flow log");
  EXPECT_EQ(changes[1].details, (std::vector<std::string>{"REJECT of the VPC", "to /tmp/flows"}));
}

TEST(FlowLogs, GoWithTheInterfaceTheyAreOf) {
  const Deployment running = resolved(logged_topology({logging("all"), logging("web", "", "web")}));
  const Deployment after = *terminate_instance(running, "web");
  ASSERT_EQ(after.flow_logs.size(), 1U);
  EXPECT_EQ(after.flow_logs[0].name, "all");
}

TEST(FlowLogs, RefusesEachMistakeWithItsCodeAndKey) {
  FlowLogDeclaration relative = logging("x"), often = logging("x"), nameless = logging("");
  relative.destination = "flows";
  often.max_aggregation_interval = 61;
  using Said = std::vector<std::string>;
  const auto said = [](std::vector<FlowLogDeclaration> logs) { return mistakes(logged_topology(std::move(logs))); };
  EXPECT_EQ(said({logging("x", "nowhere")}), (Said{"InvalidSubnetID.NotFound at flow_logs[0].subnet"}));
  EXPECT_EQ(said({logging("x", "", "nobody")}), (Said{"InvalidNetworkInterfaceID.NotFound at flow_logs[0].interface"}));
  EXPECT_EQ(said({relative, logging("y", "nowhere"), nameless}),
            (Said{"InvalidParameterValue at flow_logs[0].destination", "InvalidSubnetID.NotFound at flow_logs[1].subnet",
                  "InvalidParameterValue at flow_logs[2].name"}))
      << "all at once";
  EXPECT_EQ(said({relative}), (Said{"InvalidParameterValue at flow_logs[0].destination"}));
  EXPECT_EQ(said({often}), (Said{"InvalidParameter at flow_logs[0].max_aggregation_interval"}));
  EXPECT_EQ(said({nameless}), (Said{"InvalidParameterValue at flow_logs[0].name"}));
  EXPECT_EQ(said({logging("x"), logging("y")}), (Said{"FlowLogAlreadyExists at flow_logs[1]"}));
  EXPECT_EQ(said({logging("x"), logging("x", "a")}), (Said{"InvalidParameterValue at flow_logs[1].name"}));
}

}  // namespace
}  // namespace weft::testing
