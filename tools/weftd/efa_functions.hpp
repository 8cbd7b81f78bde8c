// What the control plane calls an EFA function becomes one of the EfaServer.
#pragma once

#include "dataplane/control/environment.hpp"
#include "dataplane/control/paths.hpp"
#include "drivers/efa/efa_server.hpp"

namespace weft {

/// "InternalError", with the instance's name and what the server said.
Result<void> result_of(const EfaError& error, const Instance& instance);

Result<void> add_efa_functions(EfaServer& server, const Deployment& deployment, const Instance& instance,
                               const std::vector<Environment::EfaFunction>& functions);

/// Closes the instance's listener, then its functions; what was never opened is no error.
void remove_efa_functions(EfaServer& server, const Instance& instance);

/// What the instance's processes have measured across the fabric, for /v1/paths.
std::vector<MeasuredRoundTrip> round_trips_of(const EfaServer& server, const std::string& instance);

}  // namespace weft
