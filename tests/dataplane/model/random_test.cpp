// Random topologies, and random edits of them: what must hold for every one.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Random = std::mt19937;
int pick(Random& random, int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); }

InstanceDeclaration random_instance(Random& random, const std::string& name) {
  const char* subnets[] = {"a", "b"};  // one zone
  InstanceDeclaration declared = pick(random, 0, 2) == 0 ? instances(name, pick(random, 1, 3)) : instance(name);
  declared.interfaces.clear();
  for (int i = pick(random, 1, 3); i > 0; --i) {
    InterfaceDeclaration interface;
    interface.subnet = subnets[pick(random, 0, 1)];
    if (pick(random, 0, 2) == 0) interface.type = InterfaceType::kEfa;
    if (pick(random, 0, 1) == 0) interface.security_groups = {"web"};
    if (!declared.counted && pick(random, 0, 4) == 0)
      interface.private_ip = Ipv4Address{ip(interface.subnet == "a" ? "10.0.1.0" : "10.0.2.0").v4().value +
                                         static_cast<std::uint32_t>(pick(random, 4, 14))};
    declared.interfaces.push_back(interface);
  }
  return declared;
}

Topology random_topology(Random& random) {
  Topology topology = small();
  for (int i = pick(random, 0, 5); i > 0; --i)
    topology.instances.push_back(random_instance(random, "n" + std::to_string(i)));
  return topology;
}

void edit(Random& random, Topology& topology) {
  if (!topology.instances.empty() && pick(random, 0, 1) == 0)
    topology.instances.erase(topology.instances.begin() +
                             pick(random, 0, static_cast<int>(topology.instances.size()) - 1));
  if (pick(random, 0, 1) == 0)
    topology.instances.insert(topology.instances.begin(),
                              random_instance(random, "m" + std::to_string(pick(random, 0, 1'000'000))));
  if (!topology.instances.empty() && pick(random, 0, 2) == 0)
    topology.instances[0].interfaces = random_instance(random, "x").interfaces;
}

/// Nothing is given out twice, and every address is one a guest may have.
void check_consistent(const Deployment& deployment) {
  std::set<std::string> ids;
  std::set<IpAddress> addresses;
  std::set<MacAddress> macs;
  std::set<std::uint32_t> vfs;
  for (const Instance& one : deployment.instances) {
    EXPECT_TRUE(ids.insert(one.id).second);
    for (std::size_t i = 0; i < one.enis.size(); ++i) {
      const Eni& eni = one.enis[i];
      EXPECT_EQ(eni.device_index, static_cast<int>(i));
      EXPECT_EQ(eni.instance, one.name);
      EXPECT_TRUE(ids.insert(eni.id).second);
      EXPECT_TRUE(addresses.insert(eni.private_ip).second) << eni.private_ip.to_string();
      EXPECT_TRUE(macs.insert(eni.mac).second);
      EXPECT_TRUE(vfs.insert(eni.vf.index).second);
      const Subnet* subnet = deployment.find_subnet(eni.subnet);
      EXPECT_TRUE(subnet->cidr.contains(eni.private_ip));
      EXPECT_GE(eni.private_ip.v4().value, subnet->cidr.address.v4().value + 4);
      EXPECT_FALSE(eni.security_groups.empty());
    }
  }
}

void check_same(const Deployment& a, const Deployment& b) { EXPECT_TRUE(plan(&a, b).empty()); }

TEST(RandomTopologies, resolve_deterministically_and_keep_what_runs) {
  int resolved_count = 0, edited_count = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Topology topology = random_topology(random);
    const Result<Deployment> first = resolve(topology, nullptr);
    const Result<Deployment> again = resolve(topology, nullptr);
    ASSERT_EQ(static_cast<bool>(first), static_cast<bool>(again));
    if (!first) {
      EXPECT_EQ(first.error().to_string(), again.error().to_string());
      continue;
    }
    ++resolved_count;
    check_consistent(*first);
    check_same(*first, *again);
    const Result<Deployment> over = resolve(topology, &*first);
    ASSERT_TRUE(over) << "what runs can always be applied again: " << over.error().to_string();
    check_same(*first, *over);

    edit(random, topology);
    const Result<Deployment> edited = resolve(topology, &*first);
    if (!edited) continue;
    ++edited_count;
    check_consistent(*edited);
    for (const Instance& before : first->instances)
      if (const Instance* now = edited->find_instance(before.id)) {
        ASSERT_EQ(now->enis.size(), before.enis.size());
        for (std::size_t i = 0; i < now->enis.size(); ++i) {
          EXPECT_EQ(now->enis[i].id, before.enis[i].id);
          EXPECT_EQ(now->enis[i].mac, before.enis[i].mac);
          EXPECT_EQ(now->enis[i].private_ip, before.enis[i].private_ip);
          EXPECT_EQ(now->enis[i].vf.index, before.enis[i].vf.index);
        }
      }
    // An id never names two different things over a change: the engine goes by ids.
    for (const Instance& now : edited->instances)
      for (const Eni& eni : now.enis)
        if (const Eni* before = first->find_eni(eni.id)) {
          EXPECT_EQ(before->subnet, eni.subnet);
          EXPECT_EQ(before->type, eni.type);
          EXPECT_EQ(before->instance, eni.instance);
        }
  }
  EXPECT_GT(resolved_count, 1000) << "most random topologies should be possible";
  EXPECT_GT(edited_count, 500);
}

}  // namespace
}  // namespace weft::testing
