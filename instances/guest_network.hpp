// The network of one instance, made from inside its network namespace: loopback, a TAP per interface with the ENI's
// MAC, address and MTU, routes through the subnet's router, and the EFA listener.
#pragma once

#include "instances/holder.hpp"

namespace weft::holder {

/// Call in the instance's fresh network namespace, with its mount namespace's /proc.
Result<InstanceHandles> make_guest_network(const GuestInstance& instance);

/// Writes a file of /proc; false and errno when it cannot.
bool write_file(const std::string& path, const std::string& text);

}  // namespace weft::holder
