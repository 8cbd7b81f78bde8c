// One interface of an instance: made, changed and taken out from inside the instance's network namespace.
#pragma once

#include "instances/holder.hpp"
#include "instances/netlink.hpp"

namespace weft::holder {

/// A TAP with the ENI's MAC, MTU and addresses, and the routes that belong to it. Up when this returns.
Result<UniqueFd> make_interface(Netlink& netlink, const GuestInterface& interface);

/// From the addresses and prefixes of `before` to those of `after`; everything else of the two is the same. What the
/// guest itself has changed meanwhile is no error. `name` is what the interface is called now.
Result<void> change_addresses(Netlink& netlink, const std::string& name, const GuestInterface& before,
                              const GuestInterface& after);

/// With its routes and rules. One that is not there any more is no error.
Result<void> delete_interface(Netlink& netlink, const std::string& name, const GuestInterface& interface);

/// Writes a file of /proc; false and errno when it cannot.
bool write_file(const std::string& path, const std::string& text);

}  // namespace weft::holder
