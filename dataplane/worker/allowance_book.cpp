#include "dataplane/worker/allowance_book.hpp"

#include <algorithm>
#include <set>

#include "dataplane/model/instance_types.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {
namespace {

constexpr double kFlowGbpsAnywhere = 5;  // facts ec2 4.3
constexpr double kFlowGbpsInsideCluster = 10;
constexpr int kLargeVcpus = 32;
constexpr double kGatewayGbps = 5;

/// To the internet: half of the bandwidth of a type with 32 vCPUs or more, and 5 Gbps of any (facts ec2 4.3).
double gateway_gbps(const Instance& instance) {
  const InstanceType* const type = find_instance_type(instance.type);
  if (type == nullptr) return 0;
  return type->vcpus >= kLargeVcpus ? std::max(instance.allowances.peak_gbps / 2, kGatewayGbps) : kGatewayGbps;
}

}  // namespace

AllowanceLimits limits_of(const Instance& instance, std::uint32_t cluster) {
  const Allowances& all = instance.allowances;
  AllowanceLimits limits;
  limits.baseline_gbps = all.baseline_gbps;
  limits.peak_gbps = all.peak_gbps;
  limits.gateway_gbps = gateway_gbps(instance);
  limits.pps = all.pps;
  limits.connections = all.connections;
  // The model says 10 of a member of a cluster; that is for its flows to other members.
  const bool member = cluster != 0 && all.flow_gbps == kFlowGbpsInsideCluster;
  limits.flow_gbps = member ? kFlowGbpsAnywhere : all.flow_gbps;
  limits.cluster_flow_gbps = all.flow_gbps;
  limits.cluster = cluster;
  return limits;
}

void AllowanceBook::update(const Deployment& deployment, unsigned workers, std::uint64_t now_ns) {
  std::set<std::string> present;
  any_ = false;
  ids_.clear();
  for (const Instance& instance : deployment.instances) {
    std::uint32_t cluster = 0;
    for (const PlacementGroup& group : deployment.placement_groups)
      if (group.strategy == PlacementStrategy::kCluster && group.name == instance.placement_group)
        cluster = clusters_.emplace(group.id, static_cast<std::uint32_t>(clusters_.size() + 1)).first->second;
    const AllowanceLimits limits = limits_of(instance, cluster);
    if (!limits.any()) continue;
    present.insert(instance.id);
    ids_[instance.name] = instance.id;
    Page& page = pages_[instance.id];
    if (instance.state == InstanceState::kStopped) {
      if (page.allowance != nullptr) page.credits = page.allowance->credits(now_ns);
      page.allowance = nullptr;
      continue;
    }
    any_ = true;
    if (page.allowance != nullptr && page.allowance->limits() == limits) continue;
    page.allowance = page.credits ? std::make_shared<InstanceAllowance>(limits, workers, now_ns, *page.credits)
                                  : std::make_shared<InstanceAllowance>(limits, workers, now_ns, page.allowance.get());
    page.credits.reset();
  }
  std::erase_if(pages_, [&](const auto& page) { return !present.contains(page.first); });
}

const InstanceAllowance* AllowanceBook::find(const std::string& instance_name) const {
  const auto id = ids_.find(instance_name);
  return id == ids_.end() ? nullptr : pages_.at(id->second).allowance.get();
}

std::vector<std::shared_ptr<InstanceAllowance>> AllowanceBook::by_slot(const Deployment& deployment,
                                                                       const std::vector<SlotAssignment>& assignments,
                                                                       std::size_t slots) const {
  std::vector<std::shared_ptr<InstanceAllowance>> all;
  if (!any_) return all;
  all.resize(slots);
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  for (std::size_t i = 0; i < enis.size(); ++i)
    if (const auto id = ids_.find(enis[i]->instance); id != ids_.end())
      all[assignments[i].slot] = pages_.at(id->second).allowance;
  return all;
}

}  // namespace weft
