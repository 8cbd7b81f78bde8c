#include "dataplane/policy/acl.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

constexpr AddressNumber kFirstV4 = {0, 0xffff00000000};  // ::ffff:0.0.0.0
constexpr AddressNumber kLastV4 = {0, 0xffffffffffff};

/// Nothing when no packet can match; the model refuses such an entry.
std::optional<ServiceRange> acl_services(const AclEntryDeclaration& entry) {
  // "58 with an IPv4 CIDR: all ICMP, whatever type and code" (facts ec2 2.6).
  if (entry.protocol == kProtocolIcmpv6 && entry.cidr.is_v4()) return all_ports(kProtocolIcmp);
  RuleDeclaration traffic;
  traffic.protocol = entry.protocol;
  traffic.from_port = entry.from_port;
  traffic.to_port = entry.to_port;
  return service_range(traffic);
}

}  // namespace

AclPolicy AclPolicy::compile(const Deployment& deployment) {
  AclPolicy policy;
  std::unordered_map<std::string, AclIndex> numbers;
  for (const NetworkAcl& declared : deployment.network_acls) {
    numbers.emplace(declared.name, static_cast<AclIndex>(policy.acls_.size()));
    Acl& acl = policy.acls_.emplace_back();
    for (const bool ipv6 : {false, true}) {
      auto& egress = acl.entries[static_cast<int>(Direction::kEgress)][ipv6];
      auto& ingress = acl.entries[static_cast<int>(Direction::kIngress)][ipv6];
      egress = compile_entries(declared.egress, ipv6);
      ingress = compile_entries(declared.ingress, ipv6);
      acl.open[ipv6] = opens(egress) && opens(ingress);
    }
  }
  const auto stand_in = static_cast<AclIndex>(policy.acls_.size());
  Acl& none = policy.acls_.emplace_back();
  none.open[0] = none.open[1] = true;
  for (const Subnet& subnet : deployment.subnets) {
    const auto named = numbers.find(subnet.network_acl);
    policy.of_subnet_.push_back(named == numbers.end() ? stand_in : named->second);
  }
  return policy;
}

std::vector<AclPolicy::Entry> AclPolicy::compile_entries(const std::vector<AclEntryDeclaration>& declared, bool ipv6) {
  std::vector<Entry> entries;
  for (const AclEntryDeclaration& entry : declared) {
    const std::optional<ServiceRange> services = acl_services(entry);
    if (!services || entry.cidr.is_v4() == ipv6) continue;
    entries.push_back({AddressNumber::first_of(entry.cidr), AddressNumber::last_of(entry.cidr), *services,
                       static_cast<std::int16_t>(entry.rule_number), entry.allow});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.rule_number < b.rule_number; });
  return entries;
}

/// Before anything is denied, an entry allows all there is.
bool AclPolicy::opens(const std::vector<Entry>& entries) {
  const auto covers_everything = [](const Entry& entry) {
    const bool v4 = kFirstV4 <= entry.first && entry.last <= kLastV4;
    const AddressNumber first = v4 ? kFirstV4 : AddressNumber{};
    const AddressNumber last = v4 ? kLastV4 : AddressNumber{~std::uint64_t{0}, ~std::uint64_t{0}};
    return entry.first == first && entry.last == last && entry.services == kAllServices;
  };
  for (const Entry& entry : entries) {
    if (!entry.allow) return false;
    if (covers_everything(entry)) return true;
  }
  return false;
}

AclVerdict AclPolicy::decide(AclIndex index, Direction direction, const PacketTuple& packet) const noexcept {
  const Acl& acl = acls_[index];
  if (index + 1 == acls_.size()) return {.allowed = true, .rule_number = {}};
  const IpAddress& remote = direction == Direction::kEgress ? packet.destination : packet.source;
  const AddressNumber address = AddressNumber::from(remote);
  const Service service = service_of(packet);
  for (const Entry& entry : acl.entries[static_cast<int>(direction)][remote.is_v4() ? 0 : 1])
    if (entry.first <= address && address <= entry.last && entry.services.first <= service &&
        service <= entry.services.last)
      return {.allowed = entry.allow, .rule_number = entry.rule_number};
  return {};
}

}  // namespace weft
