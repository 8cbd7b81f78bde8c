#include "dataplane/control/api_routes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <map>

#include "dataplane/control/capture_stream.hpp"
#include "dataplane/control/drop_explanation.hpp"
#include "dataplane/control/explain_request.hpp"
#include "dataplane/control/metrics.hpp"
#include "dataplane/control/query.hpp"
#include "dataplane/observe/open_metrics.hpp"

namespace weft {

namespace {

constexpr std::size_t kDefaultFlowLimit = 10'000;

Error invalid(std::string message, const char* key = "") {
  return {"InvalidRequest", std::move(message), {"", 0, key}};
}

Result<Json> read_object(const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return invalid("the body is not JSON; docs/api.md shows what it should be");
  if (!json.is_object()) return invalid("the body is JSON but no object; docs/api.md shows what it should be");
  return json;
}

/// The number of `?limit=N`, which is the only parameter there is.
Result<std::size_t> limit_of(std::string_view target) {
  std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return kDefaultFlowLimit;
  std::string_view query = target.substr(mark + 1);
  constexpr std::string_view kLimit = "limit=";
  std::string digits(query.starts_with(kLimit) ? query.substr(kLimit.size()) : "");
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string::npos)
    return invalid(fmt::format("'?{}' is no query of this path; it knows limit=N", query), "limit");
  return std::stoul(digits);
}

template <typename List, typename... Context>
Json list_json(const List& list, const Context&... context) {
  Json json = Json::array();
  for (const auto& element : list) json.push_back(to_json(element, context...));
  return json;
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// What the rules of now say about a dropped packet. Who sent it is known; without an ENI it came from the internet.
Json explanation_of(const DropView& drop, const Deployment* deployment) {
  if (!follows_from_deployment(drop.reason) || !deployment) return nullptr;
  if (!drop.source_eni.empty() && !deployment->find_eni(drop.source_eni)) return nullptr;
  ExplainQuestion question{.packet = drop.tuple, .efa = drop.efa, .source_eni = drop.source_eni, .destination_eni = {}};
  // What came through the internet gateway was translated before it was dropped; the question is asked outside.
  if (drop.source_eni.empty())
    question.packet.destination =
        public_address_of(*deployment, drop.tuple.destination).value_or(drop.tuple.destination);
  return to_json(weft::explain(*deployment, question));
}

}  // namespace

ApiResponse ApiRoutes::status(const ApiRequest&) {
  std::optional<Progress> now = controller_.progress();
  Json progress = nullptr;
  if (now) progress = {{"what", now->what}, {"done", now->done}, {"total", now->total}};
  return {200,
          {{"version", facts_.version},
           {"pid", ::getpid()},
           {"workers", facts_.workers},
           {"deployment", controller_.deployment() != nullptr},
           {"mode", facts_.root ? "root" : "rootless"},
           {"huge_pages", facts_.huge_pages},
           {"progress", std::move(progress)}}};
}

ApiResponse ApiRoutes::change(const ApiRequest& request, bool for_real) {
  Result<Json> json = read_object(request.body);
  if (!json) return error_response(json.error());
  for (const char* field : {"file", "topology"})
    if (!json->contains(field) || !(*json)[field].is_string())
      return error_response(invalid(fmt::format("'{}' is missing or is no text", field), field));
  const std::string file = (*json)["file"].get<std::string>(), text = (*json)["topology"].get<std::string>();

  const auto start = std::chrono::steady_clock::now();
  Result<Outcome> outcome = for_real ? controller_.apply(file, text) : controller_.plan(file, text);
  if (!outcome) return error_response(outcome.error());
  return {200,
          {{"changes", list_json(outcome->changes)},
           {"warnings", outcome->warnings},
           {"took_ms", milliseconds_since(start)}}};
}

ApiResponse ApiRoutes::plan(const ApiRequest& request) { return change(request, false); }
ApiResponse ApiRoutes::apply(const ApiRequest& request) { return change(request, true); }

ApiResponse ApiRoutes::get_deployment(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  if (!deployment)
    return error_response({"InvalidVpcID.NotFound", "nothing is deployed; `weft up FILE` deploys a topology", {}});
  return {200, to_json(*deployment)};
}

ApiResponse ApiRoutes::delete_deployment(const ApiRequest&) {
  ApiResponse response{200, {{"removed", controller_.remove_all()}}};
  response.ends_daemon = true;
  return response;
}

ApiResponse ApiRoutes::instances(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  return {200, deployment ? list_json(deployment->instances, *deployment) : Json::array()};
}

ApiResponse ApiRoutes::change_life(const ApiRequest& request) {
  static const std::map<std::string_view, LifeChange> kVerbs{{"stop", LifeChange::kStop},
                                                             {"start", LifeChange::kStart},
                                                             {"reboot", LifeChange::kReboot},
                                                             {"terminate", LifeChange::kTerminate}};
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  const std::size_t verb = path.rfind('/') + 1;
  const std::size_t name = path.rfind('/', verb - 2) + 1;

  const auto start = std::chrono::steady_clock::now();
  Result<LifeOutcome> life =
      controller_.change_life(kVerbs.at(path.substr(verb)), std::string(path.substr(name, verb - 1 - name)));
  if (!life) return error_response(life.error());
  return {200,
          {{"instance", life->name},
           {"id", life->id},
           {"previous_state", life->previous_state},
           {"state", life->state},
           {"changes", list_json(life->outcome.changes)},
           {"warnings", life->outcome.warnings},
           {"took_ms", milliseconds_since(start)}}};
}

ApiResponse ApiRoutes::interfaces(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  Json json = Json::array();
  if (deployment)
    for (const Instance& instance : deployment->instances)
      for (const Eni& eni : instance.enis) json.push_back(to_json(eni, *deployment));
  if (deployment)
    for (const Eni& eni : deployment->available_enis) json.push_back(to_json(eni, *deployment));
  return {200, std::move(json)};
}

ApiResponse ApiRoutes::security_groups(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  return {200, deployment ? list_json(deployment->security_groups, *deployment) : Json::array()};
}

ApiResponse ApiRoutes::flows(const ApiRequest& request) {
  Result<std::size_t> limit = limit_of(request.target);
  if (!limit) return error_response(limit.error());
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  std::vector<FlowView> flows = controller_.with_engine([](Engine& engine) { return engine.flows(); });
  ApiResponse response;
  response.total = std::to_string(flows.size());
  if (flows.size() > *limit) flows.resize(*limit);
  response.body = list_json(flows, deployment.get());
  return response;
}

ApiResponse ApiRoutes::drops(const ApiRequest&) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  std::vector<DropView> drops = controller_.with_engine([](Engine& engine) { return engine.drops(); });
  std::stable_sort(drops.begin(), drops.end(), [](auto& a, auto& b) { return a.when_ns > b.when_ns; });
  Json json = Json::array();
  for (const DropView& drop : drops) {
    json.push_back(to_json(drop, deployment.get(), facts_.now_ns()));
    json.back()["explanation"] = explanation_of(drop, deployment.get());
  }
  return {200, std::move(json)};
}

/// `?flows=true` counts those of each interface, too: it looks at every flow.
ApiResponse ApiRoutes::statistics(const ApiRequest& request) {
  Result<Query> query = query_of(request.target);
  if (!query) return error_response(query.error());
  for (const auto& [key, value] : *query)
    if (key != "flows" || value != "true")
      return error_response(invalid(fmt::format("'{}={}' is no query of this path; it knows flows=true", key, value), "flows"));
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  return controller_.with_engine([&](Engine& engine) -> ApiResponse {
    Json statistics{{"interfaces", list_json(engine.statistics(), deployment.get())},
                    {"balance", to_json(engine.balance())},
                    {"workers", list_json(engine.idle_times())}};
    if (!query->empty()) statistics["flows"] = engine.flow_counts().of_enis;
    return {200, std::move(statistics)};
  });
}

ApiResponse ApiRoutes::metrics(const ApiRequest&) {
  MetricsInput input{.version = facts_.version, .deployment = controller_.deployment()};
  controller_.with_engine([&](Engine& engine) {
    input.interfaces = engine.statistics();
    input.balance = engine.balance();
    input.idle_times = engine.idle_times();
    input.flows = engine.flow_counts();
  });
  ApiResponse response;
  response.text = metrics_text(input);
  response.content_type = kOpenMetricsContentType;
  return response;
}

ApiResponse ApiRoutes::capture(const ApiRequest& request) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  if (!deployment)
    return error_response({"InvalidVpcID.NotFound", "nothing is deployed, so there is nothing to capture", {}});
  Result<CaptureRequest> wanted = read_capture_request(request.target, *deployment);
  if (!wanted) return error_response(wanted.error());
  Result<std::shared_ptr<ApiStream>> stream = CaptureStream::start(controller_, facts_.now_ns, *wanted);
  if (!stream) return error_response(stream.error());
  ApiResponse response;
  response.stream = std::move(*stream);
  return response;
}

ApiResponse ApiRoutes::explain(const ApiRequest& request) {
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  if (!deployment)
    return error_response({"InvalidVpcID.NotFound", "nothing is deployed, so there is nothing to explain", {}});
  Result<Json> json = read_object(request.body);
  if (!json) return error_response(json.error());
  Result<Explanation> explanation = explain_request(*json, *deployment);
  if (!explanation) return error_response(explanation.error());
  return {200, to_json(*explanation)};
}

}  // namespace weft
