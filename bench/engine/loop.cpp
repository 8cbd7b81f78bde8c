#include "bench/engine/loop.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "bench/engine/ports.hpp"
#include "bench/engine/stages_only.hpp"
#include "dataplane/worker/handover.hpp"

namespace weft::bench {
namespace {

/// New flows come at a million a second and stay for 30 seconds, which no table holds. So their clock is this much
/// faster: flows live for half a second, and a clock hand that goes round every second of that clock looks at as many
/// buckets in a real second as one that goes round a table this much larger.
constexpr std::uint64_t kFastClock = 64;
constexpr std::uint32_t kNewFlowCapacity = 2U << 20;

std::uint64_t fast_clock() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return (static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec)) * kFastClock;
}

double own_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::uint32_t packets_of(const Rung& rung) {
  return std::max(rung.flows, 512U);
}

/// The packets' own pool: their data is one cache line, so buffers of 2 KiB would only make the pool large.
struct FreePool {
  void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

Pool make_pool(std::uint32_t packets) {
  Pool pool(rte_pktmbuf_pool_create("bench", packets, 0, 0, RTE_PKTMBUF_HEADROOM + 128, SOCKET_ID_ANY));
  if (pool == nullptr) fail(std::string("no memory for the packets: ") + rte_strerror(rte_errno));
  return pool;
}

using Rings = std::vector<std::shared_ptr<PacketRing>>;  // by end: what it sends

std::vector<Engine::Attachment> make_ports(const Rung& rung, const Rings& rings) {
  const NetworkOptions& network = rung.network;
  std::vector<Engine::Attachment> ports;
  if (network.internet) {
    const Deployment deployment = make_network(network);
    ports.push_back({eni_id(0), std::make_unique<EchoPort>(rings[0], deployment.instances[0].enis[0].mac, kFabricMtu)});
    ports.push_back({"igw-bench", std::make_unique<EchoPort>(rings[1], deployment.internet_gateway->mac, 1500)});
    return ports;
  }
  for (unsigned end = 0; end < 2 * network.pairs; ++end) {
    const unsigned peer = end < network.pairs ? end + network.pairs : end - network.pairs;
    // What is delivered to an end is what its peer sends next, so that a packet keeps its direction.
    auto ring = std::make_unique<RingPort>(rings[end], rings[peer], PortCapabilities{});
    if (rung.new_flows) ports.push_back({eni_id(end), std::make_unique<NewFlowPort>(std::move(ring))});
    else ports.push_back({eni_id(end), std::move(ring)});
  }
  return ports;
}

/// Numbers of flows that belong to the pair's worker: a port with several queues steers its packets so.
class FlowNumbers {
 public:
  explicit FlowNumbers(const Rung& rung) : rung_(rung), steering_(std::max(rung.workers, 1U)), next_(rung.network.pairs) {}
  std::uint32_t take(unsigned pair, unsigned end) {
    std::uint32_t number;
    do number = next_[pair]++;
    while (steering_.owner(flow_hash(rung_.network, end, number)) != pair % steering_.workers());
    return number;
  }

 private:
  const Rung& rung_;
  Handover steering_;
  std::vector<std::uint32_t> next_;
};

void fill(const Rung& rung, const Rings& rings, rte_mempool* pool, std::uint32_t packets) {
  const NetworkOptions& network = rung.network;
  FlowNumbers numbers(rung);
  for (std::uint32_t i = 0; i < packets; ++i) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) fail("the pool is empty");
    // The packets of a pair lie together, as from a worker's own cache of the pool: neighbours in memory are fetched in
    // twos, and two workers would take them from each other.
    const auto pair = static_cast<unsigned>(std::uint64_t{i} * network.pairs / packets);
    // Half of the flows begin at each end. A single flow has one direction.
    const bool far = !network.internet && rung.flows > 1 && i % 2 == 1;
    const unsigned end = far ? pair + network.pairs : pair;
    build_frame(packet, network, end, rung.flows == 1 ? 0 : numbers.take(pair, end));
    if (rings[end]->push({&packet, 1}) != 1) fail("a ring is full");
  }
}

/// Packets handled in the time given, by the caller's thread or while it sleeps.
struct Pace {
  double mpps = 0, cycles = 0;
};

Pace pace_of_own_thread(const std::function<unsigned()>& turn, double seconds) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double own_begin = own_seconds();
  const std::uint64_t begin = rte_rdtsc(), end = begin + static_cast<std::uint64_t>(seconds * hz);
  std::uint64_t handled = 0, now = begin;
  while (now < end) {
    for (int i = 0; i < 64; ++i) handled += turn();
    now = rte_rdtsc();
  }
  // Cycles by this thread's own time, so that a busy machine disturbs them less.
  const auto count = static_cast<double>(handled);
  return {count * hz / static_cast<double>(now - begin) / 1e6, (own_seconds() - own_begin) * hz / count};
}

Pace pace_of_workers(Engine& engine, unsigned workers, double seconds) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const std::uint64_t before = engine.balance().delivered, begin = rte_rdtsc();
  ::usleep(static_cast<useconds_t>(seconds * 1e6));
  const std::uint64_t after = engine.balance().delivered, end = rte_rdtsc();
  const auto count = static_cast<double>(after - before), elapsed = static_cast<double>(end - begin);
  return {count / elapsed * hz / 1e6, elapsed * workers / count};
}

std::unique_ptr<Engine> make_engine(const Rung& rung) {
  EngineOptions options;
  options.workers = rung.workers;
  options.poll = true;
  for (unsigned worker = 0; worker < rung.workers; ++worker) options.cpus.push_back(static_cast<int>(worker));
  options.packets = 4095;
  options.flow_capacity = rung.new_flows ? kNewFlowCapacity : std::max<std::uint32_t>(2 * rung.flows, 65536);
  options.flow_capacity6 = options.flow_capacity;
  if (rung.new_flows) options.now_ns = fast_clock;
  auto engine = Engine::create(options);
  if (!engine) fail(engine.error().to_string());
  return std::move(*engine);
}

/// A capture as `weft capture` makes it; null where the rung has none. Its records are thrown away between the turns.
std::shared_ptr<CaptureSession> start_capture(const Rung& rung, Engine& engine) {
  if (rung.capture == Capture::kNone) return nullptr;
  auto session = engine.start_capture({}, [all = rung.capture == Capture::kBoth](const Deployment&) {
    if (!all) return std::vector<CaptureInterface>{};
    return std::vector<CaptureInterface>{{"a/eth0", "", {}, eni_id(0)}, {"b/eth0", "", {}, eni_id(1)}};
  });
  if (!session) fail(session.error().to_string());
  return *session;
}

void throw_away(CaptureSession& session) {
  for (CaptureRing* ring = nullptr; session.front(ring) != nullptr;) ring->pop();
}

void check(const Rung& rung, Engine& engine) {
  const Balance balance = engine.balance();
  if (balance.dropped != 0 || !balance.holds()) {
    const std::vector<DropView> drops = engine.drops();
    const std::string why = drops.empty() ? "nobody knows why" : "the last as " + std::string(name(drops.back().reason));
    fail(rung.name + ": " + std::to_string(balance.dropped) + " packets were dropped, " + why +
         ", so this measured something else");
  }
  if (!rung.new_flows && !rung.stages_only && engine.flows().size() != rung.flows)
    fail(rung.name + ": " + std::to_string(engine.flows().size()) + " flows, not " + std::to_string(rung.flows));
}

}  // namespace

void fail(const std::string& why) {
  std::fprintf(stderr, "weft-bench-engine: %s\n", why.c_str());
  std::exit(1);
}

Measurement measure(const Rung& rung, const Effort& effort) {
  const std::uint32_t packets = packets_of(rung);
  const Pool pool = make_pool(packets);
  Rings rings;
  for (unsigned end = 0; end < 2 * rung.network.pairs; ++end)
    rings.push_back(std::make_shared<PacketRing>(packets / rung.network.pairs + 1));
  fill(rung, rings, pool.get(), packets);

  std::unique_ptr<Engine> engine;
  std::unique_ptr<StagesOnly> stages;
  std::shared_ptr<CaptureSession> capture;
  std::function<Pace()> pace;
  if (rung.stages_only) {
    stages = std::make_unique<StagesOnly>(make_network(rung.network), make_ports(rung, rings));
    pace = [&] { return pace_of_own_thread([&] { return stages->turn(); }, effort.seconds); };
  } else {
    engine = make_engine(rung);
    auto applied = engine->apply(std::make_shared<const Deployment>(make_network(rung.network)), make_ports(rung, rings));
    if (!applied) fail(applied.error().to_string());
    capture = start_capture(rung, *engine);
    engine->start();
    const auto turn = [&] {
      const unsigned handled = engine->run_once();
      if (capture != nullptr) throw_away(*capture);
      return handled;
    };
    pace = [&, turn] {
      return rung.workers == 0 ? pace_of_own_thread(turn, effort.seconds)
                               : pace_of_workers(*engine, rung.workers, effort.seconds);
    };
  }

  std::vector<double> mpps, cycles;
  double handled = 0;
  while (handled < 2.0 * packets) handled += pace().mpps * 1e6 * effort.seconds;  // makes the flows
  for (unsigned run = 0; run < effort.runs; ++run) {
    const Pace one = pace();
    mpps.push_back(one.mpps);
    cycles.push_back(one.cycles);
  }
  if (engine != nullptr) {
    engine->stop();
    if (capture != nullptr && capture->missed() != 0) fail(rung.name + ": the capture missed packets");
    check(rung, *engine);
  }
  return {.rung = rung,
          .mpps = median(mpps),
          .cycles = median(cycles),
          .lowest = *std::min_element(mpps.begin(), mpps.end()),
          .highest = *std::max_element(mpps.begin(), mpps.end()),
          .packets = packets,
          .working_set = std::size_t{packets} * 2 * RTE_CACHE_LINE_SIZE};
}

}  // namespace weft::bench
