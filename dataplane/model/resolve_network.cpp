// The VPC, its subnets and the placement groups.
#include <fmt/format.h>

#include <set>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr unsigned kShortestPrefix = 16, kLongestPrefix = 28;  // VPC and subnet (facts ec2 1.6)
constexpr std::size_t kLongestName = 255;                      // facts ec2 4.1
constexpr std::size_t kSubnetsPerVpc = 200;                    // facts ec2 1.5
constexpr std::size_t kPlacementGroups = 500;                  // facts ec2 4.1

bool has_usable_length(const IpPrefix& cidr) {
  return cidr.is_v4() && cidr.v4_length() >= kShortestPrefix && cidr.v4_length() <= kLongestPrefix;
}

// Blocks whose addresses mean something else to every IP stack, so no guest could use them.
bool is_special(const IpPrefix& cidr) {
  const std::uint32_t first = cidr.address.v4().value >> 24;
  return first == 0 || first == 127 || first >= 224 || cidr.address.v4().value >> 16 == (169u << 8 | 254u);
}

bool overlap(const IpPrefix& a, const IpPrefix& b) { return a.contains(b) || b.contains(a); }

bool is_printable_name(const std::string& name) {
  if (name.empty() || name.size() > kLongestName || name.front() == ' ' || name.back() == ' ') return false;
  for (char c : name)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}

bool is_zone(const std::string& zone) {
  if (zone.empty() || zone.size() > 64) return false;
  for (char c : zone)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  return true;
}

}  // namespace

void Resolver::resolve_vpc() {
  const IpPrefix& cidr = topology_.vpc.cidr;
  if (!has_usable_length(cidr))
    refuse("vpc.cidr", "InvalidVpcRange",
           fmt::format("a VPC is an IPv4 block of /{} to /{}, not {}; for example 10.0.0.0/16", kShortestPrefix,
                       kLongestPrefix, cidr.to_string()));
  if (is_special(cidr))
    refuse("vpc.cidr", "InvalidVpcRange",
           fmt::format("{} is reserved by IP itself and no host could use it; take a private block such as 10.0.0.0/16",
                       cidr.to_string()));
  result_.vpc_cidr = cidr;
  result_.vpc_id = make_id("vpc-", cidr.to_string());
}

void Resolver::resolve_subnets() {
  if (topology_.subnets.size() > kSubnetsPerVpc)
    refuse("subnets", "SubnetLimitExceeded",
           fmt::format("{} subnets; a VPC has at most {}", topology_.subnets.size(), kSubnetsPerVpc));
  for (std::size_t i = 0; i < topology_.subnets.size(); ++i) {
    const SubnetDeclaration& declared = topology_.subnets[i];
    const std::string key = fmt::format("subnets[{}]", i);
    if (!is_printable_name(declared.name))
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a subnet; use 1 to 255 printable characters", in_quotes(declared.name)));
    if (result_.find_subnet(declared.name) != nullptr)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second subnet has the name {}; every subnet needs its own", in_quotes(declared.name)));
    if (!has_usable_length(declared.cidr))
      refuse(key + ".cidr", "InvalidSubnet.Range",
             fmt::format("a subnet is an IPv4 block of /{} to /{}, not {}", kShortestPrefix, kLongestPrefix,
                         declared.cidr.to_string()));
    if (!result_.vpc_cidr.contains(declared.cidr))
      refuse(
          key + ".cidr", "InvalidSubnet.Range",
          fmt::format("{} is not inside the VPC's block {}", declared.cidr.to_string(), result_.vpc_cidr.to_string()));
    for (const Subnet& other : result_.subnets)
      if (overlap(other.cidr, declared.cidr))
        refuse(key + ".cidr", "InvalidSubnet.Conflict",
               fmt::format("{} overlaps {} of subnet {}; subnets of a VPC must not overlap", declared.cidr.to_string(),
                           other.cidr.to_string(), in_quotes(other.name)));
    if (!is_zone(declared.az))
      refuse(key + ".az", "InvalidAvailabilityZone",
             fmt::format("{} is no availability zone; write one as use1-az1 or us-east-1a", in_quotes(declared.az)));
    const std::string seed =
        fmt::format("{}/{}/{}/{}", result_.vpc_id, declared.name, declared.cidr.to_string(), declared.az);
    result_.subnets.push_back({make_id("subnet-", seed), declared.name, declared.cidr, declared.az});
  }
}

void Resolver::resolve_placement_groups() {
  if (topology_.placement_groups.size() > kPlacementGroups)
    refuse("placement_groups", "PlacementGroupLimitExceeded",
           fmt::format("{} placement groups; at most {} are allowed", topology_.placement_groups.size(),
                       kPlacementGroups));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < topology_.placement_groups.size(); ++i) {
    const PlacementGroupDeclaration& declared = topology_.placement_groups[i];
    const std::string key = fmt::format("placement_groups[{}].name", i);
    if (!is_printable_name(declared.name))
      refuse(
          key, "InvalidParameterValue",
          fmt::format("{} is no name for a placement group; use 1 to 255 ASCII characters", in_quotes(declared.name)));
    if (!seen.insert(declared.name).second)
      refuse(
          key, "InvalidPlacementGroup.Duplicate",
          fmt::format("a second placement group has the name {}; every group needs its own", in_quotes(declared.name)));
    const std::string seed = fmt::format("{}/{}", declared.name, static_cast<int>(declared.strategy));
    result_.placement_groups.push_back({make_id("pg-", seed), declared.name, declared.strategy});
  }
}

}  // namespace weft
