#include "dataplane/worker/allowance_book.hpp"

#include <set>

#include "dataplane/limit/packet_windows.hpp"
#include "dataplane/model/allowances.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

static_assert(PacketWindows::kPackets == kLinkLocalPacketsPerSecond);

AllowanceLimits limits_of(const Instance& instance, std::uint32_t cluster, const Parameters& parameters) {
  const Allowances& all = instance.allowances;
  AllowanceLimits limits;
  limits.baseline_gbps = all.baseline_gbps;
  limits.peak_gbps = all.peak_gbps;
  limits.gateway_gbps = gateway_gbps(instance);
  limits.pps = all.pps;
  limits.connections = all.connections;
  limits.flow_gbps = flow_gbps(instance, cluster != 0, false);
  limits.cluster_flow_gbps = flow_gbps(instance, cluster != 0, true);
  limits.cluster = cluster;
  limits.credit_seconds = parameters.credit_seconds;
  limits.burst_ms = parameters.burst_ms;
  return limits;
}

void AllowanceBook::update(const Deployment& deployment, unsigned workers, std::uint64_t now_ns) {
  std::set<std::string> present;
  any_ = false;
  ids_.clear();
  for (const Instance& instance : deployment.instances) {
    std::uint32_t cluster = 0;
    if (const PlacementGroup* const group = cluster_of(deployment, instance))
      cluster = clusters_.emplace(group->id, static_cast<std::uint32_t>(clusters_.size() + 1)).first->second;
    const AllowanceLimits limits = limits_of(instance, cluster, deployment.parameters);
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
