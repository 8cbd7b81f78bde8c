// What StopInstances, StartInstances, RebootInstances and TerminateInstances make of a deployment (facts ec2 3.3, 1.2).
// Pure: the deployment that would be; the controller brings it about.
#pragma once

#include <string>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// `name`: of the instance, or its id. InvalidInstanceID.NotFound, IncorrectInstanceState.
Result<Deployment> stop_instance(const Deployment& running, const std::string& name);
Result<Deployment> start_instance(const Deployment& running, const std::string& name);
Result<Deployment> reboot_instance(const Deployment& running, const std::string& name);
Result<Deployment> terminate_instance(const Deployment& running, const std::string& name);

}  // namespace weft
