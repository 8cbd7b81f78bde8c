// Instances as ring ports: what the controller needs of the world outside the engine (dataplane/control/environment.hpp),
// without namespaces. EFA functions are real where a server is given.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "dataplane/control/environment.hpp"
#include "drivers/efa/efa_server.hpp"
#include "drivers/ring/ring_port.hpp"

namespace weft::test {

class RingEnvironment final : public Environment {
 public:
  struct Rings {
    std::shared_ptr<PacketRing> in, out;  // from the guest, to the guest
  };

  /// May be null. `directory` is where the clients look for it.
  void set_efa_server(EfaServer* server, std::string directory);

  /// By ENI; those that were plugged in last.
  const std::map<std::string, Rings>& rings() const { return rings_; }
  void clear() { rings_.clear(); }

  std::vector<std::string> instances() const override;
  Result<Attachments> create_instance(const Deployment&, const Instance& instance) override;
  Result<Attachments> change_interfaces(const Deployment&, const Instance& instance) override;
  Result<Attachments> take_back_instance(const Deployment& deployment, const Instance& instance) override;
  Result<Attachments> create_internet(const InternetGateway& gateway) override;
  Result<Attachments> take_back_internet(const InternetGateway& gateway) override { return create_internet(gateway); }
  Result<void> remove_instance(const std::string& name) override;
  Result<void> open_efa(const Deployment& deployment, const Instance& instance,
                        const std::vector<EfaFunction>& functions) override;
  void close_efa(const Instance& instance) override;
  Result<void> set_hosts(const HostLists&) override { return {}; }
  Result<void> save_state(const std::string& state) override;
  std::string saved_state() const override { return saved_; }
  void shutdown() override { existing_.clear(); }

 private:
  Engine::Attachment plug_in(const std::string& eni_id);

  std::map<std::string, std::set<std::string>> existing_;  // instance -> its ENIs
  std::map<std::string, Rings> rings_;
  std::string saved_;
  EfaServer* efa_ = nullptr;
  std::string directory_;
};

}  // namespace weft::test
