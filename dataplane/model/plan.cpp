// What differs between two deployments. Ids decide: an equal name with another id is a thing made anew, and shows as a
// removal and an addition. First everything that goes, users before what they use; then everything that comes or
// changes, the other way round. The words are plan_details.cpp's.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/describe.hpp"
#include "dataplane/model/faults.hpp"
#include "dataplane/model/plan_details.hpp"

namespace weft {
namespace {

/// What is in a list by its id or name: a deployment may have 5,000 interfaces. The list must stay where it is.
template <typename T>
class Index {
 public:
  void add(std::string_view key, const T& one) { all_.emplace(key, &one); }
  const T* find(std::string_view key) const {
    const auto found = all_.find(key);
    return found == all_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, const T*> all_;
};

template <typename T>
Index<T> by_id(const std::vector<T>& all) {
  Index<T> index;
  for (const T& one : all) index.add(one.id, one);
  return index;
}

Index<Eni> by_id(const std::vector<const Eni*>& all) {
  Index<Eni> index;
  for (const Eni* eni : all) index.add(eni->id, *eni);
  return index;
}

template <typename T>
bool has_no_line(const T&) {
  return false;
}
bool has_no_line(const RouteTable& table) { return is_implied(table); }
bool has_no_line(const NetworkAcl& acl) { return is_implied(acl); }

std::vector<const Eni*> all_enis(const Deployment& deployment) {
  std::vector<const Eni*> all;
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis) all.push_back(&eni);
  for (const Eni& eni : deployment.available_enis) all.push_back(&eni);
  return all;
}

std::string eni_name(const Eni& eni) { return eni.name.empty() ? label(eni) : eni.name; }

class Planner {
 public:
  Planner(const Deployment& before, const Deployment& now)
      : before_(before), now_(now), enis_before_(all_enis(before)), enis_now_(all_enis(now)) {}

  template <typename T>
  void removals(const std::string& resource, const std::vector<T> Deployment::*list) {
    const Index<T> now = by_id(now_.*list);
    for (const T& one : before_.*list)
      if (now.find(one.id) == nullptr && !has_no_line(one))
        changes.push_back({ChangeKind::kRemove, resource, one.name, one.id, {}});
  }

  template <typename T>
  void additions(const std::string& resource, const std::vector<T> Deployment::*list) {
    const Index<T> before = by_id(before_.*list);
    for (const T& one : now_.*list) {
      const T* old = before.find(one.id);
      if (old != nullptr && *old == one) continue;
      if (old == nullptr && !has_no_line(one))
        changes.push_back({ChangeKind::kAdd, resource, one.name, one.id, all_of(one, now_)});
      else if (old != nullptr)
        if (Details details = differences(Versions<T>{*old, one, before_, now_}); !details.empty())
          changes.push_back({ChangeKind::kChange, resource, one.name, one.id, std::move(details)});
    }
  }

  // Those made with an instance come and go with it; the others, and those of an instance that stays, by themselves.
  void interface_removals() {
    const Index<Eni> now = by_id(enis_now_);
    const InstanceThere instance_that_stays(before_, now_);
    for (const Eni* eni : enis_before_) {
      if (now.find(eni->id) != nullptr) continue;
      if (eni->name.empty() && !instance_that_stays(*eni)) continue;
      changes.push_back({ChangeKind::kRemove, kInterface, eni_name(*eni), eni->id,
                         eni->instance.empty() ? Details{} : Details{"detached from " + eni->instance}});
    }
  }

  void interface_additions() {
    const Index<Eni> before = by_id(enis_before_);
    const InstanceThere instance_that_stayed(now_, before_);
    for (const Eni* eni : enis_now_) {
      if (const Eni* old = before.find(eni->id)) {
        if (*old == *eni) continue;
        if (Details details = differences(Versions<Eni>{*old, *eni, before_, now_}); !details.empty())
          changes.push_back({ChangeKind::kChange, kInterface, eni_name(*eni), eni->id, std::move(details)});
        continue;
      }
      if (eni->name.empty() && !instance_that_stayed(*eni)) continue;
      Details details;
      if (!eni->instance.empty()) details.push_back("attached to " + eni->instance);
      details.push_back(describe(*eni));
      changes.push_back({ChangeKind::kAdd, kInterface, eni_name(*eni), eni->id, std::move(details)});
    }
  }

  void vpc_removal() {
    if (before_.vpc_id != now_.vpc_id && !before_.vpc_id.empty())
      changes.push_back({ChangeKind::kRemove, "vpc", before_.vpc_cidr.to_string(), before_.vpc_id, {}});
  }

  void vpc_addition() {
    if (now_.vpc_id.empty()) return;
    const bool is_new = before_.vpc_id != now_.vpc_id;
    Details details = vpc_differences(is_new ? Deployment{} : before_, now_);
    if (is_new || !details.empty())
      changes.push_back({is_new ? ChangeKind::kAdd : ChangeKind::kChange, "vpc", now_.vpc_cidr.to_string(), now_.vpc_id,
                         std::move(details)});
  }

  void fabric_change() {
    if (Details details = fabric_differences(before_.layout, now_.layout); !details.empty())
      changes.push_back({ChangeKind::kChange, "fabric", "fabric", now_.vpc_id, std::move(details)});
  }

  void fault_removals() {
    const std::vector<underlay::Fault> now = all_faults(now_);
    for (const underlay::Fault& fault : all_faults(before_))
      if (find_fault(now, fault.name) == nullptr)
        changes.push_back({ChangeKind::kRemove, "fault", fault.name, "", {}});
  }

  void fault_additions() {
    const std::vector<underlay::Fault> before = all_faults(before_);
    for (const underlay::Fault& fault : all_faults(now_)) {
      const underlay::Fault* old = find_fault(before, fault.name);
      if (old == nullptr)
        changes.push_back(
            {ChangeKind::kAdd, "fault", fault.name, "", {describe_place(fault), describe(fault.impairment)}});
      else if (*old != fault)
        changes.push_back({ChangeKind::kChange, "fault", fault.name, "", fault_differences(*old, fault)});
    }
  }

  void gateway_removal() {
    if (before_.internet_gateway &&
        (!now_.internet_gateway || now_.internet_gateway->id != before_.internet_gateway->id))
      changes.push_back(
          {ChangeKind::kRemove, "internet gateway", before_.internet_gateway->guest, before_.internet_gateway->id, {}});
  }

  void gateway_addition() {
    if (!now_.internet_gateway) return;
    const InternetGateway& gateway = *now_.internet_gateway;
    const bool is_new = !before_.internet_gateway || before_.internet_gateway->id != gateway.id;
    Details details = gateway_details(gateway);
    if (is_new || details != gateway_details(*before_.internet_gateway))
      changes.push_back({is_new ? ChangeKind::kAdd : ChangeKind::kChange, "internet gateway", gateway.guest, gateway.id,
                         std::move(details)});
  }

  std::vector<Change> changes;

 private:
  static constexpr const char* kInterface = "network interface";

  static const underlay::Fault* find_fault(const std::vector<underlay::Fault>& all, const std::string& name) {
    const auto found = std::ranges::find(all, name, &underlay::Fault::name);
    return found == all.end() ? nullptr : &*found;
  }

  /// Whether the instance that an ENI is attached to in one deployment is in the other, too.
  class InstanceThere {
   public:
    InstanceThere(const Deployment& one, const Deployment& other) : other_(by_id(other.instances)) {
      for (const Instance& instance : one.instances) one_.add(instance.name, instance);
    }
    bool operator()(const Eni& eni) const {
      const Instance* instance = eni.instance.empty() ? nullptr : one_.find(eni.instance);
      return instance != nullptr && other_.find(instance->id) != nullptr;
    }

   private:
    Index<Instance> one_, other_;
  };

  const Deployment& before_;
  const Deployment& now_;
  const std::vector<const Eni*> enis_before_, enis_now_;
};

}  // namespace

std::vector<Change> plan(const Deployment* running, const Deployment& wanted) {
  const Deployment nothing;
  Planner planner(running != nullptr ? *running : nothing, wanted);
  planner.fault_removals();
  planner.removals("flow log", &Deployment::flow_logs);
  planner.removals("instance", &Deployment::instances);
  planner.interface_removals();
  planner.removals("elastic IP", &Deployment::elastic_ips);
  planner.removals("security group", &Deployment::security_groups);
  planner.removals("prefix list", &Deployment::prefix_lists);
  planner.removals("placement group", &Deployment::placement_groups);
  planner.removals("subnet", &Deployment::subnets);
  planner.removals("route table", &Deployment::route_tables);
  planner.removals("network ACL", &Deployment::network_acls);
  planner.gateway_removal();
  planner.vpc_removal();
  planner.vpc_addition();
  planner.fabric_change();
  planner.gateway_addition();
  planner.additions("network ACL", &Deployment::network_acls);
  planner.additions("route table", &Deployment::route_tables);
  planner.additions("subnet", &Deployment::subnets);
  planner.additions("placement group", &Deployment::placement_groups);
  planner.additions("prefix list", &Deployment::prefix_lists);
  planner.additions("security group", &Deployment::security_groups);
  planner.additions("instance", &Deployment::instances);
  planner.interface_additions();
  planner.additions("elastic IP", &Deployment::elastic_ips);
  planner.additions("flow log", &Deployment::flow_logs);
  planner.fault_additions();
  return std::move(planner.changes);
}

}  // namespace weft
