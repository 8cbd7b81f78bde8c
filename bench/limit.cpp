// What each allowance costs a packet, when it is asked and when there is none.
//
//   ninja -C build bench_limit && build/bench/bench_limit --benchmark_min_time=0.2
#include <benchmark/benchmark.h>

#include "dataplane/limit/instance_allowance.hpp"
#include "dataplane/limit/packet_windows.hpp"

namespace weft {
namespace {

constexpr std::uint64_t kPacketNs = 120;  // 1514 bytes at 100 Gbps

void charge(benchmark::State& state, const AllowanceLimits& limits) {
  InstanceAllowance allowance(limits, 1, 0);
  std::uint64_t now = 0;
  for (auto _ : state) benchmark::DoNotOptimize(allowance.charge_out(0, 1514, 1, now += kPacketNs));
}

void no_allowance(benchmark::State& state) {
  InstanceAllowance* none = nullptr;
  std::uint64_t now = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(none);
    benchmark::DoNotOptimize(now += kPacketNs);
    if (none != nullptr) benchmark::DoNotOptimize(none->charge_out(0, 1514, 1, now));
  }
}
void bandwidth(benchmark::State& state) { charge(state, {.baseline_gbps = 200, .peak_gbps = 200}); }
void bandwidth_with_credits(benchmark::State& state) { charge(state, {.baseline_gbps = 150, .peak_gbps = 200}); }
void packets(benchmark::State& state) { charge(state, {.pps = 20'000'000}); }
void bandwidth_credits_and_packets(benchmark::State& state) {
  charge(state, {.baseline_gbps = 150, .peak_gbps = 200, .pps = 20'000'000});
}
void exceeded(benchmark::State& state) { charge(state, {.baseline_gbps = 1, .peak_gbps = 1}); }

void flow(benchmark::State& state) {
  FlowMeters meters(1);
  const FlowRate rate(200, 10'000'000);
  std::uint64_t now = 0;
  for (auto _ : state) benchmark::DoNotOptimize(meters.pass(0, 0, 1514, rate, now += kPacketNs));
}

void link_local(benchmark::State& state) {
  PacketWindows windows(1);
  std::uint64_t now = 0;
  for (auto _ : state) benchmark::DoNotOptimize(windows.pass(0, now += 1'000'000));
}

void connection(benchmark::State& state) {
  ConnectionAllowance connections(1000);
  for (auto _ : state) {
    benchmark::DoNotOptimize(connections.track());
    connections.untrack();
  }
}

BENCHMARK(no_allowance);
BENCHMARK(bandwidth);
BENCHMARK(bandwidth_with_credits);
BENCHMARK(packets);
BENCHMARK(bandwidth_credits_and_packets);
BENCHMARK(exceeded);
BENCHMARK(flow);
BENCHMARK(link_local);
BENCHMARK(connection);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
