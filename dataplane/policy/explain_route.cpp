// The route in words: the table, the longest prefix, and where it leads (facts ec2 1.10).
#include <fmt/format.h>

#include "dataplane/model/describe.hpp"
#include "dataplane/policy/explain_path.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

struct LongestRoute {
  bool found = false;
  Route route;
};

/// Of the table's routes, and of the local ones that every table has.
LongestRoute longest_route(const Deployment& deployment, const RouteTable* table, const IpAddress& destination) {
  LongestRoute longest;
  const auto consider = [&](const Route& route) {
    if (!route.destination.contains(destination)) return;
    if (longest.found && route.destination.length <= longest.route.destination.length) return;
    longest = {true, route};
  };
  if (table != nullptr)
    for (const Route& route : table->routes) consider(route);
  consider({deployment.vpc_cidr, RouteTargetKind::kLocal, ""});
  if (deployment.vpc_ipv6_cidr) consider({*deployment.vpc_ipv6_cidr, RouteTargetKind::kLocal, ""});
  return longest;
}

/// Why nobody has an address of the VPC.
DropReason local_failure(const Deployment& deployment, const IpAddress& destination) {
  for (const Subnet& subnet : deployment.subnets) {
    if (is_broadcast(subnet, destination)) return DropReason::kMulticast;
    if (subnet.router() == destination) return DropReason::kRouterService;  // only its own subnet's router answers
  }
  return DropReason::kNoSuchAddress;
}

void follow(const Deployment& deployment, const Route& route, const IpAddress& destination, RouteLookup& lookup) {
  lookup.outcome = RouteOutcome::kBlackhole;
  lookup.step.reason =
      fmt::format("of its routes the one with the longest prefix that has {}", destination.to_string());
  switch (route.target) {
    case RouteTargetKind::kLocal:
      lookup.outcome = RouteOutcome::kLocal;
      lookup.eni = eni_at(deployment, destination);
      lookup.step.reason = fmt::format("{} has {}", lookup.eni == nullptr ? "no interface" : eni_name(*lookup.eni),
                                       destination.to_string());
      break;
    case RouteTargetKind::kInternetGateway:
      if (deployment.internet_gateway) {
        lookup.outcome = RouteOutcome::kGateway;
      } else {
        lookup.step.reason = "the VPC has no internet gateway";
      }
      break;
    case RouteTargetKind::kInterface:
      lookup.eni = deployment.find_eni(route.eni_id);
      if (lookup.eni != nullptr) {
        lookup.outcome = RouteOutcome::kInterface;
      } else {
        lookup.step.reason = "its interface does not exist any more";
      }
      break;
    case RouteTargetKind::kBlackhole: lookup.step.reason = "the route is there to drop"; break;
  }
  lookup.step.rule = describe(route, deployment);
  lookup.step.rule_line = route.line;
}

}  // namespace

RouteLookup look_up_route(const Deployment& deployment, const Subnet& source, const IpAddress& destination) {
  const RouteTable* table = deployment.find_route_table(source.route_table);
  RouteLookup lookup;
  lookup.step.stage = "route";
  lookup.step.subject = table == nullptr ? fmt::format("the route table of subnet {}", source.name)
                                         : fmt::format("route table {} ({})", table->name, table->id);
  if (destination.is_for_services()) {
    lookup.step.reason = fmt::format("{} is reserved for the fabric's services, and no route table forwards it",
                                     destination.to_string());
    return lookup;
  }
  const LongestRoute longest = longest_route(deployment, table, destination);
  if (longest.found)
    follow(deployment, longest.route, destination, lookup);
  else
    lookup.step.reason = fmt::format("{} has no route for {}", lookup.step.subject, destination.to_string());
  return lookup;
}

void explain_route(ExplainPath& path, const RouteLookup& route) {
  path.target = route.eni;
  switch (route.outcome) {
    case RouteOutcome::kNoRoute: return path.drop(route.step, DropReason::kNoRoute);
    case RouteOutcome::kBlackhole: return path.drop(route.step, DropReason::kBlackhole);
    case RouteOutcome::kLocal:
      if (route.eni == nullptr) return path.drop(route.step, local_failure(path.deployment, path.packet.destination));
      break;
    case RouteOutcome::kGateway: break;
    case RouteOutcome::kInterface:
      path.note(fmt::format("by route \"{}\" of {}", route.step.rule.value_or(""), route.step.subject));
      break;
  }
  path.pass(route.step);
}

}  // namespace weft
