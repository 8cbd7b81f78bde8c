#include "dataplane/control/paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "dataplane/control/query.hpp"
#include "dataplane/model/faults.hpp"
#include "dataplane/worker/hosts.hpp"

namespace weft {
namespace {

using underlay::Impairment;
using Way = underlay::Underlay::Way;

struct OneWay {
  const Instance *from, *to;
  underlay::Host source, destination;
  bool one_rack() const { return source.zone == destination.zone && source.rack == destination.rack; }
};

/// `usual`: what the layout says of every such path; that alone is no fault.
const char* state_of_path(const Impairment& impairment, const Impairment& usual) {
  if (impairment.down) return "down";
  if (impairment.flap.down_ns != 0) return "flapping";
  return impairment == usual ? "up" : "impaired";
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Result<std::pair<const Instance*, const Instance*>> ends_of(const std::string& target, const Deployment& deployment) {
  Result<Query> query = query_of(target);
  if (!query) return query.error();
  const Instance* ends[2] = {};
  for (const int end : {0, 1}) {
    const char* key = end == 0 ? "from" : "to";
    const auto found = std::ranges::find(*query, key, &Query::value_type::first);
    if (found == query->end() || found->second.empty() || query->size() != 2)
      return Error{"InvalidRequest", "write the query as ?from=A&to=B, with the names or ids of two instances", {"", 0, key}};
    ends[end] = deployment.find_instance(found->second);
    if (ends[end] == nullptr)
      return Error{"InvalidInstanceID.NotFound",
                   fmt::format("The instance ID '{}' does not exist; `weft ps` lists the instances", found->second),
                   {"", 0, key}};
  }
  return std::pair{ends[0], ends[1]};
}

/// What the path has done to packets so far. `pair_packets`: of all paths of this direction.
void add_traffic(Json& path, const LaneView& lane, std::uint64_t pair_packets) {
  const underlay::LaneCounters& counters = lane.counters;
  const auto lost = [&](underlay::Cause cause) { return counters.dropped[static_cast<std::size_t>(cause)]; };
  const std::uint64_t all_lost = std::accumulate(counters.dropped.begin(), counters.dropped.end(), std::uint64_t{0});
  path["packets"] = counters.packets;
  path["bytes"] = counters.bytes;
  path["share"] = ratio(counters.packets, pair_packets);
  path["lost"] = {{"down", lost(underlay::Cause::kDown)},
                  {"loss", lost(underlay::Cause::kLoss)},
                  {"queue", lost(underlay::Cause::kQueue)}};
  path["loss_ratio"] = ratio(all_lost, counters.packets);
  path["marked"] = counters.marked;
  path["duplicated"] = counters.duplicated;
  path["reordered"] = counters.reordered;
  path["corrupted"] = counters.corrupted;
  path["queued_bytes"] = lane.queued_bytes;
}

Json path_json(const OneWay& way, std::uint32_t path, const underlay::Plan& plan) {
  const Impairment impairment = plan.impairment(way.source, way.destination, path);
  const std::uint64_t back_ns = plan.impairment(way.destination, way.source, path).latency_ns;
  return {{"path", path},
          {"from", way.from->name},
          {"to", way.to->name},
          {"through", way.one_rack() ? "rack" : "spine"},
          {"state", state_of_path(impairment, way.one_rack() ? plan.layout.rack : plan.layout.spine)},
          {"summary", describe(impairment)},
          {"latency_ns", impairment.latency_ns},
          {"latency_back_ns", back_ns},
          {"latency_both_ways_ns", impairment.latency_ns + back_ns},
          {"impairment", to_json(impairment)}};
}

}  // namespace

Result<Json> paths_json(const std::string& target, const Deployment& deployment, const ReadLanes& read_lanes) {
  const auto ends = ends_of(target, deployment);
  if (!ends) return ends.error();
  const HostsByInstance hosts = hosts_of(deployment);
  const underlay::Plan plan = compile_plan({deployment.layout, all_faults(deployment)}, hosts);
  const underlay::Host here = hosts.at(ends->first->name), there = hosts.at(ends->second->name);
  const OneWay directions[] = {{ends->first, ends->second, here, there}, {ends->second, ends->first, there, here}};

  const std::uint32_t paths = plan.paths(here, there);  // as many back
  std::vector<Way> ways;
  for (const OneWay& way : directions)
    for (std::uint32_t path = 0; path < paths; ++path) ways.push_back({way.source, way.destination, path});
  const std::vector<LaneView> lanes = read_lanes(ways);

  Json list = Json::array();
  std::span<const LaneView> rest = lanes;
  for (const OneWay& way : directions) {
    const std::span<const LaneView> of_way = rest.first(paths);
    rest = rest.subspan(paths);
    std::uint64_t packets = 0;
    for (const LaneView& lane : of_way) packets += lane.counters.packets;
    for (std::uint32_t path = 0; path < paths; ++path) {
      list.push_back(path_json(way, path, plan));
      add_traffic(list.back(), of_way[path], packets);
    }
  }
  return list;
}

}  // namespace weft
