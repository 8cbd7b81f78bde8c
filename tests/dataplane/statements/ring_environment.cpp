#include "tests/dataplane/statements/ring_environment.hpp"

#include "tools/weftd/efa_functions.hpp"

namespace weft::test {
namespace {

constexpr std::uint32_t kDepth = 256;
constexpr PortCapabilities kGuest{.mtu = 9001, .checksum = true, .tso = true, .chains = true};

std::set<std::string> frames_of(const Instance& instance) {
  std::set<std::string> ids;
  for (const Eni& eni : instance.enis)
    if (eni.type != InterfaceType::kEfaOnly) ids.insert(eni.id);
  return ids;
}

}  // namespace

void RingEnvironment::set_efa_server(EfaServer* server, std::string directory) {
  efa_ = server;
  directory_ = std::move(directory);
}

Engine::Attachment RingEnvironment::plug_in(const std::string& eni_id) {
  const Rings rings{std::make_shared<PacketRing>(kDepth), std::make_shared<PacketRing>(kDepth)};
  rings_[eni_id] = rings;
  return {eni_id, std::make_unique<RingPort>(rings.in, rings.out, kGuest)};
}

std::vector<std::string> RingEnvironment::instances() const {
  std::vector<std::string> names;
  for (const auto& [name, enis] : existing_) names.push_back(name);
  return names;
}

Result<Environment::Attachments> RingEnvironment::create_instance(const Deployment& deployment,
                                                                  const Instance& instance) {
  existing_[instance.name] = {};
  return change_interfaces(deployment, instance);
}

Result<Environment::Attachments> RingEnvironment::change_interfaces(const Deployment&, const Instance& instance) {
  std::set<std::string>& known = existing_.at(instance.name);
  const std::set<std::string> wanted = frames_of(instance);
  Attachments fresh;
  for (const std::string& id : wanted)
    if (!known.contains(id)) fresh.push_back(plug_in(id));
  known = wanted;
  return fresh;
}

Result<Environment::Attachments> RingEnvironment::take_back_instance(const Deployment& deployment,
                                                                     const Instance& instance) {
  return create_instance(deployment, instance);
}

Result<Environment::Attachments> RingEnvironment::create_internet(const InternetGateway& gateway) {
  existing_[gateway.guest] = {gateway.id};
  Attachments port;
  port.push_back(plug_in(gateway.id));
  return port;
}

Result<void> RingEnvironment::remove_instance(const std::string& name) {
  existing_.erase(name);
  return {};
}

Result<void> RingEnvironment::save_state(const std::string& state) {
  saved_ = state;
  return {};
}

Result<void> RingEnvironment::open_efa(const Deployment& deployment, const Instance& instance,
                                       const std::vector<EfaFunction>& functions) {
  if (efa_ == nullptr) return {};
  if (Result<void> added = add_efa_functions(*efa_, deployment, instance, functions); !added) return added;
  return result_of(efa_->listen_path(efa_socket_path(directory_, instance.name), instance.name), instance);
}

void RingEnvironment::close_efa(const Instance& instance) {
  if (efa_ != nullptr) remove_efa_functions(*efa_, instance);
}

}  // namespace weft::test
