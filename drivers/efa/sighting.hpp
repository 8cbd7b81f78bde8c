// EFA packets as the gate is shown them when somebody captures (EfaGate::observed).
// Thread: the worker's.
#pragma once

#include "drivers/efa/held_packets.hpp"
#include "drivers/efa/queue_pair.hpp"
#include "drivers/port.hpp"

namespace weft::efa {

/// The packet that `source` is sending, of which check() found nothing wrong.
EfaSighting sighting_of(const QueuePair& source, const Descriptor& packet, EniSlot destination) noexcept;
/// One that has crossed the fabric.
EfaSighting sighting_of(const HeldPacket& packet, const std::byte* payload, EniSlot destination) noexcept;

EfaEnd end_of(EfaVerdict verdict) noexcept;

/// Of a packet that was sent and is over, at its destination or before.
void observe(const EfaGate& gate, const EfaSighting& packet, EfaEnd end) noexcept;
/// Of one to an address that no EFA function has, if its sender is captured.
void observe_to_nobody(const EfaGate& gate, const QueuePair& source, const Descriptor& packet) noexcept;

}  // namespace weft::efa
