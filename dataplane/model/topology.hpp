// What the user declares: the topology file as values, with EC2's names. Pure data; `line` is where it was written, so
// that every later error can point at it. docs/topology.md describes each key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/model/result.hpp"
#include "dataplane/net/address.hpp"

namespace weft {

/// IANA protocol number, or kAllProtocols (EC2's IpProtocol "-1").
using IpProtocol = int;
inline constexpr IpProtocol kAllProtocols = -1;

struct GroupReference {
  std::string name;
  bool operator==(const GroupReference&) const = default;
};
/// Exactly one peer per rule (facts ec2 2.2). Prefix lists come with the NACL issue.
using RulePeer = std::variant<IpPrefix, GroupReference>;

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
  bool operator==(const RuleDeclaration& o) const {  // the line is not identity
    return protocol == o.protocol && from_port == o.from_port && to_port == o.to_port && peer == o.peer &&
           description == o.description;
  }
};

struct SecurityGroupDeclaration {
  std::string name;
  std::string description;
  std::vector<RuleDeclaration> ingress;  // empty: nothing new comes in
  std::vector<RuleDeclaration> egress;   // key left out: EC2's default, all IPv4 (facts ec2 2.1)
  int line = 0;
};

struct VpcDeclaration {
  IpPrefix cidr;
  int line = 0;
};

struct SubnetDeclaration {
  std::string name;
  IpPrefix cidr;
  std::string az;
  int line = 0;
};

enum class PlacementStrategy { kCluster, kSpread, kPartition };

struct PlacementGroupDeclaration {
  std::string name;
  PlacementStrategy strategy = PlacementStrategy::kCluster;
  int line = 0;
};

enum class InterfaceType { kInterface, kEfa };  // ENA; EFA with ENA (facts ec2 6.1)

struct InterfaceDeclaration {
  std::string subnet;
  InterfaceType type = InterfaceType::kInterface;
  std::vector<std::string> security_groups;  // left out: the default group
  std::optional<Ipv4Address> private_ip;     // left out: the lowest free address of the subnet
  bool source_dest_check = true;
  int line = 0;
};

struct InstanceDeclaration {
  std::string name;
  int count = 1;      // more than one: name-0, name-1, ...
  bool counted = false;  // `count:` was written, so even count 1 is named name-0
  std::string type;   // left out: no limits
  std::string placement_group;
  std::vector<InterfaceDeclaration> interfaces;
  int line = 0;
};

struct Topology {
  std::string file;
  int version = 1;
  VpcDeclaration vpc;
  std::vector<SubnetDeclaration> subnets;
  std::vector<SecurityGroupDeclaration> security_groups;
  std::vector<PlacementGroupDeclaration> placement_groups;
  std::vector<InstanceDeclaration> instances;

  std::map<std::string, int> lines;  // key path -> line, as the reader of the file saw it

  /// Where a key path was written: its own line, or that of the nearest thing around it.
  Where where(const std::string& key) const;
};

}  // namespace weft
