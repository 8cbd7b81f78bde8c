#include "dataplane/worker/efa_gate.hpp"

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// What a real wire has around an EFA packet: its card sends it in UDP, by whose source port switches choose the path (facts
/// fabric 5.8). Counted as the frame that cross_underlay() would see, so that a rate means the same to both.
constexpr std::uint32_t kOuterBytes = sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader);

DropReason reason_of(EfaVerdict refusal) noexcept {
  switch (refusal) {
    case EfaVerdict::kGroupEgress: return DropReason::kEfaGroupEgress;
    case EfaVerdict::kGroupIngress: return DropReason::kEfaGroupIngress;
    default: return DropReason::kEfaUnreachable;
  }
}

IpAddress address_of(EniSlot slot, const Snapshot& snapshot) noexcept {
  return slot < snapshot.enis.size() ? IpAddress::from({snapshot.eni(slot).address}) : IpAddress{};
}

}  // namespace

void WorkerEfaGate::note(EfaVerdict refusal, EniSlot source, EniSlot destination) const noexcept {
  note(reason_of(refusal), source, destination);
}

void WorkerEfaGate::note(DropReason reason, EniSlot source, EniSlot destination) const noexcept {
  worker_.drops.note({.when_ns = worker_.now_ns,
                      .epoch = worker_.snapshot->epoch,
                      .source = source,
                      .destination = destination,
                      .source_address = address_of(source, *worker_.snapshot),
                      .destination_address = address_of(destination, *worker_.snapshot),
                      .reason = reason,
                      .efa = 1});
}

void WorkerEfaGate::lose(DropReason reason, EniSlot source, EniSlot destination) const noexcept {
  worker_.counters[source].drops[static_cast<std::size_t>(reason)].add();
  note(reason, source, destination);
}

EfaPassage WorkerEfaGate::passage_of(const underlay::Outcome& outcome, EniSlot source,
                                     EniSlot destination) const noexcept {
  const bool lost = outcome.dropped || outcome.flipped_bit;
  const DropReason reason = outcome.dropped ? reason_of_loss(*outcome.dropped) : DropReason::kFabricLoss;
  if (lost) lose(reason, source, destination);
  return {.lost = lost,
          .why = static_cast<std::uint8_t>(reason),
          .congested = outcome.marked,
          .at_ns = outcome.at_ns,
          .copy_at_ns = outcome.copy_at_ns};
}

EfaPassage WorkerEfaGate::cross(EniSlot source, EniSlot destination, std::uint8_t path, std::uint64_t now_ns,
                                std::uint32_t bytes) const noexcept {
  const Snapshot& snapshot = *worker_.snapshot;
  const underlay::Plan& plan = *snapshot.underlay;
  const underlay::Host &from = snapshot.hosts[source], &to = snapshot.hosts[destination];
  EfaPassage passage = passage_of(
      worker_.lanes->offer_on(path, plan, from, to, now_ns, bytes + kOuterBytes, /*ect=*/true), source, destination);
  passage.lands = plan.links(to);
  return passage;
}

EfaPassage WorkerEfaGate::land(EniSlot source, EniSlot destination, std::uint64_t now_ns,
                               std::uint32_t bytes) const noexcept {
  const Snapshot& snapshot = *worker_.snapshot;
  if (snapshot.underlay == nullptr || !snapshot.underlay->links(snapshot.hosts[destination])) return {.at_ns = now_ns};
  return passage_of(worker_.lanes->land(*snapshot.underlay, snapshot.hosts[destination], now_ns, bytes + kOuterBytes,
                                        /*ect=*/true),
                    source, destination);
}

}  // namespace weft
