#include "dataplane/model/deployment.hpp"

#include <algorithm>

namespace weft {
namespace {

template <typename T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

IpAddress Subnet::router() const {
  return cidr.is_v4() ? IpAddress::from({cidr.address.v4().value + 1}) : cidr.address;
}

bool Eni::owns(const IpAddress& ip) const {
  const auto is = [&](const IpAddress& own) { return own == ip; };
  return private_ip == ip || std::any_of(secondary_private_ips.begin(), secondary_private_ips.end(), is) ||
         std::any_of(ipv6_addresses.begin(), ipv6_addresses.end(), is) ||
         std::any_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& prefix) { return prefix.contains(ip); });
}

const Subnet* Deployment::find_subnet(std::string_view name) const { return find_named(subnets, name); }

const SecurityGroup* Deployment::find_security_group(std::string_view name) const {
  return find_named(security_groups, name);
}

const Instance* Deployment::find_instance(std::string_view name_or_id) const {
  for (const Instance& instance : instances)
    if (instance.name == name_or_id || instance.id == name_or_id) return &instance;
  return nullptr;
}

const Eni* Deployment::find_eni(std::string_view id) const {
  for (const Instance& instance : instances)
    for (const Eni& eni : instance.enis)
      if (eni.id == id) return &eni;
  auto found = std::find_if(available_enis.begin(), available_enis.end(), [&](const Eni& eni) { return eni.id == id; });
  return found == available_enis.end() ? nullptr : &*found;
}

const PrefixList* Deployment::find_prefix_list(std::string_view name) const { return find_named(prefix_lists, name); }

const RouteTable* Deployment::find_route_table(std::string_view name) const { return find_named(route_tables, name); }

const NetworkAcl* Deployment::find_network_acl(std::string_view name) const { return find_named(network_acls, name); }

Where Topology::where(const std::string& key) const {
  std::string_view prefix = key;
  while (!prefix.empty()) {
    if (auto found = lines.find(std::string(prefix)); found != lines.end()) return {file, found->second, key};
    const std::size_t cut = prefix.find_last_of(".[");
    prefix = prefix.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  return {file, 0, key};
}

}  // namespace weft
