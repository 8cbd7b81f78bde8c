// An Engine and an Environment without packets or namespaces: they keep what they were told, and fail on demand.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "dataplane/control/environment.hpp"
#include "dataplane/control/json.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft::testing {

/// One fault for all fakes of a world: the n-th step from now that can fail does, once.
struct Fault {
  int countdown = 0;
  std::string where;  // the step that failed

  bool strikes(const std::string& step) {
    if (countdown == 0 || --countdown != 0) return false;
    where = step;
    return true;
  }
  bool struck() const { return !where.empty(); }
};

inline Error fault_error(const std::string& step) {
  return {"InternalError", step + " failed, as the test wanted", {}};
}

struct FakePort final : Port {
  explicit FakePort(int& living_ports) : living(living_ports) { ++living; }
  ~FakePort() override { --living; }
  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*>) noexcept override { return 0; }
  std::uint16_t transmit(std::span<rte_mbuf* const>) noexcept override { return 0; }
  int& living;
};

struct FakeEngine final : Engine {
  explicit FakeEngine(Fault& the_fault) : fault(the_fault) {}

  void set_message_switch(std::unique_ptr<MessageSwitch>, std::function<EfaCounters(EniSlot)>) override {}
  void start() override {}
  void stop() override {}
  unsigned run_once(unsigned) override { return 0; }

  Result<void> apply(std::shared_ptr<const Deployment> wanted, std::vector<Attachment> added) override {
    if (fault.strikes("publish")) return fault_error("publish");
    for (const Attachment& attachment : added)
      if (!known(*wanted, attachment.eni_id)) return Error{"InternalError", "a port for " + attachment.eni_id, {}};
    for (const Attachment& attachment : added) {
      closed.erase(attachment.eni_id);
      if (attachment.port == nullptr) closed.insert(attachment.eni_id);
    }
    for (Attachment& attachment : added) ports[attachment.eni_id] = std::move(attachment.port);
    std::erase_if(ports, [&](auto& port) { return !port.second || !known(*wanted, port.first); });
    std::size_t plugged = wanted->internet_gateway && !closed.contains(wanted->internet_gateway->id) ? 1 : 0;
    for (const Instance& instance : wanted->instances)
      if (instance.state == InstanceState::kRunning)
        for (const Eni& eni : instance.enis) plugged += closed.contains(eni.id) ? 0 : 1;
    if (ports.size() != plugged)
      return Error{"InternalError", std::to_string(ports.size()) + " ports for " + std::to_string(plugged), {}};
    published = std::move(wanted);
    return {};
  }
  static bool known(const Deployment& deployment, const std::string& id) {
    if (deployment.internet_gateway && deployment.internet_gateway->id == id) return true;
    return deployment.find_eni(id) != nullptr;
  }
  void set_underlay(underlay::Configuration configuration) override { underlay = std::move(configuration); }
  std::optional<EniSlot> slot_of(const std::string& id) const override {
    auto found = ports.find(id);
    if (found == ports.end()) return {};
    return static_cast<EniSlot>(std::distance(ports.begin(), found));
  }
  std::shared_ptr<const Deployment> deployment() const override { return published; }
  Balance balance() const override { return {}; }
  std::vector<EniStatistics> statistics() const override { return statistics_answer; }
  std::vector<FlowView> flows() override { return flows_answer; }
  std::map<std::string, PortState> port_states() const override {
    std::map<std::string, PortState> states;
    for (const auto& [id, port] : ports) states[id] = {.link_up = port->link_up()};
    return states;
  }
  FlowCounts flow_counts() override { return flow_counts_answer; }
  std::vector<DropView> drops() const override { return drops_answer; }
  std::vector<LaneView> lanes(const std::vector<underlay::Way>& ways) override {
    lanes_asked = ways;
    std::vector<LaneView> views = lanes_answer;
    views.resize(ways.size());
    return views;
  }
  std::optional<FlowLogEniKey> flow_log_eni(const std::string& id) const override {
    const std::optional<EniSlot> slot = slot_of(id);
    if (!slot) return {};
    return FlowLogEniKey{*slot, 1};
  }
  FlowLogBatch take_flow_log_records() override { return std::exchange(flow_log_batch, {}); }
  std::vector<IdleTime> idle_times() const override { return {{3, 4}}; }
  /// The tests fill its one ring in a worker's place.
  Result<std::shared_ptr<CaptureSession>> start_capture(CaptureSession::Options options,
                                                        CaptureSelection selection) override {
    if (capture) return Error{"IncorrectState", "a capture is under way", {}};
    capture = std::make_shared<CaptureSession>(options);
    std::uint16_t slot = 1;
    for (CaptureInterface& interface : selection(*published)) capture->add(slot++, std::move(interface));
    return capture;
  }
  void stop_capture() override { capture.reset(); }
  rte_mempool* mempool() override { return nullptr; }
  rte_mempool* large_mempool() override { return nullptr; }
  int wake_fd() override { return -1; }

  Fault& fault;
  std::map<std::string, std::unique_ptr<Port>> ports;
  std::shared_ptr<const Deployment> published;
  underlay::Configuration underlay;
  FlowLogBatch flow_log_batch;
  FlowCounts flow_counts_answer;
  std::set<std::string> closed;  // ENIs whose port was taken away
  std::shared_ptr<CaptureSession> capture;
  std::vector<EniStatistics> statistics_answer;
  std::vector<FlowView> flows_answer;
  std::vector<DropView> drops_answer;
  std::vector<LaneView> lanes_answer;  // in the order asked; zeros for the rest
  std::vector<underlay::Way> lanes_asked;
};

struct FakeEnvironment final : Environment {
  explicit FakeEnvironment(Fault& the_fault) : fault(the_fault) {}

  std::vector<std::string> instances() const override {
    std::vector<std::string> names;
    for (const auto& [name, interfaces] : existing) names.push_back(name);
    return names;
  }

  Result<Attachments> create_instance(const Deployment&, const Instance& instance) override {
    if (on_create) on_create(instance.name);
    if (fault.strikes("create " + instance.name)) return fault_error("create " + instance.name);
    if (!existing.emplace(instance.name, guests_view(instance)).second)
      return Error{"InternalError", instance.name + " exists already", {}};
    ++made[instance.name];
    Result<Attachments> ports = ports_of(instance.enis);
    if (!open_others(instance, ports)) existing.erase(instance.name);
    return ports;
  }
  /// Interface by interface, as the holder does, so that a fault finds it part of the way.
  Result<Attachments> change_interfaces(const Deployment&, const Instance& instance) override {
    auto found = existing.find(instance.name);
    if (found == existing.end()) return Error{"InternalError", "there is no " + instance.name, {}};
    std::map<std::string, std::string>& interfaces = found->second;
    for (auto one = interfaces.begin(); one != interfaces.end();) {
      const bool stays = std::ranges::any_of(instance.enis, [&](const Eni& eni) { return eni.id == one->first && eni.port.is_tap(); });
      if (!stays && fault.strikes("take out " + instance.name)) return fault_error("take out");
      one = stays ? std::next(one) : interfaces.erase(one);
    }
    std::vector<Eni> fresh;
    for (const Eni& eni : instance.enis) {
      if (!eni.port.is_tap()) continue;
      const bool is_new = !interfaces.contains(eni.id);
      if (is_new && fault.strikes("put in " + instance.name)) return fault_error("put in");
      const std::string wanted = view_of(eni);
      if (!is_new && interfaces[eni.id] != wanted && fault.strikes("readdress " + instance.name))
        return fault_error("readdress");
      interfaces[eni.id] = wanted;
      if (is_new) fresh.push_back(eni);
    }
    Result<Attachments> ports = ports_of(fresh);
    open_others(instance, ports);
    return ports;
  }
  Result<Attachments> take_back_instance(const Deployment& deployment, const Instance& instance) override {
    if (Result<Attachments> changed = change_interfaces(deployment, instance); !changed) return changed;
    Result<Attachments> ports = ports_of(instance.enis);
    open_others(instance, ports);
    return ports;
  }
  Result<Attachments> create_internet(const InternetGateway& gateway) override {
    if (fault.strikes("create internet")) return fault_error("create internet");
    if (!existing.emplace(gateway.guest, internet_view(gateway)).second)
      return Error{"InternalError", gateway.guest + " exists already", {}};
    Result<Attachments> ports = port_of(gateway);
    if (!ports) existing.erase(gateway.guest);
    return ports;
  }
  Result<Attachments> take_back_internet(const InternetGateway& gateway) override {
    if (!existing.contains(gateway.guest)) return Error{"InternalError", "there is no " + gateway.guest, {}};
    return port_of(gateway);
  }
  Result<void> remove_instance(const std::string& name) override {
    if (fault.strikes("remove " + name)) return fault_error("remove " + name);
    if (existing.erase(name) == 0) return Error{"InternalError", "there is no " + name, {}};
    return {};
  }
  Result<void> open_efa(const Deployment&, const Instance& instance,
                        const std::vector<EfaFunction>& functions) override {
    if (fault.strikes("open EFA of " + instance.name)) return fault_error("open EFA");
    for (const EfaFunction& function : functions) efa.insert(function.eni->id);
    return {};
  }
  void close_efa(const Instance& instance) override {
    for (const Eni& eni : instance.enis) efa.erase(eni.id);
  }
  Result<void> set_hosts(const HostLists& wanted) override {
    if (fault.strikes("set hosts")) return fault_error("set hosts");
    hosts = wanted;
    return {};
  }
  Result<void> save_state(const std::string& wanted) override {
    if (fault.strikes("save state")) return fault_error("save state");
    state = wanted;
    return {};
  }
  std::string saved_state() const override { return state; }
  void shutdown() override {
    existing.clear();
    ended = true;
  }

  Attachments ports_of(const std::vector<Eni>& enis) {
    Attachments ports;
    for (const Eni& eni : enis)
      if (eni.port.is_tap()) ports.push_back({eni.id, std::make_unique<FakePort>(living_ports)});
    return ports;
  }
  /// Ports that are no TAPs, as tools/weftd/port_opener.cpp does it: what is open as it is wanted stays, and a socket that is
  /// open cannot be opened. False: `ports` has become the error.
  bool open_others(const Instance& instance, Result<Attachments>& ports) {
    for (const Eni& eni : instance.enis)
      if (!open_other(eni.id, eni.port, instance.name, ports)) return false;
    return true;
  }
  bool open_other(const std::string& id, const PortBackend& port, const std::string& whose, Result<Attachments>& ports) {
    std::erase_if(open, [](const auto& entry) { return entry.second.second.expired(); });
    if (port.is_tap()) return true;
    if (const auto found = open.find(id); found != open.end() && found->second.first == port) return true;
    const bool taken =
        std::ranges::any_of(open, [&](const auto& entry) { return entry.second.first.resource() == port.resource(); });
    if (taken || fault.strikes("open port of " + whose)) {
      ports = fault_error(taken ? "a second port at " + port.resource() : "open port");
      return false;
    }
    const auto life = std::make_shared<const char>();
    ports->push_back({id, std::make_unique<FakePort>(living_ports)});
    ports->back().port->keep(life);
    open[id] = {port, life};
    return true;
  }
  Result<Attachments> port_of(const InternetGateway& gateway) {
    Result<Attachments> ports = Attachments{};
    if (gateway.port.is_tap())
      ports->push_back({gateway.id, std::make_unique<FakePort>(living_ports)});
    else
      open_other(gateway.id, gateway.port, gateway.guest, ports);
    return ports;
  }
  /// What a guest sees of an interface.
  static std::string view_of(const Eni& eni) {
    std::string text = "eth" + std::to_string(eni.device_index) + " " + eni.mac.to_string();
    for (const auto& list : {std::vector{eni.private_ip}, eni.secondary_private_ips, eni.ipv6_addresses})
      for (const IpAddress& ip : list) text += " " + ip.to_string();
    return text;
  }
  static std::map<std::string, std::string> guests_view(const Instance& instance) {
    std::map<std::string, std::string> interfaces;
    for (const Eni& eni : instance.enis)
      if (eni.port.is_tap()) interfaces[eni.id] = view_of(eni);
    return interfaces;
  }
  static std::map<std::string, std::string> internet_view(const InternetGateway& gateway) {
    std::string text;
    for (const IpAddress& ip : gateway.addresses) text += ip.to_string() + " ";
    return {{gateway.id, text}};
  }

  Fault& fault;
  std::map<std::string, std::map<std::string, std::string>> existing;  // instance -> ENI -> what the guest sees of it
  std::map<std::string, int> made;                                     // how often each was made
  std::map<std::string, std::pair<PortBackend, std::weak_ptr<const void>>> open;  // by ENI, those that are no TAPs
  std::set<std::string> efa;
  HostLists hosts;
  std::string state;
  bool ended = false;
  int living_ports = 0;
  std::function<void(const std::string&)> on_create;
};

/// A controller over fakes, and everything about them that a failed apply must not change.
struct World {
  Fault fault;
  FakeEnvironment environment{fault};  // before the engine: it counts the engine's ports
  FakeEngine engine{fault};
  Controller controller{engine, environment};

  std::string snapshot() const {
    Json json;
    std::shared_ptr<const Deployment> known = controller.deployment();
    json["known"] = known ? to_json(*known) : Json();
    json["published"] = engine.published ? to_json(*engine.published) : Json();
    json["existing"] = environment.existing;
    json["efa"] = environment.efa;
    json["hosts"] = environment.hosts.inside;
    json["outside"] = environment.hosts.outside;
    json["name servers"] = environment.hosts.name_servers;
    json["search"] = environment.hosts.search;
    json["state"] = environment.state;
    json["ports"] = environment.living_ports;
    return json.dump(1);
  }
};

/// A topology with these instances: lines of YAML, such as "{name: a, interfaces: [{subnet: s}]}".
inline std::string topology(const std::vector<std::string>& instances, const std::string& ingress = "[]") {
  std::string text =
      "version: 1\n"
      "vpc: {cidr: 10.0.0.0/16}\n"
      "subnets:\n"
      "  - {name: s, cidr: 10.0.1.0/24, az: use1-az1}\n"
      "security_groups:\n"
      "  - name: g\n"
      "    ingress: " +
      ingress +
      "\n"
      "instances:\n";
  for (const std::string& instance : instances) text += "  - " + instance + "\n";
  return text;
}

inline std::string plain(const std::string& name) {
  return "{name: " + name + ", interfaces: [{subnet: s, security_groups: [g]}]}";
}
inline std::string efa(const std::string& name) {
  return "{name: " + name + ", interfaces: [{subnet: s, type: efa, security_groups: [g]}]}";
}

}  // namespace weft::testing
