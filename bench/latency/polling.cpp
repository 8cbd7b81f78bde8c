#include "bench/latency/polling.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>

#include <rte_cycles.h>

#include "bench/engine/loop.hpp"
#include "drivers/ring/ring_port.hpp"

namespace weft::bench {
namespace {

constexpr std::uint32_t kFlows = 10'000;
constexpr std::uint64_t kPlaces = 16384;  // for kFlows packets
constexpr std::uint32_t kRing = 16383;     // each holds all packets, so none is dropped while either thread is held up
constexpr std::uint64_t kInFlight = 512;  // enough that neither side waits for the other
constexpr unsigned kBatch = 32;
constexpr double kLowRate = 20'000;  // packets a second
constexpr double kShareOfCapacity = 0.8;
constexpr unsigned kStampAt = 42;    // behind Ethernet, IPv4 and UDP

struct FreePool {
  void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};

/// The engine between two ring ports, and the packets that are not in it.
class Bench {
 public:
  Bench() : pool_(rte_pktmbuf_pool_create("latency", kFlows, 0, 0, RTE_PKTMBUF_HEADROOM + 128, SOCKET_ID_ANY)) {
    if (pool_ == nullptr) fail("no memory for the packets");
    EngineOptions options;
    options.poll = true;
    options.cpus = {1};
    options.packets = 1023;
    options.flow_capacity = 65536;
    auto made = Engine::create(options);
    if (!made) fail(made.error().to_string());
    engine_ = std::move(*made);
    std::vector<Engine::Attachment> ports;
    ports.push_back({eni_id(0), std::make_unique<RingPort>(to_engine_, unused_, PortCapabilities{})});
    ports.push_back({eni_id(1), std::make_unique<RingPort>(unused_, from_engine_, PortCapabilities{})});
    auto applied = engine_->apply(std::make_shared<const Deployment>(make_network({})), std::move(ports));
    if (!applied) fail(applied.error().to_string());
    for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
      rte_mbuf* const packet = rte_pktmbuf_alloc(pool_.get());
      if (packet == nullptr) fail("the pool is empty");
      build_frame(packet, {}, 0, flow);
      idle_[back_++] = packet;
    }
    engine_->start();
  }

  ~Bench() {
    engine_.reset();
    for (; next_ != back_; ++next_) rte_pktmbuf_free(idle_[next_ % kPlaces]);
  }

  /// As much as there is room for in the rings, for so long. Packets a second.
  double capacity(double seconds) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const std::uint64_t begin = rte_rdtsc(), end = begin + static_cast<std::uint64_t>(seconds * hz);
    std::uint64_t came = 0;
    while (rte_rdtsc() < end) {
      if (out() < kInFlight) send(kBatch);
      came += take(nullptr);
    }
    const double rate = static_cast<double>(came) * hz / static_cast<double>(rte_rdtsc() - begin);
    drain(nullptr);
    return rate;
  }

  /// Packets fall due by the clock, whatever comes back; the stamp is of the push. Returns packets a second.
  double paced(double rate, double seconds, Histogram& times) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const double ticks = hz / rate;
    const std::uint64_t begin = rte_rdtsc(), end = begin + static_cast<std::uint64_t>(seconds * hz);
    std::uint64_t sent = 0, now = begin;
    while (now < end) {
      const auto due = static_cast<std::uint64_t>(static_cast<double>(now - begin) / ticks);
      if (sent < due) sent += send(static_cast<unsigned>(std::min<std::uint64_t>(due - sent, kBatch)));
      take(&times);
      now = rte_rdtsc();
    }
    drain(&times);
    return static_cast<double>(sent) * hz / static_cast<double>(now - begin);
  }

  void check() {
    const Balance balance = engine_->balance();
    if (balance.dropped != 0) fail(std::to_string(balance.dropped) + " packets were dropped, so this measured something else");
  }

 private:
  unsigned send(unsigned count) {
    rte_mbuf* batch[kBatch];
    count = std::min(count, static_cast<unsigned>(back_ - next_));
    const std::uint64_t now = rte_rdtsc();
    for (unsigned i = 0; i < count; ++i) {
      batch[i] = idle_[(next_ + i) % kPlaces];
      std::memcpy(rte_pktmbuf_mtod_offset(batch[i], char*, kStampAt), &now, sizeof now);
    }
    const unsigned sent = to_engine_->push({batch, count});
    next_ += sent;
    return sent;
  }

  unsigned take(Histogram* times) {
    rte_mbuf* batch[kBatch];
    const unsigned count = from_engine_->pop(batch);
    const std::uint64_t now = rte_rdtsc();
    for (unsigned i = 0; i < count; ++i) {
      std::uint64_t stamp;
      std::memcpy(&stamp, rte_pktmbuf_mtod_offset(batch[i], const char*, kStampAt), sizeof stamp);
      if (times != nullptr) times->add(now - stamp);
      idle_[back_++ % kPlaces] = batch[i];
    }
    return count;
  }

  /// Until every packet is back, or a second has gone by without one.
  void drain(Histogram* times) {
    std::uint64_t last = rte_rdtsc();
    while (out() != 0 && rte_rdtsc() - last < rte_get_tsc_hz())
      if (take(times) != 0) last = rte_rdtsc();
    if (out() != 0) fail(std::to_string(out()) + " packets did not come back");
  }

  std::uint64_t out() const { return kFlows - (back_ - next_); }

  std::unique_ptr<rte_mempool, FreePool> pool_;
  std::shared_ptr<PacketRing> to_engine_ = std::make_shared<PacketRing>(kRing);
  std::shared_ptr<PacketRing> from_engine_ = std::make_shared<PacketRing>(kRing);
  std::shared_ptr<PacketRing> unused_ = std::make_shared<PacketRing>(1);
  std::unique_ptr<Engine> engine_;
  std::array<rte_mbuf*, kPlaces> idle_{};  // a queue: sent from next_, put back at back_
  std::uint64_t next_ = 0, back_ = 0;
};

}  // namespace

PollingResult measure_polling(double seconds) {
  Bench bench;
  PollingResult result;
  bench.capacity(0.2);  // makes the flows
  const double capacity = bench.capacity(std::min(seconds, 0.5));
  result.capacity_mpps = capacity / 1e6;
  result.low_mpps = bench.paced(kLowRate, seconds, result.low) / 1e6;
  result.high_mpps = bench.paced(kShareOfCapacity * capacity, seconds, result.high) / 1e6;
  bench.check();
  return result;
}

}  // namespace weft::bench
