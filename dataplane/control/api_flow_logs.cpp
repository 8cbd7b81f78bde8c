// What the API says of flow logs.
#include "dataplane/control/api_routes.hpp"

namespace weft {
namespace {

Json flow_log_json(const FlowLogView& view, const Deployment* deployment) {
  Json json = to_json(view.log, deployment != nullptr ? *deployment : Deployment{});
  json["file"] = view.file;
  json["lines_written"] = view.lines;
  json["records_skipped"] = view.skipped;
  json["lines_lost"] = view.lost;
  json["deliver_logs_status"] = view.error.empty() ? "SUCCESS" : "FAILED";  // DescribeFlowLogs' words
  json["deliver_logs_error_message"] = view.error.empty() ? Json(nullptr) : Json(view.error);
  return json;
}

}  // namespace

ApiResponse ApiRoutes::flow_logs(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  Json json = Json::array();
  for (const FlowLogView& view : controller_.flow_logs()) json.push_back(flow_log_json(view, deployment.get()));
  return {200, std::move(json)};
}

ApiResponse ApiRoutes::flush_flow_logs(const ApiRequest& request) {
  // "/v1/flow-logs/flush" or "/v1/flow-logs/{name}/flush"
  constexpr std::string_view kPrefix = "/v1/flow-logs/";
  std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  path.remove_prefix(kPrefix.size());
  const std::string name(path.substr(0, path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/')));
  if (Result<void> flushed = controller_.flush_flow_logs(name); !flushed) return error_response(flushed.error());
  return flow_logs(request);
}

}  // namespace weft
