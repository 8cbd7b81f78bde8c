// What an answer costs, for each kind; and what it costs to find out that a packet is nobody's business here.
#include <benchmark/benchmark.h>

#include "tests/dataplane/services/frames.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void run(benchmark::State& state, const Bytes& frame) {
  const World world;
  static std::byte out[kAnswerBytes];
  Answer said;
  for (auto _ : state) {
    said = answer(world.view, view_of(frame), 1700000000000000000, out);
    benchmark::DoNotOptimize(said);
  }
  state.SetLabel(said.outcome == Answer::Outcome::kAnswered ? std::to_string(said.length) + " bytes" : "no answer");
}

Bytes dns(const char* name, unsigned type) {
  Bytes query = be16(1) + be16(0x0100) + be16(1) + zeros(6);
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    query = query + Bytes{static_cast<std::uint8_t>(label.size())} + text(label);
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  return udp_frame("10.0.1.4", 1000, "10.0.0.2", 53, query + Bytes{0} + be16(type) + be16(1));
}
Bytes discover(const MacAddress& from) {
  return udp_frame("0.0.0.0", 68, "255.255.255.255", 67,
                   Bytes{1, 1, 6, 0, 0, 0, 0, 1} + zeros(20) + octets(from) + zeros(202) +
                       Bytes{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255});
}
Bytes solicit() {
  const IpAddress target = ip("2001:db8:1:100::5");
  return ip_frame(ip("fe80::9"), target, 58, Bytes{135, 0, 0, 0} + zeros(4) + octets(target), 255);
}

BENCHMARK_CAPTURE(run, ordinary_udp, udp_frame("10.0.1.4", 1000, "10.0.1.5", 9, zeros(64)));
BENCHMARK_CAPTURE(run, dns_a, dns("node-1.ec2.internal", 1));
BENCHMARK_CAPTURE(run, dns_nobody, dns("nobody.ec2.internal", 1));
BENCHMARK_CAPTURE(run, dhcp4_discover, discover(mac("0a:00:0a:00:01:04")));
BENCHMARK_CAPTURE(run, neighbour, solicit());
BENCHMARK_CAPTURE(run, ntp, udp_frame("10.0.1.4", 1000, "169.254.169.123", 123, Bytes{0x23} + zeros(47)));

}  // namespace

BENCHMARK_MAIN();
