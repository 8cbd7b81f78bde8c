// Which path and method is answered by what, and which HTTP status belongs to which error.
#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dataplane/control/api_routes.hpp"

namespace weft {

struct ApiRoutes::Route {
  std::string_view path, method;
  ApiResponse (ApiRoutes::*run)(const ApiRequest&);
};

const ApiRoutes::Route ApiRoutes::kRoutes[] = {
    {"/v1/status", "GET", &ApiRoutes::status},
    {"/v1/plan", "POST", &ApiRoutes::plan},
    {"/v1/apply", "POST", &ApiRoutes::apply},
    {"/v1/deployment", "GET", &ApiRoutes::get_deployment},
    {"/v1/deployment", "DELETE", &ApiRoutes::delete_deployment},
    {"/v1/instances", "GET", &ApiRoutes::instances},
    {"/v1/instances/{name}/stop", "POST", &ApiRoutes::change_life},
    {"/v1/instances/{name}/start", "POST", &ApiRoutes::change_life},
    {"/v1/instances/{name}/reboot", "POST", &ApiRoutes::change_life},
    {"/v1/instances/{name}/terminate", "POST", &ApiRoutes::change_life},
    {"/v1/interfaces", "GET", &ApiRoutes::interfaces},
    {"/v1/security-groups", "GET", &ApiRoutes::security_groups},
    {"/v1/flows", "GET", &ApiRoutes::flows},
    {"/v1/drops", "GET", &ApiRoutes::drops},
    {"/v1/statistics", "GET", &ApiRoutes::statistics},
    {"/v1/metrics", "GET", &ApiRoutes::metrics},
    {"/v1/flow-logs", "GET", &ApiRoutes::flow_logs},
    {"/v1/flow-logs/flush", "POST", &ApiRoutes::flush_flow_logs},
    {"/v1/flow-logs/{name}/flush", "POST", &ApiRoutes::flush_flow_logs},
    {"/v1/faults", "GET", &ApiRoutes::faults},
    {"/v1/faults", "POST", &ApiRoutes::set_fault},
    {"/v1/faults", "DELETE", &ApiRoutes::clear_faults},
    {"/v1/faults/{name}", "DELETE", &ApiRoutes::clear_faults},
    {"/v1/paths", "GET", &ApiRoutes::paths},
    {"/v1/explain", "POST", &ApiRoutes::explain},
    {"/v1/capture", "GET", &ApiRoutes::capture},
};

namespace {

/// "{name}" in a route stands for one segment of a path that is not empty.
bool matches(std::string_view route, std::string_view path) {
  while (!route.empty() && !path.empty()) {
    const std::string_view wanted = route.substr(0, route.find('/', 1)), found = path.substr(0, path.find('/', 1));
    if (wanted == "/{name}" ? found.size() < 2 : wanted != found) return false;
    route.remove_prefix(wanted.size());
    path.remove_prefix(found.size());
  }
  return route.empty() && path.empty();
}

unsigned status_of(const Error& error) {
  if (error.code == "IncorrectState" || error.code == "IncorrectInstanceState") return 409;
  if (error.code == "UnauthorizedOperation") return 403;
  if (error.code == "Weft.InvalidYaml") return 400;
  if (error.code == "InternalError" || error.code.starts_with("Weft."))
    return 500;  // "Weft." is this machine's trouble
  if (error.code == "InvalidVpcID.NotFound") return 404;
  return 400;
}

}  // namespace

ApiResponse error_response(const Error& error) { return {status_of(error), to_json(error)}; }

ApiResponse ApiRoutes::find_and_run(const ApiRequest& request) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  std::string allow;
  for (const Route& route : kRoutes) {
    if (!matches(route.path, path)) continue;
    if (route.method == request.method) return (this->*route.run)(request);
    allow += (allow.empty() ? "" : ", ") + std::string(route.method);
  }
  Error error{"InvalidAction", "", {}};
  if (allow.empty()) {
    error.message = fmt::format("there is no {}; docs/api.md lists the paths of version 1", path);
    return {404, to_json(error)};
  }
  error.message = fmt::format("{} does not answer {}, only {}", path, request.method, allow);
  ApiResponse response{405, to_json(error)};
  response.allow = allow;
  return response;
}

ApiResponse ApiRoutes::handle_scrape(const ApiRequest& request) noexcept {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (path == "/metrics") return handle({request.method, "/v1/metrics", ""});
  return {404, to_json(Error{"InvalidAction", "there is nothing here but /metrics", {}})};
}

ApiResponse ApiRoutes::handle(const ApiRequest& request) noexcept {
  try {
    return find_and_run(request);
  } catch (const std::exception& e) {
    spdlog::error("{} {}: {}", request.method, request.target, e.what());
    return error_response({"InternalError", fmt::format("weftd could not answer: {}", e.what()), {}});
  }
}

}  // namespace weft
