// rte_vhost calls back with the number of a connection and nothing else: which device it belongs to.
#pragma once

#include <string>

struct rte_vhost_device_ops;

namespace weft {

class VhostDevice;

/// False: there is one of this path. From now on callbacks for the path find `device`, until forget_device().
bool announce_device(const std::string& path, VhostDevice& device);
void forget_device(const std::string& path);
VhostDevice* find_device(const std::string& path);

const rte_vhost_device_ops* device_callbacks();

/// Messages of the connection go by VhostDevice::before_message() and after_message() from now on.
void guard_messages(int vid);

}  // namespace weft
