// Which instances there are, and what each may do.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dataplane/model/allowances.hpp"
#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr int kMostInstances = 5000;  // ENIs per Region (facts ec2 1.5); an instance has at least one

constexpr int kMostHops = 64;  // facts ec2 7.4

bool has_any(const LimitsDeclaration& limits) { return !(limits == LimitsDeclaration{}); }

}  // namespace

void Resolver::expand_instances() {
  std::map<std::string, std::size_t> seen;  // lower case: host names ignore case
  std::size_t interfaces = topology_.network_interfaces.size();
  for (std::size_t i = 0; i < topology_.instances.size(); ++i) {
    const InstanceDeclaration& declared = topology_.instances[i];
    const std::string key = fmt::format("instances[{}]", i);
    check_declaration(declared, key);
    const int count = std::clamp(declared.count, 1, kMostInstances);
    interfaces += static_cast<std::size_t>(count) * std::max<std::size_t>(declared.interfaces.size(), 1);
    if (interfaces > kMostInstances) {
      refuse(
          key, "NetworkInterfaceLimitExceeded",
          fmt::format("with this there are {} network interfaces; at most {} are allowed", interfaces, kMostInstances));
      throw NothingMoreMakesSense{};
    }
    std::vector<bool> possible;
    for (std::size_t n = 0; n < declared.interfaces.size(); ++n)
      possible.push_back(check_interface(declared.interfaces[n], fmt::format("{}.interfaces[{}]", key, n), count > 1));
    for (int n = 0; n < count; ++n) {
      WantedInstance wanted;
      wanted.name = declared.counted ? fmt::format("{}-{}", declared.name, n) : declared.name;
      wanted.declaration = i;
      check_name(wanted.name, i, seen);
      for (std::size_t j = 0; j < declared.interfaces.size(); ++j) {
        WantedInterface interface;
        interface.declared = &declared.interfaces[j];
        interface.key = fmt::format("{}.interfaces[{}]", key, j);
        interface.instance = wanted.name;
        interface.device_index = declared.interfaces[j].device_index.value_or(static_cast<int>(j));
        interface.label = fmt::format("{}/eth{}", wanted.name, interface.device_index);
        interface.shared = count > 1;
        interface.wrong = !possible[j];
        wanted.interfaces.push_back(interfaces_.size());
        interfaces_.push_back(std::move(interface));
      }
      wanted_by_name_.emplace(wanted.name, instances_.size());
      instances_.push_back(std::move(wanted));
    }
  }
}

void Resolver::check_name(const std::string& name, std::size_t declaration, std::map<std::string, std::size_t>& seen) {
  const std::string key = fmt::format("instances[{}].name", declaration);
  if (!is_host_name(name))
    refuse(key, "InvalidParameterValue",
           fmt::format("{} would be the name of an instance but is no host name; use 1 to 63 letters, digits and "
                       "hyphens, with no hyphen at either end",
                       in_quotes(name)));
  if (result_.internet_gateway && lower(name) == result_.internet_gateway->guest)
    refuse(key, "InvalidParameterValue",
           fmt::format("the name {} is what stands behind the internet gateway; take another", in_quotes(name)));
  if (auto [other, is_new] = seen.emplace(lower(name), declaration); !is_new)
    refuse(key, "InvalidParameterValue",
           fmt::format("a second instance would have the name {} (the first comes from instances[{}]); every "
                       "instance needs its own",
                       in_quotes(name), other->second));
}

void Resolver::check_declaration(const InstanceDeclaration& declared, const std::string& key) {
  if (looks_like_id(declared.name) || lower(declared.name) == "localhost")
    refuse(key + ".name", "InvalidParameterValue",
           fmt::format("{} has a meaning of its own and cannot be the name of an instance; take another",
                       in_quotes(declared.name)));
  if (declared.count < 1 || declared.count > kMostInstances)
    refuse(key + ".count", "InvalidParameterValue",
           fmt::format("count is {}; it must be 1 to {}", declared.count, kMostInstances));
  if (!declared.type.empty() && !is_instance_type_name(declared.type))
    refuse(key + ".type", "InvalidInstanceType",
           fmt::format("{} is no instance type; write family.size, such as hpc7g.16xlarge, or leave it out",
                       in_quotes(declared.type)));
  check_limits(declared.limits, declared, key + ".limits");
  if (const int hops = declared.metadata_options.put_response_hop_limit; hops < 1 || hops > kMostHops)
    refuse(key + ".metadata_options.http_put_response_hop_limit", "InvalidParameterValue",
           fmt::format("the hop limit of a token's response is {}; it must be 1 to {}", hops, kMostHops));
  const auto group = std::find_if(result_.placement_groups.begin(), result_.placement_groups.end(),
                                  [&](const PlacementGroup& one) { return one.name == declared.placement_group; });
  if (!declared.placement_group.empty() && group == result_.placement_groups.end())
    refuse(key + ".placement_group", "InvalidPlacementGroup.Unknown",
           fmt::format("no placement group has the name {}{}", in_quotes(declared.placement_group),
                       hint(declared.placement_group, names_of(result_.placement_groups))));
  if (!declared.partition) return;
  if (declared.placement_group.empty() ||
      (group != result_.placement_groups.end() && group->strategy != PlacementStrategy::kPartition))
    refuse(key + ".partition", "InvalidParameterCombination",
           "a partition needs a placement group of strategy partition");
  else if (group != result_.placement_groups.end() &&
           (*declared.partition < 1 || *declared.partition > group->partition_count))
    refuse(key + ".partition", "InvalidParameterValue",
           fmt::format("the placement group {} has the partitions 1 to {}, not {}", in_quotes(group->name),
                       group->partition_count, *declared.partition));
}

void Resolver::check_limits(const LimitsDeclaration& limits, const InstanceDeclaration& declared,
                            const std::string& key) {
  bool possible = true;
  const auto check = [&](const std::optional<double>& gbps, const char* name) {
    if (!gbps || (std::isfinite(*gbps) && *gbps >= 0)) return;
    possible = false;
    refuse(key + "." + name, "InvalidParameterValue",
           fmt::format("{} must be a number of Gbit/s, or 0 for no limit", name));
  };
  check(limits.baseline_gbps, "baseline_gbps");
  check(limits.peak_gbps, "peak_gbps");
  check(limits.flow_gbps, "flow_gbps");
  if (!possible) return;
  const Allowances all = allowances(declared);
  if (all.peak_gbps != 0 && (all.baseline_gbps > all.peak_gbps))
    refuse(key, "InvalidParameterCombination",
           fmt::format("the baseline of {} Gbit/s is more than the peak of {} Gbit/s; the peak is what a burst reaches",
                       all.baseline_gbps, all.peak_gbps));
}

// EC2 publishes bandwidths of types, but neither packets per second nor tracked connections (facts ec2 11): those are
// limited only where the file says so.
Allowances Resolver::allowances(const InstanceDeclaration& declared) const {
  const InstanceType* type = find_instance_type(declared.type);
  const LimitsDeclaration& limits = declared.limits;
  Allowances all;
  if (type != nullptr) {
    all.baseline_gbps = type->baseline_gbps;
    all.peak_gbps = type->peak_gbps;
  }
  // One of the two alone, without a type: there is no burst.
  if (limits.baseline_gbps) all.baseline_gbps = *limits.baseline_gbps;
  if (limits.peak_gbps) all.peak_gbps = *limits.peak_gbps;
  if (type == nullptr && limits.baseline_gbps && !limits.peak_gbps) all.peak_gbps = all.baseline_gbps;
  if (type == nullptr && limits.peak_gbps && !limits.baseline_gbps) all.baseline_gbps = all.peak_gbps;
  all.pps = limits.pps.value_or(0);
  all.connections = limits.connections.value_or(0);
  const bool cluster =
      std::any_of(result_.placement_groups.begin(), result_.placement_groups.end(), [&](const PlacementGroup& group) {
        return group.name == declared.placement_group && group.strategy == PlacementStrategy::kCluster;
      });
  if (type != nullptr || has_any(limits)) all.flow_gbps = cluster ? kFlowGbpsInCluster : kFlowGbps;
  if (limits.flow_gbps) all.flow_gbps = *limits.flow_gbps;
  return all;
}

}  // namespace weft
