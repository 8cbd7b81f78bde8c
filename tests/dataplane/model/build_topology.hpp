// A topology in code, for tests that are not about the file.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"

namespace weft::testing {

inline IpPrefix cidr(const std::string& text) { return IpPrefix::parse(text).value(); }
inline IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

inline RuleDeclaration tcp(int port, RulePeer peer) { return {6, port, port, std::move(peer), "", 0}; }
inline RuleDeclaration all(RulePeer peer) { return {kAllProtocols, -1, -1, std::move(peer), "", 0}; }

inline SubnetDeclaration subnet(const std::string& name, const std::string& block, const std::string& az = "use1-az1") {
  SubnetDeclaration declared;
  declared.name = name;
  declared.cidr = cidr(block);
  declared.az = az;
  return declared;
}

/// One VPC, subnet `a` 10.0.1.0/24 and `b` 10.0.2.0/28 in one zone, `far` in another; group `web`.
inline Topology small() {
  Topology topology;
  topology.file = "small.yaml";
  topology.vpc.cidr = cidr("10.0.0.0/16");
  topology.subnets = {subnet("a", "10.0.1.0/24"), subnet("b", "10.0.2.0/28"), subnet("far", "10.0.3.0/24", "use1-az2")};
  SecurityGroupDeclaration web;
  web.name = "web";
  web.ingress = {tcp(80, cidr("0.0.0.0/0"))};
  web.egress = {all(cidr("0.0.0.0/0"))};
  topology.security_groups = {web};
  topology.placement_groups = {{"tight", PlacementStrategy::kCluster, 0, 0},
                               {"wide", PlacementStrategy::kSpread, 0, 0}};
  return topology;
}

inline InstanceDeclaration instance(const std::string& name, const std::string& subnet = "a") {
  InstanceDeclaration declared;
  declared.name = name;
  InterfaceDeclaration interface;
  interface.subnet = subnet;
  declared.interfaces = {interface};
  return declared;
}

inline InstanceDeclaration instances(const std::string& name, int count, const std::string& subnet = "a") {
  InstanceDeclaration declared = instance(name, subnet);
  declared.count = count;
  declared.counted = true;
  return declared;
}

/// `small()` with IPv6 in subnet `a`, and an internet gateway.
inline Topology dual_stack() {
  Topology topology = small();
  topology.vpc.ipv6_cidr = cidr("2001:db8:1:100::/56");
  topology.subnets[0].ipv6_cidr = cidr("2001:db8:1:101::/64");
  topology.internet_gateway.emplace();
  return topology;
}

/// One of network_interfaces; attached to `instance` as eth`index`, unless that is empty.
inline NetworkInterfaceDeclaration network_interface(const std::string& name, const std::string& subnet,
                                                     const std::string& instance = "", int index = 1) {
  NetworkInterfaceDeclaration declared;
  declared.name = name;
  declared.interface.subnet = subnet;
  declared.interface.delete_on_termination = false;
  declared.instance = instance;
  if (!instance.empty()) declared.interface.device_index = index;
  return declared;
}

inline Ipv4Address v4(const std::string& text) { return Ipv4Address::parse(text).value(); }

/// Every mistake, as "code at key".
inline std::vector<std::string> mistakes(const Topology& topology, const Deployment* running = nullptr) {
  const Result<Deployment> result = resolve(topology, running);
  if (result) return {};
  std::vector<std::string> all{result.error().code + " at " + result.error().where.key};
  for (const Error& other : result.error().others) all.push_back(other.code + " at " + other.where.key);
  return all;
}

/// For topologies that must resolve.
inline Deployment resolved(const Topology& topology, const Deployment* running = nullptr) {
  Result<Deployment> result = resolve(topology, running);
  if (!result) throw std::runtime_error(result.error().to_string());
  return *result;
}

}  // namespace weft::testing
