// The guest of these tests: node-0 with 10.0.1.4 and 2001:db8:1:100::4 in a subnet of a VPC, and its neighbours.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "dataplane/services/answer.hpp"
#include "dataplane/services/name_table.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline MacAddress mac(const char* text) { return *MacAddress::parse(text); }
inline IpAddress ip(const char* text) { return *IpAddress::parse(text); }
inline Ipv4Address ip4(const char* text) { return *Ipv4Address::parse(text); }
inline IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }

inline std::vector<NamedHost> hosts() {
  return {{"node-0", "i-0123456789abcdef0", {ip("10.0.1.4"), ip("2001:db8:1:100::4")}, {ip("10.0.1.20")}},
          {"node-1", "i-0123456789abcdef1", {ip("10.0.1.5"), ip("2001:db8:1:100::5")}, {}},
          {"db", "i-0123456789abcdef2", {ip("10.0.2.4")}, {ip("10.0.2.5")}}};
}

struct World {
  std::vector<IpPrefix> cidrs{prefix("10.0.0.0/16"), prefix("2001:db8:1::/48")};
  std::vector<NameAlias> aliases{{public_dns_name(ip4("203.0.113.5")), ip("10.0.1.5")}};
  NameTable names{"ec2.internal", cidrs, hosts(), aliases};
  std::vector<IpAddress> ipv6{ip("2001:db8:1:100::4"), ip("2001:db8:1:100::40")};
  std::vector<IpPrefix> prefixes;
  ServiceView view;

  struct Neighbours {
    std::optional<MacAddress> operator()(const IpAddress& target) const {
      if (target == ip("2001:db8:1:100::5")) return mac("0a:00:0a:00:01:05");
      return std::nullopt;
    }
  } neighbours;

  World() {
    view.mac = mac("0a:00:0a:00:01:04");
    view.address = ip4("10.0.1.4");
    view.ipv6_addresses = ipv6;
    view.router_mac = mac("06:00:0a:00:01:01");
    view.router = ip4("10.0.1.1");
    view.prefix_length = 24;
    view.ipv6_cidr = prefix("2001:db8:1:100::/64");
    view.neighbour = neighbours;
    view.resolver = ip4("10.0.0.2");
    view.names = &names;
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
};

}  // namespace weft::services
