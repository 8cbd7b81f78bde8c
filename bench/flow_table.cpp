// The flow table against DPDK's rte_hash: the same keys, the same hash, and on both sides the entry's line is touched,
// as the burst loop does. Times are per packet. Two ways to look up: one by one, and bursts of 32 with buckets and
// entries prefetched first (for rte_hash, its own bulk lookup).
//
//   ninja -C build bench_flow_table && build/bench/bench_flow_table --benchmark_min_time=0.2
#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_hash.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/flow/table.hpp"

namespace weft {
namespace {

constexpr std::size_t kBurst = 32;
constexpr std::uint16_t kEni0 = 1, kEni1 = 2;

struct Packets {
  std::vector<FlowKey4> keys;        // of the flows
  std::vector<std::uint32_t> order;  // of the packets: flow numbers, random, a whole number of bursts
};

Packets make_packets(std::uint32_t flows) {
  Packets packets;
  for (std::uint32_t i = 0; i < flows; ++i)
    packets.keys.push_back(
        normalise(1, 0x0a000104, 0x0a010000 + i / 32768, 17, static_cast<std::uint16_t>(i % 32768), 53).key);
  std::mt19937 random(1);
  packets.order.resize(1U << 18);
  for (std::uint32_t& number : packets.order) number = static_cast<std::uint32_t>(random() % flows);
  return packets;
}

std::unique_ptr<FlowTable4> filled_table(const Packets& packets) {
  auto table = std::make_unique<FlowTable4>(static_cast<std::uint32_t>(packets.keys.size()));
  for (const FlowKey4& key : packets.keys) {
    FlowEntry4* entry = table->insert(key, hash(key), 0);
    if (entry == nullptr) continue;
    entry->half[0].eni = kEni0;
    entry->half[1].eni = kEni1;
    begin(*entry, 0, 0, 0);
  }
  return table;
}

/// rte_hash with entries beside it, found by the position that it returns.
struct RteTable {
  explicit RteTable(const Packets& packets) : entries(packets.keys.size() + 1) {
    rte_hash_parameters parameters = {};
    parameters.name = "flows";
    parameters.entries = static_cast<std::uint32_t>(packets.keys.size());
    parameters.key_len = sizeof(FlowKey4);
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;  // so that it, too, takes as many as it is asked to
    table = rte_hash_create(&parameters);
    if (table == nullptr) std::abort();
    for (const FlowKey4& key : packets.keys) add(key);
  }
  ~RteTable() { rte_hash_free(table); }
  RteTable(const RteTable&) = delete;
  RteTable& operator=(const RteTable&) = delete;

  void add(const FlowKey4& key) {
    FlowEntry4& entry = entries[next++ % entries.size()];
    entry.key = key;
    if (rte_hash_add_key_with_hash_data(table, &key, hash(key), &entry) != 0) std::abort();
  }

  rte_hash* table;
  std::vector<FlowEntry4> entries;
  std::size_t next = 0;
};

void own_lookup(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  const auto table = filled_table(packets);
  std::size_t at = 0, found = 0;
  for (auto _ : state) {
    const FlowKey4& key = packets.keys[packets.order[at++ & (packets.order.size() - 1)]];
    FlowEntry4* entry = table->find(key, hash(key), 0, kEni0, 1);
    found += entry != nullptr && ++entry->packets[0] != 0;
  }
  if (found != static_cast<std::size_t>(state.iterations())) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations());
}

void rte_lookup(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  RteTable table(packets);
  std::size_t at = 0, found = 0;
  for (auto _ : state) {
    const FlowKey4& key = packets.keys[packets.order[at++ & (packets.order.size() - 1)]];
    void* data = nullptr;
    if (rte_hash_lookup_with_hash_data(table.table, &key, hash(key), &data) >= 0)
      found += ++static_cast<FlowEntry4*>(data)->packets[0] != 0;
  }
  if (found != static_cast<std::size_t>(state.iterations())) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations());
}

void own_lookup_burst(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  const auto table = filled_table(packets);
  std::size_t at = 0, found = 0;
  std::uint32_t hashes[kBurst], guesses[kBurst];
  for (auto _ : state) {
    const std::uint32_t* order = &packets.order[at & (packets.order.size() - 1)];
    at += kBurst;
    for (std::size_t i = 0; i < kBurst; ++i) {
      hashes[i] = hash(packets.keys[order[i]]);
      table->prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < kBurst; ++i) guesses[i] = table->guess(hashes[i]);
    for (std::size_t i = 0; i < kBurst; ++i) {
      const FlowKey4& key = packets.keys[order[i]];
      FlowEntry4* entry = table->confirm(guesses[i], key, 0, kEni0, 1);
      if (entry == nullptr) entry = table->find(key, hashes[i], 0, kEni0, 1);
      found += entry != nullptr && ++entry->packets[0] != 0;
    }
  }
  if (found != static_cast<std::size_t>(state.iterations()) * kBurst) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

void rte_lookup_burst(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  RteTable table(packets);
  std::size_t at = 0, found = 0;
  hash_sig_t hashes[kBurst];
  const void* keys[kBurst];
  void* data[kBurst];
  for (auto _ : state) {
    const std::uint32_t* order = &packets.order[at & (packets.order.size() - 1)];
    at += kBurst;
    for (std::size_t i = 0; i < kBurst; ++i) {
      keys[i] = &packets.keys[order[i]];
      hashes[i] = hash(packets.keys[order[i]]);
    }
    std::uint64_t hits = 0;
    rte_hash_lookup_with_hash_bulk_data(table.table, keys, hashes, kBurst, &hits, data);
    for (std::size_t i = 0; i < kBurst; ++i)
      if ((hits >> i & 1) != 0) found += ++static_cast<FlowEntry4*>(data[i])->packets[0] != 0;
  }
  if (found != static_cast<std::size_t>(state.iterations()) * kBurst) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

/// At a steady count of flows: the oldest goes, a new one comes.
void own_churn(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  const auto table = filled_table(packets);
  std::size_t at = 0;
  for (auto _ : state) {
    const FlowKey4& key = packets.keys[at++ % packets.keys.size()];
    const std::uint32_t h = hash(key);
    table->erase(table->find(key, h, 0, kEni0, 1));
    FlowEntry4* entry = table->insert(key, h, 0);
    entry->half[0].eni = kEni0;
    entry->half[1].eni = kEni1;
    begin(*entry, 0, 0, 0);
  }
  state.SetItemsProcessed(state.iterations());
}

void rte_churn(benchmark::State& state) {
  const Packets packets = make_packets(static_cast<std::uint32_t>(state.range(0)));
  RteTable table(packets);
  std::size_t at = 0;
  for (auto _ : state) {
    const FlowKey4& key = packets.keys[at++ % packets.keys.size()];
    if (rte_hash_del_key_with_hash(table.table, &key, hash(key)) < 0) std::abort();
    table.add(key);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(own_lookup)->RangeMultiplier(10)->Range(1'000, 1'000'000);
BENCHMARK(rte_lookup)->RangeMultiplier(10)->Range(1'000, 1'000'000);
BENCHMARK(own_lookup_burst)->RangeMultiplier(10)->Range(1'000, 1'000'000);
BENCHMARK(rte_lookup_burst)->RangeMultiplier(10)->Range(1'000, 1'000'000);
BENCHMARK(own_churn)->RangeMultiplier(10)->Range(1'000, 1'000'000);
BENCHMARK(rte_churn)->RangeMultiplier(10)->Range(1'000, 1'000'000);

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  const char* eal[] = {
      "bench_flow_table",   "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "512", "-l", "0",
      "--log-level=*:error"};
  if (rte_eal_init(std::size(eal), const_cast<char**>(eal)) < 0) {
    std::fprintf(stderr, "bench_flow_table: EAL did not start\n");
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  rte_eal_cleanup();
  return 0;
}
