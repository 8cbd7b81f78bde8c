// What the lines of a plan say about each kind of resource. Inside this folder only.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"

namespace weft {

using Details = std::vector<std::string>;

/// All of a resource that comes. `in`: the deployment it is of.
Details all_of(const Subnet& subnet, const Deployment& in);
Details all_of(const PlacementGroup& group, const Deployment& in);
Details all_of(const PrefixList& list, const Deployment& in);
Details all_of(const SecurityGroup& group, const Deployment& in);
Details all_of(const RouteTable& table, const Deployment& in);
Details all_of(const NetworkAcl& acl, const Deployment& in);
Details all_of(const ElasticIp& elastic, const Deployment& in);
Details all_of(const FlowLog& log, const Deployment& in);
Details all_of(const Instance& instance, const Deployment& in);

/// Two of one id, and the deployments they are of.
template <typename T>
struct Versions {
  const T& before;
  const T& now;
  const Deployment& in_before;
  const Deployment& in_now;
};

/// What differs; empty: nothing that anybody would see.
Details differences(const Versions<Subnet>& versions);
Details differences(const Versions<PlacementGroup>& versions);
Details differences(const Versions<PrefixList>& versions);
Details differences(const Versions<SecurityGroup>& versions);
Details differences(const Versions<RouteTable>& versions);
Details differences(const Versions<NetworkAcl>& versions);
Details differences(const Versions<ElasticIp>& versions);
Details differences(const Versions<FlowLog>& versions);
Details differences(const Versions<Instance>& versions);
Details differences(const Versions<Eni>& versions);

Details vpc_differences(const Deployment& before, const Deployment& now);
Details gateway_details(const InternetGateway& gateway);
Details fabric_differences(const underlay::Layout& before, const underlay::Layout& now);
Details fault_differences(const underlay::Fault& before, const underlay::Fault& now);

/// EC2 makes it with the VPC and nobody has said anything about it: no line when it comes or goes.
bool is_implied(const RouteTable& table);
bool is_implied(const NetworkAcl& acl);

}  // namespace weft
