#include "tools/weftd/host_environment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/tap/tap_port.hpp"

namespace weft {

namespace {

bool has_efa(const Instance& instance) {
  return std::ranges::any_of(instance.enis, [](const Eni& eni) { return eni.type == InterfaceType::kEfa; });
}

GuestInstance guest_of(const Deployment& deployment, const Instance& instance) {
  GuestInstance guest;
  guest.name = instance.name;
  guest.efa = has_efa(instance);
  for (const Eni& eni : instance.enis) {
    const Subnet* subnet = deployment.find_subnet(eni.subnet);  // resolve() has made sure of it
    GuestInterface interface;
    interface.name = fmt::format("eth{}", eni.device_index);
    interface.eni_id = eni.id;
    interface.mac = eni.mac;
    interface.address = eni.private_ip;
    interface.prefix_length = static_cast<std::uint8_t>(subnet->cidr.v4_length());
    interface.router = subnet->router();
    interface.mtu = kFabricMtu;
    guest.interfaces.push_back(std::move(interface));
  }
  return guest;
}

Result<void> result_of(const EfaError& error, const Instance& instance) {
  if (!error) return {};
  return Error{"InternalError", fmt::format("EFA of instance {}: {}", instance.name, error.message), {}};
}

}  // namespace

Result<std::vector<Engine::Attachment>> HostEnvironment::create_instance(const Deployment& deployment,
                                                                         const Instance& instance) {
  Result<std::vector<Engine::Attachment>> attached =
      attach(instance, holder_.create_instance(guest_of(deployment, instance)));
  if (!attached) (void)holder_.remove_instance(instance.name);
  return attached;
}

Result<std::vector<Engine::Attachment>> HostEnvironment::take_back_instance(const Deployment&,
                                                                            const Instance& instance) {
  return attach(instance, holder_.handles(instance.name));
}

Result<std::vector<Engine::Attachment>> HostEnvironment::attach(const Instance& instance,
                                                                Result<InstanceHandles> handles) {
  if (!handles) return handles.error();
  if (handles->taps.size() != instance.enis.size())
    return Error{"InternalError",
                 fmt::format("instance {} has {} network interfaces but the holder opened {} TAPs", instance.name,
                             instance.enis.size(), handles->taps.size()),
                 {}};
  std::vector<Engine::Attachment> attachments;
  for (std::size_t i = 0; i < instance.enis.size(); ++i)
    attachments.push_back(
        {instance.enis[i].id, std::make_unique<TapPort>(handles->taps[i].release(), packets_, kFabricMtu)});
  if (handles->efa_listener) listeners_[instance.name] = std::move(handles->efa_listener);
  return attachments;
}

Result<void> HostEnvironment::remove_instance(const std::string& name) {
  listeners_.erase(name);
  efa_.remove_listener(name);
  return holder_.remove_instance(name);
}

Result<void> HostEnvironment::open_efa(const Deployment& deployment, const Instance& instance,
                                       const std::vector<EfaFunction>& functions) {
  for (const EfaFunction& function : functions) {
    const Eni& eni = *function.eni;
    weft::EfaFunction declared;
    declared.eni_id = eni.id;
    declared.instance = instance.name;
    declared.mac = eni.mac;
    declared.address = eni.private_ip;
    declared.prefix_length = static_cast<std::uint8_t>(deployment.find_subnet(eni.subnet)->cidr.v4_length());
    declared.device_index = static_cast<std::uint16_t>(eni.device_index);
    declared.slot = function.slot;
    if (Result<void> added = result_of(efa_.add_function(declared), instance); !added) return added;
  }
  UniqueFd listener = std::move(listeners_[instance.name]);
  listeners_.erase(instance.name);
  if (!listener) {  // opened again after close_efa(): the holder has it still
    Result<InstanceHandles> handles = holder_.handles(instance.name);
    if (!handles) return handles.error();
    listener = std::move(handles->efa_listener);
  }
  return result_of(efa_.add_listener(instance.name, listener.release()), instance);
}

void HostEnvironment::close_efa(const Instance& instance) {
  efa_.remove_listener(instance.name);
  for (const Eni& eni : instance.enis)
    if (eni.type == InterfaceType::kEfa) (void)efa_.remove_function(eni.id);  // not there: never opened
}

Result<void> HostEnvironment::set_hosts(const std::vector<std::pair<std::string, std::string>>& hosts) {
  return holder_.set_hosts(hosts);
}

void HostEnvironment::shutdown() {
  listeners_.clear();
  holder_.shutdown();
}

}  // namespace weft
