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

/// One VPC, subnet `a` 10.0.1.0/24 and `b` 10.0.2.0/28 in one zone, `far` in another; group `web`.
inline Topology small() {
  Topology topology;
  topology.file = "small.yaml";
  topology.vpc.cidr = cidr("10.0.0.0/16");
  topology.subnets = {{"a", cidr("10.0.1.0/24"), "use1-az1", 0},
                      {"b", cidr("10.0.2.0/28"), "use1-az1", 0},
                      {"far", cidr("10.0.3.0/24"), "use1-az2", 0}};
  SecurityGroupDeclaration web;
  web.name = "web";
  web.ingress = {tcp(80, cidr("0.0.0.0/0"))};
  web.egress = {all(cidr("0.0.0.0/0"))};
  topology.security_groups = {web};
  topology.placement_groups = {{"tight", PlacementStrategy::kCluster, 0}, {"wide", PlacementStrategy::kSpread, 0}};
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

/// For topologies that must resolve.
inline Deployment resolved(const Topology& topology, const Deployment* running = nullptr) {
  Result<Deployment> result = resolve(topology, running);
  if (!result) throw std::runtime_error(result.error().to_string());
  return *result;
}

}  // namespace weft::testing
