// weft-bench-generate: sends at both ends of a device under test and counts what comes out. Every flow has packets in
// both directions, so that a device that tracks connections sees them established.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <vector>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "bench/engine/loop.hpp"
#include "bench/peers/wire.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/eal.hpp"

namespace weft::bench {
namespace {

constexpr unsigned kSendBurst = 32, kReceiveBurst = 64;

struct Options {
  std::string directory;
  std::uint32_t flows = 10'000, wire_bytes = 64;
  double seconds = 1;
  unsigned runs = 7;
  int cpu = 0;
  bool hold = false;
};

/// What an end sends, over and over: the pool's packets are lent, never freed.
class Sender {
 public:
  Sender(std::uint16_t port, const Options& options, rte_mempool* pool) : port_(port) {
    const NetworkOptions network{.wire_bytes = options.wire_bytes};
    for (std::uint32_t flow = 0; flow < options.flows; ++flow) {
      rte_mbuf* packet = rte_pktmbuf_alloc(pool);
      if (packet == nullptr) fail("the pool is empty");
      build_frame(packet, network, port, flow);
      if (port == 1) {  // the same flow, the other way
        auto& udp = *rte_pktmbuf_mtod_offset(packet, UdpHeader*, kIpv4L4Offset);
        std::swap(udp.source_port, udp.destination_port);
      }
      packets_.push_back(packet);
    }
  }

  std::uint64_t send() {
    rte_mbuf* burst[kSendBurst];
    for (unsigned i = 0; i < kSendBurst; ++i) {
      burst[i] = packets_[(next_ + i) % packets_.size()];
      rte_mbuf_refcnt_update(burst[i], 1);
    }
    const unsigned sent = rte_eth_tx_burst(port_, 0, burst, kSendBurst);
    for (unsigned i = sent; i < kSendBurst; ++i) rte_mbuf_refcnt_update(burst[i], -1);
    next_ = (next_ + sent) % packets_.size();
    return sent;
  }

 private:
  std::uint16_t port_;
  std::vector<rte_mbuf*> packets_;
  std::size_t next_ = 0;
};

std::uint64_t receive(std::uint16_t port) {
  std::uint64_t received = 0;
  for (std::uint16_t queue = 0; queue < kQueuesFromDevice; ++queue) {
    rte_mbuf* burst[kReceiveBurst];
    const unsigned count = rte_eth_rx_burst(port, queue, burst, kReceiveBurst);
    if (count != 0) rte_pktmbuf_free_bulk(burst, count);
    received += count;
  }
  return received;
}

struct Count {
  std::uint64_t sent = 0, received = 0;
};

Count run_for(std::array<Sender, 2>& senders, double seconds) {
  Count count;
  const std::uint64_t end = rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
  while (rte_rdtsc() < end)
    for (std::uint16_t port = 0; port < 2; ++port) {
      count.sent += senders[port].send();
      count.received += receive(port);
    }
  return count;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Sends UDP at both ends of a device under test and counts what comes out.\n"
               "Example: weft-bench-generate --directory /tmp/wires --flows 10000");
  app.add_option("--directory", options.directory, "Where the wires' sockets are")->required();
  app.add_option("--flows", options.flows, "Flows, each in both directions")->capture_default_str();
  app.add_option("--size", options.wire_bytes, "Bytes of a frame on the wire")
      ->check(CLI::Range(64, 1518))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "Length of a run")->capture_default_str();
  app.add_option("--runs", options.runs, "Runs after one to warm up")->capture_default_str();
  app.add_option("--cpu", options.cpu, "Pin to this CPU")->capture_default_str();
  app.add_flag("--hold", options.hold, "Keep the wires up, after the counts are printed, until standard input ends");
  CLI11_PARSE(app, argc, argv);

  EalOptions eal_options;
  eal_options.memory_mb = 128 + options.flows / 200;
  const WireOptions wires{.directory = options.directory, .device = false};
  eal_options.extra = wire_arguments(wires);
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  rte_mempool* pool =
      rte_pktmbuf_pool_create("generate", 2 * options.flows + 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) fail("no memory for the packets");
  for (std::uint16_t port = 0; port < 2; ++port) start_wire(port, wires, pool);
  if (!wait_for_link(20)) fail("no device under test at the other end of the wires");
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(options.cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on that CPU");

  std::array<Sender, 2> senders = {Sender(0, options, pool), Sender(1, options, pool)};
  run_for(senders, options.seconds);
  std::string runs;
  for (unsigned i = 0; i < options.runs; ++i) {
    const Count count = run_for(senders, options.seconds);
    runs += fmt::format("{}{{\"sent_mpps\": {:.3f}, \"received_mpps\": {:.3f}}}", i == 0 ? "" : ", ",
                        static_cast<double>(count.sent) / options.seconds / 1e6,
                        static_cast<double>(count.received) / options.seconds / 1e6);
  }
  fmt::print("{{\"flows\": {}, \"tsc_hz\": {}, \"runs\": [{}]}}\n", options.flows, rte_get_tsc_hz(), runs);
  std::fflush(stdout);
  while (options.hold && std::getchar() != EOF) {}
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
