// HTTP/1.1 over a unix stream socket (Boost.Beast): the API's limits, time-outs and who may ask. What is answered is
// ApiRoutes'.
//
// Threads: one of its own does all input and output; a few more run ApiRoutes::handle(), so that a long apply or a slow
// client holds up nobody.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/listen_address.hpp"
#include "dataplane/model/result.hpp"

namespace weft {

struct ApiLimits {
  std::size_t body_bytes = 17u << 20;  // the largest topology, with its line ends escaped (topology_file.hpp)
  std::uint32_t header_bytes = 8u << 10;
  unsigned connections = 64;
  unsigned refused_connections = 8;                // peers that may not ask, while they are told so
  std::chrono::milliseconds request_time{10'000};  // header and body
  std::chrono::milliseconds idle_time{60'000};     // between requests
  std::chrono::milliseconds response_time{30'000};
};

/// A scrape has no body, and few scrape.
inline ApiLimits scraper_limits() {
  ApiLimits limits;
  limits.body_bytes = 1024;
  limits.connections = 16;
  return limits;
}

class ApiServer {
 public:
  /// Listens on `path`, mode 0600; a stale socket is replaced, so the caller holds the runtime directory's lock.
  /// `on_end` is called, on an own thread, after the answer to DELETE /v1/deployment was sent.
  static Result<std::unique_ptr<ApiServer>> listen(const std::string& path, ApiRoutes& routes,
                                                   std::function<void()> on_end, const ApiLimits& limits = {});
  /// The same on a TCP port, for everybody who can reach it, of the metrics alone: GET /metrics. Port 0: any that is free.
  static Result<std::unique_ptr<ApiServer>> listen_for_scrapers(const ListenAddress& address, ApiRoutes& routes,
                                                                const ApiLimits& limits = scraper_limits());
  /// Where it listens: "127.0.0.1:9469", or the socket's path.
  virtual std::string address() const = 0;
  /// Waits for handlers that run, closes every connection and removes the socket.
  virtual ~ApiServer() = default;
};

}  // namespace weft
