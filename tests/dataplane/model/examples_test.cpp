// Every file in examples/ is a topology that resolves: the first thing anybody types must work.
#include <gtest/gtest.h>

#include <filesystem>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

TEST(Examples, all_resolve) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WEFT_SOURCE_ROOT "/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const Result<Topology> topology = load_topology(entry.path());
    ASSERT_TRUE(topology) << topology.error().to_string();
    const Result<Deployment> deployment = resolve(*topology, nullptr);
    ASSERT_TRUE(deployment) << deployment.error().to_string();
    EXPECT_FALSE(deployment->instances.empty()) << entry.path();
  }
  EXPECT_GE(count, 4);
}

TEST(Examples, the_hpc_cluster_is_the_designs) {
  const Result<Topology> topology = load_topology(WEFT_SOURCE_ROOT "/examples/hpc-cluster.yaml");
  const Result<Deployment> deployment = resolve(*topology, nullptr);
  ASSERT_TRUE(deployment);
  ASSERT_EQ(deployment->instances.size(), 2u);
  EXPECT_EQ(deployment->instances[0].name, "node-0");
  EXPECT_EQ(deployment->instances[1].name, "node-1");
  EXPECT_EQ(deployment->instances[1].enis[0].private_ip.to_string(), "10.0.1.5");
  EXPECT_EQ(deployment->instances[1].enis[0].type, InterfaceType::kEfa);
  EXPECT_EQ(deployment->find_security_group("efa")->egress.size(), 1u);
}

TEST(Examples, fifty_are_fifty) {
  const Result<Topology> topology = load_topology(WEFT_SOURCE_ROOT "/examples/fifty.yaml");
  const Result<Deployment> deployment = resolve(*topology, nullptr);
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->instances.size(), 50u);
}

}  // namespace
}  // namespace weft
