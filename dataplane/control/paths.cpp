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

using underlay::Hop;
using underlay::Impairment;
using underlay::Way;

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
  path["share"] = path.at("path").is_null() ? Json(nullptr) : Json(ratio(counters.packets, pair_packets));
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

const char* word_of(Hop hop) {
  switch (hop) {
    case Hop::kUplink: return "uplink";
    case Hop::kPath: return "path";
    case Hop::kDownlink: return "downlink";
  }
  return "";
}

Json hop_json(const OneWay& way, const Way& lane, const Impairment& impairment, const Impairment& usual) {
  return {{"hop", word_of(lane.hop)},
          {"path", nullptr},
          {"from", way.from->name},
          {"to", way.to->name},
          {"through", way.one_rack() ? "rack" : "spine"},
          {"state", state_of_path(impairment, usual)},
          {"summary", describe(impairment)},
          {"latency_ns", impairment.latency_ns},
          {"impairment", to_json(impairment)}};
}

Json link_json(const OneWay& way, const Way& link, const underlay::Plan& plan) {
  return hop_json(way, link, plan.link_impairment(link.from, link.hop), plan.usual_link(link.hop));
}

Json path_json(const OneWay& way, const Way& lane, const underlay::Plan& plan) {
  const Impairment impairment = plan.impairment(lane.from, lane.to, lane.path);
  const std::uint64_t back_ns = plan.impairment(lane.to, lane.from, lane.path).latency_ns;
  const std::uint64_t links_ns = plan.link_impairment(lane.from, Hop::kUplink).latency_ns +
                                 plan.link_impairment(lane.to, Hop::kDownlink).latency_ns;
  Json path = hop_json(way, lane, impairment, way.one_rack() ? plan.layout.rack : plan.layout.spine);
  path["path"] = lane.path;
  path["latency_back_ns"] = back_ns;
  path["latency_both_ways_ns"] = impairment.latency_ns + back_ns + 2 * links_ns;
  return path;
}

/// Of each path, the median of what the processes at its beginning have measured to its end; null where nobody has.
void add_round_trips(std::span<Json> paths, const OneWay& way, const std::vector<MeasuredRoundTrip>& measured) {
  const auto is_there = [&way](const IpAddress& address) {
    return std::ranges::any_of(way.to->enis, [&](const Eni& eni) { return eni.private_ip == address; });
  };
  std::vector<std::vector<std::uint64_t>> of_path(paths.size());
  for (const MeasuredRoundTrip& one : measured)
    if (is_there(one.peer)) of_path[one.path % paths.size()].push_back(one.ns);
  for (std::size_t path = 0; path < paths.size(); ++path) {
    std::vector<std::uint64_t>& all = of_path[path];
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    paths[path]["round_trip_ns"] = all.empty() ? Json(nullptr) : Json(all[all.size() / 2]);
  }
}

/// In the order in which a packet crosses them; links only where something is set for them.
std::vector<Way> lanes_of(const OneWay& way, const underlay::Plan& plan) {
  std::vector<Way> lanes;
  const std::uint32_t paths = plan.paths(way.source, way.destination);
  if (paths == 0) return lanes;
  if (plan.links(way.source)) lanes.push_back(Way::uplink(way.source));
  for (std::uint32_t path = 0; path < paths; ++path) lanes.push_back({way.source, way.destination, path});
  if (plan.links(way.destination)) lanes.push_back(Way::downlink(way.destination));
  return lanes;
}

}  // namespace

Result<Json> paths_json(const std::string& target, const Deployment& deployment, const ReadLanes& read_lanes,
                        const ReadRoundTrips& read_round_trips) {
  const auto ends = ends_of(target, deployment);
  if (!ends) return ends.error();
  const HostsByInstance hosts = hosts_of(deployment);
  const underlay::Plan plan = compile_plan({deployment.layout, all_faults(deployment)}, hosts);
  const underlay::Host here = hosts.at(ends->first->name), there = hosts.at(ends->second->name);
  const OneWay directions[] = {{ends->first, ends->second, here, there}, {ends->second, ends->first, there, here}};

  std::vector<Way> ways;
  std::size_t there_count = 0;  // of the first direction
  for (const OneWay& way : directions) {
    const std::vector<Way> lanes = lanes_of(way, plan);
    if (ways.empty()) there_count = lanes.size();
    ways.insert(ways.end(), lanes.begin(), lanes.end());
  }
  const std::vector<LaneView> views = read_lanes(ways);

  std::vector<Json> list;
  const auto add = [&](const OneWay& way, std::size_t begin, std::size_t end) {
    std::uint64_t packets = 0;
    for (std::size_t i = begin; i < end; ++i)
      if (ways[i].hop == Hop::kPath) packets += views[i].counters.packets;
    for (std::size_t i = begin; i < end; ++i) {
      list.push_back(ways[i].hop == Hop::kPath ? path_json(way, ways[i], plan) : link_json(way, ways[i], plan));
      add_traffic(list.back(), views[i], packets);
    }
    const std::span<Json> added = std::span(list).last(end - begin);
    const auto is_path = [](const Json& hop) { return !hop.at("path").is_null(); };
    const auto first = std::ranges::find_if(added, is_path);
    const auto paths = static_cast<std::size_t>(std::ranges::count_if(added, is_path));
    if (paths != 0) add_round_trips({first, paths}, way, read_round_trips(way.from->name));
  };
  add(directions[0], 0, there_count);
  add(directions[1], there_count, ways.size());
  return Json(std::move(list));
}

}  // namespace weft
