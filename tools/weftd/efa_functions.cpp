#include "tools/weftd/efa_functions.hpp"

#include <fmt/format.h>

#include "dataplane/model/instance_types.hpp"

namespace weft {
namespace {

/// Where peers send to: EFA alone has no address of its own but its link-local one, made from the MAC (facts ec2 1.1).
IpAddress efa_address(const Eni& eni) {
  if (eni.type != InterfaceType::kEfaOnly) return eni.private_ip;
  const auto& mac = eni.mac.octets;
  return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4],
           mac[5]}};
}

}  // namespace

Result<void> result_of(const EfaError& error, const Instance& instance) {
  if (!error) return {};
  return Error{"InternalError", fmt::format("EFA of instance {}: {}", instance.name, error.message), {}};
}

Result<void> add_efa_functions(EfaServer& server, const Deployment& deployment, const Instance& instance,
                               const std::vector<Environment::EfaFunction>& functions) {
  for (const Environment::EfaFunction& function : functions) {
    const Eni& eni = *function.eni;
    EfaFunction declared;
    declared.eni_id = eni.id;
    declared.instance = instance.name;
    declared.mac = eni.mac;
    declared.address = efa_address(eni);
    declared.prefix_length = static_cast<std::uint8_t>(deployment.find_subnet(eni.subnet)->cidr.v4_length());
    declared.device_index = static_cast<std::uint16_t>(eni.device_index);
    declared.slot = function.slot;
    if (const InstanceType* type = find_instance_type(instance.type); type != nullptr)
      declared.rdma_read = type->rdma_read, declared.rdma_write = type->rdma_write;
    if (Result<void> added = result_of(server.add_function(declared), instance); !added) return added;
  }
  return {};
}

void remove_efa_functions(EfaServer& server, const Instance& instance) {
  server.remove_listener(instance.name);
  for (const Eni& eni : instance.enis)
    if (eni.type != InterfaceType::kInterface) (void)server.remove_function(eni.id);
}

std::vector<MeasuredRoundTrip> round_trips_of(const EfaServer& server, const std::string& instance) {
  std::vector<MeasuredRoundTrip> all;
  for (const EfaRoundTrip& one : server.round_trips(instance)) all.push_back({IpAddress{one.peer}, one.path, one.ns});
  return all;
}

}  // namespace weft
