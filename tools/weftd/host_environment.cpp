#include "tools/weftd/host_environment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/worker/snapshot.hpp"
#include "drivers/tap/tap_port.hpp"
#include "tools/weftd/efa_functions.hpp"

namespace weft {

namespace {

/// Any link-local address of the router will do (facts ec2 1.6); this one is the same in every subnet.
const IpAddress kIpv6Router = *IpAddress::parse("fe80:ec2::1");

// The internet's way to the gateway: an address that no host out there can have, and needs no ARP to be found.
constexpr Ipv4Address kGatewayNextHop{0xa9fe0001};  // 169.254.0.1
constexpr int kInternetMtu = 1500;                  // facts ec2 1.8

bool has_efa(const Instance& instance) {
  return std::ranges::any_of(instance.enis, [](const Eni& eni) {
    return eni.type == InterfaceType::kEfa || eni.type == InterfaceType::kEfaOnly;
  });
}

GuestInterface interface_of(const Deployment& deployment, const Eni& eni) {
  const Subnet* subnet = deployment.find_subnet(eni.subnet);  // resolve() has made sure of it
  GuestInterface interface;
  interface.name = fmt::format("eth{}", eni.device_index);
  interface.eni_id = eni.id;
  interface.mac = eni.mac;
  interface.device_index = eni.device_index;
  interface.addresses.push_back({eni.private_ip, static_cast<std::uint8_t>(subnet->cidr.v4_length())});
  // DHCP would give the primary address only (facts ec2 1.7); the others are the operating system's, as hosts.
  for (const IpAddress& ip : eni.secondary_private_ips) interface.addresses.push_back({ip, 32});
  for (const IpAddress& ip : eni.ipv6_addresses) interface.addresses.push_back({ip, 64});
  interface.prefixes = eni.prefixes;
  interface.router = subnet->router();
  interface.ipv6_router = kIpv6Router;
  interface.mtu = kFabricMtu;
  return interface;
}

GuestInstance guest_of(const Deployment& deployment, const Instance& instance) {
  GuestInstance guest;
  guest.name = instance.name;
  guest.efa = has_efa(instance);
  for (const Eni& eni : instance.enis)
    if (eni.type != InterfaceType::kEfaOnly && eni.port.is_tap()) guest.interfaces.push_back(interface_of(deployment, eni));
  return guest;
}

GuestInstance internet_of(const InternetGateway& gateway) {
  GuestInterface interface;
  interface.name = "eth0";
  interface.eni_id = gateway.id;
  interface.mac = gateway.mac;
  for (const bool v4 : {true, false})
    for (const IpAddress& ip : gateway.addresses)
      if (ip.is_v4() == v4) interface.addresses.push_back({ip, static_cast<std::uint8_t>(v4 ? 32 : 128)});
  if (!interface.addresses.empty() && interface.addresses.front().ip.is_v4())
    interface.router = IpAddress::from(kGatewayNextHop);
  interface.ipv6_router = kIpv6Router;
  interface.router_mac = router_mac(kGatewayNextHop);
  interface.mtu = kInternetMtu;
  GuestInstance guest;
  guest.name = gateway.guest;
  if (gateway.port.is_tap()) guest.interfaces.push_back(std::move(interface));
  guest.outside = true;
  return guest;
}

}  // namespace

HostEnvironment::Attachments HostEnvironment::attach(Result<InstanceHandles>& handles, int mtu) {
  Attachments attachments;
  for (InstanceHandles::Tap& tap : handles->taps)
    attachments.push_back({tap.eni_id, std::make_unique<TapPort>(tap.fd.release(), packets_,
                                                                 static_cast<std::uint16_t>(mtu), large_rooms_)});
  return attachments;
}

/// With the ports that are no TAPs.
Result<HostEnvironment::Attachments> HostEnvironment::attach(Result<InstanceHandles>& handles, const Instance& instance) {
  Attachments attachments = attach(handles, kFabricMtu);
  if (Result<void> opened = opener_.open(instance, kFabricMtu, attachments); !opened) return opened.error();
  return attachments;
}

Result<HostEnvironment::Attachments> HostEnvironment::attach(Result<InstanceHandles>& handles,
                                                             const InternetGateway& gateway) {
  Attachments attachments = attach(handles, kInternetMtu);
  if (Result<void> opened = opener_.open(gateway, kInternetMtu, attachments); !opened) return opened.error();
  return attachments;
}

Result<HostEnvironment::Attachments> HostEnvironment::create_instance(const Deployment& deployment,
                                                                      const Instance& instance) {
  const GuestInstance guest = guest_of(deployment, instance);
  Result<InstanceHandles> handles = holder_.create_instance(guest);
  if (!handles) return handles.error();
  if (handles->taps.size() != guest.interfaces.size()) {
    (void)holder_.remove_instance(instance.name);
    return Error{"InternalError",
                 fmt::format("instance {} has {} network interfaces but the holder opened {} TAPs", instance.name,
                             guest.interfaces.size(), handles->taps.size()),
                 {}};
  }
  Result<Attachments> attachments = attach(handles, instance);
  if (!attachments) {
    (void)holder_.remove_instance(instance.name);
    return attachments;
  }
  if (handles->efa_listener) listeners_[instance.name] = std::move(handles->efa_listener);
  return attachments;
}

Result<HostEnvironment::Attachments> HostEnvironment::change_interfaces(const Deployment& deployment,
                                                                        const Instance& instance) {
  Result<InstanceHandles> handles = holder_.change_interfaces(guest_of(deployment, instance));
  if (!handles) return handles.error();
  return attach(handles, instance);
}

Result<HostEnvironment::Attachments> HostEnvironment::take_back_instance(const Deployment& deployment,
                                                                         const Instance& instance) {
  // What the dead daemon had begun to change goes back to what it had saved, or on to it.
  if (Result<InstanceHandles> changed = holder_.change_interfaces(guest_of(deployment, instance)); !changed)
    return changed.error();
  Result<InstanceHandles> handles = holder_.handles(instance.name);
  if (!handles) return handles.error();
  if (handles->efa_listener) listeners_[instance.name] = std::move(handles->efa_listener);
  return attach(handles, instance);
}

Result<HostEnvironment::Attachments> HostEnvironment::create_internet(const InternetGateway& gateway) {
  Result<InstanceHandles> handles = holder_.create_instance(internet_of(gateway));
  if (!handles) return handles.error();
  Result<Attachments> attachments = attach(handles, gateway);
  if (!attachments) (void)holder_.remove_instance(gateway.guest);
  return attachments;
}

Result<HostEnvironment::Attachments> HostEnvironment::take_back_internet(const InternetGateway& gateway) {
  Result<InstanceHandles> handles = holder_.handles(gateway.guest);
  if (!handles) return handles.error();
  return attach(handles, gateway);
}

Result<void> HostEnvironment::remove_instance(const std::string& name) {
  listeners_.erase(name);
  efa_.remove_listener(name);
  return holder_.remove_instance(name);
}

Result<void> HostEnvironment::open_efa(const Deployment& deployment, const Instance& instance,
                                       const std::vector<EfaFunction>& functions) {
  if (Result<void> added = add_efa_functions(efa_, deployment, instance, functions); !added) return added;
  UniqueFd listener = std::move(listeners_[instance.name]);
  listeners_.erase(instance.name);
  if (!listener) {  // opened again after close_efa(): the holder has it still
    Result<InstanceHandles> handles = holder_.handles(instance.name);
    if (!handles) return handles.error();
    listener = std::move(handles->efa_listener);
  }
  return result_of(efa_.add_listener(instance.name, listener.release()), instance);
}

void HostEnvironment::close_efa(const Instance& instance) { remove_efa_functions(efa_, instance); }

void HostEnvironment::shutdown() {
  listeners_.clear();
  holder_.shutdown();
}

Result<void> HostEnvironment::set_hosts(const HostLists& hosts) {
  if (Result<void> set = holder_.set_hosts(hosts.inside, hosts.outside); !set) return set;
  return holder_.set_resolver({hosts.name_servers, hosts.search});
}

}  // namespace weft
