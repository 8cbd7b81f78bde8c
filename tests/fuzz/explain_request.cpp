// The question of POST /v1/explain over a network that has everything: an answer with a verdict, or an error that names
// the field.
#include <cstdint>
#include <string>

#include "dataplane/control/explain_request.hpp"
#include "dataplane/control/topology_file.hpp"
#include "tests/fuzz/check.hpp"

namespace {

weft::Deployment network() {
  const auto topology = weft::parse_topology(R"(
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: "fd00:1::/56"}
internet_gateway: true
subnets:
  - {name: s, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:1::/64", az: use1-az1}
  - {name: t, cidr: 10.0.2.0/24, ipv6_cidr: "fd00:1:0:1::/64", az: use1-az1}
security_groups:
  - {name: g, ingress: [{protocol: tcp, ports: 22, cidr: 10.0.0.0/16}, {protocol: all, group: g}], egress: [{protocol: all, cidr: 0.0.0.0/0}]}
instances:
  - {name: a, interfaces: [{subnet: s, security_groups: [g]}]}
  - {name: b, interfaces: [{subnet: t, security_groups: [g], type: efa}]}
)", "network.yaml");
  if (!topology) std::fprintf(stderr, "%s\n", topology.error().to_string().c_str());
  FUZZ_CHECK(topology);
  auto deployment = weft::resolve(*topology, nullptr);
  if (!deployment) std::fprintf(stderr, "%s\n", deployment.error().to_string().c_str());
  FUZZ_CHECK(deployment);
  return std::move(*deployment);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  static const Deployment deployment = network();
  const Json request = Json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
  if (request.is_discarded()) return 0;
  const Result<Explanation> answer = explain_request(request, deployment);
  if (answer) {
    FUZZ_CHECK(!answer->verdict.empty());
    FUZZ_CHECK(!to_json(*answer).dump(-1, ' ', false, Json::error_handler_t::replace).empty());
  } else {
    FUZZ_CHECK(!answer.error().code.empty() && !answer.error().message.empty());
  }
  return 0;
}
