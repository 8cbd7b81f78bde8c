// What weft knows of EC2's instance types. A type that is not listed here is taken without limits.
#pragma once

#include <string_view>

namespace weft {

struct InstanceType {
  std::string_view name;
  int interfaces;      // MaximumNetworkInterfaces
  int efa_interfaces;  // EfaInfo.MaximumEfaInterfaces
};

/// Null for a type weft does not know.
const InstanceType* find_instance_type(std::string_view name);

/// "family.size", as every type is written.
bool is_instance_type_name(std::string_view name);

/// Burstable types and Macs may not be in a cluster placement group (facts ec2 4.1).
bool may_join_cluster(std::string_view type);

}  // namespace weft
