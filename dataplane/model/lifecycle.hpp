// What StopInstances, StartInstances, RebootInstances and TerminateInstances make of a deployment (facts ec2 1.2, 3.3,
// 4.1). Pure: the deployment that would be; the controller brings it about, and `weft up` keeps what came of it.
#pragma once

#include <string>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// `name`: of the instance, or its id. Errors: InvalidInstanceID.NotFound, IncorrectInstanceState,
/// InsufficientInstanceCapacity, InsufficientAddressCapacity.

/// Keeps its interfaces with their private addresses, MACs and Elastic IPs; releases the public address it got by
/// itself. One that is stopped stays so, as EC2 answers a second stop.
Result<Deployment> stop_instance(const Deployment& running, const std::string& name);

/// It gets a host as at its launch, which may be another one. Its public address is another one; with a second interface, or an Elastic IP, it gets none. One that runs stays so.
Result<Deployment> start_instance(const Deployment& running, const std::string& name);

/// Keeps everything.
Result<Deployment> reboot_instance(const Deployment& running, const std::string& name);

/// Interfaces go with it where delete_on_termination says so, the others become available. An Elastic IP of one that
/// goes stays allocated, associated with nothing; a route to it becomes a blackhole.
Result<Deployment> terminate_instance(const Deployment& running, const std::string& name);

}  // namespace weft
