// weft-bench-forward: the engine between two wires, as a device under test. Both gates, tracking, spoof check and
// counters are on, as in the ladder's `flows-` rungs. Ends with SIGTERM.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <csignal>

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
  eal_options.extra = wire_arguments({.directory = directory, .server = true});
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  EngineOptions options;
  options.workers = 0;
  options.flow_capacity = flows;
  auto engine = Engine::create(options);
  if (!engine) fail(engine.error().to_string());
  std::vector<Engine::Attachment> ports;
  for (std::uint16_t port = 0; port < 2; ++port) {
    start_wire(port, (*engine)->mempool());
    ports.push_back({eni_id(port), std::make_unique<WirePort>(port)});
  }
  const auto applied = (*engine)->apply(std::make_shared<const Deployment>(make_network({})), std::move(ports));
  if (!applied) fail(applied.error().to_string());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on that CPU");
  std::signal(SIGTERM, [](int) { ending = 1; });
  while (ending == 0) (*engine)->run_once();
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
