#include "dataplane/control/difference.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "dataplane/policy/gate.hpp"

namespace weft {
namespace {

bool same_to_the_guest(const Eni& one, const Eni& other) {
  return one.id == other.id && one.device_index == other.device_index && one.type == other.type &&
         one.mac == other.mac && one.private_ip == other.private_ip &&
         one.secondary_private_ips == other.secondary_private_ips && one.ipv6_addresses == other.ipv6_addresses &&
         one.prefixes == other.prefixes && one.port == other.port;
}

bool same_interfaces(const Instance& one, const Instance& other) {
  return std::ranges::equal(one.enis, other.enis, same_to_the_guest);
}

bool same_internet(const InternetGateway& one, const InternetGateway& other) {
  return one.id == other.id && one.guest == other.guest && one.mac == other.mac && one.addresses == other.addresses &&
         one.port == other.port;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// Those that run, by name: there may be 5,000.
std::unordered_map<std::string_view, const Instance*> running_by_name(const Deployment* deployment) {
  std::unordered_map<std::string_view, const Instance*> all;
  if (!deployment) return all;
  for (const Instance& instance : deployment->instances)
    if (instance.state == InstanceState::kRunning) all.emplace(instance.name, &instance);
  return all;
}

/// Ids of the ENIs whose instance runs.
std::set<std::string> plugged_in(const Deployment* deployment) {
  std::set<std::string> ids;
  if (!deployment) return ids;
  for (const Instance& instance : deployment->instances)
    if (instance.state == InstanceState::kRunning)
      for (const Eni& eni : instance.enis) ids.insert(eni.id);
  return ids;
}

const InternetGateway* gateway_of(const Deployment* deployment) {
  return deployment && deployment->internet_gateway ? &*deployment->internet_gateway : nullptr;
}

/// An Elastic IP takes the place of the one that was assigned automatically (facts ec2 3.1).
std::optional<IpAddress> public_address(const Deployment& deployment, const Eni& eni) {
  for (const ElasticIp& elastic : deployment.elastic_ips)
    if (elastic.eni_id == eni.id && elastic.private_ip == eni.private_ip) return elastic.address;
  return eni.public_ip;
}

void compare_internet(const Deployment* running, const Deployment& wanted, Difference& difference) {
  const InternetGateway* before = gateway_of(running);
  const InternetGateway* after = gateway_of(&wanted);
  if (before && after && same_internet(*before, *after)) return;
  difference.internet_before = before;
  difference.internet_after = after;
}

/// Who has a port that is no TAP: an interface, or the internet gateway.
struct PortHolder {
  std::string_view id;
  const PortBackend* port;
  const Eni* eni;  // null: the gateway
};

/// Of running instances and the gateway, by what no other can have while the port is open.
std::map<std::string, PortHolder> open_resources(const Deployment* deployment) {
  std::map<std::string, PortHolder> open;
  if (!deployment) return open;
  if (const InternetGateway* gateway = gateway_of(deployment); gateway && !gateway->port.is_tap())
    open.emplace(gateway->port.resource(), PortHolder{gateway->id, &gateway->port, nullptr});
  for (const Instance& instance : deployment->instances)
    if (instance.state == InstanceState::kRunning)
      for (const Eni& eni : instance.enis)
        if (!eni.port.is_tap()) open.emplace(eni.port.resource(), PortHolder{eni.id, &eni.port, &eni});
  return open;
}

}  // namespace

const Instance* find_running(const Deployment* deployment, const std::string& name) {
  if (!deployment) return nullptr;
  const auto found = std::ranges::find(deployment->instances, name, &Instance::name);
  if (found == deployment->instances.end() || found->state != InstanceState::kRunning) return nullptr;
  return &*found;
}

std::vector<std::string> unexpected(const std::vector<std::string>& existing, const Deployment* deployment) {
  const auto running = running_by_name(deployment);
  const InternetGateway* gateway = gateway_of(deployment);
  std::vector<std::string> names;
  for (const std::string& name : existing)
    if (!running.contains(name) && !(gateway && gateway->guest == name)) names.push_back(name);
  return names;
}

bool should_exist(const Deployment* deployment, const std::string& name) {
  const InternetGateway* gateway = gateway_of(deployment);
  return find_running(deployment, name) != nullptr || (gateway && gateway->guest == name);
}

/// What DHCP tells them (facts ec2 1.7). A resolver that is turned off would only cost time.
std::vector<std::string> name_servers(const Deployment& deployment) {
  std::vector<std::string> servers;
  for (const Ipv4Address& declared : deployment.dhcp.domain_name_servers) servers.push_back(declared.to_string());
  if (servers.empty() && deployment.dns_support)
    servers.push_back(Ipv4Address{deployment.vpc_cidr.address.v4().value + 2}.to_string());
  return servers;
}

HostLists host_lists(const Deployment* deployment) {
  HostLists hosts;
  if (!deployment) return hosts;
  hosts.name_servers = name_servers(*deployment);
  hosts.search = deployment->dhcp.domain_name;
  for (const Instance& instance : deployment->instances) {
    if (instance.enis.empty()) continue;
    const Eni& primary = instance.enis.front();
    hosts.inside.emplace_back(instance.name, primary.private_ip.to_string());
    if (const auto address = public_address(*deployment, primary))
      hosts.outside.emplace_back(instance.name, address->to_string());
  }
  if (const InternetGateway* gateway = gateway_of(deployment))
    for (const IpAddress& address : gateway->addresses)
      for (HostLists::List* list : {&hosts.inside, &hosts.outside})
        list->emplace_back(gateway->guest, address.to_string());
  return hosts;
}

bool is_efa(const Eni& eni) { return eni.type == InterfaceType::kEfa || eni.type == InterfaceType::kEfaOnly; }

std::size_t Difference::steps() const {
  return created.size() + made_anew.size() + changed.size() + ended.size() + (internet_before || internet_after ? 1 : 0);
}

Difference compare(const Deployment* running, const Deployment& wanted, const std::vector<std::string>& rebooted) {
  Difference difference;
  const auto run_before = running_by_name(running), run_after = running_by_name(&wanted);
  for (const Instance& instance : wanted.instances) {
    if (instance.state != InstanceState::kRunning) continue;
    const auto found = run_before.find(instance.name);
    const Instance* old = found == run_before.end() ? nullptr : found->second;
    if (!old)
      difference.created.push_back(&instance);
    else if (old->id != instance.id || contains(rebooted, instance.name))
      difference.made_anew.emplace_back(old, &instance);
    else if (!same_interfaces(*old, instance))
      difference.changed.emplace_back(old, &instance);
  }
  if (running)
    for (const Instance& instance : running->instances)
      if (instance.state == InstanceState::kRunning && !run_after.contains(instance.name))
        difference.ended.push_back(&instance);
  const std::set<std::string> before = plugged_in(running), after = plugged_in(&wanted);
  for (const Eni* eni : flatten_enis(wanted))  // all that the engine knows; the others it lets go by itself
    if (before.contains(eni->id) && !after.contains(eni->id)) difference.unplugged.push_back(eni->id);
  const auto open_before = open_resources(running), open_after = open_resources(&wanted);
  std::unordered_map<std::string_view, const PortBackend*> port_after;
  for (const auto& [resource, next] : open_after) port_after.emplace(next.id, next.port);
  for (const auto& [resource, last] : open_before) {
    const auto other = open_after.find(resource);
    const auto own = port_after.find(last.id);
    const bool to_another = other != open_after.end() && other->second.id != last.id;
    // What looks like another device may be the same one with other arguments.
    const bool changes = own != port_after.end() && *own->second != *last.port;
    if (!to_another && !changes) continue;
    if (last.eni)
      difference.released.push_back(last.eni);
    else
      difference.gateway_released = true;
  }
  compare_internet(running, wanted, difference);
  return difference;
}

}  // namespace weft
