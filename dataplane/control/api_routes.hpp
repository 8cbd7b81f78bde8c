// What the API answers, without a socket: a request in, a response out. docs/api.md is the contract.
//
// Thread: handle() may be called by several threads at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/control/controller.hpp"
#include "dataplane/control/json.hpp"
#include "dataplane/control/paths.hpp"

namespace weft {

/// The body of an answer that comes little by little. Thread: any.
class ApiStream {
 public:
  virtual ~ApiStream() = default;
  virtual std::string content_type() const = 0;
  /// Readable to its end, and the stream's to close.
  virtual int fd() const = 0;
  /// The client wants no more: what is left comes, and then the end. Does not wait.
  virtual void request_end() noexcept = 0;
};

struct ApiRequest {
  std::string method;  // "GET"
  std::string target;  // "/v1/flows?limit=10"
  std::string body;
};

struct ApiResponse {
  unsigned status = 200;
  Json body = {};
  std::string text = {};          // in place of `body`, and of the type that follows
  std::string_view content_type = {};
  std::string allow = {};    // the Allow header of a 405
  std::string total = {};    // the Weft-Total header of a list that was cut
  std::shared_ptr<ApiStream> stream = {};  // then this is the body
  bool ends_daemon = false;  // call the server's `on_end` once this was sent
};

/// What /v1/status says that the controller does not know.
struct DaemonFacts {
  std::string version;
  unsigned workers = 1;
  bool root = false;
  bool huge_pages = false;
  std::uint64_t (*now_ns)() = nullptr;  // the engine's clock
  ReadRoundTrips round_trips = {};      // empty: nothing is measured
};

class ApiRoutes {
 public:
  ApiRoutes(Controller& controller, DaemonFacts facts) : controller_(controller), facts_(std::move(facts)) {}

  /// Never throws: what goes wrong is a response with an error body.
  ApiResponse handle(const ApiRequest& request) noexcept;
  /// For whoever may see the metrics and nothing else: GET /metrics.
  ApiResponse handle_scrape(const ApiRequest& request) noexcept;

 private:
  struct Route;
  static const Route kRoutes[];
  ApiResponse find_and_run(const ApiRequest& request);

  ApiResponse status(const ApiRequest&);
  ApiResponse plan(const ApiRequest& request);
  ApiResponse apply(const ApiRequest& request);
  ApiResponse get_deployment(const ApiRequest&);
  ApiResponse delete_deployment(const ApiRequest&);
  ApiResponse instances(const ApiRequest&);
  ApiResponse change_life(const ApiRequest& request);  // /v1/instances/{name}/{stop,start,reboot,terminate}
  ApiResponse interfaces(const ApiRequest&);
  ApiResponse security_groups(const ApiRequest&);
  ApiResponse flows(const ApiRequest& request);
  ApiResponse drops(const ApiRequest&);
  ApiResponse statistics(const ApiRequest& request);
  ApiResponse metrics(const ApiRequest&);
  ApiResponse flow_logs(const ApiRequest&);
  ApiResponse flush_flow_logs(const ApiRequest& request);  // /v1/flow-logs/flush, /v1/flow-logs/{name}/flush
  ApiResponse faults(const ApiRequest&);
  ApiResponse set_fault(const ApiRequest& request);
  ApiResponse clear_faults(const ApiRequest& request);  // /v1/faults, /v1/faults/{name}
  ApiResponse paths(const ApiRequest& request);
  ApiResponse virtual_functions(const ApiRequest&);
  ApiResponse set_vf(const ApiRequest& request);
  ApiResponse explain(const ApiRequest& request);
  ApiResponse capture(const ApiRequest& request);

  ApiResponse change(const ApiRequest& request, bool for_real);

  Controller& controller_;
  DaemonFacts facts_;
};

/// The response for an error: its body, and the HTTP status that belongs to its code.
ApiResponse error_response(const Error& error);

}  // namespace weft
