// Inside resolve(): the steps and what they share. Not for other folders; include deployment.hpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/model/address_pool.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/model/instance_types.hpp"

namespace weft {

/// Thrown by a step after which nothing more makes sense; caught by resolve(). Other mistakes are collected.
struct NothingMoreMakesSense {};

class Resolver {
 public:
  Resolver(const Topology& topology, const Deployment* running)
      : topology_(topology), running_(running != nullptr ? *running : nothing_) {}

  Deployment run();

  const Errors& errors() const { return errors_; }

 private:
  struct WantedInterface {  // an ENI to be
    const InterfaceDeclaration* declared = nullptr;
    std::string key;       // "instances[0].interfaces[1]" or "network_interfaces[0]"
    std::string name;      // of network_interfaces; empty: made with its instance
    std::string label;     // for people: "web/eth1", or the name
    std::string instance;  // attached to; empty: none
    int device_index = 0;
    bool shared = false;            // its declaration makes several instances
    bool wrong = false;             // refused already: gets no addresses
    const Eni* kept = nullptr;      // exists already and stays
    const Eni* replaced = nullptr;  // exists already; this one takes its place, and its address if it can
    IpAddress private_ip;
    std::vector<IpAddress> secondary, ipv6;
    std::vector<IpPrefix> prefixes;
  };
  struct WantedInstance {  // an instance to be, from instances[declaration]
    std::string name;
    std::size_t declaration = 0;
    const Instance* kept = nullptr;       // exists already and stays
    const Instance* replaced = nullptr;   // exists already, but must be made anew
    std::vector<std::size_t> interfaces;  // into interfaces_, by device index
    Placement placement;
  };

  // The network: resolve_network.cpp
  void resolve_vpc();
  void resolve_vpc_ipv6();
  void resolve_subnets();
  bool check_subnet(const SubnetDeclaration& declared, const std::string& key);
  void check_subnet_ipv6(const SubnetDeclaration& declared, const std::string& key);
  void resolve_placement_groups();

  // resolve_groups.cpp
  void resolve_prefix_lists();
  void resolve_security_groups();
  bool check_group_name(const SecurityGroupDeclaration& declared, const std::string& key,
                        std::map<std::string, std::string>& seen);
  std::vector<RuleDeclaration> checked_rules(const std::vector<RuleDeclaration>& rules, const std::string& key);
  void check_ports(IpProtocol protocol, int from_port, int to_port, const std::string& key);
  std::pair<std::size_t, std::size_t> check_peer(const RulePeer& peer, const std::string& key);
  void check_group_reference(const std::string& name, const std::string& key);

  // resolve_routes.cpp, resolve_acls.cpp
  void resolve_route_tables();
  void resolve_routes();
  std::optional<Route> checked_route(const RouteTable& table, const RouteDeclaration& declared, const std::string& key);
  bool check_destination(const RouteDeclaration& declared, const std::string& key);
  bool had_gone_interface(const RouteTable& table, const RouteDeclaration& declared) const;
  void resolve_network_acls();
  std::vector<AclEntryDeclaration> checked_entries(const std::vector<AclEntryDeclaration>& entries,
                                                   const std::string& key);

  // Who is there: resolve_instances.cpp
  void expand_instances();
  void check_declaration(const InstanceDeclaration& declaration, const std::string& key);
  void check_name(const std::string& name, std::size_t declaration, std::map<std::string, std::size_t>& seen);
  void check_limits(const LimitsDeclaration& limits, const InstanceDeclaration& declared, const std::string& key);
  Allowances allowances(const InstanceDeclaration& declared) const;

  // What an interface may be, and where it is attached: resolve_attachments.cpp
  bool check_interface(const InterfaceDeclaration& interface, const std::string& key, bool shared);
  bool check_addresses(const InterfaceDeclaration& interface, const std::string& key, bool shared);
  void check_port(const InterfaceDeclaration& interface, const std::string& key);  // resolve_ports.cpp
  void check_tracking(const ConnectionTracking& tracking, const std::string& key);
  void expand_network_interfaces();
  void attach(WantedInterface& wanted);
  void check_attachments();
  void check_device_indices(WantedInstance& wanted);
  void check_primary(const WantedInstance& wanted);
  void check_cards(const WantedInstance& wanted);
  void check_slots(WantedInterface& wanted, const InstanceType* type, const std::string& of);

  // What exists already: resolve_running.cpp
  void match_running();
  void match_instance(WantedInstance& wanted);
  void check_running(const WantedInstance& wanted);
  void check_efa_stays(const WantedInstance& wanted);
  bool can_stay(const Eni& eni, const WantedInterface& wanted) const;
  void check_type_and_group(const WantedInstance& wanted);
  void find_outliving();
  void add_outliving(const Eni& eni, const std::string& label);

  // Addresses, MACs and VFs: resolve_addresses.cpp, resolve_interfaces.cpp
  void assign_addresses();
  void keep_addresses(WantedInterface& wanted);
  void take_primary(WantedInterface& wanted);
  void take_listed(WantedInterface& wanted);
  void take_listed_address(WantedInterface& wanted, const IpAddress& ip, const std::string& key, bool primary);
  void take_listed_prefix(WantedInterface& wanted, const IpPrefix& prefix, const std::string& key);
  void take_free(WantedInterface& wanted);
  void no_free_address(const WantedInterface& wanted, const IpPrefix& cidr);
  void build_enis();
  Eni build_eni(const WantedInterface& wanted);
  PortBackend build_port(const WantedInterface& wanted);  // resolve_ports.cpp
  void check_socket(const PortBackend& port, const std::string& key);
  void claim_port(const PortBackend& port, const std::string& key, const std::string& label, bool shared);
  void build_instances();
  MacAddress choose_mac(const std::string& eni_id);
  std::uint32_t choose_vf();

  // resolve_placement.cpp
  struct Places;
  void place_instances();
  const std::string* zone_of(const WantedInstance& wanted) const;
  void check_group(const WantedInstance& wanted, const std::string& zone, Places& places);
  static bool is_stopped(const WantedInstance& wanted);
  bool keeps_its_place(const WantedInstance& wanted) const;
  void place(WantedInstance& wanted, const std::string& zone, Places& places);
  void settle(WantedInstance& wanted, const std::string& zone, const Placement& placement, Places& places);

  // The outside: resolve_gateway.cpp
  void resolve_gateway();
  void resolve_elastic_ips();
  void choose_elastic_addresses();
  void associate(const ElasticIpDeclaration& declared, ElasticIp& elastic, const std::string& key);
  /// "web/eth1", "web" (its only interface) or the name of one of network_interfaces. Null: refused.
  const Eni* named_interface(const std::string& name, const std::string& key);
  void assign_public_addresses();
  IpPrefix public_pool() const;

  // resolve_flow_logs.cpp
  void resolve_flow_logs();
  void check_flow_log(const FlowLogDeclaration& declared, const std::string& key);
  std::string logged_resource(const FlowLogDeclaration& declared, const std::string& key);

  // resolve_faults.cpp
  void resolve_faults();
  void check_fault(const underlay::Fault& fault, const std::string& key);

  const InterfaceDeclaration& primary(const WantedInstance& wanted) const {
    return *interfaces_[wanted.interfaces.front()].declared;
  }
  const InstanceDeclaration& declared(const WantedInstance& wanted) const {
    return topology_.instances[wanted.declaration];
  }
  std::string key(const WantedInstance& wanted) const {
    return "instances[" + std::to_string(wanted.declaration) + "]";
  }
  WantedInstance* find_wanted(const std::string& name);
  const Instance* find_running(const std::string& name) const;
  /// "web/eth1", or the name of one of network_interfaces.
  const Eni* find_built(const std::string& reference) const;
  std::vector<std::string> interface_names() const;
  std::string unused_id(const std::string& prefix, const std::string& seed);
  /// Collected; one key is refused once for one reason, however many instances share it.
  void refuse(const std::string& key, std::string code, std::string message);

  const Topology& topology_;
  const Deployment nothing_;
  const Deployment& running_;
  Deployment result_;
  Errors errors_;
  std::set<std::pair<std::string, std::string>> refused_;  // key, code

  std::vector<std::size_t> declared_tables_;  // result_.route_tables[i] is of which declaration
  std::set<std::string> wrong_subnets_;       // no addresses can be chosen in them
  bool vpc_is_wrong_ = false;
  std::vector<WantedInstance> instances_;
  // There may be 5,000 of either, and each is looked for several times.
  std::unordered_map<std::string, std::size_t> wanted_by_name_;
  std::unordered_map<std::string_view, const Instance*> running_by_name_;
  std::vector<WantedInterface> interfaces_;
  std::vector<Eni> built_;      // of interfaces_, in their order
  std::vector<Eni> outliving_;  // made with an instance that is gone, and not deleted on its termination

  std::set<std::string> ids_;  // taken: existing now, or given out in this run
  AddressPool pool_;
  std::set<MacAddress> macs_;
  std::map<std::string, std::string> resources_;  // of ports; whose it is
  std::set<std::uint32_t> vfs_;
  std::uint32_t next_vf_ = 0;  // no free index lies below
};

/// The names, for hint().
template <typename T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const T& one : all) names.push_back(one.name);
  return names;
}

inline bool is_efa(InterfaceType type) { return type != InterfaceType::kInterface; }

}  // namespace weft
