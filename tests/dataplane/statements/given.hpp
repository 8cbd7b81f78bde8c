// The setup words of facts ec2 10, as parts of a topology file. Left out: VPC 10.0.0.0/16 with the subnet s, 10.0.0.0/24
// in use1-az1. Each part is a line of YAML.
#pragma once

#include <string>
#include <vector>

namespace weft::test {

struct Given {
  std::string vpc = "{cidr: 10.0.0.0/16}";
  std::vector<std::string> subnets = {"{name: s, cidr: 10.0.0.0/24}"};
  std::vector<std::string> security_groups = {};
  std::vector<std::string> instances = {};
  std::vector<std::string> network_interfaces = {};
  std::vector<std::string> route_tables = {};
  std::vector<std::string> network_acls = {};
  std::vector<std::string> elastic_ips = {};
  std::vector<std::string> placement_groups = {};
  bool internet_gateway = false;
  std::string parameters = "{}";  // what EC2 does not publish

  std::string text() const;
};

/// An instance with one interface in s. `more` are further keys of the interface: ", source_dest_check: false".
inline std::string instance(const std::string& name, const std::string& groups, const std::string& more = "",
                            const std::string& keys = "") {
  return "{name: " + name + keys + ", interfaces: [{subnet: s, security_groups: [" + groups + "]" + more + "}]}";
}
inline std::string instance_in(const std::string& subnet, const std::string& name, const std::string& groups,
                               const std::string& more = "") {
  return "{name: " + name + ", interfaces: [{subnet: " + subnet + ", security_groups: [" + groups + "]" + more + "}]}";
}

inline std::string security_group(const std::string& name, const std::string& ingress, const std::string& egress) {
  return "{name: " + name + ", ingress: [" + ingress + "], egress: [" + egress + "]}";
}

// Rules.
inline constexpr const char* kAnyone = "{protocol: all, cidr: 0.0.0.0/0}";
inline constexpr const char* kAnyone6 = "{protocol: all, cidr: '::/0'}";

/// Everything allowed, so tracked by nobody (facts ec2 2.4).
inline std::string open_to_all(const std::string& name = "open") {
  return security_group(name, std::string(kAnyone) + ", " + kAnyone6, std::string(kAnyone) + ", " + kAnyone6);
}
/// Members talk to each other, tracked: the rules name the group.
inline std::string members(const std::string& name = "members") {
  return security_group(name, "{protocol: all, group: self}", "{protocol: all, group: self}");
}

}  // namespace weft::test
