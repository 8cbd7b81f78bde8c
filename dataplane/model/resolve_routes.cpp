// Route tables: the implied local routes, and those declared (facts ec2 1.10, 1.9).
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kRouteTables = 200;    // per VPC; EC2's quota
constexpr std::size_t kRoutesPerTable = 50;  // without the local ones; EC2's quota
constexpr std::size_t kLongestTableName = 255;
constexpr const char* kImpliedMain = "main";

// Where EC2's own services answer: no route leads into it (facts ec2 1.9).
bool is_link_local_service(const IpPrefix& destination) {
  return IpPrefix::parse("169.254.168.0/22")->contains(destination) ||
         IpPrefix::parse("fd00:ec2::/32")->contains(destination);
}

}  // namespace

void Resolver::resolve_route_tables() {
  std::string main;
  for (std::size_t i = 0; i < topology_.route_tables.size(); ++i) {
    const RouteTableDeclaration& declared = topology_.route_tables[i];
    const std::string key = fmt::format("route_tables[{}]", i);
    if (declared.name.empty() || declared.name.size() > kLongestTableName)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a route table; use 1 to {} characters", in_quotes(declared.name),
                         kLongestTableName));
    if (result_.find_route_table(declared.name) != nullptr) {
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second route table has the name {}; every one needs its own", in_quotes(declared.name)));
      continue;
    }
    RouteTable table;
    table.name = declared.name;
    table.main = declared.main && main.empty();
    if (declared.main && !main.empty())
      refuse(key + ".main", "InvalidParameterValue",
             fmt::format("{} is the main route table already; a VPC has one", in_quotes(main)));
    if (table.main) main = declared.name;
    result_.route_tables.push_back(std::move(table));
    declared_tables_.push_back(i);
  }
  if (main.empty()) {
    if (const RouteTable* taken = result_.find_route_table(kImpliedMain); taken != nullptr)
      refuse(fmt::format("route_tables[{}].main",
                         declared_tables_[static_cast<std::size_t>(taken - result_.route_tables.data())]),
             "InvalidParameterValue",
             "a route table with the name 'main' must be the main one; write main: true or take another name");
    RouteTable table;
    table.name = kImpliedMain;
    table.main = true;
    result_.route_tables.push_back(std::move(table));
  }
  if (result_.route_tables.size() > kRouteTables)
    refuse("route_tables", "RouteTableLimitExceeded",
           fmt::format("{} route tables with the main one; a VPC has at most {}", result_.route_tables.size(),
                       kRouteTables));
  for (RouteTable& table : result_.route_tables) {
    table.id = make_id("rtb-", result_.vpc_id + "/" + table.name);
    table.routes.push_back({result_.vpc_cidr, RouteTargetKind::kLocal, ""});
    if (result_.vpc_ipv6_cidr) table.routes.push_back({*result_.vpc_ipv6_cidr, RouteTargetKind::kLocal, ""});
  }
}

void Resolver::resolve_routes() {
  for (std::size_t n = 0; n < declared_tables_.size(); ++n) {
    const std::vector<RouteDeclaration>& routes = topology_.route_tables[declared_tables_[n]].routes;
    RouteTable& table = result_.route_tables[n];
    const std::string key = fmt::format("route_tables[{}].routes", declared_tables_[n]);
    if (routes.size() > kRoutesPerTable)
      refuse(key, "RouteLimitExceeded",
             fmt::format("{} routes; a route table has at most {}", routes.size(), kRoutesPerTable));
    for (std::size_t i = 0; i < routes.size(); ++i)
      if (std::optional<Route> route = checked_route(table, routes[i], fmt::format("{}[{}]", key, i)))
        table.routes.push_back(std::move(*route));
  }
}

std::optional<Route> Resolver::checked_route(const RouteTable& table, const RouteDeclaration& declared,
                                             const std::string& key) {
  if (!check_destination(declared, key)) return std::nullopt;
  const auto taken = std::find_if(table.routes.begin(), table.routes.end(),
                                  [&](const Route& route) { return route.destination == declared.destination; });
  if (taken != table.routes.end()) {
    refuse(key + ".destination", "RouteAlreadyExists",
           fmt::format("The route identified by {} already exists in {}{}", declared.destination.to_string(),
                       in_quotes(table.name), taken->line > 0 ? fmt::format(", line {}", taken->line) : ""));
    return std::nullopt;
  }
  Route route{declared.destination, declared.target, "", declared.line};
  if (declared.target == RouteTargetKind::kInternetGateway && !topology_.internet_gateway) {
    refuse(key + ".target", "InvalidGatewayID.NotFound",
           "the VPC has no internet gateway; declare one with internet_gateway");
    return std::nullopt;
  }
  if (declared.target != RouteTargetKind::kInterface) return route;
  const Eni* eni = find_built(declared.interface);
  if (eni == nullptr && had_gone_interface(table, declared)) return route;
  if (eni == nullptr) {
    refuse(
        key + ".interface", "InvalidNetworkInterfaceID.NotFound",
        fmt::format("The networkInterface ID {} does not exist; write it as instance/ethN or with the name of one of "
                    "network_interfaces{}",
                    in_quotes(declared.interface), hint(declared.interface, interface_names())));
    return std::nullopt;
  }
  if (eni->type == InterfaceType::kEfaOnly) {
    refuse(key + ".interface", "InvalidParameterValue",
           fmt::format("{} is efa-only and takes no IP packets; a route cannot lead to it",
                       in_quotes(declared.interface)));
    return std::nullopt;
  }
  route.eni_id = eni->id;
  return route;
}

bool Resolver::check_destination(const RouteDeclaration& declared, const std::string& key) {
  const IpPrefix& to = declared.destination;
  if (is_link_local_service(to)) {
    refuse(key + ".destination", "InvalidParameterValue",
           fmt::format("{} belongs to EC2's own services (169.254.168.0/22, fd00:ec2::/32) and cannot be routed",
                       to.to_string()));
    return false;
  }
  const auto inside = [&](const IpPrefix& local) { return local != to && local.contains(to); };
  if (!inside(result_.vpc_cidr) && !(result_.vpc_ipv6_cidr && inside(*result_.vpc_ipv6_cidr))) return true;
  const bool whole_subnet = std::any_of(result_.subnets.begin(), result_.subnets.end(), [&](const Subnet& subnet) {
    return subnet.cidr == to || subnet.ipv6_cidr == to;
  });
  if (whole_subnet && declared.target == RouteTargetKind::kInterface) return true;
  refuse(
      key + ".destination", "InvalidParameterValue",
      fmt::format("{} is more specific than the local route; such a route is the whole block of a subnet and leads to "
                  "an interface",
                  to.to_string()));
  return false;
}

// The route was there and its interface has gone, with its instance or from the file: the route stays, as a blackhole.
bool Resolver::had_gone_interface(const RouteTable& table, const RouteDeclaration& declared) const {
  const RouteTable* before = running_.find_route_table(table.name);
  if (before == nullptr || before->id != table.id) return false;
  const auto route = std::find_if(before->routes.begin(), before->routes.end(),
                                  [&](const Route& one) { return one.destination == declared.destination; });
  if (route == before->routes.end() || route->target != RouteTargetKind::kInterface) return false;
  if (route->eni_id.empty()) return true;
  const Eni* gone = running_.find_eni(route->eni_id);
  return gone != nullptr && (gone->name == declared.interface ||
                             fmt::format("{}/eth{}", gone->instance, gone->device_index) == declared.interface);
}

}  // namespace weft
