#include "dataplane/control/paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "dataplane/model/faults.hpp"
#include "dataplane/worker/hosts.hpp"

namespace weft {
namespace {

const char* state_of_path(const underlay::Impairment& impairment) {
  if (impairment.down) return "down";
  return impairment.flap.down_ns != 0 ? "flapping" : "up";
}

/// The value of "from" or "to" in "?from=A&to=B"; empty when it is not there.
std::string query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.substr(0, part.find('=')) == key && part.size() > key.size()) return std::string(part.substr(key.size() + 1));
  }
  return {};
}

}  // namespace

Result<Json> paths_json(const std::string& target, const Deployment& deployment) {
  const std::size_t mark = target.find('?');
  const std::string_view query = mark == std::string::npos ? "" : std::string_view(target).substr(mark + 1);
  const Instance* ends[2] = {};
  for (const int end : {0, 1}) {
    const char* key = end == 0 ? "from" : "to";
    const std::string name = query_value(query, key);
    if (name.empty() || std::ranges::count(query, '&') != 1)
      return Error{"InvalidRequest", "write the query as ?from=A&to=B, with the names or ids of two instances", {"", 0, key}};
    ends[end] = deployment.find_instance(name);
    if (ends[end] == nullptr)
      return Error{"InvalidInstanceID.NotFound",
                   fmt::format("The instance ID '{}' does not exist; `weft ps` lists the instances", name),
                   {"", 0, key}};
  }
  const HostsByInstance hosts = hosts_of(deployment);
  const underlay::Plan plan = compile_plan({deployment.layout, all_faults(deployment)}, hosts);
  Json list = Json::array();
  for (const auto& [from, to] : {std::pair{ends[0], ends[1]}, std::pair{ends[1], ends[0]}}) {
    const underlay::Host source = hosts.at(from->name), destination = hosts.at(to->name);
    const bool one_rack = source.zone == destination.zone && source.rack == destination.rack;
    for (std::uint32_t path = 0; path < plan.paths(source, destination); ++path) {
      const underlay::Impairment impairment = plan.impairment(source, destination, path);
      list.push_back({{"path", path},
                      {"from", from->name},
                      {"to", to->name},
                      {"through", one_rack ? "rack" : "spine"},
                      {"state", state_of_path(impairment)},
                      {"summary", describe(impairment)},
                      {"impairment", to_json(impairment)}});
    }
  }
  return list;
}

}  // namespace weft
