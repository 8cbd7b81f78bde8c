// Ways out of a subnet: route tables, the internet gateway, Elastic IPs.
#include <fmt/format.h>

#include "dataplane/control/topology_file_addresses.hpp"
#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

constexpr const char* kInternetHosts[] = {"198.51.100.10", "2001:db8::10"};  // RFC 5737, RFC 3849: for documentation
constexpr const char* kPublicPool = "203.0.113.0/24";                        // RFC 5737

RouteTargetKind read_target(const Value& value) {
  const std::string word = value.text();
  if (word == "internet_gateway" || word == "igw") return RouteTargetKind::kInternetGateway;
  if (word == "blackhole") return RouteTargetKind::kBlackhole;
  if (word == "local")
    value.refuse("InvalidParameterValue", "the local routes are in every table by themselves; leave this one out");
  if (word.find('/') != std::string::npos)
    value.refuse("InvalidParameterValue",
                 fmt::format("{} is no target; for an interface write interface: {}", in_quotes(word), word));
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no target{}; for an interface write interface: NAME/eth0", in_quotes(word),
                           hint(word, {"internet_gateway", "blackhole"})));
}

RouteDeclaration read_route(const Value& value) {
  const Section section = value.section("a route", {"destination", "target", "interface"});
  RouteDeclaration route;
  route.line = section.line();
  section.read_required("destination", "destination: 0.0.0.0/0",
                        [&](const Value& block) { route.destination = read_cidr(block); });
  const Value* interface = section.find("interface");
  if (interface != nullptr && section.has("target")) {
    interface->note("InvalidParameterCombination", "a route has one target, but 'target' and 'interface' are both "
                                                   "given; keep one");
    return route;
  }
  if (interface != nullptr) {
    route.target = RouteTargetKind::kInterface;
    section.read_text("interface", route.interface);
  } else if (section.has("target")) {
    section.read("target", [&](const Value& target) { route.target = read_target(target); });
  } else if (!section.misspelt({"target", "interface"})) {
    value.refuse("MissingParameter",
                 "a route needs where it goes: target: internet_gateway, target: blackhole, or interface: NAME/eth0");
  }
  return route;
}

/// Its own end of a wire has the gateway's address and MAC; where to send frames it must be told.
void read_wire(const Section& section, InternetGatewayDeclaration& gateway) {
  section.read("port", [&](const Value& port) { gateway.port = read_port(port); });
  section.read("next_hop_mac", [&](const Value& mac) {
    const std::string text = mac.text();
    gateway.next_hop_mac = MacAddress::parse(text);
    if (!gateway.next_hop_mac || gateway.next_hop_mac->is_multicast())
      mac.refuse("InvalidParameterValue",
                 fmt::format("{} is no MAC address of a host; write six bytes such as 52:54:00:12:34:56", in_quotes(text)));
  });
  const Value *const port = section.find("port"), *const mac = section.find("next_hop_mac");
  if (gateway.port.is_tap() && mac != nullptr)
    mac->note("InvalidParameterCombination",
              "the namespace behind the gateway has a MAC address of its own; next_hop_mac goes with a port that is no tap");
  if (!gateway.port.is_tap() && mac == nullptr)
    port->note("MissingParameter",
               "the gateway must know whom its frames go to; add the MAC address at the port's other end, such as "
               "next_hop_mac: 52:54:00:12:34:56");
}

}  // namespace

RouteTableDeclaration read_route_table(const Value& value) {
  const Section section = value.section("a route table", {"name", "main", "routes"});
  RouteTableDeclaration table;
  table.line = section.line();
  section.read_name("name: public", table.name);
  section.read_truth("main", table.main);
  section.read("routes", [&](const Value& list) {
    list.each("routes", [&](const Value& item) { table.routes.push_back(read_route(item)); });
  });
  return table;
}

std::optional<InternetGatewayDeclaration> read_internet_gateway(const Value& value) {
  InternetGatewayDeclaration gateway;
  gateway.line = value.line();
  gateway.public_pool = *IpPrefix::parse(kPublicPool);
  for (const char* host : kInternetHosts) gateway.addresses.push_back(*IpAddress::parse(host));
  if (!value.is_section()) {
    if (value.is_list())
      value.refuse("InvalidParameterValue",
                   "true, or the keys addresses and public_pool belong here, not a list; a VPC has one gateway");
    if (value.truth()) return gateway;
    return std::nullopt;
  }
  const Section section = value.section("internet_gateway", {"addresses", "public_pool", "port", "next_hop_mac"});
  section.read("addresses", [&](const Value& list) {
    gateway.addresses.clear();
    list.each("IP addresses", [&](const Value& item) { gateway.addresses.push_back(read_ip(item)); });
    if (gateway.addresses.empty() && !list.file_has_errors())
      list.refuse("MissingParameter", "the internet needs at least one address; leave the key out for 198.51.100.10");
  });
  section.read("public_pool", [&](const Value& pool) { gateway.public_pool = read_ipv4_cidr(pool); });
  read_wire(section, gateway);
  return gateway;
}

ElasticIpDeclaration read_elastic_ip(const Value& value) {
  const Section section =
      value.section("an Elastic IP", {"name", "address", "interface", "private_ip", "allow_reassociation"});
  ElasticIpDeclaration elastic;
  elastic.line = section.line();
  section.read_name("name: web", elastic.name);
  section.read("address", [&](const Value& address) { elastic.address = read_ipv4(address); });
  section.read_text("interface", elastic.interface);
  section.read("private_ip", [&](const Value& address) { elastic.private_ip = read_ipv4(address); });
  section.read_truth("allow_reassociation", elastic.allow_reassociation);
  if (const Value* address = section.find("private_ip"); address != nullptr && !section.has("interface"))
    address->note("MissingParameter",
                  "a private_ip belongs to an interface; give it too, such as interface: web/eth0");
  return elastic;
}

}  // namespace weft::topology_file
