// weft-bench-forward: the engine between two wires, as a device under test. Both gates, tracking, spoof check and
// counters are on, as in the ladder's `flows-` rungs. Ends with SIGTERM, and says then what a packet took.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include <fmt/format.h>
#include <rte_cycles.h>

#include "bench/engine/loop.hpp"
#include "bench/peers/wire.hpp"
#include "dataplane/worker/eal.hpp"

namespace weft::bench {
namespace {

volatile std::sig_atomic_t ending = 0;

class WirePort final : public Port {
 public:
  explicit WirePort(std::uint16_t port) : port_(port) {}
  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override {
    return rte_eth_rx_burst(port_, 0, burst.data(), static_cast<std::uint16_t>(burst.size()));
  }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    return rte_eth_tx_burst(port_, 0, const_cast<rte_mbuf**>(burst.data()), static_cast<std::uint16_t>(burst.size()));
  }

 private:
  std::uint16_t port_;
};

/// Turns that had packets, as the PMD threads of Open vSwitch and testpmd count theirs.
struct Busy {
  std::uint64_t packets = 0, cycles = 0;
};

Busy forward(Engine& engine) {
  Busy busy;
  while (ending == 0) {
    const std::uint64_t begin = rte_rdtsc();
    const unsigned handled = engine.run_once();
    if (handled == 0) continue;
    busy.packets += handled;
    busy.cycles += rte_rdtsc() - begin;
  }
  return busy;
}

int run(int argc, char** argv) {
  std::string directory;
  int cpu = 1;
  std::uint32_t flows = 1 << 20;
  CLI::App app("The engine between two memif wires.\nExample: weft-bench-forward --directory /tmp/wires");
  app.add_option("--directory", directory, "Where the wires' sockets are made")->required();
  app.add_option("--cpu", cpu, "Pin to this CPU")->capture_default_str();
  app.add_option("--flow-capacity", flows, "Flows that fit")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  EalOptions eal_options;
  const WireOptions wires{.directory = directory, .device = true};
  eal_options.extra = wire_arguments(wires);
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  EngineOptions options;
  options.workers = 0;
  options.flow_capacity = flows;
  auto engine = Engine::create(options);
  if (!engine) fail(engine.error().to_string());
  std::vector<Engine::Attachment> ports;
  for (std::uint16_t port = 0; port < 2; ++port) {
    start_wire(port, wires, (*engine)->mempool());
    ports.push_back({eni_id(port), std::make_unique<WirePort>(port)});
  }
  const auto applied = (*engine)->apply(std::make_shared<const Deployment>(make_network({})), std::move(ports));
  if (!applied) fail(applied.error().to_string());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on that CPU");
  std::signal(SIGTERM, [](int) { ending = 1; });
  const Busy busy = forward(**engine);
  fmt::print("{{\"packets\": {}, \"busy_cycles_per_packet\": {:.1f}, \"flows\": {}}}\n", busy.packets,
             busy.packets == 0 ? 0 : static_cast<double>(busy.cycles) / static_cast<double>(busy.packets),
             (*engine)->flows().size());
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
