// What apply needs of the world outside the engine: instances to make and end, EFA functions to plug in, a place where
// the state survives the daemon. tools/weftd/host_environment.cpp is the real one (holder, TAPs, EFA server); the tests of
// the controller have one that fails on demand. Here because dataplane/ includes neither drivers/ nor instances/.
//
// Thread: one call at a time, from the thread that applies. Errors are sentences with the step that failed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

/// Names and addresses, as those inside the VPC and those outside know them; and whom those inside ask for others.
struct HostLists {
  using List = std::vector<std::pair<std::string, std::string>>;
  List inside, outside;
  std::vector<std::string> name_servers;
  std::string search;  // the VPC's domain
  bool operator==(const HostLists&) const = default;
};

class Environment {
 public:
  virtual ~Environment() = default;

  using Attachments = std::vector<Engine::Attachment>;

  /// Names of the instances that exist, in or out of the running deployment, and of the internet's namespace.
  virtual std::vector<std::string> instances() const = 0;

  /// Makes the instance and its devices. Returns a port for each ENI that has one (not EFA alone). A failure leaves
  /// nothing behind.
  virtual Result<Attachments> create_instance(const Deployment& deployment, const Instance& instance) = 0;

  /// Hot attach and detach, and other addresses: brings the interfaces of a living instance to those of `instance`.
  /// Returns ports for those that are new. After a failure it may be part of the way; the next call, for this or the
  /// former description, goes on from there.
  virtual Result<Attachments> change_interfaces(const Deployment& deployment, const Instance& instance) = 0;

  /// After a rejoin: ports for an instance that outlived the last daemon, whose interfaces may be those of a change that
  /// the daemon did not live to finish.
  virtual Result<Attachments> take_back_instance(const Deployment& deployment, const Instance& instance) = 0;

  /// The namespace behind the internet gateway. Its attachment has the gateway's id. remove_instance() ends it.
  virtual Result<Attachments> create_internet(const InternetGateway& gateway) = 0;
  virtual Result<Attachments> take_back_internet(const InternetGateway& gateway) = 0;

  /// Ends what runs in it and lets it go.
  virtual Result<void> remove_instance(const std::string& name) = 0;

  struct EfaFunction {
    const Eni* eni;
    EniSlot slot;
  };
  /// Lets clients in the instance open these functions. Called once the engine has published their ENIs.
  virtual Result<void> open_efa(const Deployment& deployment, const Instance& instance,
                                const std::vector<EfaFunction>& functions) = 0;
  /// Closes all functions of the instance. Called before the engine gives their slots away.
  virtual void close_efa(const Instance& instance) = 0;

  /// For /etc/hosts of the instances and of the internet's namespace, and for /etc/resolv.conf of the instances.
  virtual Result<void> set_hosts(const HostLists& hosts) = 0;

  /// What a later daemon gets back when this one dies. Opaque text.
  virtual Result<void> save_state(const std::string& state) = 0;
  virtual std::string saved_state() const = 0;

  /// Removes every instance, and what holds them. Nothing may be called afterwards.
  virtual void shutdown() = 0;
};

}  // namespace weft
