#include "dataplane/route/oracle.hpp"

namespace weft {
namespace {

RouteDecision decision_of(const Deployment& deployment, const Route& route, std::uint32_t position) {
  switch (route.target) {
    case RouteTargetKind::kLocal: return {RouteKind::kLocal, 0, position};
    case RouteTargetKind::kBlackhole: break;
    case RouteTargetKind::kInternetGateway:
      if (deployment.internet_gateway) return {RouteKind::kInternetGateway, 0, position};
      break;
    case RouteTargetKind::kInterface: {
      const std::vector<const Eni*> enis = flatten_enis(deployment);
      for (PolicyEni i = 0; i < enis.size(); ++i)
        if (enis[i]->id == route.eni_id) return {RouteKind::kEni, i, position};
      break;
    }
  }
  return {RouteKind::kBlackhole, 0, position};
}

}  // namespace

RouteDecision oracle_route(const Deployment& deployment, const Subnet& source, const IpAddress& destination) {
  for (const char* reserved : {"169.254.168.0/22", "fd00:ec2::/32"})
    if (IpPrefix::parse(reserved)->contains(destination)) return {};
  RouteDecision best;
  int longest = -1;
  if (const RouteTable* table = deployment.find_route_table(source.route_table)) {
    for (std::uint32_t i = 0; i < table->routes.size(); ++i) {
      const Route& route = table->routes[i];
      if (!route.destination.contains(destination) || route.destination.length <= longest) continue;
      longest = route.destination.length;
      best = decision_of(deployment, route, i);
    }
  }
  for (const auto& cidr : {std::optional<IpPrefix>(deployment.vpc_cidr), deployment.vpc_ipv6_cidr})
    if (cidr && cidr->contains(destination) && cidr->length > longest) {
      longest = cidr->length;
      best = {RouteKind::kLocal, 0, RouteDecision::kImplied};
    }
  return best;
}

}  // namespace weft
