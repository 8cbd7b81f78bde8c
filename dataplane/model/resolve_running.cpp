// What exists already: which instances and interfaces stay as they are, and which changes EC2 refuses while an instance
// runs (facts ec2 1.2, 4.1).
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

const Eni* find_unnamed(const Instance& instance, int device_index) {
  for (const Eni& eni : instance.enis)
    if (eni.name.empty() && eni.device_index == device_index) return &eni;
  return nullptr;
}

}  // namespace

// An interface cannot change its subnet, type or primary address; EC2 makes a new one for that (facts ec2 1.1, 1.3).
bool Resolver::can_stay(const Eni& eni, const WantedInterface& wanted) const {
  const Subnet* before = running_.find_subnet(eni.subnet);
  const Subnet* now = result_.find_subnet(wanted.declared->subnet);
  return before != nullptr && now != nullptr && before->id == now->id && eni.type == wanted.declared->type &&
         (!wanted.declared->private_ip || eni.private_ip == IpAddress::from(*wanted.declared->private_ip));
}

void Resolver::match_running() {
  std::map<std::string, const Eni*> named;  // of network_interfaces, or outliving their instance as "web/eth1"
  for (const Eni& eni : running_.available_enis)
    if (!eni.name.empty()) named.emplace(eni.name, &eni);
  for (const Instance& instance : running_.instances)
    for (const Eni& eni : instance.enis)
      if (!eni.name.empty()) named.emplace(eni.name, &eni);
  for (WantedInterface& wanted : interfaces_)
    if (auto found = named.find(wanted.label); found != named.end() && !wanted.label.empty()) {
      if (can_stay(*found->second, wanted))
        wanted.kept = found->second;
      else
        wanted.replaced = found->second;
    }
  for (WantedInstance& wanted : instances_)
    if (!wanted.interfaces.empty()) match_instance(wanted);
  find_outliving();
}

// An instance stays when its primary interface stays and, while it runs, its other interfaces that stay are as they
// were: an EFA interface is attached and detached only while the instance is stopped (facts ec2 1.2). Otherwise it is
// made anew. Interfaces of network_interfaces are not its own: they change places without it.
void Resolver::match_instance(WantedInstance& wanted) {
  const Instance* found = find_running(wanted.name);
  if (found == nullptr) return;
  const bool runs = found->state == InstanceState::kRunning;
  bool stays = true;
  std::vector<std::pair<WantedInterface*, const Eni*>> matched;
  for (const std::size_t i : wanted.interfaces) {
    WantedInterface& one = interfaces_[i];
    if (!one.name.empty()) {
      stays &= one.device_index != 0 || one.kept != nullptr || found->enis.front().name != one.name;
      continue;
    }
    const Eni* old = find_unnamed(*found, one.device_index);
    const bool same = old != nullptr && can_stay(*old, one) &&
                      !(runs && is_efa(old->type) && old->network_card != one.declared->network_card);
    if (old != nullptr) matched.emplace_back(&one, old);
    if (!same && one.device_index == 0 && old != nullptr) stays = false;
    if (!same && runs && (old != nullptr || is_efa(one.declared->type))) stays = false;
  }
  for (const Eni& eni : found->enis)
    if (runs && eni.name.empty() && is_efa(eni.type) &&
        std::none_of(matched.begin(), matched.end(), [&](const auto& match) { return match.second == &eni; }))
      stays = false;
  (stays ? wanted.kept : wanted.replaced) = found;
  for (auto [one, old] : matched) {
    const bool outlives = !old->delete_on_termination;
    ((stays || outlives) && can_stay(*old, *one) ? one->kept : one->replaced) = old;
  }
  if (stays) check_running(wanted);
}

void Resolver::check_running(const WantedInstance& wanted) {
  const Eni& before = wanted.kept->enis.front();
  const WantedInterface& now = interfaces_[wanted.interfaces.front()];
  if (now.device_index == 0 && before.device_index == 0 && now.kept != &before)
    refuse(
        now.name.empty() ? now.key : now.key + ".device_index", "OperationNotPermitted",
        fmt::format("The network interface at device index 0 and networkCard index 0 cannot be detached; {} keeps {}",
                    in_quotes(wanted.name), before.id));
  if (wanted.kept->state != InstanceState::kRunning) return;
  check_efa_stays(wanted);
  check_type_and_group(wanted);
}

// Statement 11. The instance's own EFA interfaces have been looked at by match_instance.
void Resolver::check_efa_stays(const WantedInstance& wanted) {
  const std::string sentence =
      fmt::format("an EFA interface is attached to or detached from {} only while it is stopped; `weft stop {}` first",
                  in_quotes(wanted.name), wanted.name);
  for (const WantedInterface& one : interfaces_) {
    if (one.name.empty()) continue;
    const bool is_here = one.instance == wanted.name;
    const Eni* before = one.kept != nullptr ? one.kept : one.replaced;
    const bool was_here = before != nullptr && before->instance == wanted.name;
    const bool stays = is_here && was_here && one.kept != nullptr && before->device_index == one.device_index &&
                       before->network_card == one.declared->network_card;
    if (stays || !((is_here && is_efa(one.declared->type)) || (was_here && is_efa(before->type)))) continue;
    refuse(one.key + ".instance", "OperationNotPermitted", sentence);
  }
  for (const Eni& eni : wanted.kept->enis)
    if (is_efa(eni.type) && !eni.name.empty() &&
        std::none_of(interfaces_.begin(), interfaces_.end(),
                     [&](const WantedInterface& one) { return one.name == eni.name; }))
      refuse("network_interfaces", "OperationNotPermitted", sentence + fmt::format(" ({} is missing)", eni.name));
}

void Resolver::check_type_and_group(const WantedInstance& wanted) {
  const Instance& before = *wanted.kept;
  const InstanceDeclaration& now = declared(wanted);
  const auto must_be_stopped = [&](const char* name, const std::string& what) {
    refuse(key(wanted) + name, "IncorrectInstanceState",
           fmt::format("The instance '{}' is not in the 'stopped' state; {}: `weft stop {}` first", before.id, what,
                       wanted.name));
  };
  if (before.type != now.type) must_be_stopped(".type", "its type can be changed only then");
  if (before.placement_group != now.placement_group)
    return must_be_stopped(".placement_group", "it can be moved to or from a placement group only then");
  const auto id_of = [&](const std::vector<PlacementGroup>& groups) {
    for (const PlacementGroup& group : groups)
      if (group.name == now.placement_group) return group.id;
    return std::string();
  };
  if (id_of(running_.placement_groups) != id_of(result_.placement_groups))
    refuse(key(wanted) + ".placement_group", "InvalidPlacementGroup.InUse",
           fmt::format("the placement group {} cannot change its strategy or its partitions while {} runs in it",
                       in_quotes(now.placement_group), in_quotes(wanted.name)));
  else if (now.partition && *now.partition != before.placement.partition)
    must_be_stopped(".partition", "it can be moved to another partition only then");
}

// DeleteOnTermination false: the interface stays when its instance goes, as long as its subnet is there.
void Resolver::find_outliving() {
  for (const Eni& eni : running_.available_enis)
    if (eni.name.find('/') != std::string::npos) add_outliving(eni, eni.name);
  for (const Instance& instance : running_.instances) {
    const WantedInstance* wanted = find_wanted(instance.name);
    if (wanted != nullptr && wanted->kept == &instance) continue;
    for (const Eni& eni : instance.enis)
      if (eni.name.empty() && !eni.delete_on_termination)
        add_outliving(eni, fmt::format("{}/eth{}", instance.name, eni.device_index));
  }
}

void Resolver::add_outliving(const Eni& eni, const std::string& label) {
  const Subnet* before = running_.find_subnet(eni.subnet);
  const Subnet* now = result_.find_subnet(eni.subnet);
  if (before == nullptr || now == nullptr || before->id != now->id) return;
  if (std::any_of(interfaces_.begin(), interfaces_.end(), [&](const WantedInterface& one) { return one.kept == &eni; }))
    return;
  Eni copy = eni;
  copy.name = label;
  copy.instance.clear();
  copy.device_index = 0;
  copy.network_card = 0;
  copy.public_ip.reset();
  copy.vf = {};
  // A group that is gone leaves it in the default one, which every interface can be in.
  std::erase_if(copy.security_groups,
                [&](const std::string& group) { return result_.find_security_group(group) == nullptr; });
  if (copy.security_groups.empty()) copy.security_groups = {"default"};
  outliving_.push_back(std::move(copy));
}

}  // namespace weft
