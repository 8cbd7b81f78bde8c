// EFA packets in a capture: as frames (observe/efa_frame.hpp), with the reasons that frames have.
#include <array>
#include <optional>

#include "dataplane/observe/efa_frame.hpp"
#include "dataplane/underlay/plan.hpp"
#include "dataplane/worker/efa_gate.hpp"

namespace weft {
namespace {

std::optional<DropReason> drop_of(EfaEnd end, std::uint8_t why) noexcept {
  switch (end) {
    case EfaEnd::kPassed: return std::nullopt;
    case EfaEnd::kLost: return static_cast<DropReason>(why);
    case EfaEnd::kOverflow: return DropReason::kFabricQueue;
    case EfaEnd::kGroupEgress: return DropReason::kEfaGroupEgress;
    case EfaEnd::kGroupIngress: return DropReason::kEfaGroupIngress;
    case EfaEnd::kUnreachable: return DropReason::kEfaUnreachable;
    case EfaEnd::kBadQueuePair: return DropReason::kEfaBadQpn;
    case EfaEnd::kReceiverNotReady: break;
  }
  return DropReason::kEfaReceiverNotReady;
}

/// Nobody's is all zeros.
EniRecord end_at(EniSlot slot, const Snapshot& snapshot) noexcept {
  return slot < snapshot.enis.size() ? snapshot.eni(slot) : EniRecord{};
}

EfaFrame frame_of(const EfaSighting& packet, const Snapshot& snapshot) noexcept {
  const EniRecord source = end_at(packet.source, snapshot);
  const IpAddress destination{packet.destination_address};
  return {.source_mac = source.mac,
          .destination_mac = end_at(packet.destination, snapshot).mac,
          .source = {source.address},
          .destination = destination.is_v4() ? destination.v4() : Ipv4Address{},
          .source_port = underlay::outer_source_port(packet.path),
          .congested = packet.congested,
          .queues = {packet.source_qpn, packet.destination_qpn, packet.destination_qkey},
          .payload_bytes = static_cast<std::uint32_t>(packet.payload.size())};
}

}  // namespace

void WorkerEfaGate::observe_sent(const EfaSighting& packet, EfaEnd end, std::uint8_t why) const noexcept {
  record(packet, packet.source, CaptureDirection::kOut, end, why);
}

void WorkerEfaGate::observe_received(const EfaSighting& packet, EfaEnd end) const noexcept {
  record(packet, packet.destination, CaptureDirection::kIn, end, 0);
}

void WorkerEfaGate::record(const EfaSighting& packet, EniSlot whose, CaptureDirection direction, EfaEnd end,
                           std::uint8_t why) const noexcept {
  if (!worker_.capture.wants(whose)) return;
  const auto head = efa_frame_head(frame_of(packet, *worker_.snapshot));
  const std::array<std::span<const std::byte>, 2> pieces{head, packet.payload};
  const auto bytes = static_cast<std::uint32_t>(head.size() + packet.payload.size());
  CaptureRecord* const made = worker_.capture.offer(whose, direction, worker_.now_ns, pieces, bytes);
  if (made == nullptr) return;
  if (const std::optional<DropReason> drop = drop_of(end, why)) made->dropped(*drop);
}

}  // namespace weft
