// What the API says of faults of the underlay, and how one is set and cleared.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/paths.hpp"
#include "dataplane/control/topology_file.hpp"

namespace weft {
namespace {

constexpr std::string_view kFaults = "/v1/faults";

Error nothing_deployed() {
  return {"InvalidVpcID.NotFound", "nothing is deployed, so there is no path; `weft up FILE` first", {}};
}

Json changes_json(const Outcome& outcome) {
  Json changes = Json::array();
  for (const Change& change : outcome.changes) changes.push_back(to_json(change));
  return changes;
}

}  // namespace

ApiResponse ApiRoutes::faults(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  return {200, deployment ? faults_json(*deployment) : Json::array()};
}

ApiResponse ApiRoutes::set_fault(const ApiRequest& request) {
  if (!Json::accept(request.body))
    return error_response({"InvalidRequest", "the body is not JSON; docs/api.md shows what it should be", {}});
  Result<underlay::Fault> fault = parse_fault(request.body);  // JSON is YAML, and a fault of the file is the same
  if (!fault) return error_response(fault.error());
  if (!controller_.deployment()) return error_response(nothing_deployed());
  Result<Outcome> outcome = controller_.set_fault(std::move(*fault));
  if (!outcome) return error_response(outcome.error());
  return {200, {{"changes", changes_json(*outcome)}, {"warnings", outcome->warnings}}};
}

ApiResponse ApiRoutes::clear_faults(const ApiRequest& request) {
  std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  path.remove_prefix(kFaults.size());
  const std::string name(path.substr(std::min<std::size_t>(path.size(), 1)));  // empty: all of them
  if (!controller_.deployment()) return error_response(nothing_deployed());
  Result<Outcome> outcome = controller_.clear_faults(name);
  if (!outcome) return error_response(outcome.error());
  return {200, {{"changes", changes_json(*outcome)}, {"warnings", outcome->warnings}}};
}

ApiResponse ApiRoutes::paths(const ApiRequest& request) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  if (!deployment) return error_response(nothing_deployed());
  const ReadLanes read_lanes = [this](const std::vector<underlay::Way>& ways) {
    return controller_.with_engine([&](Engine& engine) { return engine.lanes(ways); });
  };
  const ReadRoundTrips nothing = [](const std::string&) { return std::vector<MeasuredRoundTrip>(); };
  Result<Json> paths =
      paths_json(request.target, *deployment, read_lanes, facts_.round_trips ? facts_.round_trips : nothing);
  return paths ? ApiResponse{200, std::move(*paths)} : error_response(paths.error());
}

}  // namespace weft
