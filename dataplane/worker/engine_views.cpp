// What can be read from the engine: sums over the workers, and copies that they make between bursts.
#include <algorithm>

#include <time.h>

#include "dataplane/worker/engine_impl.hpp"
#include "dataplane/worker/statistics_table.hpp"

namespace weft {
namespace {

constexpr std::string_view kStateNames[kTrackStates] = {"untracked",       "udp-single", "udp-stream", "tcp-opening",
                                                        "tcp-established", "icmp",       "other",      "tcp-closing"};

IpAddress ip_of(std::uint32_t address) { return IpAddress::from({address}); }
IpAddress ip_of(const IpAddress& address) { return address; }

/// The slow way back from a key: the end that began is the tuple's source.
template <typename Entry>
PacketTuple tuple_of_flow(const Entry& entry) {
  const unsigned from = entry.initiator, to = 1U - from;
  return {.source = ip_of(entry.key.address[from]),
          .destination = ip_of(entry.key.address[to]),
          .protocol = entry.key.protocol,
          .source_port = entry.key.port[from],
          .destination_port = entry.key.port[to]};
}

void subtract(EniStatistics& value, const EniStatistics& baseline) {
  for (const auto& field : kEniFields) value.*field.value -= baseline.*field.value;
  for (std::size_t i = 0; i < kDropReasons; ++i) value.drops[i] -= baseline.drops[i];
  for (std::size_t i = 0; i < kEnaCounters; ++i) value.ena[i] -= baseline.ena[i];
}

void add_efa(EniStatistics& value, const EfaCounters& efa) {
  const auto drop = [&](DropReason reason, std::uint64_t count) {
    value.drops[static_cast<std::size_t>(reason)] += count;
  };
  value.efa = efa;
  drop(DropReason::kEfaGroupEgress, efa.group_egress);
  drop(DropReason::kEfaGroupIngress, efa.group_ingress);
  drop(DropReason::kEfaUnreachable, efa.unreachable);
  drop(DropReason::kEfaBadQpn, efa.bad_qpn);
  drop(DropReason::kEfaReceiverNotReady, efa.rnr);
  drop(DropReason::kEfaBadDescriptor, efa.bad_descriptor);
}

}  // namespace

Balance EngineImpl::balance() const {
  Balance total;
  for (const auto& worker : workers_) {
    const BalanceCounters& b = worker->context().balance;
    total.received += b.received.read();
    total.originated += b.originated.read();
    total.copies += b.copies.read();
    total.delivered += b.delivered.read();
    total.dropped += b.dropped.read();
    total.consumed += b.consumed.read();
    total.held += b.stored.read() - b.unstored.read();
  }
  total.held += handover_.held();
  return total;
}

EniStatistics EngineImpl::sum(EniSlot slot) const {
  EniStatistics total;
  for (const auto& worker : workers_) {
    const EniCounters& c = worker->context().counters[slot];
    total.rx_packets += c.rx_packets.read();
    total.rx_bytes += c.rx_bytes.read();
    total.tx_packets += c.tx_packets.read();
    total.tx_bytes += c.tx_bytes.read();
    total.originated += c.originated.read();
    total.consumed += c.consumed.read();
    for (std::size_t i = 0; i < kDropReasons; ++i) total.drops[i] += c.drops[i].read();
    for (std::size_t i = 0; i < kEnaCounters; ++i) total.ena[i] += c.ena[i].read();
  }
  return total;
}

std::vector<EniStatistics> EngineImpl::statistics() const {
  std::vector<EniStatistics> all;
  const auto add = [&](const std::string& id, const std::string& instance, bool efa) {
    const EniSlot slot = *slots_.find(id);
    EniStatistics one = sum(slot);
    subtract(one, baselines_[slot]);
    one.eni_id = id;
    const InstanceAllowance* const allowance = allowances_.find(instance);
    if (allowance != nullptr) {
      one.connections_limited = allowance->limits().connections != 0;
      one.conntrack_allowance_available = allowance->connections().available();
    }
    if (efa && efa_counters_) add_efa(one, efa_counters_(slot));
    all.push_back(std::move(one));
  };
  for (const Eni* eni : flatten_enis(*deployment_))
    add(eni->id, eni->instance, eni->type == InterfaceType::kEfa || eni->type == InterfaceType::kEfaOnly);
  if (deployment_->internet_gateway) add(deployment_->internet_gateway->id, "", false);
  return all;
}

template <typename Entry>
FlowView EngineImpl::view_of(const Entry& entry, std::uint32_t now) const {
  const unsigned from = entry.initiator, to = 1U - from;
  const auto idle = static_cast<std::int32_t>(now - entry.last_seen);
  return {.initiator_tuple = tuple_of_flow(entry),
          .initiator_eni = slots_.eni_at(entry.half[from].eni, entry.half[from].epoch),
          .responder_eni = slots_.eni_at(entry.half[to].eni, entry.half[to].epoch),
          .state = std::string(kStateNames[static_cast<unsigned>(TrackState{entry.state})]),
          .tracked = {entry.half[from].tracked != 0, entry.half[to].tracked != 0},
          .packets = {entry.packets[from], entry.packets[to]},
          .bytes = {entry.bytes[from], entry.bytes[to]},
          .idle_ms = static_cast<std::uint32_t>(std::max(idle, 0) * (kFlowTickNs / 1'000'000))};
}

/// The worker only copies, into room made here; names and tuples are put together on this thread.
template <typename Table>
void EngineImpl::add_flows(Worker& worker, Table WorkerContext::* table, std::vector<FlowView>& views) {
  using Entry = typename Table::Entry;
  const bool running = !threads_.empty();
  std::size_t count = 0;
  worker.run_job([&](WorkerContext& context) { count = (context.*table).size(); }, running);
  if (count == 0) return;  // and an untouched table stays untouched
  std::vector<Entry> entries(count + count / 4 + 1024);  // some may come meanwhile
  count = 0;
  std::uint32_t now = 0;
  worker.run_job(
      [&](WorkerContext& context) {
        now = context.now;
        Table& flows = context.*table;
        flows.for_each([&](const Entry& entry) {
          if (count < entries.size() && !expired(entry, now, flows.timeouts()) && ends_live(entry, *context.snapshot))
            entries[count++] = entry;
        });
      },
      running);
  for (std::size_t i = 0; i < count; ++i) views.push_back(view_of(entries[i], now));
}

std::vector<FlowView> EngineImpl::flows() {
  std::vector<FlowView> views;
  for (const auto& worker : workers_) {
    add_flows(*worker, &WorkerContext::flows, views);
    add_flows(*worker, &WorkerContext::flows6, views);
  }
  return views;
}

/// In pieces, so that no packet waits for the whole of a large table. A flow that comes meanwhile may be left out.
template <typename Table>
void EngineImpl::count_flows(Worker& worker, Table WorkerContext::* table, std::vector<std::uint64_t>& by_slot) {
  constexpr std::uint32_t kBucketsAtOnce = 256;  // some 2000 flows
  std::uint32_t next = 0;
  do {
    worker.run_job(
        [&](WorkerContext& context) {
          Table& flows = context.*table;
          if (flows.size() == 0) return void(next = 0);
          next = flows.for_some(next, kBucketsAtOnce, [&](const typename Table::Entry& entry) {
            if (expired(entry, context.now, flows.timeouts()) || !ends_live(entry, *context.snapshot)) return;
            for (const FlowHalf& half : entry.half) ++by_slot[half.eni];
          });
        },
        !threads_.empty());
  } while (next != 0);
}

Engine::FlowCounts EngineImpl::flow_counts() {
  FlowCounts counts;
  std::vector<std::uint64_t> by_slot(EniCounterTable::kLines);
  for (const auto& worker : workers_) {
    FlowCounts::OfWorker& sizes = counts.workers.emplace_back();
    worker->run_job(
        [&](WorkerContext& context) {
          sizes = {context.flows.size(), context.flows.capacity(), context.flows6.size(), context.flows6.capacity()};
        },
        !threads_.empty());
    count_flows(*worker, &WorkerContext::flows, by_slot);
    count_flows(*worker, &WorkerContext::flows6, by_slot);
  }
  const auto add = [&](const std::string& id) {
    if (const std::optional<EniSlot> slot = slots_.find(id); slot && by_slot[*slot] != 0) counts.of_enis[id] = by_slot[*slot];
  };
  for (const Eni* eni : flatten_enis(*deployment_)) add(eni->id);
  if (deployment_->internet_gateway) add(deployment_->internet_gateway->id);
  return counts;
}

std::map<std::string, Engine::PortState> EngineImpl::port_states() const {
  std::map<std::string, PortState> states;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (const SlotTable::Owner& owner = slots_[static_cast<EniSlot>(slot)]; !owner.queues.empty())
      states[owner.eni_id] = {.link_up = owner.queues.front()->link_up(),
                              .queues = static_cast<unsigned>(owner.queues.size())};
  return states;
}

std::vector<DropView> EngineImpl::drops() const {
  std::vector<DropView> views;
  for (const auto& worker : workers_) {
    for (const DropRecord& drop : worker->context().drops.read()) {
      views.push_back({.when_ns = drop.when_ns,
                       .reason = drop.reason,
                       .source_eni = slots_.eni_at(drop.source, drop.epoch),
                       .destination_eni = slots_.eni_at(drop.destination, drop.epoch),
                       .tuple = {drop.source_address, drop.destination_address, drop.protocol, drop.source_port,
                                 drop.destination_port},
                       .efa = drop.efa != 0,
                       .count = drop.count});
    }
  }
  std::sort(views.begin(), views.end(), [](const DropView& a, const DropView& b) { return a.when_ns < b.when_ns; });
  return views;
}

std::vector<LaneView> EngineImpl::lanes(const std::vector<underlay::Way>& ways) {
  std::vector<LaneView> views(ways.size());
  const std::uint64_t now = now_ns();  // a worker that sleeps has an older one
  const auto add = [&](WorkerContext& context) {
    if (context.lanes == nullptr) return;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const underlay::Lane* const lane = context.lanes->find(ways[i]);
      if (lane == nullptr) continue;
      views[i].counters += lane->counters();
      views[i].queued_bytes += lane->queued_bytes(now);
    }
  };
  for (const auto& worker : workers_) worker->run_job(add, !threads_.empty());
  return views;
}

std::optional<FlowLogEniKey> EngineImpl::flow_log_eni(const std::string& eni_id) const {
  const std::optional<EniSlot> slot = slots_.find(eni_id);
  if (!slot) return std::nullopt;
  return FlowLogEniKey{*slot, slots_[*slot].born};
}

FlowLogBatch EngineImpl::take_flow_log_records() {
  FlowLogBatch batch;
  for (const auto& worker : workers_) {
    FlowLogTable* const table = worker->flow_log_table();
    if (table == nullptr) continue;
    worker->run_job([&](WorkerContext&) { table->swap(); }, !threads_.empty());
    table->take(batch);
  }
  return batch;
}

std::vector<Engine::IdleTime> EngineImpl::idle_times() const {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t total =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec) - started_ns_;
  std::vector<IdleTime> times;
  for (const auto& worker : workers_) {
    const std::uint64_t asleep = std::min(worker->asleep_ns(), total);
    times.push_back({asleep, total - asleep});
  }
  return times;
}

}  // namespace weft
