// What tests of the engine add to a deployment: routes, ACLs, the internet gateway and public addresses.
#pragma once

#include "tests/dataplane/policy/fixtures.hpp"

namespace weft::test {

inline Subnet& subnet_named(Deployment& deployment, const std::string& name) {
  for (Subnet& subnet : deployment.subnets)
    if (subnet.name == name) return subnet;
  throw std::runtime_error("no subnet " + name);
}

/// To the subnet's own table, which is made with the first route.
inline void add_route(Deployment& deployment, const std::string& subnet_name, const std::string& destination,
                      RouteTargetKind target, const std::string& eni_id = "") {
  Subnet& subnet = subnet_named(deployment, subnet_name);
  if (subnet.route_table.empty()) {
    subnet.route_table = subnet_name;
    deployment.route_tables.push_back(
        {"rtb-" + subnet_name, subnet_name, false, {{deployment.vpc_cidr, RouteTargetKind::kLocal, ""}}});
  }
  for (RouteTable& table : deployment.route_tables)
    if (table.name == subnet.route_table) table.routes.push_back({*IpPrefix::parse(destination), target, eni_id});
}

inline AclEntryDeclaration acl_entry(int number, bool allow, int protocol, int from, int to,
                                     const std::string& prefix) {
  AclEntryDeclaration entry;
  entry.rule_number = number;
  entry.allow = allow;
  entry.protocol = protocol;
  entry.from_port = from;
  entry.to_port = to;
  entry.cidr = *IpPrefix::parse(prefix);
  return entry;
}
inline AclEntryDeclaration allow(int number, int protocol = kAllProtocols, int from = -1, int to = -1,
                                 const std::string& prefix = "0.0.0.0/0") {
  return acl_entry(number, true, protocol, from, to, prefix);
}
inline AclEntryDeclaration deny(int number, int protocol = kAllProtocols, int from = -1, int to = -1,
                                const std::string& prefix = "0.0.0.0/0") {
  return acl_entry(number, false, protocol, from, to, prefix);
}

/// Gives the subnet an ACL of its own.
inline void add_acl(Deployment& deployment, const std::string& subnet_name, std::vector<AclEntryDeclaration> ingress,
                    std::vector<AclEntryDeclaration> egress) {
  subnet_named(deployment, subnet_name).network_acl = subnet_name;
  deployment.network_acls.push_back({"acl-" + subnet_name, subnet_name, false, std::move(ingress), std::move(egress)});
}

inline constexpr const char* kOutside = "198.51.100.10";  // a host of the internet
inline const MacAddress kInternetMac = *MacAddress::parse("02:00:c6:33:64:0a");
inline const MacAddress kGatewayMac = *MacAddress::parse("06:00:a9:fe:00:01");

/// With a route to it from the subnets named.
inline void add_internet(Deployment& deployment, const std::vector<std::string>& subnets = {"hpc"}) {
  deployment.internet_gateway =
      InternetGateway{"igw-internet", "internet", kInternetMac, {ip(kOutside)}, *IpPrefix::parse("203.0.113.0/24")};
  for (const std::string& subnet : subnets)
    add_route(deployment, subnet, "0.0.0.0/0", RouteTargetKind::kInternetGateway);
}

inline void add_elastic_ip(Deployment& deployment, const std::string& address, const std::string& eni_id,
                           const std::string& private_ip) {
  deployment.elastic_ips.push_back(
      {"eipalloc-" + address, "eipassoc-" + address, address, ip(address), eni_id, ip(private_ip)});
}

}  // namespace weft::test
