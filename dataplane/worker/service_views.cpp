#include "dataplane/worker/service_views.hpp"

#include <string>

#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/instance_metadata.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {
namespace {

/// An instance's own names lead to its primary ENI; further addresses have ip- names only (name_table.hpp).
services::NamedHost named_host(const Instance& instance) {
  services::NamedHost host{.name = instance.name, .id = instance.id, .addresses = {}, .secondary = {}};
  for (std::size_t n = 0; n < instance.enis.size(); ++n) {
    const Eni& eni = instance.enis[n];
    if (eni.type == InterfaceType::kEfaOnly) continue;
    std::vector<IpAddress>& primary = n == 0 ? host.addresses : host.secondary;
    primary.push_back(eni.private_ip);
    primary.insert(primary.end(), eni.ipv6_addresses.begin(), eni.ipv6_addresses.end());
    host.secondary.insert(host.secondary.end(), eni.secondary_private_ips.begin(), eni.secondary_private_ips.end());
  }
  return host;
}

/// A public name resolves to the private address from inside the VPC (facts ec2 1.1).
std::vector<services::NameAlias> public_names(const Deployment& deployment) {
  std::vector<services::NameAlias> aliases;
  for (const ElasticIp& elastic : deployment.elastic_ips)
    if (!elastic.eni_id.empty() && elastic.address.is_v4())
      aliases.push_back({services::public_dns_name(elastic.address.v4()), elastic.private_ip});
  for (const Eni* eni : flatten_enis(deployment))
    if (eni->public_ip && eni->public_ip->is_v4())
      aliases.push_back({services::public_dns_name(eni->public_ip->v4()), eni->private_ip});
  return aliases;
}

std::unique_ptr<const services::NameTable> compile_names(const Deployment& deployment) {
  std::vector<services::NamedHost> hosts;
  for (const Instance& instance : deployment.instances) hosts.push_back(named_host(instance));
  std::vector<IpPrefix> cidrs = {deployment.vpc_cidr};
  if (deployment.vpc_ipv6_cidr) cidrs.push_back(*deployment.vpc_ipv6_cidr);
  return std::make_unique<const services::NameTable>(deployment.dhcp.domain_name, cidrs, hosts,
                                                     public_names(deployment));
}

services::ServiceView view_of(const Deployment& deployment, const Eni& eni, const Subnet& subnet) {
  services::ServiceView view;
  view.mac = eni.mac;
  if (eni.private_ip.is_v4()) view.address = eni.private_ip.v4();
  view.ipv6_addresses = eni.ipv6_addresses;
  view.mtu = kFabricMtu;
  view.router = subnet.router().v4();
  view.router_mac = router_mac(view.router);
  view.prefix_length = static_cast<std::uint8_t>(subnet.cidr.v4_length());
  view.ipv6_cidr = subnet.ipv6_cidr;
  view.resolver = {deployment.vpc_cidr.address.v4().value + 2};
  view.dns_support = deployment.dns_support;
  view.domain_name = deployment.dhcp.domain_name;
  view.domain_name_servers = deployment.dhcp.domain_name_servers;
  view.ntp_servers = deployment.dhcp.ntp_servers;
  return view;
}

}  // namespace

ServiceViews ServiceViews::compile(const Deployment& deployment, const std::vector<EniSlot>& slots,
                                   std::size_t slot_count) {
  ServiceViews made;
  if (!deployment.vpc_cidr.is_v4()) return made;  // nothing is deployed
  made.names_ = compile_names(deployment);
  made.views_.resize(slot_count);
  made.ipv6_prefixes_.resize(slot_count);
  std::vector<const services::Metadata*> metadata;  // of the ENIs, in the order of flatten_enis()
  made.metadata_.reserve(deployment.instances.size());  // views point into it
  for (const Instance& instance : deployment.instances) {
    made.metadata_.push_back(metadata_of(deployment, instance));
    metadata.insert(metadata.end(), instance.enis.size(), &made.metadata_.back());
  }
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  metadata.resize(enis.size());  // those that are attached to none have none
  for (std::size_t i = 0; i < enis.size(); ++i) {
    std::vector<IpPrefix>& prefixes = made.ipv6_prefixes_[slots[i]];
    for (const IpPrefix& prefix : enis[i]->prefixes)
      if (!prefix.is_v4()) prefixes.push_back(prefix);
    services::ServiceView& view = made.views_[slots[i]];
    view = view_of(deployment, *enis[i], *deployment.find_subnet(enis[i]->subnet));
    view.ipv6_prefixes = prefixes;
    view.names = made.names_.get();
    view.metadata = metadata[i];
  }
  return made;
}

}  // namespace weft
