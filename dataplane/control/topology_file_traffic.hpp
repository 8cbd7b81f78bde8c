// Protocol, ports, ICMP type and code: the keys that a security group's rule and a network ACL's entry share. Inside
// topology_file only.
#pragma once

#include <string>
#include <vector>

#include "dataplane/control/topology_file_reader.hpp"
#include "dataplane/model/topology.hpp"

namespace weft::topology_file {

/// "protocol", "port", ... for Value::section().
extern const std::vector<std::string> kTrafficKeys;

/// RuleDeclaration or AclEntryDeclaration: what they call protocol and ports. `what`: "a rule", "an entry".
struct Traffic {
  IpProtocol protocol = kAllProtocols;
  int from_port = -1;
  int to_port = -1;
};
/// Notes what is wrong with any of the keys.
Traffic read_traffic(const Section& section, std::string_view what);

}  // namespace weft::topology_file
