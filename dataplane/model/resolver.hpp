// Inside resolve(): the steps and what they share. Not for other folders; include deployment.hpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// Thrown by a step, caught by resolve(): the first thing that is wrong ends the whole.
struct Refused {
  Error error;
};

class Resolver {
 public:
  Resolver(const Topology& topology, const Deployment* running) : topology_(topology), running_(running) {}

  Deployment run();

 private:
  // The network: resolve_network.cpp
  void resolve_vpc();
  void resolve_subnets();
  void resolve_placement_groups();

  // resolve_groups.cpp
  void resolve_security_groups();
  std::vector<RuleDeclaration> checked_rules(const std::vector<RuleDeclaration>& rules, const std::string& key) const;
  void check_ports(const RuleDeclaration& rule, const std::string& key) const;
  void check_group_reference(const std::string& name, const std::string& key) const;

  // Who is there: resolve_instances.cpp
  struct Wanted {  // an instance to be, from instances[declaration]
    std::string name;
    std::size_t declaration = 0;
    const Instance* kept = nullptr;      // runs already and stays as it is
    const Instance* replaced = nullptr;  // runs already, but its interfaces differ
  };
  void expand_instances();
  void check_declaration(const InstanceDeclaration& declaration, const std::string& key) const;
  void check_interface(const InterfaceDeclaration& interface, const std::string& key) const;
  void check_type(const InstanceDeclaration& declaration, const std::string& key) const;
  void check_placement();
  void match_running(Wanted& wanted) const;

  // Addresses, MACs and VFs: resolve_interfaces.cpp
  void reserve_addresses();
  void reserve_requested(const Wanted& wanted, std::size_t interface, const InterfaceDeclaration& declared);
  void build_instances();
  Eni build_eni(const Wanted& wanted, std::size_t interface);
  IpAddress choose_address(const Wanted& wanted, std::size_t interface, const InterfaceDeclaration& declared);
  MacAddress choose_mac(const std::string& eni_id);
  std::uint32_t choose_vf();

  const InterfaceDeclaration& declared(const Wanted& wanted, std::size_t interface) const {
    return topology_.instances[wanted.declaration].interfaces[interface];
  }
  std::string unused_id(const std::string& prefix, const std::string& seed);
  [[noreturn]] void refuse(const std::string& key, std::string code, std::string message) const;

  const Topology& topology_;
  const Deployment* running_;
  Deployment result_;
  std::vector<Wanted> wanted_;
  std::set<std::string> ids_;                    // taken: running now, or given out in this run
  std::map<IpAddress, std::string> addresses_;   // taken, by whom
  std::map<IpPrefix, std::uint32_t> next_free_;  // per subnet: no free address lies below this offset
  std::set<MacAddress> macs_;
  std::set<std::uint32_t> vfs_;
  std::uint32_t next_vf_ = 0;  // no free index lies below
};

}  // namespace weft
