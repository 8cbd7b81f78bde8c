// The parts of a topology file, each by the one function that reads it. A mistake inside a part is noted in the file's
// errors, and what is returned is then not used. Inside topology_file only.
#pragma once

#include <optional>
#include <vector>

#include "dataplane/control/topology_file_reader.hpp"
#include "dataplane/model/topology.hpp"

namespace weft::topology_file {

inline constexpr int kMostPartitions = 7;  // of a placement group, in each zone (facts ec2 4.1)

// topology_file_network.cpp
VpcDeclaration read_vpc(const Value& value);
HostsDeclaration read_hosts(const Value& value);
Parameters read_parameters(const Value& value);
SubnetDeclaration read_subnet(const Value& value);
PrefixListDeclaration read_prefix_list(const Value& value);
PlacementGroupDeclaration read_placement_group(const Value& value);

// topology_file_routes.cpp
RouteTableDeclaration read_route_table(const Value& value);
/// `true`, or a mapping; `false` is none.
std::optional<InternetGatewayDeclaration> read_internet_gateway(const Value& value);
ElasticIpDeclaration read_elastic_ip(const Value& value);

// topology_file_flow_logs.cpp
FlowLogDeclaration read_flow_log(const Value& value);

// topology_file_faults.cpp
underlay::Layout read_fabric(const Value& value);
underlay::Fault read_fault(const Value& value);
/// The same where the name may be left out.
underlay::Fault read_set_fault(const Value& value);

// topology_file_rules.cpp
/// `ipv6`: the VPC has an IPv6 block, so the default rules are about both families (facts ec2 2.1).
SecurityGroupDeclaration read_security_group(const Value& value, bool ipv6);
NetworkAclDeclaration read_network_acl(const Value& value);

// topology_file_ports.cpp
PortBackend read_port(const Value& value);

// topology_file_instances.cpp
InstanceDeclaration read_instance(const Value& value, const std::vector<SubnetDeclaration>& subnets);
NetworkInterfaceDeclaration read_network_interface(const Value& value, const std::vector<SubnetDeclaration>& subnets);

}  // namespace weft::topology_file
