// Faults of the underlay as part of a deployment: those of the topology file, and those that were set while it runs.
// Pure: the deployment that would be; the controller brings it about.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// Of the file first, then those set, each in the order they were given: that in which they add up.
std::vector<underlay::Fault> all_faults(const Deployment& deployment);

/// Replaces the fault of its name that was set before; without a name it gets "fault-N", the lowest that is free. `from`,
/// `to` and `host` may be ids. Errors: InvalidFault.Duplicate (the file has one of that name), InvalidParameterValue,
/// InvalidInstanceID.NotFound, MissingParameter.
Result<Deployment> set_fault(const Deployment& running, underlay::Fault fault);

/// One that was set; InvalidFault.NotFound. A fault of the file is cleared there: InvalidFault.Declared.
Result<Deployment> clear_fault(const Deployment& running, const std::string& name);
/// All that were set.
Deployment clear_faults(const Deployment& running);

/// 1 to 64 of letters, digits, '-', '_' and '.': it is a segment of a path of the API.
bool is_fault_name(const std::string& name);

/// What is wrong with it by itself, where there are so many spines; each with its key ("name", "path", "host", or none).
std::vector<Error> mistakes_of(const underlay::Fault& fault, std::uint32_t spines);

/// An instance that is gone has no path, so its faults go with it.
void forget_faults_of(Deployment& deployment, const std::string& instance);

/// "latency 50us, loss 1%": keys and values as the topology file has them; "nothing" when it impairs nothing.
std::string describe(const underlay::Impairment& impairment);
/// "path 3 from web to db", "every path", "the link of web's host".
std::string describe_place(const underlay::Fault& fault);

}  // namespace weft
