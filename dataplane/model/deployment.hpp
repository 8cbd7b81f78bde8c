// The validated model: every name resolved, every address and id chosen. `resolve()` makes it from a Topology and the
// deployment that runs now, so that what did not change keeps its id, address, MAC and VF; `plan()` says what differs.
// A Deployment is the only input of the compiled tables (worker/snapshot.hpp) and of the instances.
#pragma once

#include <cstdint>
#include <optional>
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
  bool operator==(const SecurityGroup&) const = default;
};

struct PrefixList {
  std::string id;  // "pl-..."
  std::string name;
  bool ipv6 = false;
  int max_entries = 0;
  std::vector<IpPrefix> entries;
  bool operator==(const PrefixList&) const = default;
};

struct Route {
  IpPrefix destination;
  RouteTargetKind target = RouteTargetKind::kLocal;
  std::string eni_id;  // kInterface; empty when that interface does not exist any more: a blackhole
  int line = 0;        // of the topology file; 0: implied
  bool operator==(const Route& o) const {  // the line is not identity
    return destination == o.destination && target == o.target && eni_id == o.eni_id;
  }
};

struct RouteTable {
  std::string id;  // "rtb-..."
  std::string name;
  bool main = false;
  std::vector<Route> routes;  // with the local ones, which come first
  bool operator==(const RouteTable&) const = default;
};

struct NetworkAcl {
  std::string id;  // "acl-..."
  std::string name;
  bool is_default = false;
  std::vector<AclEntryDeclaration> ingress;  // by rule number
  std::vector<AclEntryDeclaration> egress;
  bool operator==(const NetworkAcl&) const = default;
};

struct Subnet {
  std::string id;  // "subnet-..."
  std::string name;
  IpPrefix cidr;
  std::string az;
  std::optional<IpPrefix> ipv6_cidr;
  std::string route_table;  // name; never empty after resolve()
  std::string network_acl;  // name; never empty after resolve()
  bool map_public_ip_on_launch = false;
  IpAddress router() const;  // the subnet's .1, an address of the fabric (facts ec2 1.6)
  bool operator==(const Subnet&) const = default;
};

/// The internet gateway (facts ec2 1.10, 3.1): one end of every hop that leaves the VPC.
struct InternetGateway {
  std::string id;     // "igw-..."
  std::string guest;  // name of the namespace behind it: "internet"
  MacAddress mac;     // of that namespace's interface, or of the router at the other end of `port`
  std::vector<IpAddress> addresses;
  IpPrefix public_pool;
  PortBackend port{};  // what its packets go out by and come in from
};

struct ElasticIp {
  std::string id;              // "eipalloc-..."
  std::string association_id;  // "eipassoc-..."; empty: not associated
  std::string name;
  IpAddress address;
  std::string eni_id;  // empty: not associated
  IpAddress private_ip;
  bool operator==(const ElasticIp&) const = default;
};

/// Nothing about it can be changed, as in EC2: what differs makes another one, of another id.
struct FlowLog {
  std::string id;  // "fl-..."
  std::string name;
  std::string resource_id;  // the VPC's, a subnet's or an ENI's
  TrafficType traffic_type = TrafficType::kAll;
  int max_aggregation_interval = 600;
  std::string log_format;
  std::string destination;
  bool operator==(const FlowLog&) const = default;
};

/// The machines that each zone has.
struct Hosts {
  int racks_per_zone = 16;
  int hosts_per_rack = 16;
  bool operator==(const Hosts&) const = default;
};

/// Where an instance stands, or stood when it was stopped. Racks and hosts count from 0 inside their zone; partitions from 1,
/// 0: none.
struct Placement {
  int rack = 0;
  int host = 0;
  int partition = 0;
  bool operator==(const Placement&) const = default;
};

/// What an instance may do, from its type and its limits. 0: no limit (facts ec2 1.5, 4.3, 5.4).
struct Allowances {
  double baseline_gbps = 0, peak_gbps = 0;  // each direction
  std::uint64_t pps = 0;
  std::uint64_t connections = 0;
  double flow_gbps = 0;
  bool operator==(const Allowances&) const = default;
};

struct PlacementGroup {
  std::string id;  // "pg-..."
  std::string name;
  PlacementStrategy strategy = PlacementStrategy::kCluster;
  int partition_count = 0;
  bool operator==(const PlacementGroup&) const = default;
};

/// A virtual function of the host's adapter: what `ip link show` prints for a real card's VF (DESIGN D5). The settings are
/// those in force: what the file says, until `weft vf set` says otherwise; the file's word counts again where it changes.
struct VirtualFunction : VfSettings {
  std::uint32_t index = 0;  // unique on the host, reused after detach
  VfSettings declared;      // by the file
  bool link_up() const { return link != VfLink::kDisable; }  // as far as it is ours to say
  bool operator==(const VirtualFunction&) const = default;
};

enum class InstanceState { kRunning, kStopped };

struct Eni {
  std::string id;        // "eni-..."
  std::string name;      // of network_interfaces; empty: made with its instance
  std::string instance;  // empty: available, attached to none
  int device_index = 0;  // ethN in the instance
  int network_card = 0;
  bool delete_on_termination = true;
  std::string subnet;    // name
  InterfaceType type = InterfaceType::kInterface;
  MacAddress mac;
  IpAddress private_ip;
  std::vector<std::string> security_groups;  // names
  bool source_dest_check = true;
  VirtualFunction vf;
  PortBackend port;
  std::string description;
  std::vector<IpAddress> secondary_private_ips;
  std::vector<IpAddress> ipv6_addresses;
  std::vector<IpPrefix> prefixes;  // delegated, /28 and /80
  ConnectionTracking connection_tracking;
  bool enable_frag_bypass = false;
  bool ena_srd = false, ena_srd_udp = false;
  bool public_ip_wanted = false;       // auto-assigned public IPv4, decided when the ENI was made (facts ec2 3.3)
  std::optional<IpAddress> public_ip;  // the one it has now, for the primary address; an Elastic IP takes its place
  /// The ENI's own address, or inside a prefix delegated to it.
  bool owns(const IpAddress& ip) const;
  bool operator==(const Eni&) const = default;
};

struct Instance {
  std::string id;  // "i-..."
  std::string name;
  std::string type;
  std::string placement_group;
  Placement placement;
  Allowances allowances;
  MetadataOptions metadata_options;
  InstanceState state = InstanceState::kRunning;
  std::uint32_t starts = 0;  // how often it was started: each start has another public IPv4
  std::vector<Eni> enis;     // by device index; [0] is the primary
  bool operator==(const Instance&) const = default;
};

struct Deployment {
  std::string vpc_id;
  IpPrefix vpc_cidr;
  std::optional<IpPrefix> vpc_ipv6_cidr;
  bool dns_support = true;
  DhcpOptions dhcp;
  Parameters parameters;
  Hosts hosts;
  std::optional<InternetGateway> internet_gateway;
  std::vector<PrefixList> prefix_lists;
  std::vector<RouteTable> route_tables;  // with the main one, always
  std::vector<NetworkAcl> network_acls;  // with `default`, always
  std::vector<ElasticIp> elastic_ips;
  std::vector<FlowLog> flow_logs;
  std::vector<Eni> available_enis;  // attached to no instance
  std::vector<Subnet> subnets;
  std::vector<SecurityGroup> security_groups;  // with `default`, always
  std::vector<PlacementGroup> placement_groups;
  std::vector<Instance> instances;
  underlay::Layout layout;
  std::vector<underlay::Fault> declared_faults;  // of the topology file
  std::vector<underlay::Fault> set_faults;       // while it runs, in the order they were set (faults.hpp)

  const Subnet* find_subnet(std::string_view name) const;
  const SecurityGroup* find_security_group(std::string_view name) const;
  const Instance* find_instance(std::string_view name_or_id) const;
  const Eni* find_eni(std::string_view id) const;  // attached or available
  const PrefixList* find_prefix_list(std::string_view name) const;
  const RouteTable* find_route_table(std::string_view name) const;
  const NetworkAcl* find_network_acl(std::string_view name) const;
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
