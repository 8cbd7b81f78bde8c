// Hot attach and detach: the interfaces of an instance that lives.
#pragma once

#include "instances/namespaces.hpp"

namespace weft::holder {

/// Brings the instance to the interfaces of `wanted`. What was done is in `instance` whatever happens, so that a second
/// call goes on from there.
Result<void> change_interfaces(InstanceNamespaces& instance, const GuestInstance& wanted);

}  // namespace weft::holder
