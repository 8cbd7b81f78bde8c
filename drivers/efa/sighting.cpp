#include "drivers/efa/sighting.hpp"

#include "drivers/efa/function.hpp"

namespace weft::efa {
namespace {

/// Also what a frame's receiver has a record of (dataplane/worker/capture.cpp): its own end decided.
bool came_to_receiver(EfaEnd end) noexcept {
  return end == EfaEnd::kPassed || end == EfaEnd::kGroupIngress || end == EfaEnd::kBadQueuePair ||
         end == EfaEnd::kReceiverNotReady;
}

}  // namespace

EfaSighting sighting_of(const QueuePair& source, const Descriptor& packet, EniSlot destination) noexcept {
  return {.source = source.function().declared.slot,
          .destination = destination,
          .destination_address = packet.destination,
          .source_qpn = source.qpn(),
          .destination_qpn = packet.destination_qpn,
          .destination_qkey = packet.destination_qkey,
          .path = packet.path,
          .payload = {source.payload(packet), packet.length}};
}

EfaSighting sighting_of(const HeldPacket& packet, const std::byte* payload, EniSlot destination) noexcept {
  return {.source = packet.source_slot,
          .destination = destination,
          .destination_address = packet.destination,
          .source_qpn = packet.source.qpn,
          .destination_qpn = packet.destination_qpn,
          .destination_qkey = packet.destination_qkey,
          .path = packet.path,
          .congested = (packet.flags & kCongested) != 0,
          .payload = {payload, packet.length}};
}

EfaEnd end_of(EfaVerdict verdict) noexcept {
  switch (verdict) {
    case EfaVerdict::kAllow: return EfaEnd::kPassed;
    case EfaVerdict::kGroupEgress: return EfaEnd::kGroupEgress;
    case EfaVerdict::kGroupIngress: return EfaEnd::kGroupIngress;
    case EfaVerdict::kUnreachable: break;
  }
  return EfaEnd::kUnreachable;
}

void observe(const EfaGate& gate, const EfaSighting& packet, EfaEnd end) noexcept {
  gate.observe_sent(packet, end, 0);
  if (came_to_receiver(end)) gate.observe_received(packet, end);
}

void observe_to_nobody(const EfaGate& gate, const QueuePair& source, const Descriptor& packet) noexcept {
  if (gate.observed(source.function().declared.slot, kNoEni))
    observe(gate, sighting_of(source, packet, kNoEni), EfaEnd::kUnreachable);
}

}  // namespace weft::efa
