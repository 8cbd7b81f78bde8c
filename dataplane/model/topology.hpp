// What the user declares: the topology file as values, with EC2's names. Pure data; `line` is where it was written, so
// that every later error can point at it. docs/topology.md describes each key.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "dataplane/model/parameters.hpp"
#include "dataplane/model/port_backend.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/net/address.hpp"
#include "dataplane/underlay/impairment.hpp"

namespace weft {

/// IANA protocol number, or kAllProtocols (EC2's IpProtocol "-1").
using IpProtocol = int;
inline constexpr IpProtocol kAllProtocols = -1;

struct GroupReference {
  std::string name;
  auto operator<=>(const GroupReference&) const = default;
};
struct PrefixListReference {
  std::string name;
  auto operator<=>(const PrefixListReference&) const = default;
};
/// Exactly one peer per rule (facts ec2 2.2).
using RulePeer = std::variant<IpPrefix, GroupReference, PrefixListReference>;

/// Which of an ENI's two gates a rule belongs to.
enum class Direction : std::uint8_t { kEgress, kIngress };

/// One permission. TCP/UDP: an inclusive port range. ICMP: type and code, -1 any. Any other protocol: all ports.
struct RuleDeclaration {
  IpProtocol protocol = kAllProtocols;
  int from_port = -1;  // tcp, udp: 0..65535; icmp: type or -1; otherwise -1
  int to_port = -1;    // tcp, udp: 0..65535; icmp: code or -1; otherwise -1
  RulePeer peer;
  std::string description;
  int line = 0;
  /// Two rules that differ in no more than their description are one permission to EC2.
  auto permission() const { return std::tie(protocol, from_port, to_port, peer); }
  bool operator==(const RuleDeclaration& o) const {  // the line is not identity
    return permission() == o.permission() && description == o.description;
  }
  auto operator<=>(const RuleDeclaration& o) const {
    return std::tie(protocol, from_port, to_port, peer, description) <=>
           std::tie(o.protocol, o.from_port, o.to_port, o.peer, o.description);
  }
};

struct SecurityGroupDeclaration {
  std::string name;
  std::string description;
  std::vector<RuleDeclaration> ingress;  // empty: nothing new comes in
  std::vector<RuleDeclaration> egress;   // key left out: EC2's default, all IPv4 (facts ec2 2.1)
  int line = 0;
};

/// A customer-managed prefix list. A rule that names it costs max_entries rules (facts ec2 2.2).
struct PrefixListDeclaration {
  std::string name;
  bool ipv6 = false;  // AddressFamily; one list is of one family
  int max_entries = 0;
  std::vector<IpPrefix> entries;
  int line = 0;
};

/// What DHCP tells the guests (facts ec2 1.7). Empty lists: EC2's defaults, the VPC resolver and 169.254.169.123.
struct DhcpOptions {
  std::string domain_name = "ec2.internal";
  std::vector<Ipv4Address> domain_name_servers;
  std::vector<Ipv4Address> ntp_servers;
  bool operator==(const DhcpOptions&) const = default;
};

struct VpcDeclaration {
  IpPrefix cidr;
  std::optional<IpPrefix> ipv6_cidr;  // /56, as EC2 gives (facts ec2 1.6)
  bool dns_support = true;            // enableDnsSupport: the resolver answers
  DhcpOptions dhcp;
  int line = 0;
};

struct SubnetDeclaration {
  std::string name;
  IpPrefix cidr;
  std::optional<IpPrefix> ipv6_cidr;     // /64, inside the VPC's
  std::string az;
  std::string route_table;               // empty: the VPC's main one
  std::string network_acl;               // empty: the default one, which allows all
  bool map_public_ip_on_launch = false;  // facts ec2 3.3
  int line = 0;
};

enum class RouteTargetKind : std::uint8_t { kLocal, kInternetGateway, kInterface, kBlackhole };

struct RouteDeclaration {
  IpPrefix destination;
  RouteTargetKind target = RouteTargetKind::kBlackhole;  // kLocal routes are implied and never declared
  std::string interface;  // kInterface: "web/eth1", or the name of one of network_interfaces
  int line = 0;
  bool operator==(const RouteDeclaration& o) const {
    return destination == o.destination && target == o.target && interface == o.interface;
  }
};

struct RouteTableDeclaration {
  std::string name;
  bool main = false;  // of the subnets that name none; at most one. None declared: one with the local route only
  std::vector<RouteDeclaration> routes;
  int line = 0;
};

/// One numbered entry of a network ACL (facts ec2 2.6). Ports, type and code as in RuleDeclaration.
struct AclEntryDeclaration {
  int rule_number = 0;  // 1 to 32766, lowest first, the first match decides
  bool allow = false;
  IpProtocol protocol = kAllProtocols;
  int from_port = -1;
  int to_port = -1;
  IpPrefix cidr;  // source for ingress, destination for egress
  int line = 0;
  bool operator==(const AclEntryDeclaration& o) const {
    return rule_number == o.rule_number && allow == o.allow && protocol == o.protocol && from_port == o.from_port &&
           to_port == o.to_port && cidr == o.cidr;
  }
};

struct NetworkAclDeclaration {
  std::string name;
  std::vector<AclEntryDeclaration> ingress;  // empty: everything denied, as of a new ACL
  std::vector<AclEntryDeclaration> egress;
  int line = 0;
};

/// The internet gateway and what stands for the internet behind it: a namespace, entered with `weft exec internet`.
struct InternetGatewayDeclaration {
  std::vector<IpAddress> addresses;  // of the hosts out there; left out: 198.51.100.10 and 2001:db8::10
  IpPrefix public_pool;              // public and Elastic addresses come from here; left out: 203.0.113.0/24
  int line = 0;
  PortBackend port{};                      // another than a TAP: a wire, and no namespace's interface
  std::optional<MacAddress> next_hop_mac{};  // of the router at the wire's other end; none with a TAP
};

struct ElasticIpDeclaration {
  std::string name;
  std::optional<Ipv4Address> address;     // left out: the lowest free of the pool
  std::string interface;                  // "web/eth0", "web" (its only interface) or of network_interfaces; or empty
  std::optional<Ipv4Address> private_ip;  // left out: the primary
  bool allow_reassociation = true;        // false: moving it from another interface is Resource.AlreadyAssociated
  int line = 0;
};

/// What CreateFlowLogs calls TrafficType: bits, one for each action.
enum class TrafficType : std::uint8_t { kAccept = 1, kReject = 2, kAll = 3 };

/// CreateFlowLogs. Of the whole VPC when it names neither a subnet nor an interface.
struct FlowLogDeclaration {
  std::string name;
  std::string subnet;
  std::string interface;  // "web/eth0", "web" (its only interface) or of network_interfaces
  TrafficType traffic_type = TrafficType::kAll;
  int max_aggregation_interval = 600;  // seconds: 60 or 600
  std::string log_format;              // checked by the reader of the file; never empty
  std::string destination;             // an absolute path: the directory of its file
  int line = 0;
};

enum class PlacementStrategy { kCluster, kSpread, kPartition };

struct PlacementGroupDeclaration {
  std::string name;
  PlacementStrategy strategy = PlacementStrategy::kCluster;
  int partition_count = 0;  // kPartition: 1 to 7
  int line = 0;
};

/// ENA; EFA with ENA; EFA alone, without addresses (facts ec2 6.1).
enum class InterfaceType { kInterface, kEfa, kEfaOnly };

/// Idle time-outs in seconds (facts ec2 2.4); left out: the type's or EC2's defaults.
struct ConnectionTracking {
  std::optional<int> tcp_established_timeout;  // 60 to 432000
  std::optional<int> udp_timeout;              // 30 to 60
  std::optional<int> udp_stream_timeout;       // 60 to 180
  bool operator==(const ConnectionTracking&) const = default;
};

/// What decides whether a virtual function has a carrier, in ip-link(8)'s words: the port's other end, or nothing but this.
enum class VfLink : std::uint8_t { kAuto, kEnable, kDisable };

/// What `ip link set DEV vf NUM ...` sets of a real card's function (model/vf.hpp).
struct VfSettings {
  bool spoof_check = true;  // the guest sends from its own MAC and addresses only
  bool trust = false;       // the guest may choose its MAC
  VfLink link = VfLink::kAuto;
  std::uint32_t max_tx_rate_mbps = 0;  // of what the guest sends; 0: no limit
  bool operator==(const VfSettings&) const = default;
};

struct InterfaceDeclaration {
  std::string subnet;
  InterfaceType type = InterfaceType::kInterface;
  std::vector<std::string> security_groups;  // left out: the default group
  std::optional<Ipv4Address> private_ip;     // left out: the lowest free address of the subnet
  // Further addresses: those listed, or as many as the count says, or none.
  std::vector<Ipv4Address> secondary_private_ips;
  int secondary_private_ip_count = 0;
  std::vector<IpAddress> ipv6_addresses;
  int ipv6_address_count = 0;
  std::vector<IpPrefix> ipv4_prefixes;  // /28
  int ipv4_prefix_count = 0;
  std::vector<IpPrefix> ipv6_prefixes;  // /80
  int ipv6_prefix_count = 0;
  bool source_dest_check = true;
  std::string description;
  std::optional<bool> associate_public_ip;  // left out: the subnet's map_public_ip_on_launch
  ConnectionTracking connection_tracking;
  std::optional<int> device_index;  // left out: the position in the list
  int network_card = 0;
  bool delete_on_termination = true;
  bool enable_frag_bypass = false;  // the driver's option: fragments out have no allowance of their own (facts ec2 1.8)
  bool ena_srd = false;             // EnaSrdEnabled: ENA Express (facts ec2 5.5)
  bool ena_srd_udp = false;         // EnaSrdUdpEnabled: means nothing without the other
  PortBackend port;                 // socket and device may contain {instance} and {index}
  VfSettings vf;
  int line = 0;
};

/// An ENI that exists for itself (CreateNetworkInterface): it stays when its instance goes and can be moved.
struct NetworkInterfaceDeclaration {
  std::string name;
  InterfaceDeclaration interface;  // device_index is required with an instance; delete_on_termination defaults to false
  std::string instance;            // attached to; empty: available
  int line = 0;
};

/// Limits of one instance; each replaces what its type says (facts ec2 1.5, 5.3, 5.4). 0: no limit.
struct LimitsDeclaration {
  std::optional<double> baseline_gbps, peak_gbps;  // each direction
  std::optional<std::uint64_t> pps;                // both directions together
  std::optional<std::uint64_t> connections;        // tracked
  std::optional<double> flow_gbps;                 // a single flow: 5, or 10 inside a cluster placement group
  bool operator==(const LimitsDeclaration&) const = default;
};

/// How an instance's metadata can be asked for: EC2's MetadataOptions and its defaults of today (facts ec2 7.4).
struct MetadataOptions {
  bool tokens_required = true;      // HttpTokens: required, else optional
  int put_response_hop_limit = 1;   // HttpPutResponseHopLimit, 1 to 64
  bool endpoint_enabled = true;     // HttpEndpoint
  bool ipv6_enabled = false;        // HttpProtocolIpv6
  bool operator==(const MetadataOptions&) const = default;
};

struct InstanceDeclaration {
  std::string name;
  int count = 1;      // more than one: name-0, name-1, ...
  bool counted = false;  // `count:` was written, so even count 1 is named name-0
  std::string type;   // left out: no limits
  std::string placement_group;
  std::optional<int> partition;  // of a partition placement group; left out: the emptiest
  LimitsDeclaration limits;
  MetadataOptions metadata_options;
  std::vector<InterfaceDeclaration> interfaces;
  int line = 0;
};

/// The machines a zone has, so that placement means something (facts ec2 4.1).
struct HostsDeclaration {
  int racks_per_zone = 16;
  int hosts_per_rack = 16;
  int line = 0;
};

struct Topology {
  std::string file;
  int version = 1;
  VpcDeclaration vpc;
  Parameters parameters;
  HostsDeclaration hosts;
  std::optional<InternetGatewayDeclaration> internet_gateway;
  std::vector<PrefixListDeclaration> prefix_lists;
  std::vector<RouteTableDeclaration> route_tables;
  std::vector<NetworkAclDeclaration> network_acls;
  std::vector<SubnetDeclaration> subnets;
  std::vector<SecurityGroupDeclaration> security_groups;
  std::vector<PlacementGroupDeclaration> placement_groups;
  std::vector<InstanceDeclaration> instances;
  std::vector<NetworkInterfaceDeclaration> network_interfaces;
  std::vector<ElasticIpDeclaration> elastic_ips;
  std::vector<FlowLogDeclaration> flow_logs;
  underlay::Layout fabric;
  std::vector<underlay::Fault> faults;

  std::map<std::string, int> lines;  // key path -> line, as the reader of the file saw it

  /// Where a key path was written: its own line, or that of the nearest thing around it.
  Where where(const std::string& key) const;
};

}  // namespace weft
