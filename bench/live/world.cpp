#include "bench/live/world.hpp"

#include <unistd.h>

#include <charconv>
#include <cstring>

#include "bench/engine/loop.hpp"
#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::bench {
namespace {

constexpr std::uint32_t kPacketsAPair = 512;  // as many flows
constexpr std::size_t kFrameBytes = 60;       // 64 on a wire, with the FCS

void build_udp(rte_mbuf* packet, const Eni& from, const Eni& to, std::uint16_t source, std::uint16_t destination) {
  packet->data_len = kFrameBytes;
  packet->pkt_len = kFrameBytes;
  auto* const bytes = rte_pktmbuf_mtod(packet, std::byte*);
  std::memset(bytes, 0, kFrameBytes);
  *reinterpret_cast<EthernetHeader*>(bytes) = {to.mac, from.mac, Be16(kEtherTypeIpv4)};
  auto& ip = *reinterpret_cast<Ipv4Header*>(bytes + kIpOffset);
  ip = Ipv4Header{};
  ip.total_length = Be16(kFrameBytes - kIpOffset);
  ip.protocol = kProtocolUdp;
  ip.source = Be32(from.private_ip.v4().value);
  ip.destination = Be32(to.private_ip.v4().value);
  ip.checksum = checksum_finish(checksum_add({bytes + kIpOffset, sizeof ip}));
  auto& udp = *reinterpret_cast<UdpHeader*>(bytes + kIpv4L4Offset);
  udp.source_port = Be16(source);
  udp.destination_port = Be16(destination);
  udp.length = Be16(static_cast<std::uint16_t>(kFrameBytes - kIpv4L4Offset));
}

double ms_between(std::uint64_t begin, std::uint64_t end) {
  return static_cast<double>(end - begin) * 1e3 / static_cast<double>(rte_get_tsc_hz());
}

std::string load_name(unsigned end) { return "load-" + std::to_string(end); }

}  // namespace

World::World(const NetworkSize& size, double share, int cpu) : size_(size) {
  for (unsigned end = 0; end < 2 * size.pairs; ++end)
    rings_.push_back(std::make_shared<PacketRing>(2 * kPacketsAPair));
  EngineOptions options;
  options.poll = true;
  if (cpu >= 0) options.cpus = {cpu};
  options.packets = 16383;
  auto engine = Engine::create(options);
  if (!engine) fail(engine.error().to_string());
  engine_ = std::move(*engine);
  controller_ = std::make_unique<Controller>(*engine_, *this);
  api_ = std::make_unique<ApiRoutes>(*controller_, DaemonFacts{.version = "bench"});
  apply(make_topology(size, 0));
  for (unsigned pair = 0; pair < std::min(size.pairs, 8U); ++pair) fill(pair);
  engine_->start();
  find_pace(share);
}

World::~World() {
  engine_->stop();
  // The load's packets are of the engine's pool.
  rte_mbuf* packet = nullptr;
  for (const auto& ring : rings_)
    while (ring->pop({&packet, 1}) == 1) rte_pktmbuf_free(packet);
}

const Eni& World::eni_of(const std::string& instance) const { return guests_.at(instance); }

void World::fill(unsigned pair) {
  const unsigned far = pair + size_.pairs;
  for (std::uint32_t n = 0; n < kPacketsAPair; ++n) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(engine_->mempool());
    if (packet == nullptr) fail("the pool is empty");
    const unsigned from = n % 2 == 0 ? pair : far, to = n % 2 == 0 ? far : pair;
    build_udp(packet, eni_of(load_name(from)), eni_of(load_name(to)), static_cast<std::uint16_t>(1024 + n), 9);
    if (rings_[from]->push({&packet, 1}) != 1) fail("a ring is full");
    ++packets_;
  }
}

void World::find_pace(double share) {
  ::usleep(200'000);  // the flows are made
  const std::uint64_t before = engine_->balance().delivered, begin = rte_rdtsc();
  ::usleep(500'000);
  const std::uint64_t after = engine_->balance().delivered, end = rte_rdtsc();
  const double per_cycle = share * static_cast<double>(after - before) / static_cast<double>(end - begin);
  mpps_ = per_cycle * static_cast<double>(rte_get_tsc_hz()) / 1e6;
  pace_.per_cycle = per_cycle / (2 * std::min(size_.pairs, 8U));
  ::usleep(50'000);
}

void World::build_probe(rte_mbuf* packet, const void* world, std::uint16_t source, std::uint16_t destination) {
  const auto& self = *static_cast<const World*>(world);
  build_udp(packet, self.eni_of("probe"), self.eni_of("many"), source, destination);
}

World::Edit World::apply(const std::string& topology, std::uint16_t probe) {
  return request({"POST", "/v1/apply", Json{{"file", "bench.yaml"}, {"topology", topology}}.dump()}, probe);
}

World::Edit World::request(ApiRequest request, std::uint16_t probe) {
  pace_.most_behind = 0;
  probe_.live_at = 0;
  probe_.port = probe;
  const std::uint64_t begin = rte_rdtsc();
  const ApiResponse response = api_->handle(request);
  const std::uint64_t answered = rte_rdtsc();
  if (response.status != 200) fail(response.body.dump());
  for (int tries = 0; probe != 0 && probe_.live_at == 0; ++tries) {
    if (tries == 2000) fail("the new rule is not in force two seconds after the answer");
    ::usleep(1000);
  }
  Edit edit{.live_ms = 0, .answered_ms = ms_between(begin, answered), .behind_us = 0};
  if (probe != 0) edit.live_ms = ms_between(begin, probe_.live_at);
  probe_.port = 0;
  if (const double pace = pace_.per_cycle; pace != 0)
    edit.behind_us = static_cast<double>(pace_.most_behind) / pace * 1e6 / static_cast<double>(rte_get_tsc_hz());
  return edit;
}

std::uint64_t World::count_lost() {
  engine_->stop();
  std::uint64_t there = 0;
  for (const auto& ring : rings_) there += ring->size();
  const Balance balance = engine_->balance();
  if (!balance.holds()) fail("the engine's balance does not hold");
  const std::uint64_t refused = probe_.sent - probe_.arrived;
  return packets_ - there + (balance.dropped - std::min(balance.dropped, refused));
}

std::vector<std::string> World::instances() const {
  std::vector<std::string> names;
  for (const auto& [name, eni] : guests_) names.push_back(name);
  return names;
}

Result<Environment::Attachments> World::create_instance(const Deployment&, const Instance& instance) {
  const Eni& eni = guests_[instance.name] = instance.enis.front();
  Attachments ports;
  if (instance.name == "probe")
    ports.push_back({eni.id, std::make_unique<ProbeSource>(probe_, engine_->mempool(), build_probe, this)});
  else if (instance.name == "many")
    ports.push_back({eni.id, std::make_unique<ProbeSink>(probe_)});
  else if (instance.name == "visitor")
    ports.push_back({eni.id, std::make_unique<PacedPort>(std::make_shared<PacketRing>(64),
                                                         std::make_shared<PacketRing>(64), pace_)});
  else {
    unsigned end = 0;
    std::from_chars(instance.name.data() + 5, instance.name.data() + instance.name.size(), end);
    const unsigned peer = end < size_.pairs ? end + size_.pairs : end - size_.pairs;
    ports.push_back({eni.id, std::make_unique<PacedPort>(rings_[end], rings_[peer], pace_)});
  }
  return ports;
}

Result<void> World::remove_instance(const std::string& name) {
  guests_.erase(name);
  return {};
}

Result<void> World::save_state(const std::string& state) {
  state_ = state;
  return {};
}

}  // namespace weft::bench
