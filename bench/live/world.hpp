// A daemon without its socket and its guests: the control API over a controller and an engine whose worker carries a
// load. What is asked of the API here is what `weft up` asks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/live/load.hpp"
#include "bench/live/topology.hpp"
#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/controller.hpp"

namespace weft::bench {

class World final : public Environment {
 public:
  /// The network of `size` under `share` of the load that its one worker can carry. `cpu`: the worker's; -1: any.
  World(const NetworkSize& size, double share, int cpu);
  ~World() override;

  struct Edit {
    double live_ms = 0;      // from the request until a new flow was judged by it; 0: no probe was asked for
    double answered_ms = 0;  // until the API's answer
    double behind_us = 0;    // the longest time that the load waited
  };
  /// POST /v1/apply. With `probe`, waits for the first packet to that port.
  Edit apply(const std::string& topology, std::uint16_t probe = 0);
  /// Any other request that changes rules.
  Edit request(ApiRequest request, std::uint16_t probe);

  double mpps() const { return mpps_; }  // of the load
  /// Packets of the load that are not there any more, once the worker has stopped. The probe's own may be refused.
  std::uint64_t count_lost();

  // Environment: an instance is a port.
  std::vector<std::string> instances() const override;
  Result<Attachments> create_instance(const Deployment& deployment, const Instance& instance) override;
  Result<Attachments> change_interfaces(const Deployment&, const Instance&) override { return Attachments{}; }
  Result<Attachments> take_back_instance(const Deployment& deployment, const Instance& instance) override {
    return create_instance(deployment, instance);
  }
  Result<Attachments> create_internet(const InternetGateway&) override { return Attachments{}; }
  Result<Attachments> take_back_internet(const InternetGateway&) override { return Attachments{}; }
  Result<void> remove_instance(const std::string& name) override;
  Result<void> open_efa(const Deployment&, const Instance&, const std::vector<EfaFunction>&) override { return {}; }
  void close_efa(const Instance&) override {}
  Result<void> set_hosts(const HostLists&) override { return {}; }
  Result<void> save_state(const std::string& state) override;
  std::string saved_state() const override { return state_; }
  void shutdown() override {}

 private:
  void fill(unsigned pair);
  void find_pace(double share);
  static void build_probe(rte_mbuf* packet, const void* world, std::uint16_t source, std::uint16_t destination);
  const Eni& eni_of(const std::string& instance) const;

  const NetworkSize size_;
  Pace pace_;
  Probe probe_;
  std::vector<std::shared_ptr<PacketRing>> rings_;  // by end of the load
  std::map<std::string, Eni> guests_;
  std::string state_;
  double mpps_ = 0;
  std::uint64_t packets_ = 0;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<ApiRoutes> api_;
};

}  // namespace weft::bench
