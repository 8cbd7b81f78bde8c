// Addresses, MACs and virtual functions. Three passes over the addresses, so that the order of the file never takes an
// address away: what runs keeps its own, then those that were asked for by private_ip, then the lowest free ones.
#include <fmt/format.h>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kFirstUsable = 4;  // network, router, DNS and one for the future come before (facts ec2 1.6)

std::uint32_t size_of(const Subnet& subnet) { return 1u << (32 - subnet.cidr.v4_length()); }

IpAddress nth(const Subnet& subnet, std::uint32_t offset) {
  return IpAddress::from({subnet.cidr.address.v4().value + offset});
}

bool is_usable(const Subnet& subnet, const IpAddress& ip) {
  const std::uint32_t offset = ip.v4().value - subnet.cidr.address.v4().value;
  return subnet.cidr.contains(ip) && offset >= kFirstUsable && offset < size_of(subnet) - 1;
}

std::string interface_name(const std::string& instance, std::size_t interface) {
  return fmt::format("{}/eth{}", instance, interface);
}

}  // namespace

void Resolver::reserve_addresses() {
  for (const Wanted& wanted : wanted_) {
    if (wanted.kept == nullptr) continue;
    for (const Eni& eni : wanted.kept->enis) {
      addresses_[eni.private_ip] = interface_name(wanted.name, static_cast<std::size_t>(eni.device_index));
      macs_.insert(eni.mac);
      vfs_.insert(eni.vf.index);
    }
  }
  for (const Wanted& wanted : wanted_) {
    const std::vector<InterfaceDeclaration>& interfaces = topology_.instances[wanted.declaration].interfaces;
    for (std::size_t i = 0; i < interfaces.size(); ++i)
      if (interfaces[i].private_ip) reserve_requested(wanted, i, interfaces[i]);
  }
}

void Resolver::reserve_requested(const Wanted& wanted, std::size_t interface, const InterfaceDeclaration& declared) {
  const std::string key = fmt::format("instances[{}].interfaces[{}].private_ip", wanted.declaration, interface);
  const Subnet& subnet = *result_.find_subnet(declared.subnet);
  const IpAddress ip = IpAddress::from(*declared.private_ip);
  if (!subnet.cidr.contains(ip))
    refuse(key, "InvalidParameterValue",
           fmt::format("{} is not in subnet {}, which is {}", ip.to_string(), in_quotes(subnet.name),
                       subnet.cidr.to_string()));
  if (!is_usable(subnet, ip))
    refuse(key, "InvalidParameterValue",
           fmt::format("{} is reserved in subnet {}; take one from {} to {}", ip.to_string(), in_quotes(subnet.name),
                       nth(subnet, kFirstUsable).to_string(), nth(subnet, size_of(subnet) - 2).to_string()));
  if (wanted.kept != nullptr) return;
  const std::string name = interface_name(wanted.name, interface);
  if (auto [other, is_new] = addresses_.emplace(ip, name); !is_new)
    refuse(key, "InvalidIPAddress.InUse",
           fmt::format("{} is in use by {}; take another or leave private_ip out", ip.to_string(), other->second));
}

void Resolver::build_instances() {
  for (const Wanted& wanted : wanted_) {
    const InstanceDeclaration& declared = topology_.instances[wanted.declaration];
    Instance instance;
    instance.id = wanted.kept != nullptr ? wanted.kept->id : unused_id("i-", wanted.name);
    instance.name = wanted.name;
    instance.type = declared.type;
    instance.placement_group = declared.placement_group;
    for (std::size_t i = 0; i < declared.interfaces.size(); ++i) instance.enis.push_back(build_eni(wanted, i));
    result_.instances.push_back(std::move(instance));
  }
}

Eni Resolver::build_eni(const Wanted& wanted, std::size_t interface) {
  const InterfaceDeclaration& declaration = declared(wanted, interface);
  Eni eni;
  if (wanted.kept != nullptr) {
    eni = wanted.kept->enis[interface];
  } else {
    eni.id = unused_id("eni-", interface_name(wanted.name, interface));
    eni.instance = wanted.name;
    eni.device_index = static_cast<int>(interface);
    eni.subnet = declaration.subnet;
    eni.type = declaration.type;
    eni.private_ip = choose_address(wanted, interface, declaration);
    eni.mac = choose_mac(eni.id);
    eni.vf.index = choose_vf();
  }
  eni.security_groups = declaration.security_groups;
  if (eni.security_groups.empty()) eni.security_groups = {"default"};
  eni.source_dest_check = declaration.source_dest_check;
  return eni;
}

IpAddress Resolver::choose_address(const Wanted& wanted, std::size_t interface, const InterfaceDeclaration& declared) {
  if (declared.private_ip) return IpAddress::from(*declared.private_ip);
  const Subnet& subnet = *result_.find_subnet(declared.subnet);
  const std::string name = interface_name(wanted.name, interface);
  // An instance that is made anew gets its old address back if it can: others may have written it down.
  if (wanted.replaced != nullptr && interface < wanted.replaced->enis.size()) {
    const IpAddress old = wanted.replaced->enis[interface].private_ip;
    if (old.is_v4() && is_usable(subnet, old) && addresses_.emplace(old, name).second) return old;
  }
  std::uint32_t& offset = next_free_.try_emplace(subnet.cidr, kFirstUsable).first->second;
  for (; offset < size_of(subnet) - 1; ++offset)
    if (addresses_.emplace(nth(subnet, offset), name).second) return nth(subnet, offset++);
  refuse(fmt::format("instances[{}].interfaces[{}].subnet", wanted.declaration, interface),
         "InsufficientFreeAddressesInSubnet",
         fmt::format("subnet {} ({}) has no free address for {}; it holds {}, five of its addresses are reserved",
                     in_quotes(subnet.name), subnet.cidr.to_string(), name, size_of(subnet) - 5));
}

MacAddress Resolver::choose_mac(const std::string& eni_id) {
  MacAddress mac = make_mac(eni_id);
  for (int salt = 1; !macs_.insert(mac).second; ++salt) mac = make_mac(eni_id + "#" + std::to_string(salt));
  return mac;
}

std::uint32_t Resolver::choose_vf() {
  while (!vfs_.insert(next_vf_).second) ++next_vf_;
  return next_vf_++;
}

}  // namespace weft
