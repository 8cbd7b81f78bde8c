#include "dataplane/route/route_tables.hpp"

#include <algorithm>
#include <optional>

namespace weft {
namespace {

struct PrefixRoute {
  IpPrefix destination;
  RouteDecision decision;
};

std::uint32_t first_of(const IpPrefix& prefix, std::uint32_t) { return prefix.address.v4().value; }
AddressNumber first_of(const IpPrefix& prefix, AddressNumber) { return AddressNumber::first_of(prefix); }
std::uint32_t last_of(const IpPrefix& prefix, std::uint32_t) {
  return static_cast<std::uint32_t>(AddressNumber::last_of(prefix).low);
}
AddressNumber last_of(const IpPrefix& prefix, AddressNumber) { return AddressNumber::last_of(prefix); }
std::uint32_t next(std::uint32_t number) { return number + 1; }
AddressNumber next(AddressNumber number) { return number.next(); }

/// Routes as a table lists them, the implied ones behind; of two equal prefixes the first counts.
std::vector<PrefixRoute> routes_of(const Deployment& deployment, const RouteTable* declared,
                                   const std::unordered_map<std::string, PolicyEni>& enis) {
  std::vector<PrefixRoute> routes;
  if (declared != nullptr) {
    for (std::uint32_t i = 0; i < declared->routes.size(); ++i) {
      const Route& route = declared->routes[i];
      RouteDecision decision{.kind = RouteKind::kBlackhole, .eni = 0, .route = i};
      if (route.target == RouteTargetKind::kLocal) decision.kind = RouteKind::kLocal;
      if (route.target == RouteTargetKind::kInternetGateway && deployment.internet_gateway)
        decision.kind = RouteKind::kInternetGateway;
      if (route.target == RouteTargetKind::kInterface) {
        if (const auto eni = enis.find(route.eni_id); eni != enis.end()) {
          decision.kind = RouteKind::kEni;
          decision.eni = eni->second;
        }
      }
      routes.push_back({route.destination, decision});
    }
  }
  const RouteDecision local{.kind = RouteKind::kLocal, .eni = 0, .route = RouteDecision::kImplied};
  routes.push_back({deployment.vpc_cidr, local});
  if (deployment.vpc_ipv6_cidr) routes.push_back({*deployment.vpc_ipv6_cidr, local});
  // Shorter before longer at one address: whatever is inside a prefix comes after it.
  std::stable_sort(routes.begin(), routes.end(),
                   [](const PrefixRoute& a, const PrefixRoute& b) { return a.destination < b.destination; });
  const auto same = [](const PrefixRoute& a, const PrefixRoute& b) { return a.destination == b.destination; };
  routes.erase(std::unique(routes.begin(), routes.end(), same), routes.end());
  return routes;
}

}  // namespace

template <typename Number>
const RouteDecision& RouteTables::Cuts<Number>::find(Number number) const noexcept {
  const auto after = std::upper_bound(starts.begin(), starts.end(), number);
  return answers[static_cast<std::size_t>(after - starts.begin() - 1)];
}

namespace {

/// A sweep over sorted prefixes: each opens with its answer and, where it ends, gives back to the one around it.
template <typename Cuts, typename Number>
void cut(const std::vector<PrefixRoute>& routes, bool v4, Cuts& cuts, Number) {
  struct Open {
    Number last;
    RouteDecision decision;
  };
  std::vector<Open> open;
  const auto begin_at = [&](Number start, const RouteDecision& answer) {
    if (!cuts.starts.empty() && cuts.starts.back() == start) {
      cuts.answers.back() = answer;  // nothing was left of what began here
    } else {
      cuts.starts.push_back(start);
      cuts.answers.push_back(answer);
    }
  };
  const auto close = [&] {
    const Number after = next(open.back().last);
    open.pop_back();
    if (after != Number{}) begin_at(after, open.empty() ? RouteDecision{} : open.back().decision);
  };
  begin_at(Number{}, {});
  for (const PrefixRoute& route : routes) {
    if (route.destination.is_v4() != v4) continue;
    const Number first = first_of(route.destination, Number{});
    while (!open.empty() && open.back().last < first) close();
    begin_at(first, route.decision);
    open.push_back({last_of(route.destination, Number{}), route.decision});
  }
  while (!open.empty()) close();
}

}  // namespace

RouteTables::Table RouteTables::compile_table(const Deployment& deployment, const RouteTable* declared,
                                              const EniNumbers& enis) {
  const std::vector<PrefixRoute> routes = routes_of(deployment, declared, enis);
  Table table;
  cut(routes, true, table.v4, std::uint32_t{});
  cut(routes, false, table.v6, AddressNumber{});
  return table;
}

RouteTables RouteTables::compile(const Deployment& deployment) {
  RouteTables compiled;
  EniNumbers enis;
  for (const Eni* eni : flatten_enis(deployment)) enis.emplace(eni->id, static_cast<PolicyEni>(enis.size()));
  std::unordered_map<std::string, std::uint32_t> numbers;
  for (const RouteTable& table : deployment.route_tables) {
    numbers.emplace(table.name, static_cast<std::uint32_t>(compiled.tables_.size()));
    compiled.tables_.push_back(compile_table(deployment, &table, enis));
  }
  std::optional<std::uint32_t> local_only;  // of subnets that name no table: resolve() leaves none
  for (const Subnet& subnet : deployment.subnets) {
    const auto named = numbers.find(subnet.route_table);
    if (named == numbers.end() && !local_only) {
      local_only = static_cast<std::uint32_t>(compiled.tables_.size());
      compiled.tables_.push_back(compile_table(deployment, nullptr, enis));
    }
    compiled.of_subnet_.push_back(named == numbers.end() ? *local_only : named->second);
  }
  return compiled;
}

RouteDecision RouteTables::find(SubnetIndex source, const IpAddress& destination) const noexcept {
  if (source >= of_subnet_.size() || destination.is_for_services()) return {};
  const AddressNumber number = AddressNumber::from(destination);
  const Table& table = tables_[of_subnet_[source]];
  return number.is_v4() ? table.v4.find(number.v4()) : table.v6.find(number);
}

}  // namespace weft
