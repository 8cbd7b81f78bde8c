// Random topologies, and random edits of them: what must hold for every one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "dataplane/model/lifecycle.hpp"
#include "tests/dataplane/model/build_topology.hpp"
#include "tests/sanitized.hpp"

namespace weft::testing {
namespace {

using Random = std::mt19937;
int pick(Random& random, int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); }
bool one_in(Random& random, int n) { return pick(random, 1, n) == 1; }

template <typename T>
T& any(Random& random, std::vector<T>& all) {
  return all[static_cast<std::size_t>(pick(random, 0, static_cast<int>(all.size()) - 1))];
}

Ipv4Address random_v4(Random& random, const std::string& subnet) {
  return Ipv4Address{v4(subnet == "b" ? "10.0.2.0" : "10.0.1.0").value +
                     static_cast<std::uint32_t>(pick(random, 3, 14))};
}

InterfaceDeclaration random_interface(Random& random, bool shared) {
  InterfaceDeclaration interface;
  interface.subnet = one_in(random, 3) ? "b" : "a";
  if (one_in(random, 6)) interface.type = one_in(random, 2) ? InterfaceType::kEfa : InterfaceType::kEfaOnly;
  if (one_in(random, 2)) interface.security_groups = {"web"};
  interface.delete_on_termination = !one_in(random, 4);
  if (interface.type == InterfaceType::kEfaOnly) return interface;
  if (one_in(random, 20)) interface.associate_public_ip = one_in(random, 2);
  if (one_in(random, 4)) interface.secondary_private_ip_count = pick(random, 1, 2);
  if (one_in(random, 8)) interface.ipv4_prefix_count = 1;
  if (interface.subnet == "a" && one_in(random, 3)) interface.ipv6_address_count = pick(random, 1, 3);
  if (interface.subnet == "a" && one_in(random, 6)) interface.ipv6_prefix_count = 1;
  if (shared) return interface;
  if (one_in(random, 6)) interface.private_ip = random_v4(random, interface.subnet);
  if (one_in(random, 6)) {
    interface.secondary_private_ip_count = 0;
    interface.secondary_private_ips = {random_v4(random, interface.subnet)};
  }
  return interface;
}

InstanceDeclaration random_instance(Random& random, const std::string& name) {
  InstanceDeclaration declared = one_in(random, 3) ? instances(name, pick(random, 1, 3)) : instance(name);
  const char* types[] = {"", "", "", "c5n.18xlarge", "m8a.48xlarge"};
  declared.type = types[pick(random, 0, 4)];
  const char* groups[] = {"", "", "", "tight", "wide", "parts"};
  declared.placement_group = groups[pick(random, 0, 5)];
  declared.interfaces.clear();
  for (int i = pick(random, 1, 3); i > 0; --i)
    declared.interfaces.push_back(random_interface(random, declared.counted && declared.count > 1));
  if (declared.interfaces[0].type == InterfaceType::kEfaOnly) declared.interfaces[0].type = InterfaceType::kEfa;
  return declared;
}

std::string new_name(Random& random, const char* kind) { return kind + std::to_string(pick(random, 0, 999)); }

/// Mostly one that there is.
std::string some_instance(Random& random, Topology& topology) {
  if (topology.instances.empty() || one_in(random, 20)) return "nobody";
  const InstanceDeclaration& one = any(random, topology.instances);
  return one.counted ? one.name + "-0" : one.name;
}

void add_random_things(Random& random, Topology& topology) {
  if (one_in(random, 2)) topology.instances.push_back(random_instance(random, new_name(random, "n")));
  if (topology.instances.empty()) return;
  if (one_in(random, 3)) {
    NetworkInterfaceDeclaration declared = network_interface(new_name(random, "e"), "a");
    declared.interface = random_interface(random, false);
    declared.interface.associate_public_ip.reset();
    if (one_in(random, 2)) {
      declared.instance = some_instance(random, topology);
      declared.interface.device_index = pick(random, 1, 6);
    }
    topology.network_interfaces.push_back(declared);
  }
  if (one_in(random, 3) && topology.elastic_ips.size() < 5) {
    ElasticIpDeclaration declared;
    declared.name = new_name(random, "ip");
    if (one_in(random, 2)) declared.interface = some_instance(random, topology) + "/eth0";
    topology.elastic_ips.push_back(declared);
  }
  if (one_in(random, 10)) {
    FlowLogDeclaration declared;
    declared.name = new_name(random, "f");
    if (one_in(random, 2)) declared.interface = some_instance(random, topology) + "/eth0";
    else if (one_in(random, 2)) declared.subnet = one_in(random, 2) ? "a" : "b";
    declared.traffic_type = one_in(random, 2) ? TrafficType::kAll : TrafficType::kReject;
    declared.log_format = "${srcaddr}";
    declared.destination = "/tmp/" + declared.name;
    topology.flow_logs.push_back(declared);
  }
  if (one_in(random, 4)) {
    const std::uint32_t address = v4("192.0.2.0").value + static_cast<std::uint32_t>(pick(random, 0, 60)) * 4;
    topology.route_tables[0].routes.push_back({IpPrefix::make(IpAddress::from({address}), 126),
                                               RouteTargetKind::kInterface, some_instance(random, topology) + "/eth0",
                                               0});
  }
}

Topology random_topology(Random& random) {
  Topology topology = dual_stack();
  topology.placement_groups.push_back({"parts", PlacementStrategy::kPartition, 3, 0});
  topology.subnets[0].map_public_ip_on_launch = one_in(random, 2);
  topology.route_tables = {{"out", false, {{cidr("0.0.0.0/0"), RouteTargetKind::kInternetGateway, "", 0}}, 0}};
  topology.subnets[0].route_table = "out";
  for (int i = pick(random, 1, 8); i > 0; --i) add_random_things(random, topology);
  return topology;
}

template <typename T>
void drop_any(Random& random, std::vector<T>& all) {
  if (!all.empty()) all.erase(all.begin() + pick(random, 0, static_cast<int>(all.size()) - 1));
}

void edit(Random& random, Topology& topology) {
  switch (pick(random, 0, 10)) {
    case 0: return drop_any(random, topology.instances);
    case 1: return drop_any(random, topology.network_interfaces);
    case 2: return drop_any(random, topology.elastic_ips);
    case 3:
      if (!topology.instances.empty())
        any(random, topology.instances).interfaces = random_instance(random, "x").interfaces;
      return;
    case 4:
      if (!topology.instances.empty())
        any(random, topology.instances).interfaces.push_back(random_interface(random, true));
      return;
    case 5:
      if (!topology.instances.empty() && topology.instances[0].interfaces.size() > 1)
        topology.instances[0].interfaces.pop_back();
      return;
    case 6:
      if (!topology.network_interfaces.empty()) {
        NetworkInterfaceDeclaration& one = any(random, topology.network_interfaces);
        one.instance = one_in(random, 3) ? "" : some_instance(random, topology);
        one.interface.device_index = pick(random, 1, 6);
      }
      return;
    case 7:
      if (!topology.elastic_ips.empty())
        any(random, topology.elastic_ips).interface =
            one_in(random, 3) ? "" : some_instance(random, topology) + "/eth0";
      return;
    case 8: return drop_any(random, topology.flow_logs);
    default: return add_random_things(random, topology);
  }
}

std::vector<const Eni*> all_enis(const Deployment& deployment) {
  std::vector<const Eni*> all;
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis) all.push_back(&eni);
  for (const Eni& eni : deployment.available_enis) all.push_back(&eni);
  return all;
}

/// Nothing is given out twice, and every address is one a guest may have. Addresses one by one, prefixes against all.
void check_addresses(const Deployment& deployment) {
  std::set<IpAddress> addresses, public_addresses;
  std::vector<IpPrefix> prefixes;
  for (const Eni* eni : all_enis(deployment)) {
    const Subnet* subnet = deployment.find_subnet(eni->subnet);
    ASSERT_NE(subnet, nullptr);
    std::vector<IpAddress> all = eni->secondary_private_ips;
    if (eni->type != InterfaceType::kEfaOnly) all.push_back(eni->private_ip);
    for (const IpAddress& one : all) {
      EXPECT_TRUE(subnet->cidr.contains(one)) << one.to_string();
      EXPECT_GE(one.v4().value, subnet->cidr.address.v4().value + 4);
    }
    for (const IpAddress& one : eni->ipv6_addresses) EXPECT_TRUE(subnet->ipv6_cidr->contains(one)) << one.to_string();
    all.insert(all.end(), eni->ipv6_addresses.begin(), eni->ipv6_addresses.end());
    for (const IpAddress& one : all) EXPECT_TRUE(addresses.insert(one).second) << one.to_string();
    for (const IpPrefix& one : eni->prefixes)
      EXPECT_TRUE(one.is_v4() ? subnet->cidr.contains(one) : subnet->ipv6_cidr->contains(one));
    prefixes.insert(prefixes.end(), eni->prefixes.begin(), eni->prefixes.end());
    if (eni->public_ip) {
      EXPECT_TRUE(public_addresses.insert(*eni->public_ip).second);
      EXPECT_EQ(eni->device_index, 0);
      EXPECT_EQ(deployment.find_instance(eni->instance)->state, InstanceState::kRunning);
    }
    EXPECT_FALSE(eni->security_groups.empty());
  }
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    for (const IpAddress& one : addresses) EXPECT_FALSE(prefixes[i].contains(one));
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(prefixes[i], prefixes[j]);
  }
  for (const ElasticIp& one : deployment.elastic_ips) {
    EXPECT_TRUE(public_addresses.insert(one.address).second);
    if (!one.eni_id.empty()) {
      EXPECT_TRUE(deployment.find_eni(one.eni_id)->owns(one.private_ip));
    }
  }
}

void check_consistent(const Deployment& deployment) {
  std::set<std::string> ids;
  std::set<MacAddress> macs;
  std::set<std::uint32_t> vfs;
  check_addresses(deployment);
  for (const Eni* eni : all_enis(deployment)) {
    EXPECT_TRUE(ids.insert(eni->id).second);
    EXPECT_TRUE(macs.insert(eni->mac).second);
    EXPECT_TRUE(eni->instance.empty() || vfs.insert(eni->vf.index).second);
  }
  for (const Instance& one : deployment.instances) {
    EXPECT_TRUE(ids.insert(one.id).second);
    ASSERT_FALSE(one.enis.empty());
    EXPECT_EQ(one.enis[0].device_index, 0);
    for (std::size_t i = 0; i < one.enis.size(); ++i) {
      EXPECT_EQ(one.enis[i].instance, one.name);
      EXPECT_TRUE(i == 0 || one.enis[i - 1].device_index < one.enis[i].device_index);
    }
  }
  for (const RouteTable& table : deployment.route_tables)
    for (const Route& route : table.routes)
      EXPECT_TRUE(route.eni_id.empty() || deployment.find_eni(route.eni_id) != nullptr);
  for (const FlowLog& log : deployment.flow_logs) {
    EXPECT_TRUE(ids.insert(log.id).second);
    EXPECT_TRUE(log.resource_id == deployment.vpc_id || log.resource_id.starts_with("subnet-") ||
                deployment.find_eni(log.resource_id) != nullptr);
  }
}

bool same_to_everybody(const Eni& a, const Eni& b) {
  return a.id == b.id && a.name == b.name && a.instance == b.instance && a.device_index == b.device_index &&
         a.mac == b.mac && a.private_ip == b.private_ip && a.secondary_private_ips == b.secondary_private_ips &&
         a.ipv6_addresses == b.ipv6_addresses && a.prefixes == b.prefixes && a.vf.index == b.vf.index &&
         a.public_ip == b.public_ip && a.public_ip_wanted == b.public_ip_wanted;
}

void check_same(const Deployment& a, const Deployment& b) {
  for (const Change& change : plan(&a, b))
    ADD_FAILURE() << change.resource << " " << change.name << " " << (change.details.empty() ? "" : change.details[0]);
  const std::vector<const Eni*> ours = all_enis(a), theirs = all_enis(b);
  ASSERT_EQ(ours.size(), theirs.size());
  for (const Eni* eni : ours) {
    ASSERT_NE(b.find_eni(eni->id), nullptr);
    EXPECT_TRUE(same_to_everybody(*eni, *b.find_eni(eni->id))) << eni->id;
  }
  for (const Instance& one : a.instances) EXPECT_EQ(one.placement, b.find_instance(one.id)->placement);
  EXPECT_EQ(a.flow_logs, b.flow_logs);
}

/// An id never names two different things over a change, and what stays keeps what is its own.
void check_kept(const Deployment& before, const Deployment& now) {
  for (const Eni* eni : all_enis(now))
    if (const Eni* old = before.find_eni(eni->id)) {
      EXPECT_EQ(old->subnet, eni->subnet);
      EXPECT_EQ(old->type, eni->type);
      EXPECT_EQ(old->mac, eni->mac);
      EXPECT_EQ(old->private_ip, eni->private_ip);
      if (!old->instance.empty() && !eni->instance.empty()) {
        EXPECT_EQ(old->vf.index, eni->vf.index);
      }
    }
  for (const Instance& one : now.instances)
    if (const Instance* old = before.find_instance(one.id)) {
      EXPECT_EQ(old->name, one.name);
      EXPECT_EQ(old->state, one.state);
      EXPECT_EQ(old->enis[0].id, one.enis[0].id) << "the primary is for life";
      if (old->state == InstanceState::kStopped) continue;
      EXPECT_EQ(old->placement, one.placement);
      for (const auto& [these, others] : {std::pair{old, &one}, std::pair{&one, old}})
        for (const Eni& eni : these->enis) {
          const bool there = std::any_of(others->enis.begin(), others->enis.end(),
                                         [&](const Eni& other) { return other.id == eni.id; });
          EXPECT_TRUE(there || eni.type == InterfaceType::kInterface) << "no EFA comes or goes while it runs";
        }
    }
}

void live(Random& random, Deployment& deployment) {
  if (deployment.instances.empty() || !one_in(random, 3)) return;
  using Step = Result<Deployment> (*)(const Deployment&, const std::string&);
  const Step steps[] = {stop_instance, stop_instance, start_instance, reboot_instance, terminate_instance};
  const std::string name = any(random, deployment.instances).name;
  if (Result<Deployment> next = steps[pick(random, 0, 4)](deployment, name)) deployment = *next;
}

TEST(RandomTopologies, resolve_deterministically_and_keep_what_runs) {
  unsigned resolved_count = 0, edited_count = 0;
  constexpr unsigned kSeeds = test::seeds(400, 100);
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Topology topology = random_topology(random);
    Deployment running;
    bool applied = false;
    for (int step = 0; step < 6; ++step) {
      const Topology last = topology;
      if (step > 0)
        for (int i = pick(random, 1, 3); i > 0; --i) edit(random, topology);
      const Result<Deployment> next = resolve(topology, applied ? &running : nullptr);
      const Result<Deployment> again = resolve(topology, applied ? &running : nullptr);
      ASSERT_EQ(static_cast<bool>(next), static_cast<bool>(again));
      if (!next) {
        EXPECT_EQ(next.error().to_string(), again.error().to_string());
        EXPECT_FALSE(next.error().code.empty());
        if (step > 0 && applied) topology = last;
        continue;
      }
      ++(applied ? edited_count : resolved_count);
      check_consistent(*next);
      check_same(*next, *again);
      if (applied) check_kept(running, *next);
      const Result<Deployment> over = resolve(topology, &*next);
      ASSERT_TRUE(over) << "what runs can always be applied again: " << over.error().to_string();
      check_same(*next, *over);
      running = *next;
      applied = true;
      live(random, running);
      check_consistent(running);
      if (::testing::Test::HasFailure()) return;  // one seed says enough
    }
  }
  EXPECT_GT(resolved_count, kSeeds * 3 / 5) << "most random topologies should be possible";
  EXPECT_GT(edited_count, kSeeds * 5 / 4);
}

}  // namespace
}  // namespace weft::testing
