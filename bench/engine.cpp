// weft-bench-engine: packets per second of one worker, ring to ring (DESIGN section 4.5 of the facts gives the ladder).
//
// Two ENIs, a and b, whose ports are joined to a loop: what is delivered to one is what the other sends next, so prebuilt
// packets go round and nothing but the engine is measured: two ring operations, parse, spoof check, flow lookup,
// tracking, MAC rewrite, delivery. 64-byte UDP frames, one packet per flow, every header different; half of the flows
// begin at a, half at b; both gates evaluated and tracked, spoof check on. With `--flows 1`, 512 equal packets.
// `--capture` measures what `weft capture` costs: of an ENI that gets no packets, or of both; the records are thrown away
// between the turns.
#include <sched.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/eal.hpp"
#include "dataplane/worker/engine.hpp"
#include "drivers/ring/ring_port.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kAddress[2] = {0x0a000104, 0x0a000105};  // 10.0.1.4 and .5
constexpr std::size_t kFrameBytes = 60;                          // 64 on a wire, with the FCS

MacAddress mac_of(unsigned end) { return {{0x02, 0, 0x0a, 0, 1, static_cast<std::uint8_t>(4 + end)}}; }

Deployment two_instances() {
  const IpPrefix vpc = *IpPrefix::parse("10.0.0.0/16");
  RuleDeclaration udp;
  udp.protocol = kProtocolUdp;
  udp.from_port = 0;
  udp.to_port = 65535;
  udp.peer = GroupReference{"bench"};
  Deployment deployment;
  deployment.vpc_id = "vpc-bench";
  deployment.vpc_cidr = vpc;
  Subnet& subnet = deployment.subnets.emplace_back();
  subnet.id = "subnet-bench";
  subnet.name = "bench";
  subnet.cidr = *IpPrefix::parse("10.0.1.0/24");
  subnet.az = "use1-az1";
  deployment.security_groups.push_back(
      {.id = "sg-bench", .name = "bench", .description = "", .ingress = {udp}, .egress = {udp}});
  for (unsigned end = 0; end < 2; ++end) {
    Eni eni;
    eni.id = end == 0 ? "eni-a" : "eni-b";
    eni.instance = end == 0 ? "a" : "b";
    eni.subnet = "bench";
    eni.mac = mac_of(end);
    eni.private_ip = IpAddress::from({kAddress[end]});
    eni.security_groups = {"bench"};
    Instance instance;
    instance.id = "i-" + eni.instance;
    instance.name = eni.instance;
    instance.enis = {eni};
    deployment.instances.push_back(instance);
  }
  return deployment;
}

/// Flow `number` from `end` to the other, as a frame that may go round for ever.
void build(rte_mbuf* packet, unsigned end, std::uint32_t number) {
  packet->data_len = kFrameBytes;
  packet->pkt_len = kFrameBytes;
  auto* bytes = rte_pktmbuf_mtod(packet, std::byte*);
  std::memset(bytes, 0, kFrameBytes);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(bytes);
  ethernet = {mac_of(1 - end), mac_of(end), Be16(kEtherTypeIpv4)};
  auto& ip = *reinterpret_cast<Ipv4Header*>(bytes + kIpOffset);
  ip = Ipv4Header{};
  ip.total_length = Be16(kFrameBytes - kIpOffset);
  ip.protocol = kProtocolUdp;
  ip.source = Be32(kAddress[end]);
  ip.destination = Be32(kAddress[1 - end]);
  auto& udp = *reinterpret_cast<UdpHeader*>(bytes + kIpv4L4Offset);
  udp.source_port = Be16(static_cast<std::uint16_t>(1024 + number % 50000));
  udp.destination_port = Be16(static_cast<std::uint16_t>(53 + number / 50000));
  udp.length = Be16(kFrameBytes - kIpv4L4Offset);
}

struct Options {
  std::vector<std::uint32_t> flows = {1, 10'000};
  unsigned runs = 7;
  double seconds = 0.3;
  int cpu = -1;
  bool huge_pages = true;
  std::string capture = "off";
  std::string output = "table";
};

struct Measurement {
  std::uint32_t flows = 0;
  double mpps = 0, cycles = 0, best_cycles = 0;  // medians and the best run, per packet
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The session of `--capture`, or null.
std::shared_ptr<CaptureSession> start_capture(const Options& options, Engine& engine) {
  if (options.capture == "off") return nullptr;
  auto session = engine.start_capture({}, [all = options.capture == "both"](const Deployment&) {
    if (!all) return std::vector<CaptureInterface>{};
    return std::vector<CaptureInterface>{{"a/eth0", "", {}, "eni-a"}, {"b/eth0", "", {}, "eni-b"}};
  });
  return session ? *session : nullptr;
}

void throw_away(CaptureSession& session) {
  for (CaptureRing* ring = nullptr; session.front(ring) != nullptr;) ring->pop();
}

double own_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "weft-bench-engine: %s\n", why.c_str());
  std::exit(1);
}

Measurement measure(const Options& options, std::uint32_t flows) {
  const std::uint32_t packets = flows == 1 ? 512 : flows;
  EngineOptions engine_options;
  engine_options.workers = 0;  // this thread is the worker
  engine_options.packets = std::max<std::uint32_t>(packets + 2047, 4095);
  engine_options.flow_capacity = std::max<std::uint32_t>(2 * flows, 65536);
  auto engine = Engine::create(engine_options);
  if (!engine) fail(engine.error().to_string());

  // The loop: what a sends is delivered into the ring that a sends from, and b's likewise.
  auto of_a = std::make_shared<PacketRing>(packets), of_b = std::make_shared<PacketRing>(packets);
  std::vector<Engine::Attachment> ports;
  ports.push_back({"eni-a", std::make_unique<RingPort>(of_a, of_b, PortCapabilities{})});
  ports.push_back({"eni-b", std::make_unique<RingPort>(of_b, of_a, PortCapabilities{})});
  auto applied = (*engine)->apply(std::make_shared<const Deployment>(two_instances()), std::move(ports));
  if (!applied) fail(applied.error().to_string());
  for (std::uint32_t i = 0; i < packets; ++i) {
    rte_mbuf* packet = rte_pktmbuf_alloc((*engine)->mempool());
    if (packet == nullptr) fail("the pool is empty");
    const unsigned end = flows == 1 ? 0 : i % 2;
    build(packet, end, flows == 1 ? 0 : i);
    if ((end == 0 ? of_a : of_b)->push({&packet, 1}) != 1) fail("a ring is full");
  }

  const std::shared_ptr<CaptureSession> capture = start_capture(options, **engine);

  // Mpps by the clock on the wall; cycles by this thread's own time, so that a busy machine disturbs them less.
  std::vector<double> mpps, cycles;
  for (unsigned run = 0; run <= options.runs; ++run) {  // the first warms up and makes the flows
    const std::uint64_t hz = rte_get_tsc_hz();
    const double own_begin = own_seconds();
    const std::uint64_t begin = rte_rdtsc();
    const auto end = begin + static_cast<std::uint64_t>(options.seconds * static_cast<double>(hz));
    std::uint64_t handled = 0, now = begin;
    while (now < end) {
      for (int turn = 0; turn < 64; ++turn) {
        handled += (*engine)->run_once();
        if (capture) throw_away(*capture);
      }
      now = rte_rdtsc();
    }
    if (run == 0) continue;
    const auto elapsed = static_cast<double>(now - begin);
    cycles.push_back((own_seconds() - own_begin) * static_cast<double>(hz) / static_cast<double>(handled));
    mpps.push_back(static_cast<double>(handled) / elapsed * static_cast<double>(hz) / 1e6);
  }

  if (capture && capture->missed() != 0) fail("the capture missed packets, so this measured something else");
  const Balance balance = (*engine)->balance();
  if (balance.dropped != 0 || !balance.holds()) fail("packets were dropped, so this measured something else");
  if ((*engine)->flows().size() != flows) fail("not every packet has the flow that it should have");
  return {flows, median(mpps), median(cycles), *std::min_element(cycles.begin(), cycles.end())};
}

void print(const Options& options, const std::vector<Measurement>& results, const std::string& memory) {
  if (options.output == "json") {
    std::printf("{\"benchmark\": \"engine\", \"frame_bytes\": 64, \"memory\": \"%s\", \"results\": [", memory.c_str());
    for (std::size_t i = 0; i < results.size(); ++i)
      std::printf("%s{\"flows\": %u, \"mpps\": %.3f, \"cycles_per_packet\": %.1f, \"best_cycles_per_packet\": %.1f}",
                  i == 0 ? "" : ", ", results[i].flows, results[i].mpps, results[i].cycles, results[i].best_cycles);
    std::printf("]}\n");
    return;
  }
  std::printf("one worker, ring to ring, 64-byte UDP, both gates tracked, spoof check on; %s\n", memory.c_str());
  std::printf("%10s %10s %15s %12s\n", "flows", "Mpps", "cycles/packet", "best run");
  for (const Measurement& result : results)
    std::printf("%10u %10.2f %15.1f %12.1f\n", result.flows, result.mpps, result.cycles, result.best_cycles);
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Packets per second of one worker, ring to ring");
  app.add_option("--flows", options.flows, "Numbers of flows to measure with")->capture_default_str();
  app.add_option("--runs", options.runs, "Runs; the median counts")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Length of a run")->capture_default_str();
  app.add_option("--cpu", options.cpu, "Pin to this CPU");
  app.add_option("--capture", options.capture, "off, other (an ENI without packets) or both")
      ->check(CLI::IsMember({"off", "other", "both"}));
  app.add_flag("!--no-huge", options.huge_pages, "Plain memory even if huge pages are free");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  CLI11_PARSE(app, argc, argv);

  EalOptions eal_options;
  eal_options.memory_mb = 256;
  eal_options.huge_pages = options.huge_pages;
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  if (options.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options.cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on that CPU");
  }
  std::vector<Measurement> results;
  for (const std::uint32_t flows : options.flows) results.push_back(measure(options, flows));
  print(options, results, (*eal)->mode());
  return 0;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) { return weft::run(argc, argv); }
