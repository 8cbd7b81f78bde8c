// The rules of a security group, as the file has them. Inside topology_file only.
#pragma once

#include <string>

#include "dataplane/control/topology_file_reader.hpp"
#include "dataplane/model/topology.hpp"

namespace weft::topology_file {

/// `own_group` is what `group: self` stands for.
RuleDeclaration read_rule(const Value& value, const std::string& own_group);

/// An IPv4 or IPv6 block; refuses an address without a length.
IpPrefix read_cidr(const Value& value);

}  // namespace weft::topology_file
