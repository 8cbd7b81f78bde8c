// The instances a holder keeps: their namespaces, TAPs and listeners by descriptor, and the operations on them.
#pragma once

#include <map>

#include "instances/namespaces.hpp"
#include "instances/protocol.hpp"
#include "instances/reaper.hpp"
#include "instances/shared_file.hpp"

namespace weft::holder {

/// Descriptors stay the set's; they are valid until the next change.
struct Reply {
  nlohmann::json body{{"ok", true}};
  std::vector<int> descriptors;
};

class InstanceSet {
 public:
  /// `user_namespace`: the deployment's, or none for root.
  InstanceSet(SharedFiles files, SharedFile hosts, SharedFile outside_hosts, SharedFile resolver,
              UniqueFd user_namespace);

  Reply create(const nlohmann::json& request);
  Reply change(const nlohmann::json& request);      // its interfaces; TAPs that the daemon does not have yet
  Reply handles(const std::string& name);           // all TAPs, then the EFA listener
  Reply namespaces(const std::string& name) const;  // network, mount, UTS, and the user namespace if there is one
  Reply names() const;
  Reply set_hosts(const nlohmann::json& request);
  Reply set_resolver(const nlohmann::json& request);
  Reply remove(const std::string& name);
  bool contains(const std::string& name) const { return instances_.contains(name); }
  /// Does this process run inside an instance?
  bool is_guest(pid_t pid) const;

  /// Ends every process in every instance, lets the namespaces go, removes the shared files.
  void remove_all();

 private:
  std::set<NamespaceId> all_identities() const;

  SharedFiles files_;
  SharedFile hosts_, outside_hosts_, resolver_;
  UniqueFd user_namespace_;
  std::map<std::string, InstanceNamespaces> instances_;
};

}  // namespace weft::holder
