// The network of one instance, made from inside its network namespace: loopback, a TAP per interface, and the EFA
// listener.
#pragma once

#include "instances/holder.hpp"

namespace weft::holder {

struct GuestNetwork {
  std::vector<UniqueFd> taps;  // in the order of the instance's interfaces
  UniqueFd efa_listener;
};

/// Call in the instance's fresh network namespace.
Result<GuestNetwork> make_guest_network(const GuestInstance& instance);

}  // namespace weft::holder
