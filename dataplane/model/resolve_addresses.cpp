// Addresses and delegated prefixes. Three passes, so that the order of the file never takes an address away: what
// exists keeps its own, then those that were asked for, then the lowest free ones (facts ec2 1.3, 1.4, 1.6).
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

bool is_listed(const std::vector<Ipv4Address>& list, const IpAddress& ip) {
  return ip.is_v4() && std::find(list.begin(), list.end(), ip.v4()) != list.end();
}
bool is_listed(const std::vector<IpAddress>& list, const IpAddress& ip) {
  return std::find(list.begin(), list.end(), ip) != list.end();
}
bool is_listed(const std::vector<IpPrefix>& list, const IpPrefix& prefix) {
  return std::find(list.begin(), list.end(), prefix) != list.end();
}

/// Of those it has, which it keeps: the listed ones, or as many as are wanted.
template <typename T, typename Listed>
void keep(AddressPool& pool, const std::vector<T>& has, const std::vector<Listed>& listed, int count,
          const IpPrefix& subnet, const std::string& who, std::vector<T>& kept) {
  int room = count;
  for (const T& one : has) {
    if (!is_usable(subnet, one)) continue;
    if (listed.empty() ? room <= 0 : !is_listed(listed, one)) continue;
    if (!pool.take(one, who)) continue;
    kept.push_back(one);
    --room;
  }
}

template <typename T>
std::vector<T> of_family(const std::vector<T>& all, bool v4) {
  std::vector<T> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), [&](const T& one) { return one.is_v4() == v4; });
  return some;
}

/// In the order of the list, so that a list means the same whatever was there before.
template <typename T, typename Listed>
void order_as_listed(std::vector<T>& chosen, const std::vector<Listed>& listed) {
  const auto position = [&](const T& one) {
    for (std::size_t i = 0; i < listed.size(); ++i)
      if (is_listed({listed[i]}, one)) return i;
    return listed.size();
  };
  std::stable_sort(chosen.begin(), chosen.end(), [&](const T& a, const T& b) { return position(a) < position(b); });
}

}  // namespace

void Resolver::assign_addresses() {
  for (const Eni& eni : outliving_) {
    if (eni.type != InterfaceType::kEfaOnly) pool_.take(eni.private_ip, eni.name);
    for (const IpAddress& ip : eni.secondary_private_ips) pool_.take(ip, eni.name);
    for (const IpAddress& ip : eni.ipv6_addresses) pool_.take(ip, eni.name);
    for (const IpPrefix& prefix : eni.prefixes) pool_.take(prefix, eni.name);
    macs_.insert(eni.mac);
  }
  for (WantedInterface& wanted : interfaces_) {
    if (wanted.kept == nullptr) continue;
    macs_.insert(wanted.kept->mac);
    if (!wanted.kept->instance.empty() && !wanted.instance.empty()) vfs_.insert(wanted.kept->vf.index);
    if (!wanted.wrong) keep_addresses(wanted);
  }
  const auto each = [&](void (Resolver::*step)(WantedInterface&)) {
    for (WantedInterface& wanted : interfaces_)
      if (!wanted.wrong && wanted.declared->type != InterfaceType::kEfaOnly) (this->*step)(wanted);
  };
  each(&Resolver::take_primary);
  each(&Resolver::take_listed);
  each(&Resolver::take_free);
}

void Resolver::keep_addresses(WantedInterface& wanted) {
  const Eni& eni = *wanted.kept;
  const InterfaceDeclaration& declared = *wanted.declared;
  const Subnet& subnet = *result_.find_subnet(declared.subnet);
  if (eni.type == InterfaceType::kEfaOnly) return;
  wanted.private_ip = eni.private_ip;
  pool_.take(eni.private_ip, wanted.label);
  keep(pool_, eni.secondary_private_ips, declared.secondary_private_ips, declared.secondary_private_ip_count,
       subnet.cidr, wanted.label, wanted.secondary);
  keep(pool_, of_family(eni.prefixes, true), declared.ipv4_prefixes, declared.ipv4_prefix_count, subnet.cidr,
       wanted.label, wanted.prefixes);
  if (!subnet.ipv6_cidr) return;
  keep(pool_, eni.ipv6_addresses, declared.ipv6_addresses, declared.ipv6_address_count, *subnet.ipv6_cidr, wanted.label,
       wanted.ipv6);
  keep(pool_, of_family(eni.prefixes, false), declared.ipv6_prefixes, declared.ipv6_prefix_count, *subnet.ipv6_cidr,
       wanted.label, wanted.prefixes);
}

void Resolver::take_primary(WantedInterface& wanted) {
  if (!wanted.declared->private_ip || wanted.kept != nullptr) return;
  wanted.private_ip = IpAddress::from(*wanted.declared->private_ip);
  take_listed_address(wanted, wanted.private_ip, wanted.key + ".private_ip", true);
}

void Resolver::take_listed(WantedInterface& wanted) {
  const InterfaceDeclaration& declared = *wanted.declared;
  const auto key = [&](const char* list, std::size_t i) { return fmt::format("{}.{}[{}]", wanted.key, list, i); };
  const auto repeats = [](const auto& list, std::size_t i) {
    return std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
           list.begin() + static_cast<std::ptrdiff_t>(i);
  };
  const auto twice = [&](const std::string& where, const std::string& text) {
    refuse(where, "InvalidParameterValue", fmt::format("{} is listed twice; once is enough", text));
  };
  for (std::size_t i = 0; i < declared.secondary_private_ips.size(); ++i) {
    const IpAddress ip = IpAddress::from(declared.secondary_private_ips[i]);
    if (repeats(declared.secondary_private_ips, i))
      twice(key("secondary_private_ips", i), ip.to_string());
    else if (!is_listed(wanted.secondary, ip)) {
      take_listed_address(wanted, ip, key("secondary_private_ips", i), false);
      wanted.secondary.push_back(ip);
    }
  }
  for (std::size_t i = 0; i < declared.ipv6_addresses.size(); ++i) {
    const IpAddress& ip = declared.ipv6_addresses[i];
    if (repeats(declared.ipv6_addresses, i))
      twice(key("ipv6_addresses", i), ip.to_string());
    else if (!is_listed(wanted.ipv6, ip)) {
      take_listed_address(wanted, ip, key("ipv6_addresses", i), false);
      wanted.ipv6.push_back(ip);
    }
  }
  for (const auto& [list, name] :
       {std::pair{&declared.ipv4_prefixes, "ipv4_prefixes"}, std::pair{&declared.ipv6_prefixes, "ipv6_prefixes"}})
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (repeats(*list, i))
        twice(key(name, i), (*list)[i].to_string());
      else if ((*list)[i].is_v4() != (list == &declared.ipv4_prefixes))
        refuse(key(name, i), "InvalidParameterValue",
               fmt::format("{} is of the other address family", (*list)[i].to_string()));
      else if (!is_listed(wanted.prefixes, (*list)[i])) {
        take_listed_prefix(wanted, (*list)[i], key(name, i));
        wanted.prefixes.push_back((*list)[i]);
      }
    }
  order_as_listed(wanted.secondary, declared.secondary_private_ips);
  order_as_listed(wanted.ipv6, declared.ipv6_addresses);
}

void Resolver::take_listed_address(WantedInterface& wanted, const IpAddress& ip, const std::string& key, bool primary) {
  const Subnet& subnet = *result_.find_subnet(wanted.declared->subnet);
  const IpPrefix& block = ip.is_v4() || !subnet.ipv6_cidr ? subnet.cidr : *subnet.ipv6_cidr;
  if (!block.contains(ip))
    return refuse(
        key, "InvalidParameterValue",
        fmt::format("{} is not in subnet {}, which is {}", ip.to_string(), in_quotes(subnet.name), block.to_string()));
  if (!is_usable(block, ip))
    return refuse(key, "InvalidParameterValue",
                  fmt::format("{} is reserved in subnet {}; take one from {} to {}", ip.to_string(),
                              in_quotes(subnet.name), first_usable(block).to_string(), last_usable(block).to_string()));
  if (pool_.take(ip, wanted.label)) return;
  const std::string& holder = *pool_.holder(ip);
  // As EC2: taken by CreateNetworkInterface it is in use; by AssignPrivateIpAddresses without AllowReassignment it is
  // not moved. In the file a move is to list it at one interface and no more at the other.
  if (primary || wanted.kept == nullptr || !ip.is_v4())
    refuse(key, "InvalidIPAddress.InUse",
           fmt::format("{} is in use by {}; take another{}", ip.to_string(), holder,
                       primary ? " or leave private_ip out" : ""));
  else
    refuse(key, "InvalidParameterValue",
           fmt::format("[{}] assigned, but move is not allowed. {} has it and keeps it; list it at one of the two",
                       ip.to_string(), holder));
}

void Resolver::take_listed_prefix(WantedInterface& wanted, const IpPrefix& prefix, const std::string& key) {
  const Subnet& subnet = *result_.find_subnet(wanted.declared->subnet);
  const IpPrefix& block = prefix.is_v4() || !subnet.ipv6_cidr ? subnet.cidr : *subnet.ipv6_cidr;
  if (prefix.is_v4() ? prefix.v4_length() != 28 : prefix.length != 80)
    return refuse(key, "InvalidParameterValue",
                  fmt::format("a delegated prefix is an IPv4 /28 or an IPv6 /80, not {}", prefix.to_string()));
  if (!block.contains(prefix))
    return refuse(key, "InvalidParameterValue",
                  fmt::format("{} is not inside subnet {}, which is {}", prefix.to_string(), in_quotes(subnet.name),
                              block.to_string()));
  if (!is_usable(block, prefix))
    return refuse(key, "InvalidParameterValue",
                  fmt::format("{} holds reserved addresses of subnet {}: its first four and its last",
                              prefix.to_string(), in_quotes(subnet.name)));
  if (!pool_.take(prefix, wanted.label))
    refuse(key, "InvalidIPAddress.InUse",
           fmt::format("{} overlaps what {} has; take another", prefix.to_string(), *pool_.holder(prefix)));
}

void Resolver::take_free(WantedInterface& wanted) {
  const InterfaceDeclaration& declared = *wanted.declared;
  const Subnet& subnet = *result_.find_subnet(declared.subnet);
  // One that is made anew gets its old address back if it can: others may have written it down.
  const Eni* old = wanted.replaced;
  if (!declared.private_ip && wanted.kept == nullptr) {
    if (old != nullptr && is_usable(subnet.cidr, old->private_ip) && pool_.take(old->private_ip, wanted.label))
      wanted.private_ip = old->private_ip;
    else if (std::optional<IpAddress> ip = pool_.take_lowest(subnet.cidr, wanted.label))
      wanted.private_ip = *ip;
    else
      return no_free_address(wanted, subnet.cidr);
  }
  const auto fill_addresses = [&](std::vector<IpAddress>& all, int count, const IpPrefix& block) {
    while (static_cast<int>(all.size()) < count) {
      std::optional<IpAddress> ip = pool_.take_lowest(block, wanted.label);
      if (!ip) return no_free_address(wanted, block);
      all.push_back(*ip);
    }
  };
  const auto fill_prefixes = [&](int count, const IpPrefix& block) {
    for (int n = static_cast<int>(of_family(wanted.prefixes, block.is_v4()).size()); n < count; ++n) {
      std::optional<IpPrefix> prefix = pool_.take_lowest_prefix(block, wanted.label);
      if (!prefix) return no_free_address(wanted, block);
      wanted.prefixes.push_back(*prefix);
    }
  };
  if (declared.secondary_private_ips.empty())
    fill_addresses(wanted.secondary, declared.secondary_private_ip_count, subnet.cidr);
  if (declared.ipv4_prefixes.empty()) fill_prefixes(declared.ipv4_prefix_count, subnet.cidr);
  if (subnet.ipv6_cidr) {
    if (declared.ipv6_addresses.empty()) fill_addresses(wanted.ipv6, declared.ipv6_address_count, *subnet.ipv6_cidr);
    if (declared.ipv6_prefixes.empty()) fill_prefixes(declared.ipv6_prefix_count, *subnet.ipv6_cidr);
  }
  std::sort(wanted.prefixes.begin(), wanted.prefixes.end());
}

void Resolver::no_free_address(const WantedInterface& wanted, const IpPrefix& block) {
  refuse(wanted.key + ".subnet", "InsufficientFreeAddressesInSubnet",
         fmt::format("subnet {} ({}) has no free address or prefix for {}; it holds {} addresses, five are reserved",
                     in_quotes(wanted.declared->subnet), block.to_string(), wanted.label, count_usable(block)));
}

}  // namespace weft
