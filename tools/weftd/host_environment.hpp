// The Environment of a real daemon: instances by the holder, their devices as TAP ports and EFA functions.
#pragma once

#include <map>
#include <string>

#include "dataplane/control/environment.hpp"
#include "drivers/efa/efa_server.hpp"
#include "instances/holder.hpp"
#include "tools/weftd/port_opener.hpp"

struct rte_mempool;

namespace weft {

class HostEnvironment final : public Environment {
 public:
  /// All three outlive it.
  HostEnvironment(Holder& holder, EfaServer& efa, rte_mempool* packets, rte_mempool* large_rooms)
      : holder_(holder), efa_(efa), packets_(packets), large_rooms_(large_rooms), opener_(packets, large_rooms) {}

  std::vector<std::string> instances() const override { return holder_.instances(); }
  Result<Attachments> create_instance(const Deployment& deployment, const Instance& instance) override;
  Result<Attachments> change_interfaces(const Deployment& deployment, const Instance& instance) override;
  Result<Attachments> take_back_instance(const Deployment& deployment, const Instance& instance) override;
  Result<Attachments> create_internet(const InternetGateway& gateway) override;
  Result<Attachments> take_back_internet(const InternetGateway& gateway) override;
  Result<void> remove_instance(const std::string& name) override;
  Result<void> open_efa(const Deployment& deployment, const Instance& instance,
                        const std::vector<EfaFunction>& functions) override;
  void close_efa(const Instance& instance) override;
  Result<void> set_hosts(const HostLists& hosts) override;
  Result<void> save_state(const std::string& state) override { return holder_.save_state(state); }
  std::string saved_state() const override { return holder_.saved_state(); }
  void shutdown() override;

 private:
  Attachments attach(Result<InstanceHandles>& handles, int mtu);
  Result<Attachments> attach(Result<InstanceHandles>& handles, const Instance& instance);
  Result<Attachments> attach(Result<InstanceHandles>& handles, const InternetGateway& gateway);

  Holder& holder_;
  EfaServer& efa_;
  rte_mempool* packets_;
  rte_mempool* large_rooms_;
  PortOpener opener_;
  std::map<std::string, UniqueFd> listeners_;  // by instance, until open_efa() needs it
};

}  // namespace weft
