#include "dataplane/worker/efa_gate.hpp"

namespace weft {
namespace {

DropReason reason_of(EfaVerdict verdict) noexcept {
  switch (verdict) {
    case EfaVerdict::kGroupEgress: return DropReason::kEfaGroupEgress;
    case EfaVerdict::kGroupIngress: return DropReason::kEfaGroupIngress;
    default: return DropReason::kEfaUnreachable;
  }
}

IpAddress address_of(EniSlot slot, const Snapshot& snapshot) noexcept {
  return slot < snapshot.enis.size() ? IpAddress::from({snapshot.eni(slot).address}) : IpAddress{};
}

}  // namespace

void WorkerEfaGate::note(EfaVerdict verdict, EniSlot source, EniSlot destination) const noexcept {
  worker_.drops.note({.when_ns = worker_.now_ns,
                      .epoch = worker_.snapshot->epoch,
                      .source = source,
                      .destination = destination,
                      .source_address = address_of(source, *worker_.snapshot),
                      .destination_address = address_of(destination, *worker_.snapshot),
                      .reason = reason_of(verdict),
                      .efa = 1});
}

}  // namespace weft
