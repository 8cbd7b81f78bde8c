// The text of a topology file: never an exception; what is refused has a code, a sentence and a line of the file; what is
// accepted and makes a network survives being saved as JSON and read back, and changes nothing when applied again.
#include <algorithm>
#include <cstdint>
#include <string>

#include "dataplane/control/json.hpp"
#include "dataplane/control/topology_file.hpp"
#include "tests/fuzz/check.hpp"

namespace {

void check_error(const weft::Error& error, int lines) {
  FUZZ_CHECK(!error.code.empty() && !error.message.empty());
  FUZZ_CHECK(error.where.line >= 0 && error.where.line <= lines);
  for (const weft::Error& other : error.others) check_error(other, lines);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  const std::string text(data, data + size);
  // YAML ends a line at a carriage return as well.
  const int lines = 1 + static_cast<int>(std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; }));
  const Result<Topology> topology = parse_topology(text, "fuzz.yaml");
  if (!topology) {
    check_error(topology.error(), lines);
    return 0;
  }
  const Result<Deployment> deployment = resolve(*topology, nullptr);
  if (!deployment) {
    check_error(deployment.error(), lines);
    return 0;
  }
  const std::string saved = to_json(*deployment).dump(-1, ' ', false, Json::error_handler_t::replace);
  const Result<Deployment> again = deployment_from_json(saved);
  FUZZ_CHECK(again || saved.find("\xef\xbf\xbd") != std::string::npos);  // what is no UTF-8 was replaced
  if (again) FUZZ_CHECK(to_json(*again).dump() == saved);
  const Result<Deployment> same = resolve(*topology, &*deployment);
  FUZZ_CHECK(same && plan(&*deployment, *same).empty());
  return 0;
}
