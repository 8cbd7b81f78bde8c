// The validated model: every name resolved, every address and id chosen. `resolve()` makes it from a Topology and the
// deployment that runs now, so that what did not change keeps its id, address, MAC and VF; `plan()` says what differs.
// A Deployment is the only input of the compiled tables (worker/snapshot.hpp) and of the instances.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"
#include "dataplane/model/topology.hpp"

namespace weft {

inline constexpr int kFabricMtu = 9001;  // inside a VPC (facts ec2 1.8)

struct SecurityGroup {
  std::string id;  // "sg-" + 17 hex digits
  std::string name;
  std::string description;
  std::vector<RuleDeclaration> ingress;
  std::vector<RuleDeclaration> egress;
};

struct Subnet {
  std::string id;  // "subnet-..."
  std::string name;
  IpPrefix cidr;
  std::string az;
  IpAddress router() const;  // the subnet's .1, an address of the fabric (facts ec2 1.6)
};

struct PlacementGroup {
  std::string id;  // "pg-..."
  std::string name;
  PlacementStrategy strategy = PlacementStrategy::kCluster;
};

/// A virtual function of the host's adapter: what `ip link show` prints for a real card's VF (DESIGN D5).
struct VirtualFunction {
  std::uint32_t index = 0;  // unique on the host, reused after detach
  bool spoof_check = true;
  bool trust = false;
  bool link_up = true;
  std::uint32_t max_tx_rate_mbps = 0;  // 0: no limit
};

struct Eni {
  std::string id;  // "eni-..."
  std::string instance;
  int device_index = 0;  // ethN in the instance
  std::string subnet;    // name
  InterfaceType type = InterfaceType::kInterface;
  MacAddress mac;
  IpAddress private_ip;
  std::vector<std::string> security_groups;  // names
  bool source_dest_check = true;
  VirtualFunction vf;
};

struct Instance {
  std::string id;  // "i-..."
  std::string name;
  std::string type;
  std::string placement_group;
  std::vector<Eni> enis;  // by device index; [0] is the primary
};

struct Deployment {
  std::string vpc_id;
  IpPrefix vpc_cidr;
  std::vector<Subnet> subnets;
  std::vector<SecurityGroup> security_groups;  // with `default`, always
  std::vector<PlacementGroup> placement_groups;
  std::vector<Instance> instances;

  const Subnet* find_subnet(std::string_view name) const;
  const SecurityGroup* find_security_group(std::string_view name) const;
  const Instance* find_instance(std::string_view name_or_id) const;
  const Eni* find_eni(std::string_view id) const;
};

/// Validates and fills in. Errors carry EC2's code and the topology's file, line and key. Deterministic: the same
/// topology over the same running deployment gives the same ids and addresses.
Result<Deployment> resolve(const Topology& topology, const Deployment* running);

enum class ChangeKind { kAdd, kChange, kRemove };

/// One line of the plan: "+ instance node-0 (i-0123..)  eth0 10.0.1.4 vf 0".
struct Change {
  ChangeKind kind = ChangeKind::kAdd;
  std::string resource;  // "vpc", "subnet", "security group", "placement group", "instance", "network interface"
  std::string name;
  std::string id;
  std::vector<std::string> details;  // "ingress + tcp 22 from 0.0.0.0/0"
};

/// What apply would do, in the order it does it. Empty: nothing to do. `running` may be null.
std::vector<Change> plan(const Deployment* running, const Deployment& wanted);

}  // namespace weft
