// The VPC and what it is divided into: subnets, prefix lists, placement groups, racks.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/control/topology_file_addresses.hpp"
#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

constexpr const char* kDefaultZone = "use1-az1";
constexpr std::size_t kMostServers = 4;      // of a DHCP option set, as EC2 takes
constexpr std::size_t kLongestDomain = 253;  // RFC 1035 2.3.4
constexpr int kMostEntries = 1000;           // of a prefix list
constexpr int kDefaultPartitions = 2;        // what CreatePlacementGroup makes when PartitionCount is left out
constexpr int kMostRacks = 256;              // of a zone; and hosts of a rack

/// It goes into a DHCP option and into every guest's resolv.conf.
std::string read_domain_name(const Value& value) {
  const std::string name = value.text();
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  bool labels = name.size() <= kLongestDomain;
  for (std::size_t begin = 0; labels && begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view label = std::string_view(name).substr(begin, end - begin);
    labels = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-';
    begin = end + 1;
  }
  if (!letters || !labels)
    value.refuse("InvalidParameterValue",
                 fmt::format("{} is no domain name; write one as example.internal", in_quotes(name)));
  return name;
}

std::vector<Ipv4Address> read_servers(const Value& value) {
  std::vector<Ipv4Address> servers;
  value.each("IPv4 addresses", [&](const Value& item) { servers.push_back(read_ipv4(item)); });
  if (servers.size() > kMostServers)
    value.refuse("InvalidParameterValue", fmt::format("{} servers; DHCP options of a VPC have at most {}",
                                                      servers.size(), kMostServers));
  return servers;
}

DhcpOptions read_dhcp(const Value& value) {
  const Section section = value.section("dhcp", {"domain_name", "domain_name_servers", "ntp_servers"});
  DhcpOptions options;
  section.read("domain_name", [&](const Value& name) { options.domain_name = read_domain_name(name); });
  section.read("domain_name_servers", [&](const Value& list) { options.domain_name_servers = read_servers(list); });
  section.read("ntp_servers", [&](const Value& list) { options.ntp_servers = read_servers(list); });
  return options;
}

/// Left out: the family of the first entry that can be read.
bool is_ipv6_list(const Section& section, const std::vector<IpPrefix>& entries) {
  bool ipv6 = !entries.empty() && !entries.front().is_v4();
  section.read("address_family", [&](const Value& value) {
    const std::string family = lower(value.text());
    if (family != "ipv4" && family != "ipv6")
      value.refuse("InvalidParameterValue",
                   fmt::format("{} is no address family{}", in_quotes(family), hint(family, {"ipv4", "ipv6"})));
    ipv6 = family == "ipv6";
  });
  return ipv6;
}

}  // namespace

VpcDeclaration read_vpc(const Value& value) {
  const Section section = value.section("vpc", {"cidr", "ipv6_cidr", "dns_support", "dhcp"});
  VpcDeclaration vpc;
  vpc.line = section.line();
  section.read_required("cidr", "cidr: 10.0.0.0/16", [&](const Value& cidr) { vpc.cidr = read_cidr(cidr); });
  section.read("ipv6_cidr", [&](const Value& cidr) { vpc.ipv6_cidr = read_ipv6_cidr(cidr); });
  section.read_truth("dns_support", vpc.dns_support);
  section.read("dhcp", [&](const Value& options) { vpc.dhcp = read_dhcp(options); });
  return vpc;
}

HostsDeclaration read_hosts(const Value& value) {
  const Section section = value.section("hosts", {"racks_per_zone", "hosts_per_rack"});
  HostsDeclaration hosts;
  hosts.line = section.line();
  section.read_number("racks_per_zone", 1, kMostRacks, hosts.racks_per_zone);
  section.read_number("hosts_per_rack", 1, kMostRacks, hosts.hosts_per_rack);
  return hosts;
}

Parameters read_parameters(const Value& value) {
  std::vector<std::string> keys;
  for (const NumberParameter& one : kNumberParameters) keys.emplace_back(one.key);
  for (const SwitchParameter& one : kSwitchParameters) keys.emplace_back(one.key);
  const Section section = value.section("parameters", keys);
  Parameters parameters;
  for (const NumberParameter& one : kNumberParameters)
    section.read_number(std::string(one.key), one.least, one.most, parameters.*one.value);
  for (const SwitchParameter& one : kSwitchParameters)
    section.read_truth(std::string(one.key), parameters.*one.value);
  return parameters;
}

SubnetDeclaration read_subnet(const Value& value) {
  const Section section = value.section(
      "a subnet", {"name", "cidr", "ipv6_cidr", "az", "route_table", "network_acl", "map_public_ip_on_launch"});
  SubnetDeclaration subnet;
  subnet.line = section.line();
  subnet.az = kDefaultZone;
  section.read_name("name: hpc", subnet.name);
  section.read_required("cidr", "cidr: 10.0.1.0/24", [&](const Value& cidr) { subnet.cidr = read_cidr(cidr); });
  section.read("ipv6_cidr", [&](const Value& cidr) { subnet.ipv6_cidr = read_ipv6_cidr(cidr); });
  section.read_text("az", subnet.az);
  section.read_text("route_table", subnet.route_table);
  section.read_text("network_acl", subnet.network_acl);
  section.read_truth("map_public_ip_on_launch", subnet.map_public_ip_on_launch);
  return subnet;
}

PrefixListDeclaration read_prefix_list(const Value& value) {
  const Section section = value.section("a prefix list", {"name", "address_family", "max_entries", "entries"});
  PrefixListDeclaration list;
  list.line = section.line();
  section.read_name("name: offices", list.name);
  section.read("entries", [&](const Value& entries) {
    entries.each("CIDR blocks", [&](const Value& item) { list.entries.push_back(read_cidr(item)); });
  });
  list.ipv6 = is_ipv6_list(section, list.entries);
  list.max_entries = static_cast<int>(std::clamp<std::size_t>(list.entries.size(), 1, kMostEntries));
  section.read_number("max_entries", 1, kMostEntries, list.max_entries);
  return list;
}

PlacementGroupDeclaration read_placement_group(const Value& value) {
  const Section section = value.section("a placement group", {"name", "strategy", "partition_count"});
  PlacementGroupDeclaration group;
  group.line = section.line();
  section.read_name("name: tight", group.name);
  bool known = true;
  section.read("strategy", [&](const Value& strategy) {
    known = false;
    const std::string word = strategy.text();
    for (const auto& [name, meant] : {std::pair{"cluster", PlacementStrategy::kCluster},
                                      std::pair{"spread", PlacementStrategy::kSpread},
                                      std::pair{"partition", PlacementStrategy::kPartition}})
      if (word == name) {
        group.strategy = meant;
        known = true;
      }
    if (!known)
      strategy.refuse("InvalidParameterValue", fmt::format("{} is no strategy{}", in_quotes(word),
                                                           hint(word, {"cluster", "spread", "partition"})));
  });
  if (group.strategy == PlacementStrategy::kPartition) group.partition_count = kDefaultPartitions;
  section.read_number("partition_count", 1, kMostPartitions, group.partition_count);
  if (const Value* count = section.find("partition_count");
      count != nullptr && known && group.strategy != PlacementStrategy::kPartition)
    count->note("InvalidParameterCombination", "only a group with strategy: partition has partitions");
  return group;
}

}  // namespace weft::topology_file
