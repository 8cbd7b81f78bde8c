// The guests of fabric.hpp with IPv6 beside IPv4: a, b, c in 2001:db8:0:1::/64 and d in 2001:db8:0:2::/64;
// 2001:db8:0:1::a is a's, and so on.
#pragma once

#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/frames6.hpp"

namespace weft::test {

inline std::string address6(const std::string& guest) {
  return std::string("2001:db8:0:") + (guest == "d" ? "2" : "1") + "::" + guest;
}

inline Deployment dual_stack(std::vector<SecurityGroup> groups, std::vector<Instance> instances) {
  Deployment deployment = make_deployment(std::move(groups), std::move(instances));
  deployment.vpc_ipv6_cidr = *IpPrefix::parse("2001:db8::/56");
  deployment.subnets[0].ipv6_cidr = *IpPrefix::parse("2001:db8:0:1::/64");
  deployment.subnets[1].ipv6_cidr = *IpPrefix::parse("2001:db8:0:2::/64");
  for (Instance& instance : deployment.instances)
    if (instance.enis[0].ipv6_addresses.empty()) instance.enis[0].ipv6_addresses = {ip(address6(instance.name))};
  return deployment;
}

inline Path path_to6(const Fabric& fabric, const std::string& from, const std::string& address) {
  const Eni& sender = fabric.eni(from);
  MacAddress via = sender.subnet == "far" ? kFarRouterMac : kRouterMac;
  for (const Instance& other : fabric.deployment().instances)
    if (other.enis[0].subnet == sender.subnet && other.enis[0].owns(ip(address))) via = other.enis[0].mac;
  return {sender.mac, via, address6(from), address};
}
inline Path path6(const Fabric& fabric, const std::string& from, const std::string& to) {
  return path_to6(fabric, from, address6(to));
}

/// Everything allowed by IPv6, and so tracked by nobody.
inline SecurityGroup open_group6(const std::string& name = "open") {
  return make_group(name, {all(cidr("::/0"))}, {all(cidr("::/0"))});
}

}  // namespace weft::test
