// What differs between two deployments. Ids decide: an equal name with another id is a thing made anew, and shows as a
// removal and an addition. First everything that goes, users before what they use; then everything that comes or
// changes, the other way round.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/describe.hpp"

namespace weft {
namespace {

using Details = std::vector<std::string>;

std::string_view strategy_name(PlacementStrategy strategy) {
  switch (strategy) {
    case PlacementStrategy::kCluster: return "cluster";
    case PlacementStrategy::kSpread: return "spread";
    case PlacementStrategy::kPartition: return "partition";
  }
  return "";
}

std::string or_none(const std::string& text) { return text.empty() ? "none" : text; }

template <typename T>
const T* by_id(const std::vector<T>& all, const std::string& id) {
  auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.id == id; });
  return found == all.end() ? nullptr : &*found;
}

Details all_of(const Subnet& subnet) { return {fmt::format("{} in {}", subnet.cidr.to_string(), subnet.az)}; }
Details all_of(const PlacementGroup& group) { return {fmt::format("strategy {}", strategy_name(group.strategy))}; }

Details all_of(const SecurityGroup& group) {
  Details details;
  for (const RuleDeclaration& rule : group.ingress)
    details.push_back("ingress + " + describe(rule, Direction::kIngress));
  for (const RuleDeclaration& rule : group.egress) details.push_back("egress + " + describe(rule, Direction::kEgress));
  return details;
}

Details all_of(const Instance& instance) {
  Details details;
  if (!instance.type.empty()) details.push_back("type " + instance.type);
  if (!instance.placement_group.empty()) details.push_back("placement group " + instance.placement_group);
  for (const Eni& eni : instance.enis) details.push_back(describe(eni));
  return details;
}

void differ_rules(Details& details, const std::vector<RuleDeclaration>& before, const std::vector<RuleDeclaration>& now,
                  Direction direction) {
  auto has = [](const std::vector<RuleDeclaration>& rules, const RuleDeclaration& rule) {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
  };
  for (const RuleDeclaration& rule : before)
    if (!has(now, rule))
      details.push_back(fmt::format("{} - {}", direction_name(direction), describe(rule, direction)));
  for (const RuleDeclaration& rule : now)
    if (!has(before, rule))
      details.push_back(fmt::format("{} + {}", direction_name(direction), describe(rule, direction)));
}

void differ(Details& details, std::string_view what, const std::string& before, const std::string& now) {
  if (before != now) details.push_back(fmt::format("{}: {} -> {}", what, or_none(before), or_none(now)));
}

// What is made anew when it differs has no differences of its own: its id says it all.
Details differences(const Subnet&, const Subnet&) { return {}; }
Details differences(const PlacementGroup&, const PlacementGroup&) { return {}; }

Details differences(const SecurityGroup& before, const SecurityGroup& now) {
  Details details;
  differ(details, "description", before.description, now.description);
  differ_rules(details, before.ingress, now.ingress, Direction::kIngress);
  differ_rules(details, before.egress, now.egress, Direction::kEgress);
  return details;
}

Details differences(const Instance& before, const Instance& now) {
  Details details;
  differ(details, "type", before.type, now.type);
  differ(details, "placement group", before.placement_group, now.placement_group);
  return details;
}

Details differences(const Eni& before, const Eni& now) {
  Details details;
  differ(details, "security groups", fmt::format("{}", fmt::join(before.security_groups, ", ")),
         fmt::format("{}", fmt::join(now.security_groups, ", ")));
  if (before.source_dest_check != now.source_dest_check)
    details.push_back(fmt::format("source/destination check: {}", now.source_dest_check ? "on" : "off"));
  return details;
}

class Planner {
 public:
  template <typename T>
  void removals(const std::string& resource, const std::vector<T>& before, const std::vector<T>& now) {
    for (const T& one : before)
      if (by_id(now, one.id) == nullptr) changes.push_back({ChangeKind::kRemove, resource, one.name, one.id, {}});
  }

  template <typename T>
  void additions(const std::string& resource, const std::vector<T>& before, const std::vector<T>& now) {
    for (const T& one : now) {
      const T* old = by_id(before, one.id);
      if (old == nullptr)
        changes.push_back({ChangeKind::kAdd, resource, one.name, one.id, all_of(one)});
      else if (Details details = differences(*old, one); !details.empty())
        changes.push_back({ChangeKind::kChange, resource, one.name, one.id, std::move(details)});
    }
  }

  // Interfaces come and go with their instance; only those that stay can change.
  void interfaces(const Deployment& before, const Deployment& now) {
    for (const Instance& instance : now.instances)
      for (const Eni& eni : instance.enis)
        if (const Eni* old = before.find_eni(eni.id))
          if (Details details = differences(*old, eni); !details.empty())
            changes.push_back({ChangeKind::kChange, "network interface",
                               fmt::format("{}/eth{}", instance.name, eni.device_index), eni.id, std::move(details)});
  }

  std::vector<Change> changes;
};

}  // namespace

std::vector<Change> plan(const Deployment* running, const Deployment& wanted) {
  const Deployment nothing;
  const Deployment& before = running != nullptr ? *running : nothing;
  Planner planner;
  planner.removals("instance", before.instances, wanted.instances);
  planner.removals("security group", before.security_groups, wanted.security_groups);
  planner.removals("placement group", before.placement_groups, wanted.placement_groups);
  planner.removals("subnet", before.subnets, wanted.subnets);
  if (before.vpc_id != wanted.vpc_id) {
    if (!before.vpc_id.empty())
      planner.changes.push_back({ChangeKind::kRemove, "vpc", before.vpc_cidr.to_string(), before.vpc_id, {}});
    if (!wanted.vpc_id.empty())
      planner.changes.push_back({ChangeKind::kAdd, "vpc", wanted.vpc_cidr.to_string(), wanted.vpc_id, {}});
  }
  planner.additions("subnet", before.subnets, wanted.subnets);
  planner.additions("placement group", before.placement_groups, wanted.placement_groups);
  planner.additions("security group", before.security_groups, wanted.security_groups);
  planner.additions("instance", before.instances, wanted.instances);
  planner.interfaces(before, wanted);
  return std::move(planner.changes);
}

}  // namespace weft
