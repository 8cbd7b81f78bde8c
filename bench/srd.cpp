// What the transport's state machine costs for a packet: sender and receiver together, without any packet. Target 150
// ns.
//
//   local     the card delivered it itself: posted, delivered, taken, reported
//   wire/N    over N paths: posted, on the wire, taken, acknowledged with its share of an acknowledgement's bytes,
//   reported lossy/N   as wire, and one in a hundred is lost
//
//   ninja -C build bench_srd && build/bench/bench_srd --benchmark_min_time=0.2
#include <benchmark/benchmark.h>

#include <vector>

#include "fabric/srd/receive_window.hpp"
#include "fabric/srd/send_window.hpp"

namespace weft::srd {
namespace {

constexpr std::uint32_t kBurst = 32;
constexpr std::uint64_t kPacketNs = 100, kWayNs = 5'000;

struct Pair {
  explicit Pair(std::uint32_t paths) { settings.paths = paths; }

  TransportSettings settings;
  Random random{1}, network{2};
  SendWindow sender{settings, random};
  ReceiveWindow receiver{1};
  std::uint64_t now = 1'000'000;

  std::uint32_t reports() {
    std::uint32_t count = 0;
    for (Report report; sender.take_report(report);) ++count;
    return count;
  }
  void acknowledge() {
    std::array<std::byte, kMaxAcknowledgementBytes> bytes;
    const std::size_t size = write_acknowledgement(receiver.acknowledge(now), {}, bytes);
    now += kWayNs;
    sender.acknowledged(*parse_acknowledgement({bytes.data(), size}), now);
  }
};

void local(benchmark::State& state) {
  Pair pair(1);
  std::uint64_t packets = 0;
  for (auto step : state) {
    for (std::uint32_t i = 0; i < kBurst; ++i) {
      const Posting posting = pair.sender.post(i, pair.now);
      pair.sender.delivered(posting.psn);
      Arrival arrival;
      arrival.psn = posting.psn;
      arrival.over_wire = false;
      benchmark::DoNotOptimize(pair.receiver.take(arrival));
    }
    packets += pair.reports();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
}
BENCHMARK(local);

void over_wire(benchmark::State& state, std::uint32_t lost_in_thousand) {
  Pair pair(static_cast<std::uint32_t>(state.range(0)));
  std::vector<Arrival> carried;
  std::uint64_t packets = 0;
  const auto put = [&](const Posting& posting) {
    pair.now += kPacketNs;
    pair.sender.on_wire(posting.psn, pair.now);
    if (pair.network.below(1'000) < lost_in_thousand) return;
    Arrival arrival;
    arrival.psn = posting.psn;
    arrival.path = posting.path;
    arrival.established = posting.established;
    arrival.ack_requested = posting.ack_requested;
    carried.push_back(arrival);
  };
  for (auto step : state) {
    Posting posting;
    while (pair.sender.post_again(pair.now, posting)) put(posting);
    for (std::uint32_t i = 0; i < kBurst && pair.sender.room(); ++i) put(pair.sender.post(i, pair.now));
    pair.now += kWayNs;
    for (Arrival& arrival : carried) {
      arrival.arrived_ns = pair.now;
      pair.receiver.take(arrival);
      if (pair.receiver.owes()) pair.acknowledge();
    }
    if (pair.receiver.owes_after_turn()) pair.acknowledge();
    if (carried.empty()) {
      pair.now = pair.sender.deadline_ns();
      pair.sender.expire(pair.now);
      if (pair.sender.wants_progress()) pair.sender.progress({.known = false}, pair.now);
    }
    carried.clear();
    packets += pair.reports();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
}
void wire(benchmark::State& state) { over_wire(state, 0); }
BENCHMARK(wire)->Arg(1)->Arg(16)->Arg(64);
void lossy(benchmark::State& state) { over_wire(state, 10); }
BENCHMARK(lossy)->Arg(1)->Arg(16)->Arg(64);

}  // namespace
}  // namespace weft::srd

BENCHMARK_MAIN();
