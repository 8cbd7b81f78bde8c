// Packets between two that something is wrong with on the emulated fabric (docs/decisions/0010-who-acknowledges.md). Whatever
// happens to one there, its sender hears kOnWire: that is all that a real card would know.
#include "drivers/efa/abi.hpp"
#include "drivers/efa/efa_switch.hpp"
#include "drivers/efa/queue_pair.hpp"
#include "drivers/efa/sighting.hpp"

namespace weft {

using efa::QueuePair;
using efa::SendHint;
using efa::SendStatus;

SendStatus EfaSwitch::cross_fabric(QueuePair& source, QueuePair& destination, const efa::Descriptor& packet,
                                   bool observed, const EfaGate& gate, std::uint64_t now_ns) noexcept {
  const EfaFunction &from = source.function().declared, &to = destination.function().declared;
  efa::FunctionCounters& counts = source.function().counters;
  const EfaPassage passage = gate.cross(from.slot, to.slot, packet.path, now_ns, packet.length);
  const auto flags = static_cast<std::uint16_t>(efa::kOverFabric | (passage.congested ? efa::kCongested : 0));
  const efa::HeldPacket held{source.as_source(), from.slot,         flags,
                             from.vpc,           packet.destination, packet.destination_qpn,
                             destination.qkey(), packet.length,      packet.path,        passage.lands};
  const std::byte* const payload = source.payload(packet);

  // Before its own copy is in the air. What lands waits for its turn at that link.
  const bool now = passage.at_ns <= now_ns && !held_.due(now_ns) && !passage.lands;
  if (passage.copy_at_ns) held_.hold(held, payload, *passage.copy_at_ns);  // no room: the wire does not double it
  const bool overflow = !passage.lost && !now && !held_.hold(held, payload, passage.at_ns);
  if (overflow) gate.note_overflow(from.slot, to.slot);
  if (observed) [[unlikely]] {
    const EfaEnd end = passage.lost ? EfaEnd::kLost : overflow ? EfaEnd::kOverflow : EfaEnd::kPassed;
    gate.observe_sent(efa::sighting_of(source, packet, to.slot), end, passage.why);
  }
  const bool lost = passage.lost || overflow || (now && !receive(destination, held, payload, observed, gate, now_ns));
  counts.on_wire.add(1);
  if (lost) counts.wire_drops.add(1);
  return source.refuse(SendStatus::kOk, SendHint::kOnWire);
}

std::uint32_t EfaSwitch::take_arrived(const EfaGate& gate, std::uint64_t now_ns) noexcept {
  std::uint32_t arrived = 0;
  for (; arrived < kArrivalsInTurn && held_.due(now_ns); ++arrived) {
    if (!arrive(held_.next(), gate, now_ns)) held_.forget_next();
  }
  return arrived;
}

// Both ends may be others' now. Without the sender's interface there is nobody to ask the gates for, nor a counter.
bool EfaSwitch::arrive(const efa::HeldPacket& packet, const EfaGate& gate, std::uint64_t now_ns) noexcept {
  efa::Function* const sender = destinations_.find(packet.vpc, packet.source.address);
  if (sender == nullptr || sender->declared.slot != packet.source_slot) return false;
  const efa::Function* const function = destinations_.find(packet.vpc, packet.destination);
  bool lost = function == nullptr;
  if (!lost && packet.lands) {
    const EfaPassage passage = gate.land(packet.source_slot, function->declared.slot, held_.next_ns(), packet.length);
    lost = passage.lost;
    if (!lost) {
      held_.delay_next(passage.at_ns, passage.congested ? efa::kCongested : 0);
      return true;
    }
  }
  if (lost || !come_to(*function, packet, held_.next_payload(), gate, now_ns)) sender->counters.wire_drops.add(1);
  return false;
}

bool EfaSwitch::come_to(const efa::Function& function, const efa::HeldPacket& packet, const std::byte* payload,
                        const EfaGate& gate, std::uint64_t now_ns) noexcept {
  const EniSlot to = function.declared.slot;
  const efa::VerdictCache::Answer answer = verdicts_.ask(gate, packet.source_slot, to);
  const bool allowed = answer.verdict == EfaVerdict::kAllow;
  QueuePair* const destination = allowed ? destinations_.find(function, packet.destination_qpn) : nullptr;
  if (destination != nullptr && destination->qkey() == packet.destination_qkey)
    return receive(*destination, packet, payload, answer.observed, gate, now_ns);
  if (answer.observed) [[unlikely]]
    gate.observe_received(efa::sighting_of(packet, payload, to),
                          allowed ? EfaEnd::kBadQueuePair : efa::end_of(answer.verdict));
  return false;
}

bool EfaSwitch::receive(QueuePair& destination, const efa::HeldPacket& packet, const std::byte* payload,
                        bool observed, const EfaGate& gate, std::uint64_t now_ns) noexcept {
  efa::FunctionCounters& counts = destination.function().counters;
  const bool room = destination.deliver(packet.source, packet.flags, payload, packet.length, now_ns);
  if (observed) [[unlikely]]
    gate.observe_received(efa::sighting_of(packet, payload, destination.function().declared.slot),
                          room ? EfaEnd::kPassed : EfaEnd::kReceiverNotReady);
  if (!room) {
    counts.rx_drops.add(1);
    return false;
  }
  touch(destination);
  counts.rx_pkts.add(1);
  counts.rx_bytes.add(packet.length);
  return true;
}

// No packet, and counted as none.
SendStatus EfaSwitch::answer_progress(QueuePair& source, const efa::Descriptor& request, const EfaGate& gate,
                                      std::uint64_t now_ns) noexcept {
  if (!source.recovers_losses()) return SendStatus::kLocalUnsupportedOp;
  const EfaFunction& from = source.function().declared;
  const efa::Function* const function = destinations_.find(from.vpc, request.destination);
  if (function == nullptr) return source.refuse(SendStatus::kLocalUnreachRemote, SendHint::kNoSuchAddress);
  const EfaVerdict verdict = verdicts_.ask(gate, from.slot, function->declared.slot).verdict;
  if (verdict != EfaVerdict::kAllow) return source.refuse(SendStatus::kLocalUnreachRemote, hint_of(verdict));

  efa::ProgressReport report{};
  const QueuePair* const asked = destinations_.find(*function, request.destination_qpn);
  if (asked != nullptr && (request.destination_qkey == 0 || request.destination_qkey == asked->qkey()))
    report = asked->progress();
  const efa::PacketSource about{request.destination, request.destination_qpn, request.destination_qkey};
  const bool room = source.deliver(about, efa::kProgressReport, reinterpret_cast<const std::byte*>(&report),
                                   sizeof report, now_ns);
  return room ? SendStatus::kOk : SendStatus::kRemoteRnr;
}

}  // namespace weft
