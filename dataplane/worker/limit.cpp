// Allowances, for instances that have some; the pipeline leaves these stages out where nobody has.
//
// limit_source() is about what an ENI sends, whoever it is for: the link-local services together, and fragments, 1024
// packets in any second each (facts ec2 1.8, 1.9). It runs where the ENI's port is polled.
// limit() comes after the gates, so a refused packet uses no allowance (but packets, where the parameter says so), and before delivery: first the flow's own
// bandwidth, then what the sending instance may send, then what the receiving one may receive (facts ec2 4.3, 5.4).
#include "dataplane/limit/instance_allowance.hpp"
#include "dataplane/limit/wire_size.hpp"
#include "dataplane/services/answer.hpp"
#include "dataplane/worker/ena_express.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void count_exceeded(EniSlot slot, EnaCounter counter, std::uint32_t packets, WorkerContext& worker) noexcept {
  worker.counters[slot].of(counter).add(packets);
}

/// What makes no entry is no flow.
bool within_flow(const Burst& burst, unsigned i, const FlowRate& rate, std::uint32_t bytes,
                 WorkerContext& worker) noexcept {
  if (!rate.limits() || burst.entry[i] == kNoFlowEntry) return true;
  FlowMeters& meters = burst.is_ipv6(i) ? worker.limits->meters6 : worker.limits->meters;
  return meters.pass(burst.entry[i], burst.direction[i], bytes, rate, worker.now_ns);
}

/// Refused by a gate or a network ACL: by the sender's side, or by the receiver's, whom it reached.
bool refused_by_rules(DropReason reason, bool& reached_receiver) noexcept {
  reached_receiver = reason == DropReason::kGroupIngress || reason == DropReason::kAclIngress;
  return reached_receiver || reason == DropReason::kGroupEgress || reason == DropReason::kAclEgress;
}

void charge_refused(const Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  bool reached_receiver = false;
  if (burst.fate[i] != Fate::kDropped || !refused_by_rules(burst.reason[i], reached_receiver)) return;
  const Snapshot& snapshot = *worker.snapshot;
  const std::uint32_t packets = wire_size_of(burst.packet[i]).packets;
  if (InstanceAllowance* const sender = snapshot.allowance(burst.source[i]))
    sender->charge_refused(worker.index, packets, worker.now_ns);
  InstanceAllowance* const receiver = reached_receiver ? snapshot.allowance(burst.destination[i]) : nullptr;
  if (receiver != nullptr) receiver->charge_refused(worker.index, packets, worker.now_ns);
}

/// Drops, and counts for the ENI whose instance's allowance it was.
void exceed(Burst& burst, unsigned i, Exceeded what, EniSlot slot, std::uint32_t packets,
            WorkerContext& worker) noexcept {
  switch (what) {
    case Exceeded::kPps:
      count_exceeded(slot, EnaCounter::kPpsAllowanceExceeded, packets, worker);
      return burst.drop(i, DropReason::kPpsAllowance);
    case Exceeded::kBwIn:
      count_exceeded(slot, EnaCounter::kBwInAllowanceExceeded, packets, worker);
      return burst.drop(i, DropReason::kBwInAllowance);
    default:
      count_exceeded(slot, EnaCounter::kBwOutAllowanceExceeded, packets, worker);
      return burst.drop(i, DropReason::kBwOutAllowance);
  }
}

}  // namespace

void limit_source(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const EniSlot slot = burst.source[0];  // a port's burst is one guest's
  if (snapshot.allowance(slot) == nullptr) return;
  const bool bypass = snapshot.eni(slot).frag_bypass;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i) || burst.kind[i] == FlowKind::kArp) continue;
    const bool ipv6 = burst.is_ipv6(i);
    const IpAddress to = ipv6 ? burst.destination_address6(i) : IpAddress::from({burst.destination_address(i)});
    if (services::is_link_local_service(snapshot.services.of(slot), to) && !worker.limits->link_local.pass(slot, worker.now_ns)) {
      count_exceeded(slot, EnaCounter::kLinkLocalAllowanceExceeded, 1, worker);
      burst.drop(i, DropReason::kLinkLocalAllowance);
    } else if (!bypass && burst.is_fragment(i) && !worker.limits->fragments.pass(slot, worker.now_ns)) {
      count_exceeded(slot, EnaCounter::kPpsAllowanceExceeded, 1, worker);
      burst.drop(i, DropReason::kFragmentAllowance);
    }
  }
}

namespace {

using Via = InstanceAllowance::Via;

/// Packets in order from one ENI to one ENI, and what is the same of all of them.
struct Run {
  EniSlot from = kNoEni, to = kNoEni;
  InstanceAllowance *sender = nullptr, *receiver = nullptr;
  const FlowRate* rate = nullptr;
  Via via = Via::kVpc;
  unsigned count = 0;
  WireSize total{};
  std::uint8_t member[kBurst];
  WireSize size[kBurst];

  void begin(EniSlot from_eni, EniSlot to_eni, const Snapshot& snapshot) noexcept {
    from = from_eni;
    to = to_eni;
    sender = snapshot.allowance(from);
    receiver = snapshot.allowance(to);
    rate = &InstanceAllowance::flow_rate(sender, receiver);
    via = from == snapshot.gateway || to == snapshot.gateway ? Via::kInternetGateway : Via::kVpc;
  }
  void add(unsigned i, const WireSize& one) noexcept {
    member[count] = static_cast<std::uint8_t>(i);
    size[count++] = one;
    total.bytes += one.bytes;
    total.packets += one.packets;
  }
};

/// One packet: what the sending instance may send, then what the receiving one may receive.
void charge(Burst& burst, unsigned i, const WireSize& size, const Run& run, WorkerContext& worker) noexcept {
  if (run.sender != nullptr) {
    const Exceeded what = run.sender->charge_out(worker.index, size.bytes, size.packets, worker.now_ns, run.via);
    if (what != Exceeded::kNone) return exceed(burst, i, what, run.from, size.packets, worker);
  }
  if (run.receiver == nullptr) return;
  const Exceeded what = run.receiver->charge_in(worker.index, size.bytes, size.packets, worker.now_ns, run.via);
  if (what != Exceeded::kNone) exceed(burst, i, what, run.to, size.packets, worker);
}

/// All of a run at once where the worker holds tokens enough for it at both ends: then no packet of it could have been
/// refused. One instance at both ends has one allowance of packets, which each would find untouched by the other. The
/// run is empty afterwards.
void charge_run(Burst& burst, Run& run, WorkerContext& worker) noexcept {
  if (run.count == 0) return;
  InstanceAllowance *const sender = run.sender, *const receiver = run.receiver;
  const WireSize all = run.total;
  if (sender != receiver && (sender == nullptr || sender->holds_out(worker.index, all.bytes, all.packets, run.via)) &&
      (receiver == nullptr || receiver->holds_in(worker.index, all.bytes, all.packets, run.via))) {
    if (sender != nullptr) sender->spend_out(worker.index, all.bytes, all.packets, run.via);
    if (receiver != nullptr) receiver->spend_in(worker.index, all.bytes, all.packets, run.via);
  } else {
    for (unsigned k = 0; k < run.count; ++k) charge(burst, run.member[k], run.size[k], run, worker);
  }
  run.count = 0;
  run.total = {};
}

/// What the packet's own flow may use. A rate of ENA Express is a packet's, for a larger one does not go by it.
const FlowRate& rate_of(const Burst& burst, unsigned i, const Run& run, const Snapshot& snapshot) noexcept {
  if (!snapshot.ena_express || !goes_by_srd(burst, i, snapshot)) [[likely]] return *run.rate;
  return InstanceAllowance::flow_rate(run.sender, run.receiver, true);
}

}  // namespace

void limit(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  Run run;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.fate[i] != Fate::kForward) {
      if (snapshot.parameters.refused_packets_use_pps) {
        charge_run(burst, run, worker);
        charge_refused(burst, i, worker);
      }
      continue;
    }
    if (burst.source[i] != run.from || burst.destination[i] != run.to) {
      charge_run(burst, run, worker);
      run.begin(burst.source[i], burst.destination[i], snapshot);
    }
    if (run.sender == nullptr && run.receiver == nullptr) continue;
    const WireSize size = wire_size_of(burst.packet[i]);
    if (within_flow(burst, i, rate_of(burst, i, run, snapshot), size.bytes, worker)) run.add(i, size);
    else burst.drop(i, DropReason::kFlowBandwidth);
  }
  charge_run(burst, run, worker);
}

}  // namespace weft
