// The interfaces and instances themselves: ids, MACs, VFs; what exists keeps its own.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/vf.hpp"

namespace weft {
namespace {

constexpr int kUsualTcpEstablishedTimeout = 432000;  // facts ec2 2.4

}  // namespace

void Resolver::build_enis() {
  for (const WantedInterface& wanted : interfaces_) built_.push_back(build_eni(wanted));
}

Eni Resolver::build_eni(const WantedInterface& wanted) {
  const InterfaceDeclaration& declared = *wanted.declared;
  Eni eni;
  if (wanted.kept != nullptr) {
    eni = *wanted.kept;
  } else {
    eni.id = unused_id("eni-", wanted.label);
    eni.subnet = declared.subnet;
    eni.type = declared.type;
    eni.mac = choose_mac(eni.id);
  }
  const bool was_attached = wanted.kept != nullptr && !wanted.kept->instance.empty();
  if (wanted.instance.empty())
    eni.vf = {};  // a virtual function is of an attachment
  else if (!was_attached)
    eni.vf.index = choose_vf();
  if (!wanted.instance.empty()) declare(eni.vf, declared.vf);
  if (wanted.kept == nullptr || eni.instance != wanted.instance)
    eni.public_ip.reset();  // it never moves (facts ec2 3.3)
  eni.name = wanted.name;
  eni.instance = wanted.instance;
  eni.device_index = wanted.instance.empty() ? 0 : wanted.device_index;
  eni.network_card = wanted.instance.empty() ? 0 : declared.network_card;
  eni.delete_on_termination = declared.delete_on_termination;
  eni.private_ip = wanted.private_ip;
  eni.secondary_private_ips = wanted.secondary;
  eni.ipv6_addresses = wanted.ipv6;
  eni.prefixes = wanted.prefixes;
  eni.security_groups = declared.security_groups;
  if (eni.security_groups.empty()) eni.security_groups = {"default"};
  eni.source_dest_check = declared.source_dest_check;
  eni.description = declared.description;
  eni.connection_tracking = declared.connection_tracking;
  eni.enable_frag_bypass = declared.enable_frag_bypass;
  eni.ena_srd = declared.ena_srd;
  eni.ena_srd_udp = declared.ena_srd_udp;
  eni.port = build_port(wanted);
  return eni;
}

void Resolver::build_instances() {
  for (const WantedInstance& wanted : instances_) {
    const InstanceDeclaration& declared = topology_.instances[wanted.declaration];
    const Instance* before = wanted.kept != nullptr ? wanted.kept : wanted.replaced;
    Instance instance;
    instance.id = wanted.kept != nullptr ? wanted.kept->id : unused_id("i-", wanted.name);
    instance.name = wanted.name;
    instance.type = declared.type;
    instance.placement_group = declared.placement_group;
    instance.placement = wanted.placement;
    instance.allowances = allowances(declared);
    instance.metadata_options = declared.metadata_options;
    if (before != nullptr) {  // a stopped one stays stopped
      instance.state = before->state;
      instance.starts = before->starts;
    }
    const InstanceType* type = find_instance_type(declared.type);
    for (const std::size_t i : wanted.interfaces) {
      Eni eni = std::move(built_[i]);
      // Nitro v6 forgets an idle connection sooner; the usual time-out is the engine's own default.
      if (type != nullptr && type->tcp_established_timeout_s != kUsualTcpEstablishedTimeout &&
          !eni.connection_tracking.tcp_established_timeout)
        eni.connection_tracking.tcp_established_timeout = type->tcp_established_timeout_s;
      instance.enis.push_back(std::move(eni));
    }
    result_.instances.push_back(std::move(instance));
  }
  for (std::size_t i = 0; i < interfaces_.size(); ++i)
    if (interfaces_[i].instance.empty()) result_.available_enis.push_back(std::move(built_[i]));
  std::move(outliving_.begin(), outliving_.end(), std::back_inserter(result_.available_enis));
}

const Eni* Resolver::find_built(const std::string& reference) const {
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    const WantedInterface& one = interfaces_[i];
    if (one.label == reference) return &built_[i];
    if (!one.name.empty() && !one.instance.empty() && reference.starts_with(one.instance) &&
        fmt::format("{}/eth{}", one.instance, one.device_index) == reference)
      return &built_[i];
  }
  const auto found =
      std::find_if(outliving_.begin(), outliving_.end(), [&](const Eni& eni) { return eni.name == reference; });
  return found == outliving_.end() ? nullptr : &*found;
}

std::vector<std::string> Resolver::interface_names() const {
  std::vector<std::string> names;
  for (const WantedInterface& one : interfaces_) names.push_back(one.label);
  return names;
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
