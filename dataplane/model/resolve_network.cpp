// The VPC, its subnets and the placement groups.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr unsigned kShortestPrefix = 16, kLongestPrefix = 28;    // VPC and subnet (facts ec2 1.6)
constexpr std::size_t kLongestName = 255;                        // facts ec2 4.1
constexpr std::size_t kSubnetsPerVpc = 200;                      // facts ec2 1.5
constexpr std::size_t kPlacementGroups = 500;                    // facts ec2 4.1
constexpr int kMostPartitions = 7;                               // per zone (facts ec2 4.1)
constexpr unsigned kVpcIpv6Length = 56, kSubnetIpv6Length = 64;  // facts ec2 1.6
constexpr int kMostRacks = 256, kMostHosts = 256;                // of a zone, of a rack

bool has_usable_length(const IpPrefix& cidr) {
  return cidr.is_v4() && cidr.v4_length() >= kShortestPrefix && cidr.v4_length() <= kLongestPrefix;
}

// Blocks whose addresses mean something else to every IP stack, so no guest could use them.
bool is_special(const IpPrefix& cidr) {
  const std::uint32_t first = cidr.address.v4().value >> 24;
  return first == 0 || first == 127 || first >= 224 || cidr.address.v4().value >> 16 == (169u << 8 | 254u);
}

bool overlap(const IpPrefix& a, const IpPrefix& b) { return a.contains(b) || b.contains(a); }

// fd00:ec2::/32, where EC2's own services answer (facts ec2 1.9).
bool contains_link_local_services(const IpPrefix& cidr) { return overlap(cidr, *IpPrefix::parse("fd00:ec2::/32")); }

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
  vpc_is_wrong_ = !has_usable_length(cidr) || is_special(cidr);
  if (!has_usable_length(cidr))
    refuse("vpc.cidr", "InvalidVpcRange",
           fmt::format("a VPC is an IPv4 block of /{} to /{}, not {}; for example 10.0.0.0/16", kShortestPrefix,
                       kLongestPrefix, cidr.to_string()));
  else if (is_special(cidr))
    refuse("vpc.cidr", "InvalidVpcRange",
           fmt::format("{} is reserved by IP itself and no host could use it; take a private block such as 10.0.0.0/16",
                       cidr.to_string()));
  result_.vpc_cidr = cidr;
  result_.vpc_id = make_id("vpc-", cidr.to_string());
  result_.dns_support = topology_.vpc.dns_support;
  result_.parameters = topology_.parameters;
  result_.hosts = {topology_.hosts.racks_per_zone, topology_.hosts.hosts_per_rack};
  result_.dhcp = topology_.vpc.dhcp;
  resolve_vpc_ipv6();
  const auto within = [](int value, int most) { return value >= 1 && value <= most; };
  if (!within(topology_.hosts.racks_per_zone, kMostRacks))
    refuse("hosts.racks_per_zone", "InvalidParameterValue", fmt::format("a zone has 1 to {} racks", kMostRacks));
  if (!within(topology_.hosts.hosts_per_rack, kMostHosts))
    refuse("hosts.hosts_per_rack", "InvalidParameterValue", fmt::format("a rack has 1 to {} hosts", kMostHosts));
}

void Resolver::resolve_vpc_ipv6() {
  const std::optional<IpPrefix>& cidr = topology_.vpc.ipv6_cidr;
  if (!cidr) return;
  const std::uint8_t first = cidr->address.octets[0];
  if (cidr->is_v4() || cidr->length != kVpcIpv6Length)
    refuse("vpc.ipv6_cidr", "InvalidVpcRange",
           fmt::format("the IPv6 block of a VPC is a /{}, not {}; for example 2001:db8:1234:1a00::/{}", kVpcIpv6Length,
                       cidr->to_string(), kVpcIpv6Length));
  else if (first == 0 || first >= 0xfe || contains_link_local_services(*cidr))
    refuse("vpc.ipv6_cidr", "InvalidVpcRange",
           fmt::format("{} is reserved by IP itself or by EC2's own services; take a block such as "
                       "2001:db8:1234:1a00::/{}",
                       cidr->to_string(), kVpcIpv6Length));
  else
    result_.vpc_ipv6_cidr = cidr;
}

void Resolver::resolve_subnets() {
  if (topology_.subnets.size() > kSubnetsPerVpc) {
    refuse("subnets", "SubnetLimitExceeded",
           fmt::format("{} subnets; a VPC has at most {}", topology_.subnets.size(), kSubnetsPerVpc));
    throw NothingMoreMakesSense{};
  }
  for (std::size_t i = 0; i < topology_.subnets.size(); ++i) {
    const SubnetDeclaration& declared = topology_.subnets[i];
    const std::string key = fmt::format("subnets[{}]", i);
    if (result_.find_subnet(declared.name) != nullptr) {
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second subnet has the name {}; every subnet needs its own", in_quotes(declared.name)));
      continue;
    }
    if (!check_subnet(declared, key)) wrong_subnets_.insert(declared.name);
    Subnet subnet;
    subnet.id = make_id(
        "subnet-", fmt::format("{}/{}/{}/{}", result_.vpc_id, declared.name, declared.cidr.to_string(), declared.az));
    subnet.name = declared.name;
    subnet.cidr = declared.cidr;
    subnet.az = declared.az;
    subnet.ipv6_cidr = declared.ipv6_cidr;
    subnet.route_table = declared.route_table;
    if (subnet.route_table.empty())
      subnet.route_table =
          std::find_if(result_.route_tables.begin(), result_.route_tables.end(), [](const RouteTable& table) {
            return table.main;
          })->name;
    subnet.network_acl = declared.network_acl.empty() ? "default" : declared.network_acl;
    subnet.map_public_ip_on_launch = declared.map_public_ip_on_launch;
    result_.subnets.push_back(std::move(subnet));
  }
}

// False: no address can be chosen in it.
bool Resolver::check_subnet(const SubnetDeclaration& declared, const std::string& key) {
  const std::size_t before = errors_.size();
  if (!is_printable_name(declared.name))
    refuse(key + ".name", "InvalidParameterValue",
           fmt::format("{} is no name for a subnet; use 1 to 255 printable characters", in_quotes(declared.name)));
  if (!has_usable_length(declared.cidr))
    refuse(key + ".cidr", "InvalidSubnet.Range",
           fmt::format("a subnet is an IPv4 block of /{} to /{}, not {}", kShortestPrefix, kLongestPrefix,
                       declared.cidr.to_string()));
  else if (!vpc_is_wrong_ && !result_.vpc_cidr.contains(declared.cidr))
    refuse(key + ".cidr", "InvalidSubnet.Range",
           fmt::format("{} is not inside the VPC's block {}", declared.cidr.to_string(), result_.vpc_cidr.to_string()));
  for (const Subnet& other : result_.subnets)
    if (overlap(other.cidr, declared.cidr))
      refuse(key + ".cidr", "InvalidSubnet.Conflict",
             fmt::format("{} overlaps {} of subnet {}; subnets of a VPC must not overlap", declared.cidr.to_string(),
                         other.cidr.to_string(), in_quotes(other.name)));
  check_subnet_ipv6(declared, key);
  const bool addressable = errors_.size() == before;
  if (!is_zone(declared.az))
    refuse(key + ".az", "InvalidAvailabilityZone",
           fmt::format("{} is no availability zone; write one as use1-az1 or us-east-1a", in_quotes(declared.az)));
  if (!declared.route_table.empty() && result_.find_route_table(declared.route_table) == nullptr)
    refuse(key + ".route_table", "InvalidRouteTableID.NotFound",
           fmt::format("no route table has the name {}{}", in_quotes(declared.route_table),
                       hint(declared.route_table, names_of(result_.route_tables))));
  if (!declared.network_acl.empty() && result_.find_network_acl(declared.network_acl) == nullptr)
    refuse(key + ".network_acl", "InvalidNetworkAclID.NotFound",
           fmt::format("no network ACL has the name {}{}", in_quotes(declared.network_acl),
                       hint(declared.network_acl, names_of(result_.network_acls))));
  return addressable && !vpc_is_wrong_;
}

void Resolver::check_subnet_ipv6(const SubnetDeclaration& declared, const std::string& key) {
  if (!declared.ipv6_cidr) return;
  const IpPrefix& cidr = *declared.ipv6_cidr;
  if (cidr.is_v4() || cidr.length != kSubnetIpv6Length)
    return refuse(key + ".ipv6_cidr", "InvalidSubnet.Range",
                  fmt::format("the IPv6 block of a subnet is a /{}, not {}", kSubnetIpv6Length, cidr.to_string()));
  if (!topology_.vpc.ipv6_cidr)
    return refuse(key + ".ipv6_cidr", "InvalidSubnet.Range",
                  "the VPC has no IPv6 block; give it one with ipv6_cidr, a /56, first");
  if (result_.vpc_ipv6_cidr && !result_.vpc_ipv6_cidr->contains(cidr))
    return refuse(
        key + ".ipv6_cidr", "InvalidSubnet.Range",
        fmt::format("{} is not inside the VPC's IPv6 block {}", cidr.to_string(), result_.vpc_ipv6_cidr->to_string()));
  for (const Subnet& other : result_.subnets)
    if (other.ipv6_cidr && overlap(*other.ipv6_cidr, cidr))
      refuse(key + ".ipv6_cidr", "InvalidSubnet.Conflict",
             fmt::format("{} is the IPv6 block of subnet {} already; subnets of a VPC must not overlap",
                         cidr.to_string(), in_quotes(other.name)));
}

void Resolver::resolve_placement_groups() {
  if (topology_.placement_groups.size() > kPlacementGroups)
    refuse("placement_groups", "PlacementGroupLimitExceeded",
           fmt::format("{} placement groups; at most {} are allowed", topology_.placement_groups.size(),
                       kPlacementGroups));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < topology_.placement_groups.size(); ++i) {
    const PlacementGroupDeclaration& declared = topology_.placement_groups[i];
    const std::string key = fmt::format("placement_groups[{}]", i);
    const bool partitioned = declared.strategy == PlacementStrategy::kPartition;
    if (!is_printable_name(declared.name))
      refuse(
          key + ".name", "InvalidParameterValue",
          fmt::format("{} is no name for a placement group; use 1 to 255 ASCII characters", in_quotes(declared.name)));
    if (partitioned && (declared.partition_count < 1 || declared.partition_count > kMostPartitions))
      refuse(key + ".partition_count", "InvalidParameterValue",
             fmt::format("a partition placement group has 1 to {} partitions in a zone, not {}", kMostPartitions,
                         declared.partition_count));
    if (!partitioned && declared.partition_count != 0)
      refuse(key + ".partition_count", "InvalidParameterCombination",
             "only a placement group of strategy partition has partitions");
    if (!seen.insert(declared.name).second) {
      refuse(
          key + ".name", "InvalidPlacementGroup.Duplicate",
          fmt::format("a second placement group has the name {}; every group needs its own", in_quotes(declared.name)));
      continue;
    }
    std::string seed = fmt::format("{}/{}", declared.name, static_cast<int>(declared.strategy));
    if (partitioned) seed += fmt::format("/{}", declared.partition_count);
    result_.placement_groups.push_back(
        {make_id("pg-", seed), declared.name, declared.strategy, declared.partition_count});
  }
}

}  // namespace weft
