// Makes namespaces: the deployment's user namespace, and an instance's network, UTS and mount namespace.
#pragma once

#include "instances/holder.hpp"

namespace weft::holder {

/// Without the privilege to make namespaces, gives this process a user namespace (with its own mount and network
/// namespace) in which it has it; uid 0 inside is the user outside. With the privilege: nothing. True: made.
Result<bool> enter_user_namespace();

/// What every instance's mount namespace is made from.
struct SharedFiles {
  std::string runtime_directory;
  std::string hosts;          // path of the file that is every instance's /etc/hosts
  std::string outside_hosts;  // and of a guest outside the VPC
  std::string resolver;       // the same of /etc/resolv.conf
  std::string outside_resolver;
};

struct KeptInterface {
  GuestInterface description;
  UniqueFd tap;
  bool handed_over = false;  // the daemon has got this TAP
};

struct InstanceNamespaces {
  UniqueFd network, mount, uts;
  std::vector<KeptInterface> interfaces;
  UniqueFd efa_listener;
};

/// A child process makes them from inside and hands them over, so the caller's own namespaces never change.
Result<InstanceNamespaces> make_instance(const GuestInstance& instance, const SharedFiles& files);

/// In a fresh mount namespace: propagation private, /etc/hosts, /etc/resolv.conf, /sys and /dev/shm of the instance's
/// own, and of the runtime directory nothing but the holder's socket and the counters of its EFA functions.
Result<void> make_guest_mounts(const SharedFiles& files, const GuestInstance& instance);

}  // namespace weft::holder
