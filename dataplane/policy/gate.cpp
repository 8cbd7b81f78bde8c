// GroupPolicy, compiled. ENIs with the same set of groups share one pair of gates, and all gates share the prefix
// lists. A gate answers in this order: rules open to every address, rules by prefix, by prefix list, by group; the
// first that allows ends it.
#include "dataplane/policy/gate.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <unordered_map>

#include "dataplane/net/headers.hpp"
#include "dataplane/policy/address_index.hpp"
#include "dataplane/policy/prefixes.hpp"
#include "dataplane/policy/services.hpp"

namespace weft {
namespace {

using GroupNumber = std::uint32_t;
using ListNumber = std::uint32_t;
enum Family : unsigned { kV4, kV6, kFamilies };

Family family_of(const IpAddress& ip) { return ip.is_v4() ? kV4 : kV6; }
Family family_of(const IpPrefix& prefix) { return prefix.is_v4() ? kV4 : kV6; }
bool is_open(const IpPrefix& prefix) { return prefix.length == (prefix.is_v4() ? 96 : 0); }

/// The rules of one direction of one set of groups.
struct Gate {
  struct GroupServices {
    GroupNumber group;
    ServiceSet services;
  };
  struct ListServices {
    ListNumber list;
    ServiceSet services;
  };
  ServiceSet open[kFamilies];           // from or to 0.0.0.0/0, ::/0
  PrefixServices prefixes[kFamilies];   // every other prefix
  std::vector<ListServices> lists;      // the prefix lists that rules name
  std::vector<GroupServices> groups;    // by number
  std::vector<GroupNumber> efa_groups;  // sorted; named by a rule of all protocols
  // One rule opens every port of TCP or UDP to every address: the reverse half of "untracked" (facts ec2 2.4).
  bool returns_tcp[kFamilies] = {};
  bool returns_udp[kFamilies] = {};
};

struct GatePair {
  Gate gate[2];  // by Direction
};

/// The rules of one direction, sorted by their peers, before they become a Gate.
struct RulesByPeer {
  std::vector<ServiceRange> open[kFamilies];
  std::map<IpPrefix, std::vector<ServiceRange>> prefixes[kFamilies];
  std::map<ListNumber, std::vector<ServiceRange>> lists;
  std::map<GroupNumber, std::vector<ServiceRange>> groups;
};

struct CompiledEni {
  std::vector<GroupNumber> groups;  // sorted
  const GatePair* gates = nullptr;
};

class CompiledPolicy final : public GroupPolicy {
 public:
  explicit CompiledPolicy(const Deployment& deployment);

  using GroupPolicy::evaluate;
  GateVerdict evaluate(PolicyEni eni, Direction direction, const PacketTuple& packet,
                       HopPeer peer) const noexcept override;
  bool efa_allowed(PolicyEni eni, Direction direction, PolicyEni remote) const noexcept override;

 private:
  using RulesOf = std::vector<RuleDeclaration> SecurityGroup::*;
  void compile_lists(const Deployment& deployment);
  void sort_in(const RuleDeclaration& rule, RulesByPeer& rules, Gate& gate) const;
  Gate compile_gate(const Deployment& deployment, const std::vector<GroupNumber>& groups, RulesOf rules) const;
  bool allowed_by_list(const Gate& gate, Family family, const IpAddress& remote, Service service) const noexcept;
  bool allowed_by_group(const Gate& gate, const IpAddress& remote, Service service) const noexcept;

  struct PrefixListSets {
    PrefixSet set[kFamilies];
  };
  std::unordered_map<std::string, GroupNumber> group_numbers_;
  std::unordered_map<std::string, ListNumber> list_numbers_;
  std::vector<PrefixListSets> lists_;  // by ListNumber
  std::map<std::vector<GroupNumber>, GatePair> gates_;
  std::vector<CompiledEni> enis_;  // by PolicyEni
  AddressIndex addresses_;
};

CompiledPolicy::CompiledPolicy(const Deployment& deployment) {
  for (GroupNumber number = 0; number < deployment.security_groups.size(); ++number)
    group_numbers_.emplace(deployment.security_groups[number].name, number);
  compile_lists(deployment);
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  addresses_ = AddressIndex(enis);
  for (const Eni* eni : enis) {
    CompiledEni compiled;
    for (const std::string& name : eni->security_groups)
      if (const auto found = group_numbers_.find(name); found != group_numbers_.end())
        compiled.groups.push_back(found->second);
    std::sort(compiled.groups.begin(), compiled.groups.end());
    compiled.groups.erase(std::unique(compiled.groups.begin(), compiled.groups.end()), compiled.groups.end());
    const auto [gates, added] = gates_.try_emplace(compiled.groups);
    if (added) {
      gates->second.gate[static_cast<int>(Direction::kEgress)] =
          compile_gate(deployment, compiled.groups, &SecurityGroup::egress);
      gates->second.gate[static_cast<int>(Direction::kIngress)] =
          compile_gate(deployment, compiled.groups, &SecurityGroup::ingress);
    }
    compiled.gates = &gates->second;  // a map's nodes stay where they are
    enis_.push_back(std::move(compiled));
  }
}

void CompiledPolicy::compile_lists(const Deployment& deployment) {
  for (const PrefixList& list : deployment.prefix_lists) {
    std::vector<IpPrefix> prefixes[kFamilies];
    for (const IpPrefix& prefix : list.entries) prefixes[family_of(prefix)].push_back(prefix);
    list_numbers_.emplace(list.name, static_cast<ListNumber>(lists_.size()));
    PrefixListSets& sets = lists_.emplace_back();
    for (const Family family : {kV4, kV6}) sets.set[family] = PrefixSet(std::move(prefixes[family]));
  }
}

void CompiledPolicy::sort_in(const RuleDeclaration& rule, RulesByPeer& rules, Gate& gate) const {
  const std::optional<ServiceRange> services = service_range(rule);
  if (!services) return;
  // A rule that names a group or a list that is gone is stale: it matches nothing (facts ec2 2.2).
  if (const auto* reference = std::get_if<GroupReference>(&rule.peer)) {
    const auto named = group_numbers_.find(reference->name);
    if (named == group_numbers_.end()) return;
    rules.groups[named->second].push_back(*services);
    if (rule.protocol == kAllProtocols) gate.efa_groups.push_back(named->second);
    return;
  }
  if (const auto* reference = std::get_if<PrefixListReference>(&rule.peer)) {
    if (const auto named = list_numbers_.find(reference->name); named != list_numbers_.end())
      rules.lists[named->second].push_back(*services);
    return;
  }
  const IpPrefix& prefix = std::get<IpPrefix>(rule.peer);
  const Family family = family_of(prefix);
  if (!is_open(prefix)) {
    rules.prefixes[family][prefix].push_back(*services);
    return;
  }
  rules.open[family].push_back(*services);
  const auto covers = [&](ServiceRange all) { return services->first <= all.first && all.last <= services->last; };
  gate.returns_tcp[family] |= covers(all_ports(kProtocolTcp));
  gate.returns_udp[family] |= covers(all_ports(kProtocolUdp));
}

Gate CompiledPolicy::compile_gate(const Deployment& deployment, const std::vector<GroupNumber>& groups,
                                  RulesOf rules_of) const {
  Gate gate;
  RulesByPeer rules;
  for (const GroupNumber group : groups)
    for (const RuleDeclaration& rule : deployment.security_groups[group].*rules_of) sort_in(rule, rules, gate);
  for (const Family family : {kV4, kV6}) {
    gate.open[family] = ServiceSet(std::move(rules.open[family]));
    gate.prefixes[family] = PrefixServices(rules.prefixes[family]);
  }
  for (auto& [list, ranges] : rules.lists) gate.lists.push_back({list, ServiceSet(std::move(ranges))});
  for (auto& [group, ranges] : rules.groups) gate.groups.push_back({group, ServiceSet(std::move(ranges))});
  std::sort(gate.efa_groups.begin(), gate.efa_groups.end());
  return gate;
}

GateVerdict CompiledPolicy::evaluate(PolicyEni eni, Direction direction, const PacketTuple& packet,
                                     HopPeer peer) const noexcept {
  if (eni >= enis_.size()) return {};
  const GatePair& gates = *enis_[eni].gates;
  const Gate& gate = gates.gate[static_cast<int>(direction)];
  const IpAddress& remote = direction == Direction::kEgress ? packet.destination : packet.source;
  const Family family = family_of(remote);
  const Service service = service_of(packet);

  // An open rule is the most permissive there can be, so it decides even when a narrower one allows too (README).
  if (gate.open[family].contains(service)) {
    const Gate& reverse = gates.gate[1 - static_cast<int>(direction)];
    const bool untracked = (packet.protocol == kProtocolTcp && reverse.returns_tcp[family]) ||
                           (packet.protocol == kProtocolUdp && reverse.returns_udp[family]);
    return {.allowed = true, .tracked = !untracked};
  }
  const bool allowed = gate.prefixes[family].allows(remote, service) ||
                       allowed_by_list(gate, family, remote, service) ||
                       (peer == HopPeer::kOwner && allowed_by_group(gate, remote, service));
  return {.allowed = allowed, .tracked = true};
}

bool CompiledPolicy::allowed_by_list(const Gate& gate, Family family, const IpAddress& remote,
                                     Service service) const noexcept {
  return std::any_of(gate.lists.begin(), gate.lists.end(), [&](const Gate::ListServices& named) {
    return named.services.contains(service) && lists_[named.list].set[family].contains(remote);
  });
}

bool CompiledPolicy::allowed_by_group(const Gate& gate, const IpAddress& remote, Service service) const noexcept {
  if (gate.groups.empty()) return false;
  const PolicyEni eni = addresses_.find(remote);
  if (eni == AddressIndex::kNobody) return false;
  for (const GroupNumber group : enis_[eni].groups) {
    const auto named = std::lower_bound(gate.groups.begin(), gate.groups.end(), group,
                                        [](const Gate::GroupServices& g, GroupNumber n) { return g.group < n; });
    if (named != gate.groups.end() && named->group == group && named->services.contains(service)) return true;
  }
  return false;
}

bool CompiledPolicy::efa_allowed(PolicyEni eni, Direction direction, PolicyEni remote) const noexcept {
  if (eni >= enis_.size() || remote >= enis_.size()) return false;
  const std::vector<GroupNumber>& named = enis_[eni].gates->gate[static_cast<int>(direction)].efa_groups;
  return std::any_of(enis_[remote].groups.begin(), enis_[remote].groups.end(),
                     [&](GroupNumber group) { return std::binary_search(named.begin(), named.end(), group); });
}

}  // namespace

std::vector<const Eni*> flatten_enis(const Deployment& deployment) {
  std::vector<const Eni*> enis;
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis) enis.push_back(&eni);
  for (const Eni& eni : deployment.available_enis) enis.push_back(&eni);
  return enis;
}

std::shared_ptr<const GroupPolicy> GroupPolicy::compile(const Deployment& deployment) {
  return std::make_shared<const CompiledPolicy>(deployment);
}

}  // namespace weft
