// The one way a packet leaves: a slot, the transport header, what the caller fills in behind it, commit. In a header
// because the 8-byte message should see one function, not four.
#pragma once

#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

/// What every packet says by the way: our session, how far the peer may send, whether it may start messages. Only packets
/// that cost a credit and go through the daemon have a number.
inline void EndpointImpl::write_transport_header(Peer& peer, std::byte* packet, std::uint8_t flags, std::uint32_t psn,
                                                 std::uint8_t path) {
  flags |= (holding_ ? srd::kHoldRequests : 0) | (peer.established ? srd::kEstablished : 0);
  const srd::PacketHeader header{.version = srd::kVersion,
                                 .flags = flags,
                                 .path = path,
                                 .session = peer.session,
                                 .psn = psn,
                                 .acknowledged = ++peer.headers,
                                 .credit = peer.receive_credit.grant(share_.window())};
  std::memcpy(packet, &header, sizeof(header));
  peer.credit_due = false;
  if (holding_ && !peer.told_to_hold) {
    peer.told_to_hold = true;
    peer.since_told = 0;
  } else if (!holding_) {
    peer.told_to_hold = false;
  }
}

inline void EndpointImpl::commit(Peer& peer, const device::SendSlot& slot, std::size_t size, const Flight& flight,
                                 std::uint8_t path, std::uint8_t flags) {
  if (next_ticket_ - oldest_ticket_ == flights_.size()) grow_flights();
  const std::uint64_t ticket =
      queue_pair_->commit_send(slot, static_cast<std::uint32_t>(size), peer.address, peer.qkey, path, flags);
  next_ticket_ = ticket + 1;
  flights_[ticket & (flights_.size() - 1)] = flight;
  ++counters_.packets_sent;
  if (options_.express && --peer.until_asked == 0) ask_for_channel(peer);
}

inline Wire& EndpointImpl::wire_of(Peer& peer) { return peer.wire ? *peer.wire : make_wire(peer); }

inline void EndpointImpl::publish(Peer& peer, const device::SendSlot& slot, std::size_t size) {
  peer.express->publish(slot, static_cast<std::uint32_t>(size));
  peer.established = true;
  ++counters_.packets_sent;
  ++counters_.express_packets;
}

/// Into the peer's channel, as post_packet(). False: there is no room, or the channel was revoked, and nothing has happened.
template <typename Fill>
bool EndpointImpl::publish_packet(Peer& peer, std::size_t size, Fill&& fill) {
  const device::SendSlot slot = peer.express->begin(static_cast<std::uint32_t>(size));
  if (!slot.data) return false;
  write_transport_header(peer, slot.data, 0, 0, 0);
  fill(slot.data + sizeof(srd::PacketHeader));
  peer.send_credit.spend();
  publish(peer, slot, size);
  return true;
}

/// Posts a packet of `size` bytes in all that costs a credit; fill(std::byte*) writes what follows the transport
/// header. False: no slot is free, and nothing has happened. The caller has looked whether the peer may be sent to.
/// Through a channel it is delivered at once; else the daemon answers later and the operation counts as unanswered.
template <typename Fill>
bool EndpointImpl::post_packet(Peer& peer, SendOperation* operation, std::size_t size, Fill&& fill) {
  if (peer.express && !peer.changing_over()) {
    if (publish_packet(peer, size, fill)) [[likely]] return true;
    // Revoked: from now on through the daemon. Full: not, or that packet could come long after those published later.
    if (peer.express->is_full()) return false;
  }
  const device::SendSlot slot = queue_pair_->begin_send(static_cast<std::uint32_t>(size));
  if (!slot.data) return false;
  Wire& wire = wire_of(peer);
  const std::uint64_t now = wire.impaired ? clock_() : 0;
  const srd::Posting posting = wire.send.post(wire.send.next_psn(), now);
  write_transport_header(peer, slot.data, posting.ack_requested ? srd::kAckRequested : 0, posting.psn, posting.path);
  fill(slot.data + sizeof(srd::PacketHeader));
  peer.send_credit.spend();
  if (operation) ++operation->unanswered;
  ++peer.with_daemon;
  commit(peer, slot, size,
         {.operation = operation, .peer = &peer, .posted_ns = now, .epoch = peer.epoch, .psn = posting.psn,
          .kind = Flight::Kind::kNumbered},
         posting.path);
  return true;
}

}  // namespace weft::rdm
