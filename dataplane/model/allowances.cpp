#include "dataplane/model/allowances.hpp"

#include <algorithm>

#include "dataplane/model/instance_types.hpp"

namespace weft {
namespace {

constexpr int kLargeVcpus = 32;
constexpr double kGatewayGbps = 5;

}  // namespace

bool has_allowances(const Instance& instance) {
  return instance.allowances != Allowances{} || gateway_gbps(instance) > 0;
}

double gateway_gbps(const Instance& instance) {
  const InstanceType* const type = find_instance_type(instance.type);
  if (type == nullptr) return 0;
  return type->vcpus >= kLargeVcpus ? std::max(instance.allowances.peak_gbps / 2, kGatewayGbps) : kGatewayGbps;
}

const PlacementGroup* cluster_of(const Deployment& deployment, const Instance& instance) {
  for (const PlacementGroup& group : deployment.placement_groups)
    if (group.strategy == PlacementStrategy::kCluster && group.name == instance.placement_group) return &group;
  return nullptr;
}

double flow_gbps(const Instance& instance, bool member, bool together) {
  // The model says 10 of a member of a cluster; that is for its flows to other members. Another number was declared.
  const double all = instance.allowances.flow_gbps;
  return member && !together && all == kFlowGbpsInCluster ? kFlowGbps : all;
}

}  // namespace weft
