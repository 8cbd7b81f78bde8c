#include "drivers/vhost/callbacks.hpp"

#include <sys/un.h>

#include <map>
#include <mutex>

#include <rte_vhost.h>

#include "drivers/vhost/vhost_device.hpp"

namespace weft {
namespace {

struct Devices {
  std::mutex mutex;
  std::map<std::string, VhostDevice*> by_path;
};

Devices& devices() {
  static auto* const all = new Devices;  // for ever: rte_vhost's threads outlive main()
  return *all;
}

/// A device stays until rte_vhost_driver_unregister() has returned, which waits for callbacks of its connections.
VhostDevice* device_of(int vid) {
  char path[sizeof(sockaddr_un::sun_path) + 1] = {};
  return rte_vhost_get_ifname(vid, path, sizeof path) == 0 ? find_device(path) : nullptr;
}

template <typename Call>
int with_device(int vid, int otherwise, Call&& call) noexcept {
  VhostDevice* const device = device_of(vid);
  return device == nullptr ? otherwise : call(*device);
}

int new_connection(int vid) {
  return with_device(vid, -1, [&](VhostDevice& device) { return device.connected(vid) ? 0 : -1; });
}
void destroy_connection(int vid) {
  with_device(vid, 0, [&](VhostDevice& device) { return device.disconnected(vid), 0; });
}
int new_device(int vid) {
  return with_device(vid, -1, [&](VhostDevice& device) { return device.started(vid) ? 0 : -1; });
}
void destroy_device(int vid) {
  with_device(vid, 0, [&](VhostDevice& device) { return device.stopped(vid), 0; });
}
int vring_state_changed(int vid, std::uint16_t vring, int enable) {
  return with_device(vid, 0, [&](VhostDevice& device) { return device.vring_changed(vid, vring, enable != 0), 0; });
}
int features_changed(int vid, std::uint64_t features) {
  return with_device(vid, 0, [&](VhostDevice& device) { return device.features_changed(vid, features), 0; });
}

rte_vhost_msg_result before_message(int vid, void* message) {
  return static_cast<rte_vhost_msg_result>(with_device(
      vid, RTE_VHOST_MSG_RESULT_ERR, [&](VhostDevice& device) { return device.before_message(vid, message); }));
}
rte_vhost_msg_result after_message(int vid, void*) {
  with_device(vid, 0, [&](VhostDevice& device) { return device.after_message(vid), 0; });
  return RTE_VHOST_MSG_RESULT_NOT_HANDLED;  // what rte_vhost has said of it stands
}

}  // namespace

bool announce_device(const std::string& path, VhostDevice& device) {
  const std::lock_guard lock(devices().mutex);
  return devices().by_path.emplace(path, &device).second;
}

void forget_device(const std::string& path) {
  const std::lock_guard lock(devices().mutex);
  devices().by_path.erase(path);
}

VhostDevice* find_device(const std::string& path) {
  const std::lock_guard lock(devices().mutex);
  const auto found = devices().by_path.find(path);
  return found == devices().by_path.end() ? nullptr : found->second;
}

const rte_vhost_device_ops* device_callbacks() {
  static const rte_vhost_device_ops callbacks = [] {
    rte_vhost_device_ops made{};
    made.new_device = new_device;
    made.destroy_device = destroy_device;
    made.vring_state_changed = vring_state_changed;
    made.features_changed = features_changed;
    made.new_connection = new_connection;
    made.destroy_connection = destroy_connection;
    return made;
  }();
  return &callbacks;
}

void guard_messages(int vid) {
  static const rte_vhost_user_extern_ops hooks{before_message, after_message};
  rte_vhost_extern_callback_register(vid, &hooks, nullptr);
}

}  // namespace weft
