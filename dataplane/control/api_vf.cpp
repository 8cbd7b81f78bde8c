// What the API says of virtual functions, and how one is set.
#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/json_vf.hpp"

namespace weft {

ApiResponse ApiRoutes::virtual_functions(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  static const Deployment kNothing;
  return controller_.with_engine([&](Engine& engine) -> ApiResponse {
    return {200, virtual_functions_json(deployment ? *deployment : kNothing, engine.statistics(), engine.port_states())};
  });
}

ApiResponse ApiRoutes::set_vf(const ApiRequest& request) {
  Result<VfChange> change = vf_change_of(request.body);
  if (!change) return error_response(change.error());
  Result<Outcome> outcome = controller_.set_vf(*change);
  if (!outcome) return error_response(outcome.error());
  Json changes = Json::array();
  for (const Change& one : outcome->changes) changes.push_back(to_json(one));
  return {200, {{"changes", std::move(changes)}, {"warnings", outcome->warnings}}};
}

}  // namespace weft
