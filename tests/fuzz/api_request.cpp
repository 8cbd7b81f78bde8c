// Requests of the control API, behind the HTTP parser: every one is answered, with a status of HTTP, a body that can be
// written, and for an error a code and a sentence; a daemon that survived one answers the next.
//
// Input: method, target and body, a line each; the body is the rest. First comes a deployment of two instances.
#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>

#include "dataplane/control/api_routes.hpp"
#include "tests/dataplane/control/fakes.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::testing;

std::string line_of(std::string& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string line = text.substr(0, end);
  text.erase(0, end + 1);
  return line;
}

void check(const ApiResponse& response) {
  const std::string body = response.body.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (response.status >= 500) std::fprintf(stderr, "%s\n", body.c_str());
  FUZZ_CHECK(response.status >= 200 && response.status < 500);  // a wrong request is never the daemon's failure
  if (response.status < 400) return;
  const Json& error = response.body.at("error");
  FUZZ_CHECK(!error.at("code").get<std::string>().empty() && !error.at("message").get<std::string>().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  spdlog::set_level(spdlog::level::off);
  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 2, false, false, [] { return std::uint64_t{5'000'000'000}; }}};
  const Json first{{"file", "first.yaml"}, {"topology", topology({plain("a"), plain("b")})}};
  FUZZ_CHECK(routes.handle({"POST", "/v1/apply", first.dump()}).status == 200);
  std::string text(data, data + size);
  ApiRequest request;
  request.method = line_of(text);
  request.target = line_of(text);
  request.body = text;
  check(routes.handle(request));
  FUZZ_CHECK(routes.handle({"GET", "/v1/status", ""}).status == 200);
  return 0;
}
