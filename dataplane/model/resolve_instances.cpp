// Which instances there are, whether their interfaces are possible, and which of them run already.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/instance_types.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr int kMostInstances = 5000;            // ENIs per Region (facts ec2 1.5); an instance has at least one
constexpr std::size_t kGroupsPerInterface = 5;  // facts ec2 2.3
constexpr std::size_t kEfaPerInstance = 8;      // what the EFA function's ABI can list (drivers/efa/abi.hpp)
constexpr std::size_t kSpreadPerZone = 7;       // facts ec2 4.1

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const T& one : all) names.push_back(one.name);
  return names;
}

// An interface cannot change its subnet, type or address; EC2 makes a new one for that (facts ec2 1.1, 1.3).
bool same_interface(const Eni& running, const InterfaceDeclaration& wanted) {
  return running.subnet == wanted.subnet && running.type == wanted.type &&
         (!wanted.private_ip || running.private_ip == IpAddress::from(*wanted.private_ip));
}

}  // namespace

void Resolver::expand_instances() {
  std::map<std::string, std::size_t> seen;  // lower case: host names ignore case
  std::size_t interfaces = 0;
  for (std::size_t i = 0; i < topology_.instances.size(); ++i) {
    const InstanceDeclaration& declared = topology_.instances[i];
    const std::string key = fmt::format("instances[{}]", i);
    check_declaration(declared, key);
    interfaces += static_cast<std::size_t>(declared.count) * declared.interfaces.size();
    if (interfaces > kMostInstances)
      refuse(
          key, "NetworkInterfaceLimitExceeded",
          fmt::format("with this there are {} network interfaces; at most {} are allowed", interfaces, kMostInstances));
    for (int n = 0; n < declared.count; ++n) {
      Wanted wanted;
      wanted.name = declared.counted ? fmt::format("{}-{}", declared.name, n) : declared.name;
      wanted.declaration = i;
      if (!is_host_name(wanted.name))
        refuse(key + ".name", "InvalidParameterValue",
               fmt::format("{} would be the name of an instance but is no host name; use 1 to 63 letters, digits and "
                           "hyphens, with no hyphen at either end",
                           in_quotes(wanted.name)));
      if (auto [other, is_new] = seen.emplace(lower(wanted.name), i); !is_new)
        refuse(key + ".name", "InvalidParameterValue",
               fmt::format("a second instance would have the name {} (the first comes from instances[{}]); every "
                           "instance needs its own",
                           in_quotes(wanted.name), other->second));
      wanted_.push_back(std::move(wanted));
    }
  }
}

void Resolver::check_declaration(const InstanceDeclaration& declared, const std::string& key) const {
  if (looks_like_id(declared.name) || lower(declared.name) == "localhost")
    refuse(key + ".name", "InvalidParameterValue",
           fmt::format("{} has a meaning of its own and cannot be the name of an instance; take another",
                       in_quotes(declared.name)));
  if (declared.count < 1 || declared.count > kMostInstances)
    refuse(key + ".count", "InvalidParameterValue",
           fmt::format("count is {}; it must be 1 to {}", declared.count, kMostInstances));
  if (declared.interfaces.empty())
    refuse(key + ".interfaces", "MissingParameter", "an instance needs at least one interface, its primary");
  for (std::size_t i = 0; i < declared.interfaces.size(); ++i) {
    const std::string interface_key = fmt::format("{}.interfaces[{}]", key, i);
    check_interface(declared.interfaces[i], interface_key);
    if (declared.count > 1 && declared.interfaces[i].private_ip)
      refuse(interface_key + ".private_ip", "InvalidParameterCombination",
             fmt::format("{} instances cannot share one address; leave private_ip out or count at 1", declared.count));
    const Subnet* subnet = result_.find_subnet(declared.interfaces[i].subnet);
    const Subnet* primary = result_.find_subnet(declared.interfaces[0].subnet);
    if (subnet->az != primary->az)
      refuse(interface_key + ".subnet", "InvalidParameterCombination",
             fmt::format("subnet {} is in {}, but the instance's primary interface is in {}; all interfaces of an "
                         "instance are in one availability zone",
                         in_quotes(subnet->name), subnet->az, primary->az));
  }
  check_type(declared, key);
  if (!declared.placement_group.empty() &&
      std::none_of(result_.placement_groups.begin(), result_.placement_groups.end(),
                   [&](const PlacementGroup& group) { return group.name == declared.placement_group; }))
    refuse(key + ".placement_group", "InvalidPlacementGroup.Unknown",
           fmt::format("no placement group has the name {}{}", in_quotes(declared.placement_group),
                       hint(declared.placement_group, names_of(result_.placement_groups))));
}

void Resolver::check_interface(const InterfaceDeclaration& declared, const std::string& key) const {
  if (result_.find_subnet(declared.subnet) == nullptr)
    refuse(key + ".subnet", "InvalidSubnetID.NotFound",
           fmt::format("no subnet has the name {}{}", in_quotes(declared.subnet),
                       hint(declared.subnet, names_of(result_.subnets))));
  if (declared.security_groups.size() > kGroupsPerInterface)
    refuse(key + ".security_groups", "SecurityGroupsPerInterfaceLimitExceeded",
           fmt::format("{} security groups; an interface has at most {}", declared.security_groups.size(),
                       kGroupsPerInterface));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < declared.security_groups.size(); ++i) {
    const std::string group_key = fmt::format("{}.security_groups[{}]", key, i);
    check_group_reference(declared.security_groups[i], group_key);
    if (!seen.insert(declared.security_groups[i]).second)
      refuse(group_key, "InvalidParameterValue",
             fmt::format("the group {} is listed twice; once is enough", in_quotes(declared.security_groups[i])));
  }
}

void Resolver::check_type(const InstanceDeclaration& declared, const std::string& key) const {
  const auto efa = static_cast<std::size_t>(
      std::count_if(declared.interfaces.begin(), declared.interfaces.end(),
                    [](const InterfaceDeclaration& i) { return i.type == InterfaceType::kEfa; }));
  if (efa > kEfaPerInstance)
    refuse(key + ".interfaces", "AttachmentLimitExceeded",
           fmt::format("{} EFA interfaces; weft gives an instance at most {}", efa, kEfaPerInstance));
  if (declared.type.empty()) return;
  if (!is_instance_type_name(declared.type))
    refuse(key + ".type", "InvalidInstanceType",
           fmt::format("{} is no instance type; write family.size, such as hpc7g.16xlarge, or leave it out",
                       in_quotes(declared.type)));
  const InstanceType* type = find_instance_type(declared.type);
  if (type == nullptr) return;
  if (declared.interfaces.size() > static_cast<std::size_t>(type->interfaces))
    refuse(key + ".interfaces", "AttachmentLimitExceeded",
           fmt::format("Interface count {} exceeds the limit for {}, which is {}", declared.interfaces.size(),
                       declared.type, type->interfaces));
  if (efa > 0 && type->efa_interfaces == 0)
    refuse(key + ".type", "InvalidParameterCombination",
           fmt::format("{} has no EFA; take a type that has, such as hpc7g.16xlarge, or an interface of type interface",
                       declared.type));
  if (efa > static_cast<std::size_t>(type->efa_interfaces))
    refuse(key + ".interfaces", "AttachmentLimitExceeded",
           fmt::format("{} EFA interfaces exceed the limit for {}, which is {}", efa, declared.type,
                       type->efa_interfaces));
}

void Resolver::check_placement() {
  std::map<std::string, std::string> cluster_zone;                     // group -> its one zone
  std::map<std::pair<std::string, std::string>, std::size_t> in_zone;  // spread: group, zone -> members
  for (const Wanted& wanted : wanted_) {
    const InstanceDeclaration& declared = topology_.instances[wanted.declaration];
    if (declared.placement_group.empty()) continue;
    const PlacementGroup& group =
        *std::find_if(result_.placement_groups.begin(), result_.placement_groups.end(),
                      [&](const PlacementGroup& one) { return one.name == declared.placement_group; });
    const std::string key = fmt::format("instances[{}].placement_group", wanted.declaration);
    const std::string& zone = result_.find_subnet(declared.interfaces[0].subnet)->az;
    if (group.strategy == PlacementStrategy::kCluster) {
      if (!declared.type.empty() && !may_join_cluster(declared.type))
        refuse(key, "InvalidParameterCombination",
               fmt::format("Placement groups may not be used with instances of type '{}'; a cluster needs a type that "
                           "is not burstable",
                           declared.type));
      auto [other, is_new] = cluster_zone.emplace(group.name, zone);
      if (!is_new && other->second != zone)
        refuse(key, "InvalidPlacementGroup.InUse",
               fmt::format("{} would be in {}, but the cluster placement group {} is in {} already; a cluster lies in "
                           "one availability zone",
                           in_quotes(wanted.name), zone, in_quotes(group.name), other->second));
    }
    if (group.strategy == PlacementStrategy::kSpread && ++in_zone[{group.name, zone}] > kSpreadPerZone)
      refuse(key, "InsufficientInstanceCapacity",
             fmt::format("{} would be instance {} of the spread placement group {} in {}; it has at most {} in a zone",
                         in_quotes(wanted.name), kSpreadPerZone + 1, in_quotes(group.name), zone, kSpreadPerZone));
  }
}

// An instance stays when each of its interfaces can stay. One whose interfaces differ is made anew: an EFA interface
// cannot be attached to or detached from a running instance at all (facts ec2 1.2).
void Resolver::match_running(Wanted& wanted) const {
  const Instance* found = running_ == nullptr ? nullptr : running_->find_instance(wanted.name);
  if (found == nullptr || found->name != wanted.name) return;
  const std::vector<InterfaceDeclaration>& interfaces = topology_.instances[wanted.declaration].interfaces;
  bool same = found->enis.size() == interfaces.size();
  for (std::size_t i = 0; same && i < interfaces.size(); ++i) {
    const Subnet* before = running_->find_subnet(found->enis[i].subnet);
    const Subnet* now = result_.find_subnet(interfaces[i].subnet);
    same = same_interface(found->enis[i], interfaces[i]) && before != nullptr && before->id == now->id;
  }
  (same ? wanted.kept : wanted.replaced) = found;
}

}  // namespace weft
